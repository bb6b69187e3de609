"""
Dataclasses as text, by the types of their fields: `<key = value, …>`.

What is None, empty or False is left out and may be missing; everything else is written and must be
there. Every number is read as it was.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

from xdsl.dialects.builtin import f64
from xdsl.ir import Attribute
from xdsl.parser import AttrParser
from xdsl.printer import Printer

from lut_opt.dialects.literals import parse_double
from lut_opt.dialects.pwl import units
from lut_opt.dialects.pwl.attributes import Fit, FitAttr, TableAttr, parse_fields, parse_integers
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.range_reduction import Reduction
from lut_opt.dialects.pwl.reduction_attributes import REDUCTIONS, reduction_attribute
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quant import UniformQuantizedType
from lut_opt.dialects.quantization import Quantization

UNWRITTEN = "module"
"""The field of a unit that is the name of the module which carries it."""

UnitName = NewType("UnitName", str)


@dataclass(frozen=True)
class Semantics:
    """A unit of the dialect as data; `UNITS` makes the unit of it."""

    function: UnitName
    operand: Quantization
    result: Quantization
    tables: Mapping[str, Table]
    constants: Mapping[str, int | float]
    parameters: Mapping[str, Quantization] = dataclasses.field(
        default_factory=dict[str, Quantization]
    )

    @classmethod
    def of(cls, unit: units.Unit) -> Semantics:
        """The data of a unit."""
        constants = {n: v for n, v in unit.constants.items() if isinstance(v, int | float)}
        sides = unit.operand, unit.result
        return cls(UnitName(unit.name), *sides, unit.tables, constants, unit.parameters)

    def build(self) -> units.Unit:
        """The unit; `ValueError` for names or numbers that are none of it."""
        kind = units.UNITS[self.function]
        hints = get_type_hints(kind)
        for name, value in self.constants.items():
            if name in hints and type(value) is not hints[name]:
                raise ValueError(f"{name} of {self.function} is no {hints[name].__name__}: {value}")
        sides = self.operand, self.result
        return kind.build(*sides, self.tables, self.parameters, self.constants)


_FUNCTION = re.compile(r"(\w+)(?:\((.*)\))?")


@dataclass(frozen=True)
class Codec:
    """How the values of one type are read and written."""

    parse: Callable[[AttrParser], Any]
    print: Callable[[Printer, Any], None]
    optional: bool = False
    inner: type | None = None
    """The dataclass that values are, or that lists and mappings are of."""


@cache
def codecs(kind: type) -> dict[str, Codec]:
    """The fields of a dataclass that are written, in order."""
    hints = get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    return {name: codec_of(hints[name]) for name in names if name != UNWRITTEN}


def parse_record(parser: AttrParser, kind: type) -> Any:
    """Parse `<key = value, …>` as a dataclass."""
    known = codecs(kind)
    begin = parser.pos
    with parser.in_angle_brackets():
        values = _first_fields(parser, known)
    if UNWRITTEN in {field.name for field in dataclasses.fields(kind)}:
        values[UNWRITTEN] = ""
    try:
        return kind(**values)
    except ValueError as error:
        parser.raise_error(str(error), begin, parser.pos)


def print_record(printer: Printer, value: object) -> None:
    """Print `<key = value, …>`."""
    with printer.in_angle_brackets():
        written = [
            (name, codec, found)
            for name, codec in codecs(type(value)).items()
            if (found := getattr(value, name)) or not codec.optional
        ]
        for i, (name, codec, found) in enumerate(written):
            printer.print_string(f"{', ' * bool(i)}{name} = ")
            codec.print(printer, found)


def _first_fields(parser: AttrParser, known: Mapping[str, Codec]) -> dict[str, Any]:
    """Parse `key = value, …`, the first without a comma before it."""
    readers: dict[str, Callable[[], Any]] = {
        name: lambda codec=codec: codec.parse(parser) for name, codec in known.items()
    }
    required = [name for name, codec in known.items() if not codec.optional]
    return parse_fields(parser, readers, required, first=True)


def codec_of(hint: Any) -> Codec:
    """How values of a type are read and written."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    arguments = get_args(hint)
    if get_origin(hint) in (Union, UnionType) and type(None) in arguments:
        (found,) = {*arguments} - {type(None)}
        return dataclasses.replace(codec_of(found), optional=True)
    if get_origin(hint) is Literal:
        return Codec(lambda parser: _choice(parser, arguments), _string)
    if hint == tuple[int, int]:
        return _PAIR
    if isinstance(hint, type) and hasattr(hint, "_make"):
        return _two_integers(hint)
    if get_origin(hint) is tuple and arguments[1:] == (...,):
        return _listed(arguments[0])
    if get_origin(hint) is Mapping:
        return _named(arguments[1])
    if dataclasses.is_dataclass(hint):
        kind: Any = hint
        return Codec(lambda parser: parse_record(parser, kind), print_record, inner=kind)
    raise TypeError(f"no text for {hint}")


def _listed(each: Any) -> Codec:
    """Lists in square brackets; pairs of a name and a value as a dictionary."""
    if get_args(each)[:1] == (str,):
        return _pairs(_named(get_args(each)[1]))
    pair = codec_of(each)

    def parse(parser: AttrParser) -> Any:
        items = parser.parse_comma_separated_list(
            parser.Delimiter.SQUARE, lambda: pair.parse(parser)
        )
        return tuple(items)

    def show(printer: Printer, items: Any) -> None:
        printer.print_string("[")
        printer.print_list(items, lambda item: pair.print(printer, item))
        printer.print_string("]")

    return Codec(parse, show, optional=True, inner=pair.inner)


