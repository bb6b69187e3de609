"""Ops in the syntax of their own dialect, read as far as passes need to know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import ClassVar, NoReturn

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, StringAttr, UnregisteredOp
from xdsl.ir import Attribute, Operation, OpTraits, SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsTerminator
from xdsl.utils.hints import isa

from lut_opt.dialects.foreign.words import parse_words, print_words

_DIALECTS = ("stablehlo", "chlo", "tosa")

_OPAQUE = (*_DIALECTS, "linalg")

_REGIONS = ("stablehlo.while", "tosa.cond_if", "tosa.while_loop", "linalg.map")
"""Ops whose regions stand between their words."""

_TERMINATORS = ("stablehlo.return", "tosa.yield")

_FUNCTION_FORM, _ONE_TYPE, _OPERAND_TYPES, _CHOICE, _ARROW = (
    "(…) -> …",
    "…",
    "…, …",
    "choice, …",
    "… -> …",
)
"""What stands after the `:`."""

SYNTAX, TYPES = "syntax", "types"


def is_foreign(name: str) -> bool:
    """Whether an op is of a dialect that is known by its text alone."""
    return name.partition(".")[0] in _DIALECTS


def is_opaque(name: str) -> bool:
    """Whether attributes and types of that name that nobody registers stay as they are."""
    return name.partition(".")[0] in _OPAQUE


class OwnSyntaxOp(Operation):
    """
    An op whose words between the operands are kept as they stand.

    It has no generic form here: that has properties, which its words stand for.
    """

    traits: ClassVar[OpTraits] = OpTraits(lambda: ())

    @property
    def syntax(self) -> str:
        """The words, with a `%` for each operand."""
        return _string(self, SYNTAX)

    @classmethod
    def parse(cls, parser: Parser) -> Operation:
        if cls.name in _REGIONS:
            _refuse_regions(parser, cls.name)
        words = parse_words(parser)
        parser.parse_punctuation(":")
        start = parser.pos
        kind, inputs, results = cls._parse_types(parser, len(words.operands))
        if parser.parse_optional_keyword("reducer") is not None:
            _refuse_regions(parser, cls.name)
        return cls.create(
            operands=parser.resolve_operands(words.operands, inputs, start),
            result_types=results,
            properties={SYNTAX: StringAttr(words.text), TYPES: StringAttr(kind)},
            attributes=words.attributes,
        )

    @classmethod
    def _parse_types(
        cls, parser: Parser, count: int
    ) -> tuple[str, Sequence[Attribute], Sequence[Attribute]]:
        """How the types are written, and those of `count` operands and of the results."""
        if (function := parser.parse_optional_function_type()) is not None:
            return _FUNCTION_FORM, function.inputs.data, function.outputs.data
        start = parser.pos
        types = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
        if parser.parse_optional_punctuation("->") is not None:
            several = parser.parse_optional_comma_separated_list(
                parser.Delimiter.PAREN, parser.parse_type
            )
            return _ARROW, types, [parser.parse_type()] if several is None else several
        if cls.name in _TERMINATORS:
            return _OPERAND_TYPES, types, ()
        match types:
            case [one]:
                return _ONE_TYPE, [one] * count, [one]
            case [choice, one] if cls.name == "stablehlo.select":
                return _CHOICE, [choice, one, one], [one]
            case _ if len(types) == count:
                return _OPERAND_TYPES, types, types
            case _:
                parser.raise_error(f"{cls.name} has {count} operands and {len(types)} types", start)

    def print(self, printer: Printer) -> None:
        print_words(printer, self.syntax, self.operands)
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        match _string(self, TYPES):
            case kind if kind == _ONE_TYPE:
                printer.print_attribute(self.result_types[0])
            case kind if kind == _OPERAND_TYPES:
                printer.print_list(self.operand_types, printer.print_attribute)
            case kind if kind == _CHOICE:
                printer.print_list(self.operand_types[:2], printer.print_attribute)
            case kind if kind == _ARROW:
                printer.print_list(self.operand_types, printer.print_attribute)
                printer.print_string(" -> ")
                print_results(printer, self.result_types)
            case _:
                printer.print_function_type(self.operand_types, self.result_types)


class ConstantOp(OwnSyntaxOp):
    """`stablehlo.constant dense<0.0> : tensor<4xf32>`."""

    @classmethod
    def parse(cls, parser: Parser) -> Operation:
        attributes = parser.parse_optional_attr_dict()
        start = parser.pos
        value = parser.parse_attribute()
        kind = getattr(value, "type", None)
        if not isinstance(kind, Attribute):
            parser.raise_error(f"{cls.name} needs elements of a tensor", start)
        return cls.create(result_types=[kind], properties={"value": value}, attributes=attributes)

    def print(self, printer: Printer) -> None:
        printer.print_op_attributes(self.attributes)
        printer.print_string(" ")
        printer.print_attribute(self.properties["value"])


_CONSTANTS = {
    "stablehlo.constant": "value",
    "chlo.constant": "value",
    "tosa.const": "values",
}
"""The constants, and the property that holds the elements."""


_MOVES = (
    *("stablehlo.broadcast_in_dim", "stablehlo.reshape", "stablehlo.convert"),
    *("tosa.reshape", "tosa.tile", "tosa.cast"),
)
"""Ops whose result holds the number that their operand holds everywhere."""


def foreign_number(value: SSAValue) -> float | None:
    """The number that a constant of these dialects holds everywhere, moved or not."""
    while isinstance(op := value.owner, Operation):
        name = op.op_name.data if isinstance(op, UnregisteredOp) else op.name
        if name not in _MOVES or not op.operands:
            key = _CONSTANTS.get(name, "")
            return _splat(op.properties.get(key) or op.attributes.get(key))
        value = op.operands[0]
    return None


def _splat(value: Attribute | None) -> float | None:
    if not isa(value, DenseIntOrFPElementsAttr) or not value.is_splat():
        return None
    values = np.asarray(value.get_values())
    return float(values.flat[0]) if values.size and np.isrealobj(values) else None


class TerminatorOp(OwnSyntaxOp):
    """`stablehlo.return %0 : tensor<f32>`."""

    traits: ClassVar[OpTraits] = OpTraits(lambda: (IsTerminator(),))


_FORM_OF: Mapping[str, type[OwnSyntaxOp]] = {
    "stablehlo.constant": ConstantOp,
    "chlo.constant": ConstantOp,
    **dict.fromkeys(_TERMINATORS, TerminatorOp),
}


@cache
def own_syntax_class(name: str) -> type[OwnSyntaxOp]:
    """The class of an op of StableHLO, CHLO or TOSA as its tools print it."""
    form = _FORM_OF.get(name, OwnSyntaxOp)
    return type(name, (form,), {"name": name, "__doc__": f"`{name}`: see `{form.__name__}`."})


@cache
def unknown_syntax_class(name: str) -> type[Operation]:
    """The class of such an op in generic form: whatever its properties and regions are."""
    return UnregisteredOp.with_name(name)


def print_results(printer: Printer, types: Sequence[Attribute]) -> None:
    """One type as it is, several in parentheses."""
    printer.print_string("(" if len(types) != 1 else "")
    printer.print_list(types, printer.print_attribute)
    printer.print_string(")" if len(types) != 1 else "")


def _string(op: Operation, key: str) -> str:
    value = op.properties[key]
    assert isinstance(value, StringAttr)
    return value.data


def _refuse_regions(parser: Parser, name: str) -> NoReturn:
    parser.raise_error(
        f"the regions of {name} are read in generic form only: print the text with "
        "--mlir-print-op-generic"
    )
