"""
Run scalar code on every element of a scalar, vector, tensor or memref.

The dialects of the loops are imported where they are used: few runs need all of them, and they cost
a command that only prints its help 40 ms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AffineMapAttr,
    AnyFloat,
    DenseIntOrFPElementsAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    TensorType,
    UnrankedTensorType,
    VectorType,
)
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.rewriter import InsertPoint
from xdsl.utils.hints import isa

from lut_opt.dialects.quant import element_type

MAX_LANES = 4096
"""Lanes of a vector, each of which takes the code of an element."""

Emit = Callable[[Builder, SSAValue], SSAValue]
"""Appends the scalar code of one element and returns its value."""


def elementwise(
    builder: Builder,
    source: SSAValue,
    result_type: Attribute,
    emit: Emit,
    destination: SSAValue | None = None,
) -> SSAValue | None:
    """
    Apply scalar code to every element of `source`.

    Returns the value of `result_type`; for memrefs, writes `destination` and returns None.
    """
    if isa(source.type, UnrankedTensorType[Attribute]):
        raise ValueError(f"{source.type} has no rank to loop over: give it one")
    if destination is not None:
        _on_memref(builder, source, destination, emit)
        return None
    if isa(result_type, TensorType[Attribute]):
        return _on_tensor(builder, source, result_type, emit)
    if isa(result_type, VectorType[Attribute]):
        return _on_vector(builder, source, result_type, emit)
    return emit(builder, source)


def _index(builder: Builder, value: int) -> SSAValue:
    return builder.insert(arith.ConstantOp(IntegerAttr(value, IndexType()))).result


def _on_tensor(
    builder: Builder, source: SSAValue, result_type: TensorType[Attribute], emit: Emit
) -> SSAValue:
    from xdsl.dialects import tensor
    from xdsl.dialects.linalg.attrs import IteratorTypeAttr
    from xdsl.dialects.linalg.ops import GenericOp, YieldOp

    sizes = [
        builder.insert(tensor.DimOp(source, _index(builder, axis))).results[0]
        for axis, size in enumerate(result_type.get_shape())
        if size == DYNAMIC_INDEX
    ]
    empty = builder.insert(tensor.EmptyOp(sizes, result_type)).results[0]
    block = Block(arg_types=[element_type(source.type), element_type(result_type)])
    inside = Builder(InsertPoint.at_end(block))
    inside.insert(YieldOp(emit(inside, block.args[0])))
    rank = len(result_type.get_shape())
    identity = AffineMapAttr(AffineMap.identity(rank))
    parallel = [IteratorTypeAttr.parallel()] * rank
    generic = GenericOp(
        [source], [empty], Region(block), [identity, identity], parallel, [result_type]
    )
    return builder.insert(generic).results[0]


def _on_vector(
    builder: Builder, source: SSAValue, result_type: VectorType[Attribute], emit: Emit
) -> SSAValue:
    """Lane by lane: xDSL's `arith` casts and `select` take scalars only."""
    from xdsl.dialects import vector

    if any(flag.value for flag in result_type.scalable_dims):
        raise ValueError(f"{result_type} has lanes that only a machine counts: use a fixed vector")
    if math.prod(result_type.get_shape()) > MAX_LANES:
        raise ValueError(f"{result_type} has more than {MAX_LANES} lanes to unroll: use a tensor")
    if isa(result_type, VectorType[AnyFloat]):
        zeros = DenseIntOrFPElementsAttr.from_list(result_type, [0.0])
    else:
        assert isa(result_type, VectorType[IntegerType])
        zeros = DenseIntOrFPElementsAttr.from_list(result_type, [0])
    result: SSAValue = builder.insert(arith.ConstantOp(zeros)).result
    for position in product(*map(range, result_type.get_shape())):
        extract = vector.ExtractOp(source, position, element_type(source.type))
        lane = emit(builder, builder.insert(extract).result)
        result = builder.insert(vector.InsertOp(lane, result, position)).result
    return result


def _on_memref(builder: Builder, source: SSAValue, destination: SSAValue, emit: Emit) -> None:
    from xdsl.dialects import memref, scf

    assert isa(source.type, MemRefType[Attribute])
    zero, one = _index(builder, 0), _index(builder, 1)
    bounds = [
        builder.insert(memref.DimOp(source, _index(builder, axis))).result
        if size == DYNAMIC_INDEX
        else _index(builder, size)
        for axis, size in enumerate(source.type.get_shape())
    ]
    position: list[SSAValue] = []
    for bound in bounds:
        block = Block(arg_types=[IndexType()])
        builder.insert(scf.ForOp(zero, bound, one, [], block))
        Builder(InsertPoint.at_end(block)).insert(scf.YieldOp())
        assert block.last_op is not None
        builder = Builder(InsertPoint.before(block.last_op))
        position.append(block.args[0])
    loaded = builder.insert(memref.LoadOp.get(source, position)).res
    builder.insert(memref.StoreOp.get(emit(builder, loaded), destination, position))
