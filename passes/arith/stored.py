"""The types of stored integers, where the types of what they stand for were."""

from __future__ import annotations

from xdsl.dialects.builtin import (
    FunctionType,
    MemRefType,
    ShapedType,
    TensorType,
    UnrankedTensorType,
    VectorType,
)
from xdsl.ir import Attribute
from xdsl.utils.hints import isa

from lut_opt.dialects.pwl.ops import Shaped
from lut_opt.dialects.quant import UniformQuantizedType


def storage(type_: Attribute) -> Attribute:
    """A type with quantized elements replaced by their storage integers."""
    if isinstance(type_, UniformQuantizedType):
        return type_.storage_type
    if isinstance(type_, FunctionType):
        inputs, outputs = map(storage, type_.inputs), map(storage, type_.outputs)
        return FunctionType.from_lists(list(inputs), list(outputs))
    # The cheap test goes first: most values of a model are neither shaped nor quantized.
    if type_.name == UnrankedTensorType.name and isa(type_, UnrankedTensorType[Attribute]):
        return UnrankedTensorType(storage(type_.element_type))
    if not isinstance(type_, ShapedType) or not isa(type_, Shaped):
        return type_
    if not isinstance(type_.get_element_type(), UniformQuantizedType):
        return type_
    element = storage(type_.get_element_type())
    if isa(type_, TensorType[Attribute]):
        return TensorType(element, type_.get_shape(), type_.encoding)
    if isa(type_, VectorType[Attribute]):
        return VectorType(element, type_.get_shape(), type_.scalable_dims)
    assert isa(type_, MemRefType[Attribute])
    return MemRefType(element, type_.get_shape(), type_.layout, type_.memory_space)
