"""A module with its resources, read from text and written to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import StringIO
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import (
    BytesAttr,
    DenseIntElementsAttr,
    DenseIntOrFPElementsAttr,
    ModuleOp,
    i1,
)
from xdsl.ir import Attribute
from xdsl.printer import Printer
from xdsl.utils.exceptions import DiagnosticException, ParseError
from xdsl.utils.hints import isa
from xdsl.utils.lexer import Input, Span

from lut_opt.dialects.assembly.context import LutContext
from lut_opt.dialects.assembly.locations import describe_location
from lut_opt.dialects.assembly.parser import AssemblyParser
from lut_opt.dialects.assembly.resources import Resources
from lut_opt.dialects.foreign import OwnSyntaxOp

_OPAQUE_OR_TAIL = re.compile(r'"(?:[^"\\\n]++|\\.)*+"|//[^\n]*+|(\{-#)')
"""A string, a comment, or the start of the resource section."""

_NOTHING = re.compile(r"(?:\s++|//[^\n]*+)*+")


@dataclass
class Program:
    """
    A module, and the resource section of its file: the data that `dense_resource` handles name.

    `resources` is the verbatim text from `{-#` to `#-}`, or empty. Nothing parses it, so hundreds
    of megabytes of weights cost no more than a copy.
    """

    module: ModuleOp
    resources: str = ""
    name: str = "<unknown>"


class AssemblyPrinter(Printer):
    """A printer that quotes resource handles, and packs truth values, as MLIR does."""

    def print_attribute(self, attribute: Attribute) -> None:
        is_dense = type(attribute) is DenseIntOrFPElementsAttr  # for isa alone is slow
        if is_dense and isa(attribute, DenseIntElementsAttr) and attribute.get_element_type() == i1:
            data = attribute.data.data.replace(b"\xff", b"\x01")
            attribute = DenseIntOrFPElementsAttr(attribute.type, BytesAttr(data))
        super().print_attribute(attribute)

    def print_resource_handle(self, dialect: str, handle: str) -> None:
        self.print_identifier_or_string_literal(handle)


def parse(text: str, name: str, ctx: Context) -> Program:
    """
    Read MLIR text in pretty or generic form; `name` is the file name that diagnostics give.

    Whatever is wrong with the text is a `ParseError`; `error_location` gives its place. The module
    is not verified.
    """
    head, resources = _split(text.removeprefix("\ufeff"), name)  # a byte-order mark
    if isinstance(ctx, LutContext):
        ctx.resources = Resources(resources)
    if _NOTHING.fullmatch(head):
        return Program(ModuleOp([]), resources, name)
    parser: AssemblyParser | None = None
    try:
        parser = AssemblyParser(ctx, head, name)
        return Program(parser.parse_module(), resources, name)
    except ParseError:
        raise
    except Exception as error:  # xDSL's parser meets malformed text with any exception at all
        position = parser.pos if parser else 0
        span = Span(position, position, Input(head, name))
        raise ParseError(span, f"malformed input: {_reason(error)}") from error


def print_program(program: Program, *, generic: bool = False, debuginfo: bool = False) -> str:
    """Text of a program: generic or pretty form, with or without locations."""
    stream = StringIO()
    write_program(program, stream, generic=generic, debuginfo=debuginfo)
    return stream.getvalue()


def write_program(
    program: Program, stream: IO[str], *, generic: bool = False, debuginfo: bool = False
) -> None:
    """
    Write a program to a stream; large resources are not copied on the way.

    Raises NoGenericForm for generic form of an op that is known in its own syntax only.
    """
    if generic:
        _check_generic(program.module)
    printer = AssemblyPrinter(
        stream=stream, print_generic_format=generic, print_debuginfo=debuginfo
    )
    printer.print_op(program.module)
    stream.write("\n")
    if program.resources:
        stream.write("\n")
        stream.write(program.resources)
        stream.write("\n")


class NoGenericForm(DiagnosticException):
    """An op that is known in its own syntax only is to be printed in generic form."""

    def __init__(self, op: OwnSyntaxOp):
        super().__init__(
            f"{op.name} was read in its own syntax and has no generic form here: print it "
            "without --print-op-generic, or read the text in generic form"
        )
        self.location = describe_location(op)


def _check_generic(module: ModuleOp) -> None:
    for op in module.walk():
        if isinstance(op, OwnSyntaxOp):
            raise NoGenericForm(op)


def _split(text: str, name: str) -> tuple[str, str]:
    """The text before the resource section, and that section."""
    start = text.find("{-#")
    if start < 0:
        return text, ""
    start = next((m.start() for m in _OPAQUE_OR_TAIL.finditer(text) if m[1]), -1)
    if start < 0:
        return text, ""
    end = text.rfind("#-}") + 3
    head = text[:start]
    here = Span(start, start, Input(head, name))
    if end < start + 3:
        raise ParseError(here, "the resource section has no end '#-}'; is the file cut off?")
    if not _NOTHING.fullmatch(text, end):
        raise ParseError(here, "text after the resource section; move it in front")
    return head, text[start:end]


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, AssertionError):
        return "unexpected token"
    return f"{type(error).__name__}: {error}".strip().rstrip(":")
