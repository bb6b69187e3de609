"""xDSL's parser, made to read all that torch-mlir prints."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NoReturn, TypeVar

from xdsl.context import Context
from xdsl.dialects.builtin import (
    UNKNOWN_LOC,
    AnyFloat,
    ComplexType,
    DenseArrayBase,
    DenseResourceAttr,
    FileLineColLoc,
    Float80Type,
    Float128Type,
    FloatAttr,
    FusedLoc,
    IndexType,
    IntAttr,
    IntegerAttr,
    IntegerType,
    LocationAttr,
    ModuleOp,
    NoneAttr,
    RankedStructure,
    ShapedType,
    StringAttr,
)
from xdsl.ir import Attribute, Block, Operation
from xdsl.irdl import IRDLOperation, OptPropertyDef
from xdsl.parser import AttrParser, Parser
from xdsl.utils.exceptions import ParseError, VerifyException
from xdsl.utils.hints import isa
from xdsl.utils.lexer import Input, Position, Span
from xdsl.utils.mlir_lexer import MLIRTokenKind

from lut_opt.dialects.assembly.lexer import AssemblyLexer
from lut_opt.dialects.foreign import OwnSyntaxOp, WordAttr, is_opaque, unknown_syntax_class

T = TypeVar("T")

MAX_DENSE_ELEMENTS = 1 << 27

LONG_FLOATS = Float80Type | Float128Type

GENERIC_FORM = "print the text in generic form (--mlir-print-op-generic)"

SEGMENT_SIZES = frozenset(
    ("operandSegmentSizes", "resultSegmentSizes", "regionSegmentSizes", "successorSegmentSizes")
)


@dataclass
class _BitsElement:
    """An element of a dense literal, given in hexadecimal: an integer, or the bits of a float."""

    is_negative: bool
    value: int
    span: Span

    def to_type(self, parser: AttrParser, type: Attribute) -> int | float:
        if not isinstance(type, AnyFloat):
            if not isinstance(type, IntegerType | IndexType):
                parser.raise_error("a complex element is a pair: (1.0, 2.0)", self.span)
            return self.value
        size = type.compile_time_size
        if not 0 <= self.value < 1 << (8 * size):
            parser.raise_error(f"not the bits of {type}", self.span)
        return type.unpack(self.value.to_bytes(size, "little"), 1)[0]


@dataclass
class _PairElement:
    """A complex element of a dense literal: `(1.0, 0x7F800000)`."""

    real: Any
    imaginary: Any
    span: Span

    def to_type(self, parser: AttrParser, type: Attribute) -> tuple[Any, Any]:
        if not isa(type, ComplexType):
            parser.raise_error(f"a pair is not an element of type {type}", self.span)
        element = type.element_type
        return self.real.to_type(parser, element), self.imaginary.to_type(parser, element)


class AssemblyParser(Parser):
    """
    A parser of MLIR text that loses nothing of what torch-mlir prints.

    - Floats given by their bits keep them: `dense<0xFF800000> : tensor<f32>` is −inf.
    - `dense_resource` handles keep their names, and their data is none of the parser's business.
    - Properties that xDSL does not know become attributes, which MLIR reads as properties again.
    - Locations may be aliases that are defined further down; an op without one gets its own place.
    - A type or op that does not verify is a `ParseError` at its place.
    """

    def __init__(self, ctx: Context, input: str, name: str = "<unknown>"):
        super().__init__(ctx, "", name)
        self._parser_state.lexer = AssemblyLexer(Input(input, name))
        self._resume_from(0)
        self.file_name = StringAttr(name)
        self._open_aliases: set[str] = set()
        self.line_starts = [0, *(match.end() for match in re.finditer("\n", input))]

    # Locations

    _location_alias = re.compile(r"^[ \t]*(#[\w.$-]+)[ \t]*=[ \t]*loc\b", re.MULTILINE)

    @cached_property
    def _location_aliases(self) -> dict[str, Position]:
        """Where each `#loc1 = loc(…)` of the text stands: mostly after what it is used by."""
        matches = list(self._location_alias.finditer(self.lexer.input.content))
        return {match[1]: match.start(1) for match in reversed(matches)}

    def _parse_alias_def(self) -> None:
        alias = self._current_token.text
        if alias in self.attribute_aliases and self._location_aliases.get(alias) == self.pos:
            self._consume_token()  # a location that was read where it is used
            self.parse_punctuation("=")
            self.parse_attribute()
            return
        super()._parse_alias_def()

    def _read_location_alias(self, alias: str) -> None:
        """Read the definition of an alias, which may use others."""
        if alias in self._open_aliases:
            self.raise_error(f"location alias '{alias}' is part of itself")
        here = self.pos
        self._open_aliases.add(alias)
        self._resume_from(self._location_aliases[alias])
        super()._parse_alias_def()
        self._open_aliases.remove(alias)
        self._resume_from(here)

    def place(self, position: Position) -> FileLineColLoc:
        """Line and column of a position of the text, both from 1."""
        line = bisect_right(self.line_starts, position)
        column = position - self.line_starts[line - 1] + 1
        return FileLineColLoc(self.file_name, IntAttr(line), IntAttr(column))

    def _parse_location(self) -> LocationAttr:
        if self._current_token.kind == MLIRTokenKind.HASH_IDENT:
            alias = self._current_token.text
            if alias not in self.attribute_aliases and alias in self._location_aliases:
                self._read_location_alias(alias)
        if self.parse_optional_keyword("fused") is not None:
            metadata: Attribute = NoneAttr()
            if self.parse_optional_punctuation("<") is not None:
                metadata = self.parse_attribute()
                self.parse_punctuation(">")
            parts = self.parse_comma_separated_list(self.Delimiter.SQUARE, self._parse_location)
            return FusedLoc(tuple(parts), metadata)
        location = super()._parse_location()
        if isinstance(location, FileLineColLoc) and self.parse_optional_keyword("to") is not None:
            self.parse_optional_integer(allow_boolean=False, allow_negative=False)
            self.parse_punctuation(":")
            self.parse_integer(allow_boolean=False, allow_negative=False)
        return location

    # Operations

    def parse_module(self, allow_implicit_module: bool = True) -> ModuleOp:
        module = super().parse_module(allow_implicit_module)
        if module.location is UNKNOWN_LOC:
            module.location = self.place(0)  # a module around ops that stand in none
        return module

    def _get_op_by_name(self, name: str) -> type[Operation]:
        start = max(self.lexer.input.content.rfind(name, 0, self.pos), 0)
        generic = self.lexer.input.content[start - 1 : start] == '"'
        op_type = self.ctx.get_optional_op(name, dialect_stack=self._parser_state.dialect_stack)
        if generic and op_type is not None and issubclass(op_type, OwnSyntaxOp):
            return unknown_syntax_class(name)
        if op_type is None:
            allow = f"{'' if generic else GENERIC_FORM + ' and '}pass --allow-unregistered-dialect"
            self.raise_error(
                f"Operation {name} is not registered: {allow} to leave it as it is, or lower "
                "it first",
                start,
            )
        if not generic and op_type.parse.__func__ is Operation.parse.__func__:
            self.raise_error(
                f"Operation {name} has a syntax that only its own dialect knows: {GENERIC_FORM}, "
                "or lower it first",
                start,
            )
        return op_type

    def parse_operation(self) -> Operation:
        start = self.pos
        try:
            op = super().parse_operation()
        except VerifyException as error:
            name = _OP_NAME.match(self.lexer.input.content, start)
            self.raise_error(_about_op(name[1] if name else "the op", str(error).strip()), start)
        if op.location is UNKNOWN_LOC:
            op.location = self.place(start)
        if isinstance(op, ModuleOp) and not op.body.blocks:
            op.body.add_block(Block())  # "builtin.module"() ({}) has one in MLIR
        return op

    def _parse_generic_operation(self, op_type: type[Operation]) -> Operation:
        op = super()._parse_generic_operation(op_type)
        if not issubclass(op_type, IRDLOperation):
            return op
        for name in op.properties.keys() - _known_properties(op_type):
            value = op.properties.pop(name)
            if str(value) != "#arith.overflow<none>":
                op.attributes[name] = value
        if missing := _required_properties(op_type) - op.properties.keys():
            self.raise_error(f"{op.name} needs the property '{min(missing)}'")
        return op

    # Attributes

    _choice = re.compile("[A-Z][A-Z0-9_]*")

    def parse_optional_attribute(self) -> Attribute | None:
        """As in xDSL; inside an op of TOSA or StableHLO also a bare word, one of few."""
        token = self._current_token
        inside = self._parser_state.dialect_stack[-1:]
        if token.kind is MLIRTokenKind.BARE_IDENT and self._choice.fullmatch(token.text):
            if inside and is_opaque(f"{inside[0]}."):
                self._consume_token()
                return WordAttr(token.text)
        return super().parse_optional_attribute()

    def parse_comma_separated_list(
        self, delimiter: Parser.Delimiter, parse: Callable[[], T], context_msg: str = ""
    ) -> list[T]:
        """As in xDSL, but results of a `linalg.generic` stand in parentheses, as it prints them."""
        start = self._current_token.span.start
        arrow = self.lexer.input.content[max(start - 3, 0) : start] == "-> "
        if arrow and delimiter is self.Delimiter.NONE and self._current_token.text == "(":
            delimiter = self.Delimiter.PAREN
        return super().parse_comma_separated_list(delimiter, parse, context_msg)

    def parse_optional_str_literal(self) -> str | None:
        """A string; one with escaped UTF-8, as MLIR prints it, counts."""
        token = self._current_token
        if token.kind == MLIRTokenKind.BYTES_LIT:
            start = self.pos
            data = self.parse_bytes_literal()
            try:
                return data.decode()
            except UnicodeDecodeError:
                self._resume_from(start)
                return None
        return super().parse_optional_str_literal()

    def _parse_dialect_type_or_attribute_body(
        self,
        attr_name: str,
        is_type: bool,
        is_opaque: bool,
        starting_opaque_pos: Position | None,
    ):
        start = self.pos
        try:
            return super()._parse_dialect_type_or_attribute_body(
                attr_name, is_type, is_opaque, starting_opaque_pos
            )
        except VerifyException as error:
            self.raise_error(str(error).strip(), start)
        except ParseError as error:
            if error.msg != f"'{attr_name}' is not registered":
                raise
            self.raise_error(
                f"{error.msg}: pass --allow-unregistered-dialect to leave it as it is",
                max(self.lexer.input.content.rfind(attr_name, 0, start), 0),
            )

    def parse_optional_builtin_int_or_float_attr(self) -> IntegerAttr | FloatAttr | None:
        start = self.pos
        try:
            number = super().parse_optional_builtin_int_or_float_attr()
        except OverflowError:
            self.raise_error("more bits than its type has", start)
        except NotImplementedError:
            self._refuse_long_float(start)
        if isinstance(number, FloatAttr) and isinstance(number.type, LONG_FLOATS):
            self._refuse_long_float(start)
        return number

    def _refuse_long_float(self, start: Position) -> NoReturn:
        """Python has no number that holds an f80 or an f128."""
        self.raise_error(
            "constants of more than 64 bits are not supported: make them f64, or a dense_resource",
            start,
        )

    def _parse_builtin_dense_resource_attr(self) -> DenseResourceAttr:
        self.parse_punctuation("<")
        handle = self.parse_identifier_or_str_literal()
        self.parse_punctuation(">")
        self.parse_punctuation(":")
        start = self.pos
        type = self.parse_type()
        if not isinstance(type, ShapedType):
            self.raise_error(f"{type} has no shape; a resource has a shaped type", start)
        return DenseResourceAttr(StringAttr(handle), type)

    def _parse_dense_literal_type(
        self,
    ) -> RankedStructure[IntegerType | IndexType | AnyFloat | ComplexType]:
        start = self.pos
        type = super()._parse_dense_literal_type()
        if math.prod(type.get_shape()) > MAX_DENSE_ELEMENTS:
            self.raise_error("too many elements for a literal; use a dense_resource", start)
        if isinstance(type.get_element_type(), LONG_FLOATS):
            self._refuse_long_float(start)
        return type

    def _parse_tensor_literal_element(self) -> Any:
        start = self._current_token.span
        if self.parse_optional_punctuation("(") is not None:
            real = self._parse_tensor_literal_element()
            self.parse_punctuation(",")
            imaginary = self._parse_tensor_literal_element()
            self.parse_punctuation(")")
            return _PairElement(real, imaginary, start)
        element = super()._parse_tensor_literal_element()
        if isinstance(element.value, int) and element.span.text[:2] == "0x":
            return _BitsElement(element.is_negative, element.value, element.span)
        return element

    def _parse_builtin_densearray_attr(self) -> DenseArrayBase | None:
        start = self.pos
        self.parse_punctuation("<")
        type = self.parse_optional_type()
        if not isinstance(type, AnyFloat) or self.parse_optional_punctuation(":") is None:
            self._resume_from(start)
            return super()._parse_builtin_densearray_attr()
        if isinstance(type, LONG_FLOATS):
            self._refuse_long_float(start)
        elements = self.parse_comma_separated_list(
            self.Delimiter.NONE, self._parse_tensor_literal_element
        )
        self.parse_punctuation(">")
        values = [element.to_type(self, type) for element in elements]
        return DenseArrayBase.from_list(type, [v for v in values if isinstance(v, int | float)])


_OP_NAME = re.compile(r'(?:%[^=]*=\s*)?"?([\w.$-]+)')
"""The name of an op, at its first character."""


def _about_op(name: str, message: str) -> str:
    """What xDSL says of a type that an op does not take, with the op and what to do."""
    unexpected = message.removeprefix("Unexpected attribute ")
    if unexpected == message:
        return message
    advice = ""
    if "<*x" in unexpected:
        advice = ": give it a rank, as in tensor<?x?xf32>"
    elif "complex<" in unexpected:
        advice = ": write the real and the imaginary part apart"
    return f"{name} does not take {unexpected}{advice}"


@cache
def _known_properties(op_type: type[IRDLOperation]) -> frozenset[str]:
    return SEGMENT_SIZES | op_type.get_irdl_definition().properties.keys()


@cache
def _required_properties(op_type: type[IRDLOperation]) -> frozenset[str]:
    return frozenset(
        name
        for name, definition in op_type.get_irdl_definition().properties.items()
        if not isinstance(definition, OptPropertyDef) and definition.default_value is None
    )
