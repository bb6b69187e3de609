"""Constants of the `torch` dialect, and how to read them."""

from __future__ import annotations

import enum
from typing import ClassVar, Literal, TypeAlias

from xdsl.dialects.builtin import (
    BytesAttr,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    f64,
    i1,
    i64,
)
from xdsl.ir import Attribute, OpResult, SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer

from lut_opt.dialects.literals import parse_double
from lut_opt.dialects.torch.ops import TorchOp
from lut_opt.dialects.torch.types import (
    BoolType,
    DeviceType,
    FloatType,
    IntType,
    NoneType,
    StrType,
    VTensorType,
)

Scalar: TypeAlias = "int | float | bool | str | None"
Constant: TypeAlias = "Scalar | list[Constant]"


class NotConstant(enum.Enum):
    """What `constant_value` answers for a value that is computed."""

    NOT_CONSTANT = enum.auto()


NOT_CONSTANT = NotConstant.NOT_CONSTANT


class ConstantOp(TorchOp):
    """A constant: `%int1 = torch.constant.int 1`; its value is the property `value`."""

    RESULT: ClassVar[Attribute]
    REQUIRED = ("value",)

    @property
    def value(self) -> Attribute | None:
        """The constant as an attribute, None for `torch.constant.none`."""
        return self.properties.get("value", self.attributes.get("value"))

    @classmethod
    def parse(cls, parser: Parser) -> TorchOp:
        return cls.create(
            result_types=[cls.RESULT],
            properties={"value": cls.parse_value(parser)},
            attributes=parser.parse_optional_attr_dict(),
        )

    @classmethod
    def parse_value(cls, parser: Parser) -> Attribute:
        """The constant as it is written, without its type."""
        return parser.parse_attribute()

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        self.print_value(printer)
        printer.print_op_attributes(self.attributes, reserved_attr_names=("value",))

    def print_value(self, printer: Printer) -> None:
        """Print what `parse_value` reads."""
        if self.value is not None:
            printer.print_attribute(self.value)


class ConstantIntOp(ConstantOp):
    """`torch.constant.int -1`."""

    name = "torch.constant.int"
    RESULT = IntType()

    def __init__(self, value: int):
        super().__init__(result_types=[IntType()], properties={"value": IntegerAttr(value, i64)})

    @classmethod
    def parse_value(cls, parser: Parser) -> Attribute:
        return IntegerAttr(parser.parse_integer(allow_boolean=False), i64)

    def print_value(self, printer: Printer) -> None:
        match self.value:
            case IntegerAttr() as value:
                printer.print_int(value.value.data)
            case _:
                super().print_value(printer)


class ConstantFloatOp(ConstantOp):
    """`torch.constant.float 1.000000e-05`, or the bits of a double: `0x7FF0000000000000`."""

    name = "torch.constant.float"
    RESULT = FloatType()

    def __init__(self, value: float):
        super().__init__(result_types=[FloatType()], properties={"value": FloatAttr(value, f64)})

    @classmethod
    def parse_value(cls, parser: Parser) -> Attribute:
        return FloatAttr(parse_double(parser), f64)

    def print_value(self, printer: Printer) -> None:
        match self.value:
            case FloatAttr() as value:
                printer.print_float(value.value.data, f64)
            case _:
                super().print_value(printer)


class ConstantBoolOp(ConstantOp):
    """`torch.constant.bool true`."""

    name = "torch.constant.bool"
    RESULT = BoolType()

    def __init__(self, value: bool):
        super().__init__(
            result_types=[BoolType()], properties={"value": IntegerAttr(int(value), i1)}
        )

    @classmethod
    def parse_value(cls, parser: Parser) -> Attribute:
        return IntegerAttr(int(parser.parse_boolean()), i1)


