"""Named ops of `linalg` that xDSL does not list: `linalg.tanh`, `elementwise`, `softmax` …"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from xdsl.dialects.builtin import (
    DenseArrayBase,
    IntegerAttr,
    IntegerType,
    StringAttr,
    UnregisteredOp,
    i32,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.hints import isa

from lut_opt.dialects.foreign.ops import SYNTAX, OwnSyntaxOp, print_results
from lut_opt.dialects.foreign.words import parse_words, print_words

_SEGMENTS = "operandSegmentSizes"
_SAME_PLACE = re.compile(r"affine_map<(?:\((?P<places>[^()]*)\) -> \((?P=places)\))>")
_ANY_MAP = re.compile(r"affine_map<")


class NamedLinalgOp(OwnSyntaxOp):
    """`linalg.tanh ins(%x : T) outs(%y : T) -> T`, what stands before `ins` kept as it is."""

    @classmethod
    def parse(cls, parser: Parser) -> Operation:
        words = parse_words(parser, "ins(", "outs(")
        inputs = _parse_operands(parser, "ins")
        outputs = _parse_operands(parser, "outs")
        results: Sequence[Attribute] = ()
        if parser.parse_optional_punctuation("->") is not None:
            several = parser.parse_optional_comma_separated_list(
                parser.Delimiter.PAREN, parser.parse_type
            )
            results = [parser.parse_type()] if several is None else several
        sizes = DenseArrayBase.from_list(i32, [len(inputs), len(outputs)])
        return cls.create(
            operands=[*inputs, *outputs],
            result_types=results,
            properties={SYNTAX: StringAttr(words.text), _SEGMENTS: sizes},
            attributes=words.attributes,
        )

    def print(self, printer: Printer) -> None:
        print_words(printer, self.syntax, ())
        printer.print_op_attributes(self.attributes)
        sizes = self.properties[_SEGMENTS]
        assert isa(sizes, DenseArrayBase[IntegerType])
        inputs = sizes.get_values()[0]
        for word, values in (("ins", self.operands[:inputs]), ("outs", self.operands[inputs:])):
            if values:
                printer.print_string(f" {word}(")
                printer.print_list(values, printer.print_operand)
                printer.print_string(" : ")
                printer.print_list(values, lambda value: printer.print_attribute(value.type))
                printer.print_string(")")
        if self.results:
            printer.print_string(" -> ")
            print_results(printer, self.result_types)


@cache
def named_linalg_class(name: str) -> type[NamedLinalgOp]:
    """The class of a named op of `linalg` in its pretty form."""
    doc = f"`{name}`: see `{NamedLinalgOp.__name__}`."
    kind: type[NamedLinalgOp] = type(name, (NamedLinalgOp,), {"name": name, "__doc__": doc})
    return kind


def elementwise_kind(op: Operation) -> str | None:
    """The function of a `linalg.elementwise` on elements of the same place: `exp`."""
    if not isinstance(op, NamedLinalgOp) or op.name != "linalg.elementwise":
        return None
    kind = re.search(r"elementwise_kind<(\w+)>", op.syntax)
    moved = len(_ANY_MAP.findall(op.syntax)) != len(_SAME_PLACE.findall(op.syntax))
    return None if kind is None or moved else kind[1]


def softmax_axis(op: Operation) -> int | None:
    """The axis of a `linalg.softmax` of tensors; None for any other op."""
    if len(op.operands) != 2 or len(op.results) != 1:
        return None
    if isinstance(op, NamedLinalgOp):
        if op.name != "linalg.softmax":
            return None
        found = re.fullmatch(r"dimension ?\( ?(\d+) ?\)", op.syntax)
        return None if found is None else int(found[1])
    if not isinstance(op, UnregisteredOp) or op.op_name.data != "linalg.softmax":
        return None
    match op.properties.get("dimension") or op.attributes.get("dimension"):
        case IntegerAttr() as axis:
            return axis.value.data
        case _:
            return None


def _parse_operands(parser: Parser, word: str) -> list[SSAValue]:
    """`ins(%x, %y : T, U)`, or nothing."""
    if parser.parse_optional_keyword(word) is None:
        return []
    start = parser.pos
    with parser.in_parens():
        operands = parser.parse_comma_separated_list(
            parser.Delimiter.NONE, parser.parse_unresolved_operand
        )
        parser.parse_punctuation(":")
        types = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
    return [*parser.resolve_operands(operands, types, start)]
