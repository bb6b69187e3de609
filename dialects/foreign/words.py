"""Words of a syntax that only its own dialect knows, with holes for the operands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Literal, get_args

from xdsl.ir import Attribute, BuiltinAttribute, Data, SSAValue
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser, Parser, UnresolvedOperand
from xdsl.printer import Printer

Sign = Literal["(", ")", "[", "]", "{", "}", "<", ">", ",", ":", "=", "->", "-", "?", "*", "+"]

_SIGNS: tuple[Sign, ...] = get_args(Sign)
_COMMENT = re.compile(r"//[^\n]*")

HOLE = "%"
"""Stands for an operand."""


@irdl_attr_definition
class WordAttr(Data[str], BuiltinAttribute):
    """A bare word as an attribute, as TOSA prints what is one of few: `{mode = BILINEAR}`."""

    name = "foreign.word"

    def print_builtin(self, printer: Printer) -> None:
        """Print the word."""
        printer.print_string(self.data)

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> str:
        with parser.in_angle_brackets():
            return parser.parse_identifier()

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(self.data)


@dataclass(frozen=True)
class Words:
    """What stands between the name of an op and its types."""

    text: str
    """A `%` for each operand."""
    operands: Sequence[UnresolvedOperand]
    attributes: dict[str, Attribute]


def parse_words(parser: Parser, *stops: str) -> Words:
    """Read up to the `:` before the types, or up to one of the words `stops`."""
    text, depth, attributes = "", 0, dict[str, Attribute]()
    operands: list[UnresolvedOperand] = []
    source, begin = parser.lexer.input.content, parser.pos
    while True:
        start = parser.pos
        if depth == 0 and source.startswith((":", *stops), start):
            break
        if depth < 0 or start >= len(source):
            parser.raise_error("expected the types of the op, after a ':'", begin)
        if depth == 0 and source[start] == "{" and not text.rstrip().endswith("="):
            attributes |= parser.parse_optional_attr_dict()
            continue
        if (operand := parser.parse_optional_unresolved_operand()) is not None:
            operands.append(operand)
            part = HOLE + _space(source[start : parser.pos])
        elif source[start] == "#":
            # An alias is resolved, and its name forgotten.
            part = _text(parser.parse_attribute()) + _space(source[start : parser.pos])
        else:
            depth += _step(parser)
            part = " ".join(_COMMENT.sub("", source[start : parser.pos]).split())
            part += _space(source[start : parser.pos])
        text += part
    return Words(text.strip(), operands, attributes)


def _step(parser: Parser) -> int:
    """Read one sign, word, number, string or symbol; how much deeper it leads into brackets."""
    for sign in _SIGNS:
        if parser.parse_optional_punctuation(sign) is not None:
            return 1 if sign in ("(", "[", "{", "<") else -1 if sign in (")", "]", "}", ">") else 0
    if (
        parser.parse_optional_number() is None
        and parser.parse_optional_symbol_name() is None
        and parser.parse_optional_str_literal() is None
        and parser.parse_optional_identifier() is None
        and parser.parse_optional_type() is None
    ):
        parser.raise_error("expected the types of the op, after a ':'")
    return 0


def _space(text: str) -> str:
    return " " if text[-1:].isspace() else ""


def _text(attribute: Attribute) -> str:
    stream = StringIO()
    Printer(stream).print_attribute(attribute)
    return stream.getvalue()


def print_words(printer: Printer, text: str, operands: Sequence[SSAValue]) -> None:
    """Print what `parse_words` read, a space in front unless it opens a parenthesis."""
    first, *rest = text.split(HOLE)
    if text:
        printer.print_string(first if text.startswith("(") else f" {first}")
    for operand, part in zip(operands, rest, strict=True):
        printer.print_operand(operand)
        printer.print_string(part)