class ConstantTextOp(ConstantOp):
    """A constant that is written as a string."""

    def __init__(self, value: str):
        super().__init__(result_types=[self.RESULT], properties={"value": StringAttr(value)})

    @classmethod
    def parse_value(cls, parser: Parser) -> Attribute:
        data = parser.parse_optional_bytes_literal()
        return BytesAttr(data) if data is not None else StringAttr(parser.parse_str_literal())


class ConstantStrOp(ConstantTextOp):
    """`torch.constant.str "tanh"`."""

    name = "torch.constant.str"
    RESULT = StrType()


class ConstantDeviceOp(ConstantTextOp):
    """`torch.constant.device "cpu"`."""

    name = "torch.constant.device"
    RESULT = DeviceType()


class ConstantNoneOp(TorchOp):
    """`torch.constant.none`."""

    name = "torch.constant.none"

    def __init__(self) -> None:
        super().__init__(result_types=[NoneType()])

    @classmethod
    def parse(cls, parser: Parser) -> TorchOp:
        attributes = parser.parse_optional_attr_dict()
        return cls.create(result_types=[NoneType()], attributes=attributes)

    def print(self, printer: Printer) -> None:
        printer.print_op_attributes(self.attributes)


class LiteralOp(ConstantOp):
    """`torch.vtensor.literal(dense<1.0> : tensor<2xf32>) : !torch.vtensor<[2],f32>`."""

    @classmethod
    def parse(cls, parser: Parser) -> TorchOp:
        with parser.in_parens():
            value = parser.parse_attribute()
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        return cls.create(
            result_types=[parser.parse_type()],
            properties={"value": value},
            attributes=attributes,
        )

    def print(self, printer: Printer) -> None:
        with printer.in_parens():
            self.print_value(printer)
        printer.print_op_attributes(self.attributes, reserved_attr_names=("value",))
        printer.print_string(" : ")
        printer.print_list(self.result_types, printer.print_attribute)


class VTensorLiteralOp(LiteralOp):
    """A tensor constant with value semantics."""

    name = "torch.vtensor.literal"

    def __init__(self, value: Attribute, type: VTensorType):
        super().__init__(result_types=[type], properties={"value": value})


class TensorLiteralOp(LiteralOp):
    """A tensor constant without value semantics."""

    name = "torch.tensor.literal"


def constant(value: Scalar) -> TorchOp:
    """The op that makes a Python scalar: `constant(1.0)` is `torch.constant.float 1.0`."""
    match value:
        case None:
            return ConstantNoneOp()
        case bool():
            return ConstantBoolOp(value)
        case int():
            return ConstantIntOp(value)
        case float():
            return ConstantFloatOp(value)
        case str():
            return ConstantStrOp(value)


def constant_value(value: SSAValue) -> Constant | Literal[NotConstant.NOT_CONSTANT]:
    """
    The Python value of a torch constant, or of a list of them, else `NOT_CONSTANT`.

    Example: `%none` gives None, and `torch.prim.ListConstruct %int1, %int0` gives `[1, 0]`. Tensor
    literals are not read.
    """
    op = value.owner if isinstance(value, OpResult) else None
    if not isinstance(op, TorchOp):
        return NOT_CONSTANT
    if isinstance(op, ConstantNoneOp):
        return None
    if isinstance(op, ConstantOp) and not isinstance(op, LiteralOp):
        return _python_value(op.value, op)
    if op.name != "torch.prim.ListConstruct":
        return NOT_CONSTANT
    elements: list[Constant] = []
    for operand in op.operands:
        if (element := constant_value(operand)) is NOT_CONSTANT:
            return NOT_CONSTANT
        elements.append(element)
    return elements


def _python_value(
    value: Attribute | None, op: ConstantOp
) -> Scalar | Literal[NotConstant.NOT_CONSTANT]:
    match value:
        case IntegerAttr():
            return bool(value.value.data) if isinstance(op, ConstantBoolOp) else value.value.data
        case FloatAttr():
            return value.value.data
        case StringAttr():
            return value.data
        case BytesAttr():
            return value.data.decode(errors="surrogateescape")
        case _:
            return NOT_CONSTANT
