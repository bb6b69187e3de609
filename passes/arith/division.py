"""Integer code for `pwl.divide`, bit for bit its semantics, in 64 bits."""

from __future__ import annotations

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AffineMapAttr,
    IndexType,
    IntegerAttr,
    TensorType,
)
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineExpr, AffineMap
from xdsl.rewriter import InsertPoint
from xdsl.utils.hints import isa

from lut_opt.dialects.pwl import UnitOp, units
from lut_opt.dialects.pwl.reduction import MAX_SHIFT
from lut_opt.dialects.quant import element_type
from lut_opt.passes.arith.reductions import look_up_core, magnitude, total_shift, with_sign
from lut_opt.passes.arith.row_code import Integers


def divide(builder: Builder, op: UnitOp, unit: units.Division) -> SSAValue:
    """The code of a division of scalars or tensors."""
    a, b = op.operands
    if isa(op.result.type, TensorType[Attribute]):
        return _on_tensors(builder, a, b, op.result.type, unit)
    return _divide(Integers(builder, 64), a, b, unit)


def _divide(i: Integers, a: SSAValue, b: SSAValue, unit: units.Division) -> SSAValue:
    """The stored result of one stored numerator and denominator."""
    c = i.sub(i.resize(a, unit.operand.signed), i.constant(unit.operand.zero_point))
    v = i.sub(i.resize(b, unit.denominator.signed), i.constant(unit.denominator.zero_point))
    r, k = look_up_core(i, i.max(magnitude(i, v), 1), unit.core)
    m, shift = unit.factor
    product = i.mul(i.mul(with_sign(i, r, v), i.constant(m)), c)
    y = i.round_shift(product, total_shift(i, k, unit.core.fraction + shift))
    # a/0 is infinite, which the clamp saturates; 0/0 is 0.
    limit = i.constant(1 << MAX_SHIFT)
    limit = i.select("sge", c, 0, limit, i.sub(i.constant(0), limit))
    limit = i.select("eq", c, 0, i.constant(0), limit)
    y = i.select("eq", v, 0, limit, y)
    return i.store(i.add(y, unit.result.zero_point), unit.result)


def _on_tensors(
    builder: Builder, a: SSAValue, b: SSAValue, kind: TensorType[Attribute], unit: units.Division
) -> SSAValue:
    """One `linalg.generic` over the result; sizes of 1 and missing axes are repeated."""
    from xdsl.dialects import tensor
    from xdsl.dialects.linalg.attrs import IteratorTypeAttr
    from xdsl.dialects.linalg.ops import GenericOp, YieldOp

    shape = kind.get_shape()
    empty = builder.insert(tensor.EmptyOp(_dynamic_sizes(builder, (a, b), shape), kind)).results[0]
    block = Block(arg_types=[element_type(value.type) for value in (a, b, empty)])
    inside = Integers(Builder(InsertPoint.at_end(block)), 64)
    inside.builder.insert(YieldOp(_divide(inside, block.args[0], block.args[1], unit)))
    maps = [_broadcast(_shape(value), shape) for value in (a, b, empty)]
    parallel = [IteratorTypeAttr.parallel()] * len(shape)
    generic = GenericOp([a, b], [empty], Region(block), maps, parallel, [kind])
    return builder.insert(generic).results[0]


def _shape(value: SSAValue) -> tuple[int, ...]:
    return value.type.get_shape() if isa(value.type, TensorType[Attribute]) else ()


def _dynamic_sizes(
    builder: Builder, values: tuple[SSAValue, SSAValue], shape: tuple[int, ...]
) -> list[SSAValue]:
    """Sizes of the result's dynamic axes, from an operand that has them."""
    from xdsl.dialects import tensor

    sizes: list[SSAValue] = []
    for axis, size in enumerate(shape):
        if size != DYNAMIC_INDEX:
            continue
        for value in values:
            own = axis - len(shape) + len(_shape(value))
            if own >= 0 and _shape(value)[own] == DYNAMIC_INDEX:
                index = builder.insert(arith.ConstantOp(IntegerAttr(own, IndexType()))).result
                sizes.append(builder.insert(tensor.DimOp(value, index)).results[0])
                break
    return sizes


def _broadcast(shape: tuple[int, ...], result: tuple[int, ...]) -> AffineMapAttr:
    """The map from a loop over the result to the element of an operand of that shape."""
    rank, first = len(result), len(result) - len(shape)
    elements: list[AffineExpr] = [
        AffineConstantExpr(0) if size == 1 != result[axis] else AffineExpr.dimension(axis)
        for axis, size in enumerate(shape, first)
    ]
    return AffineMapAttr(AffineMap(rank, 0, tuple(elements)))