def _two_integers(kind: Callable[[int, int], Any]) -> Codec:
    """A named tuple of two integers."""
    return Codec(lambda parser: kind(*_pair(parser)), _PAIR.print)


def _pairs(named: Codec) -> Codec:
    """A dictionary as pairs."""

    def parse(parser: AttrParser) -> Any:
        return tuple(named.parse(parser).items())

    def show(printer: Printer, pairs: Any) -> None:
        named.print(printer, dict(pairs))

    return dataclasses.replace(named, parse=parse, print=show)


def _named(each: Any) -> Codec:
    """Dictionaries in braces."""
    codec = codec_of(each)

    def entry(parser: AttrParser) -> tuple[str, Any]:
        name = parser.parse_identifier()
        parser.parse_punctuation("=")
        return name, codec.parse(parser)

    def parse(parser: AttrParser) -> dict[str, Any]:
        items = parser.parse_comma_separated_list(parser.Delimiter.BRACES, lambda: entry(parser))
        if len(dict(items)) != len(items):
            parser.raise_error("a name is given twice")
        return dict(items)

    def show(printer: Printer, items: Mapping[str, Any]) -> None:
        def item(pair: tuple[str, Any]) -> None:
            printer.print_string(f"{pair[0]} = ")
            codec.print(printer, pair[1])

        printer.print_string("{")
        printer.print_list(items.items(), item)
        printer.print_string("}")

    return Codec(parse, show, optional=True, inner=codec.inner)


def _parse_semantics(parser: AttrParser) -> units.Unit:
    begin = parser.pos
    found: Semantics = parse_record(parser, Semantics)
    try:
        return found.build()
    except ValueError as error:
        parser.raise_error(str(error), begin, parser.pos)


def _string(printer: Printer, value: object) -> None:
    printer.print_string(str(value))


def _choice(parser: AttrParser, choices: tuple[str, ...]) -> str:
    begin = parser.pos
    found = parser.parse_identifier()
    if found not in choices:
        parser.raise_error(f"expected {' or '.join(choices)}, got {found}", begin, parser.pos)
    return found


def _pair(parser: AttrParser) -> tuple[int, int]:
    found = parse_integers(parser)
    if len(found) != 2:
        parser.raise_error("expected two integers: [a, b]")
    return found[0], found[1]


def _parse_function(parser: AttrParser) -> str:
    """A function of the registry, perhaps with its parameters, or the symbol of another."""
    if (symbol := parser.parse_optional_symbol_name()) is not None:
        return symbol.data
    begin = parser.pos
    name = parser.parse_identifier()
    known = FUNCTIONS.get(name)
    if known is None:
        parser.raise_error(f"unknown function {name}: a func.func is @{name}", begin, parser.pos)
    if parser.parse_optional_punctuation("(") is None:
        return name
    numbers = parser.parse_comma_separated_list(parser.Delimiter.NONE, lambda: parse_double(parser))
    parser.parse_punctuation(")")
    if len(numbers) != len(known.parameters) or not all(map(math.isfinite, numbers)):
        parser.raise_error(f"{name} takes {len(known.parameters)} finite numbers")
    return f"{name}({', '.join(map(repr, numbers))})"


def _print_function(printer: Printer, function: str) -> None:
    found = _FUNCTION.fullmatch(function)
    if found is None or found[1] not in FUNCTIONS:
        printer.print_symbol_name(function)
        return
    printer.print_string(found[1])
    if found[2]:
        printer.print_string("(")
        numbers = [float(number) for number in found[2].split(",")]
        printer.print_list(numbers, lambda number: printer.print_float(number, f64))
        printer.print_string(")")


def _print_number(printer: Printer, number: float) -> None:
    if isinstance(number, int):
        printer.print_string(str(number))
    else:
        printer.print_float(number, f64)


def _attribute(
    kinds: tuple[type[Any], ...], get: Callable[[Any], Any], make: Callable[[Any], Attribute]
) -> Codec:
    """Values that are written as an attribute of their own."""
    what = " or ".join(kind.name for kind in kinds)

    def parse(parser: AttrParser) -> Any:
        begin = parser.pos
        found = parser.parse_attribute()
        if not isinstance(found, kinds):
            parser.raise_error(f"expected {what}, got {found}", begin, parser.pos)
        return get(found)

    return Codec(parse, lambda printer, value: printer.print_attribute(make(value)))


_PAIR = Codec(_pair, lambda printer, pair: printer.print_string(str(list(pair))))

_PLAIN: dict[Any, Codec] = {
    int: Codec(lambda parser: parser.parse_integer(allow_boolean=False), _string),
    int | float: Codec(lambda parser: parser.parse_number(), _print_number),
    bool: Codec(
        lambda parser: parser.parse_boolean(),
        lambda printer, value: printer.print_string(str(value).lower()),
        optional=True,
    ),
    str: Codec(_parse_function, _print_function),
    UnitName: Codec(lambda parser: _choice(parser, tuple(units.UNITS)), _string),
    units.Unit: Codec(
        _parse_semantics,
        lambda printer, unit: print_record(printer, Semantics.of(unit)),
        inner=Semantics,
    ),
    Table: _attribute((TableAttr,), lambda attribute: attribute.data, TableAttr),
    Fit: _attribute((FitAttr,), lambda attribute: attribute.data, FitAttr),
    Reduction: _attribute(REDUCTIONS, lambda attribute: attribute.data, reduction_attribute),
    Quantization: _attribute(
        (UniformQuantizedType,),
        lambda attribute: attribute.quantization,
        UniformQuantizedType.from_quantization,
    ),
}
