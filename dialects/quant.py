"""
The `quant` dialect: MLIR's own uniform quantized types and the casts to and from them.

A value of type `!quant.uniform<i8:f32, 3.125000e-02:-3>` is stored as an integer `q` and stands
for the real `0.03125 · (q + 3)`. This is the subset of MLIR's dialect that tables need: one scale
and one zero point per tensor. Text is exactly MLIR's, so files go to and fro unchanged.

Example:

    %q = quant.qcast %x : tensor<2xf32> to tensor<2x!quant.uniform<i8:f32, 3.125000e-02>>
    %s = quant.scast %q : tensor<2x!quant.uniform<i8:f32, 3.125000e-02>> to tensor<2xi8>
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import cast

from xdsl.dialects.builtin import (
    AnyFloat,
    AnyTensorType,
    BFloat16Type,
    BoolAttr,
    ContainerType,
    Float16Type,
    Float32Type,
    Float64Type,
    FloatData,
    IntAttr,
    IntegerType,
    TensorType,
    UnrankedTensorType,
    VectorType,
    f32,
)
from xdsl.interfaces import HasFolderInterface
from xdsl.ir import (
    Attribute,
    Dialect,
    Operation,
    ParametrizedAttribute,
    SSAValue,
    TypeAttribute,
)
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    result_def,
    traits_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from lut_opt.dialects.quant_scale import format_scale, parse_scale
from lut_opt.dialects.quantization import Quantization, storage_range

MAX_STORAGE_BITS = 32
STORAGE_NAME = re.compile(r"([iu])([1-9][0-9]*)")

ExpressedType = Float16Type | BFloat16Type | Float32Type | Float64Type

SCALE_LIMITS: dict[type[Attribute], tuple[float, float]] = {
    Float16Type: (2.0**-24, 65504.0),
    BFloat16Type: (2.0**-133, (2 - 2.0**-7) * 2.0**127),
    Float32Type: (2.0**-149, (2 - 2.0**-23) * 2.0**127),
    Float64Type: (5e-324, (2 - 2.0**-52) * 2.0**1023),
}
"""Smallest and largest scale, as MLIR bounds it: the positive range of the expressed type."""


@irdl_attr_definition
class UniformQuantizedType(ParametrizedAttribute, TypeAttribute):
    """
    An integer `q` in `[storage_min, storage_max]` that stands for `scale · (q − zero_point)`.

    Examples: `!quant.uniform<i8:f32, 3.125000e-02>`, `!quant.uniform<u8:f32, 1.000000e-01:128>`,
    `!quant.uniform<i8<-127:127>:f32, 5.000000e-01>`.
    """

    name = "quant.uniform"

    storage_bits: IntAttr
    storage_signed: BoolAttr
    storage_min: IntAttr
    storage_max: IntAttr
    expressed_type: Attribute
    scale_data: FloatData
    zero_point_data: IntAttr

    def __init__(
        self,
        bits: int,
        scale: float,
        zero_point: int = 0,
        *,
        signed: bool = True,
        expressed_type: AnyFloat = f32,
        minimum: int | None = None,
        maximum: int | None = None,
    ):
        low, high = storage_range(bits, signed) if 1 <= bits <= MAX_STORAGE_BITS else (0, 0)
        super().__init__(
            IntAttr(bits),
            BoolAttr.from_bool(signed),
            IntAttr(low if minimum is None else minimum),
            IntAttr(high if maximum is None else maximum),
            expressed_type,
            FloatData(scale),
            IntAttr(zero_point),
        )

    @property
    def scale(self) -> float:
        """The real value of one storage step."""
        return self.scale_data.data

    @property
    def zero_point(self) -> int:
        """The stored integer that stands for 0.0."""
        return self.zero_point_data.data

    @property
    def quantization(self) -> Quantization:
        """The same facts as plain numbers."""
        return Quantization(
            bits=self.storage_bits.data,
            signed=bool(self.storage_signed),
            scale=self.scale,
            zero_point=self.zero_point,
            minimum=self.storage_min.data,
            maximum=self.storage_max.data,
        )

    @staticmethod
    def from_quantization(
        quantization: Quantization, expressed_type: AnyFloat = f32
    ) -> UniformQuantizedType:
        """The type of values that are stored as `quantization` says."""
        return UniformQuantizedType(
            quantization.bits,
            quantization.scale,
            quantization.zero_point,
            signed=quantization.signed,
            expressed_type=expressed_type,
            minimum=quantization.minimum,
            maximum=quantization.maximum,
        )

    @property
    def storage_type(self) -> IntegerType:
        """The signless integer type of the stored bits, as `quant.scast` and `arith` want it."""
        return IntegerType(self.storage_bits.data)

    def verify(self) -> None:
        bits = self.storage_bits.data
        if not 1 <= bits <= MAX_STORAGE_BITS:
            raise VerifyException(
                f"storage of {bits} bits is not supported; take 1 to {MAX_STORAGE_BITS} bits"
            )
        low, high = storage_range(bits, bool(self.storage_signed))
        smallest, largest = self.storage_min.data, self.storage_max.data
        if not low <= smallest < largest <= high:
            raise VerifyException(
                f"storage range <{smallest}:{largest}> is not an ascending part of "
                f"[{low}, {high}]; give a smaller range or a wider storage type"
            )
        limits = SCALE_LIMITS.get(type(self.expressed_type))
        if limits is None:
            raise VerifyException(
                f"expressed type {self.expressed_type} is not one of f16, bf16, f32, f64; use f32"
            )
        if not (math.isfinite(self.scale) and limits[0] <= self.scale <= limits[1]):
            raise VerifyException(
                f"scale {self.scale!r} is not a positive finite number of type "
                f"{self.expressed_type}; give a scale from {limits[0]:.3g} to {limits[1]:.3g}"
            )
        if not low <= self.zero_point <= high:
            raise VerifyException(
                f"zero point {self.zero_point} is outside the storage type: "
                f"[{low}, {high}]; give one inside it"
            )

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            start = parser.pos
            name = parser.parse_identifier(" for the storage type, such as i8 or u8")
            if (match := STORAGE_NAME.fullmatch(name)) is None:
                parser.raise_error(f"storage type {name} is not one of i8, u8, i16, …", start)
            signed, bits = match[1] == "i", int(match[2][:4])
            if bits > MAX_STORAGE_BITS:
                parser.raise_error(f"storage of {name} exceeds {MAX_STORAGE_BITS} bits", start)
            minimum, maximum = storage_range(bits, signed)
            if parser.parse_optional_punctuation("<") is not None:
                minimum = parser.parse_integer(allow_boolean=False)
                parser.parse_punctuation(":")
                maximum = parser.parse_integer(allow_boolean=False)
                parser.parse_punctuation(">")
            parser.parse_punctuation(":")
            start = parser.pos
            expressed = parser.parse_type()
            if not isinstance(expressed, ExpressedType):
                parser.raise_error(
                    f"expressed type {expressed} is not one of f16, bf16, f32, f64", start
                )
            parser.parse_punctuation(",")
            scale = parse_scale(parser)
            zero_point = 0
            if parser.parse_optional_punctuation(":") is not None:
                zero_point = parser.parse_integer(allow_boolean=False)
        return (
            IntAttr(bits),
            BoolAttr.from_bool(signed),
            IntAttr(minimum),
            IntAttr(maximum),
            expressed,
            FloatData(scale),
            IntAttr(zero_point),
        )

    def print_parameters(self, printer: Printer) -> None:
        bits, signed = self.storage_bits.data, bool(self.storage_signed)
        with printer.in_angle_brackets():
            printer.print_string(f"{'i' if signed else 'u'}{bits}")
            limits = self.storage_min.data, self.storage_max.data
            if limits != storage_range(bits, signed):
                printer.print_string(f"<{limits[0]}:{limits[1]}>")
            printer.print_string(":")
            printer.print_attribute(self.expressed_type)
            printer.print_string(f", {format_scale(self.scale)}")
            if self.zero_point:
                printer.print_string(f":{self.zero_point}")


def element_type(type: Attribute) -> Attribute:
    """Element type of a tensor, vector or memref, or the scalar type itself."""
    if isinstance(type, ContainerType):
        return cast(ContainerType[Attribute], type).get_element_type()
    return type


def with_element_type(type: Attribute, element: TypeAttribute) -> Attribute:
    """
    The same tensor of other elements, or the scalar `element` itself.

    Example: `tensor<2x?xf32>` with `i8` is `tensor<2x?xi8>`.
    """
    if isa(type, AnyTensorType):
        return TensorType(element, type.get_shape(), type.encoding)
    if isa(type, VectorType[Attribute]):
        return VectorType(element, type.get_shape(), type.scalable_dims)
    return UnrankedTensorType(element) if isinstance(type, UnrankedTensorType) else element


def quantized_like(type: Attribute, quantization: Quantization) -> Attribute:
    """A float scalar, vector or tensor type with its elements quantized."""
    element = element_type(type)
    assert isinstance(element, AnyFloat)
    return with_element_type(type, UniformQuantizedType.from_quantization(quantization, element))


def _verify_cast(op: Operation, quantized: Attribute, other: Attribute, *, stored: bool) -> None:
    """Check that `other` is `quantized`, but for the element type that the cast changes."""
    element = element_type(quantized)
    if not isinstance(element, UniformQuantizedType):
        raise VerifyException(
            f"{op.name}: {quantized} is not a quantized scalar or tensor; "
            "give a type such as tensor<4x!quant.uniform<i8:f32, 5.0e-01>>"
        )
    partner = element.storage_type if stored else element.expressed_type
    if not isinstance(partner, TypeAttribute):
        raise VerifyException(f"{op.name}: {partner} is not a type")
    wanted = with_element_type(quantized, partner)
    if other != wanted:
        raise VerifyException(
            f"{op.name}: {other} does not match {quantized}; "
            f"give both the same shape, and the unquantized one the type {wanted}"
        )


class CastOp(IRDLOperation):
    """What the three casts share: one operand, one result, no effect."""

    input = operand_def()
    result = result_def()

    traits = traits_def(Pure())

    assembly_format = "$input attr-dict `:` type($input) `to` type($result)"

    def __init__(self, input: Operation | SSAValue, result_type: Attribute):
        super().__init__(operands=[input], result_types=[result_type])


@irdl_op_definition
class QuantizeCastOp(CastOp, HasFolderInterface):
    """
    Quantize a real: divide by the scale, round to nearest even, add the zero point, saturate.

    `qcast(dcast(x))` of equal types is `x`.

    Example: `%q = quant.qcast %x : f32 to !quant.uniform<i8:f32, 5.000000e-01>`
    """

    name = "quant.qcast"

    def verify_(self) -> None:
        _verify_cast(self, self.result.type, self.input.type, stored=False)

    def fold(self) -> Sequence[SSAValue | Attribute] | None:
        source = self.input.owner
        if isinstance(source, DequantizeCastOp) and source.input.type == self.result.type:
            return (source.input,)
        return None


@irdl_op_definition
class DequantizeCastOp(CastOp):
    """
    The real that a stored integer stands for: `scale · (q − zero_point)`.

    Example: `%x = quant.dcast %q : !quant.uniform<i8:f32, 5.000000e-01> to f32`
    """

    name = "quant.dcast"

    def verify_(self) -> None:
        _verify_cast(self, self.input.type, self.result.type, stored=False)


@irdl_op_definition
class StorageCastOp(CastOp, HasFolderInterface):
    """
    The same bits, read as an integer or as a quantized value.

    `scast(scast(x))` back to the first type is `x`.

    Example: `%s = quant.scast %q : !quant.uniform<u8:f32, 5.000000e-01> to i8`
    """

    name = "quant.scast"

    def verify_(self) -> None:
        types = [self.input.type, self.result.type]
        if isinstance(element_type(types[1]), UniformQuantizedType):
            types.reverse()
        _verify_cast(self, types[0], types[1], stored=True)

    def fold(self) -> Sequence[SSAValue | Attribute] | None:
        source = self.input.owner
        if isinstance(source, StorageCastOp) and source.input.type == self.result.type:
            return (source.input,)
        return None


QUANT = Dialect("quant", [QuantizeCastOp, DequantizeCastOp, StorageCastOp], [UniformQuantizedType])
