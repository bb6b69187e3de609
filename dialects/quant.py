"""
The `quant` dialect: MLIR's own uniform quantized types and the casts to and from them.

A value of type `!quant.uniform<i8:f32, 3.125000e-02:-3>` is stored as an integer `q` and stands
for the real `0.03125 · (q + 3)`. Weights may have a scale and a zero point for each channel, along
axis 1 in `!quant.uniform<i8:f32:1, {1.000000e-01,2.000000e-01:3}>`; tables have one. Text is
exactly MLIR's, so files go to and fro unchanged.

Example:

    %q = quant.qcast %x : tensor<2xf32> to tensor<2x!quant.uniform<i8:f32, 3.125000e-02>>
    %s = quant.scast %q : tensor<2x!quant.uniform<i8:f32, 3.125000e-02>> to tensor<2xi8>
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from xdsl.dialects.builtin import (
    AnyTensorType,
    ContainerType,
    TensorType,
    UnrankedTensorType,
    VectorType,
)
from xdsl.interfaces import HasFolderInterface
from xdsl.ir import Attribute, Dialect, Operation, SSAValue, TypeAttribute
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, result_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from lut_opt.dialects.quant_types import (
    MAX_STORAGE_BITS,
    SCALE_LIMITS,
    ExpressedType,
    PerAxisQuantizedType,
    QuantizedType,
    UniformQuantizedType,
)
from lut_opt.dialects.quantization import Quantization


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


def expressed_element(type: Attribute) -> ExpressedType:
    """
    The float that a scalar, vector or tensor holds, if it can be quantized for a table.

    Raises ValueError that says what to do otherwise.
    """
    if isinstance(type, UnrankedTensorType):
        raise ValueError(f"{type} is of no known rank: give it one, as in tensor<?x?xf32>")
    if isa(type, VectorType[Attribute]) and any(flag.value for flag in type.scalable_dims):
        raise ValueError(f"{type} has lanes that only a machine counts: use a fixed vector")
    element = element_type(type)
    if not isinstance(element, ExpressedType):
        raise ValueError(
            f"only floats become tables, got {type}: cast it to f32, f64, f16 or bf16 first"
        )
    return element


def quantized_like(type: Attribute, quantization: Quantization) -> Attribute:
    """A float scalar, vector or tensor type with its elements quantized."""
    element = expressed_element(type)
    return with_element_type(type, UniformQuantizedType.from_quantization(quantization, element))


def _verify_cast(op: Operation, quantized: Attribute, other: Attribute, *, stored: bool) -> None:
    """Check that `other` is `quantized`, but for the element type that the cast changes."""
    element = element_type(quantized)
    if not isinstance(element, QuantizedType):
        raise VerifyException(
            f"{op.name}: {quantized} is not a quantized scalar or tensor; "
            "give a type such as tensor<4x!quant.uniform<i8:f32, 5.0e-01>>"
        )
    if isinstance(element, PerAxisQuantizedType):
        ranked = isa(quantized, TensorType[Attribute])
        element.verify_shape(quantized.get_shape() if ranked else None)
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
        if isinstance(element_type(types[1]), QuantizedType):
            types.reverse()
        _verify_cast(self, types[0], types[1], stored=True)

    def fold(self) -> Sequence[SSAValue | Attribute] | None:
        source = self.input.owner
        if isinstance(source, StorageCastOp) and source.input.type == self.result.type:
            return (source.input,)
        return None


QUANT = Dialect("quant", [QuantizeCastOp, DequantizeCastOp, StorageCastOp], [UniformQuantizedType])

__all__ = [
    "MAX_STORAGE_BITS",
    "QUANT",
    "SCALE_LIMITS",
    "CastOp",
    "DequantizeCastOp",
    "ExpressedType",
    "PerAxisQuantizedType",
    "QuantizeCastOp",
    "QuantizedType",
    "StorageCastOp",
    "UniformQuantizedType",
    "element_type",
    "expressed_element",
    "quantized_like",
    "with_element_type",
]
