"""
Integer code for range reductions and `pwl.divide`.

Bit for bit `lut_opt.dialects.pwl.reduction`, step by step under the same names, in 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

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

from lut_opt.dialects.pwl import DivideOp
from lut_opt.dialects.pwl.division import Division
from lut_opt.dialects.pwl.reduction import (
    ALIGNED,
    EXPONENTIALS,
    LOG_FRACTION,
    LOGARITHMS,
    MAX_SHIFT,
    Core,
    LeadingZero,
    MultiRange,
    Reduced,
)
from lut_opt.dialects.quant import element_type
from lut_opt.passes.arith.row_code import Integers
from lut_opt.passes.arith.units import look_up


def apply_reduced(builder: Builder, q: SSAValue, unit: Reduced) -> SSAValue:
    """The stored result of one stored operand."""
    i, function = Integers(builder, 64), unit.core.function
    v = i.sub(i.resize(q, unit.operand.signed), i.constant(unit.operand.zero_point))
    if function in EXPONENTIALS:
        return _exponential(i, v, unit)
    size = _magnitude(i, v) if function == "reciprocal" else v
    r, k = _core(i, i.max(size, 1), unit.core)
    m, shift = unit.factor
    if function in LOGARITHMS:
        step, offset = unit.log_terms
        r = i.shift_left(r, LOG_FRACTION - unit.core.fraction)
        r = i.add(i.add(r, i.mul(k, i.constant(step))), offset)
        y = i.round_shift(i.mul(r, i.constant(m)), i.constant(LOG_FRACTION + shift))
    else:
        r = _with_sign(i, r, v) if function == "reciprocal" else r
        k = i.sub(i.constant(0), k) if function == "sqrt" else k
        y = i.round_shift(i.mul(r, i.constant(m)), _shift(i, k, unit.core.fraction + shift))
    y = i.store(i.add(y, unit.result.zero_point), unit.result)
    at_zero = Integers(builder, unit.result.bits).constant(unit.at_zero)
    return _select(i, "sgt", size, 0, y, at_zero)


def _exponential(i: Integers, v: SSAValue, unit: Reduced) -> SSAValue:
    """The stored result of one operand, less its zero point, of an exponential."""
    turn, turn_shift = unit.turn
    u = i.round_shift(i.mul(v, i.constant(turn)), i.constant(turn_shift))
    bits = unit.core.sides[0].bits
    k = i.shift_right(u, bits)
    r = look_up(i, i.sub(u, i.shift_left(k, bits)), unit.core.table, *unit.core.sides)
    m, shift = unit.factor
    amount = _shift(i, i.sub(i.constant(0), k), unit.core.fraction + shift)
    y = i.round_shift(i.mul(r, i.constant(m)), amount)
    return i.store(i.add(y, unit.result.zero_point), unit.result)


def _divide(i: Integers, a: SSAValue, b: SSAValue, unit: Division) -> SSAValue:
    """The stored result of one stored numerator and denominator."""
    c = i.sub(i.resize(a, unit.numerator.signed), i.constant(unit.numerator.zero_point))
    v = i.sub(i.resize(b, unit.denominator.signed), i.constant(unit.denominator.zero_point))
    r, k = _core(i, i.max(_magnitude(i, v), 1), unit.core)
    m, shift = unit.factor
    product = i.mul(i.mul(_with_sign(i, r, v), i.constant(m)), c)
    y = i.round_shift(product, _shift(i, k, unit.core.fraction + shift))
    # a/0 is infinite, which the clamp saturates; 0/0 is 0.
    limit = i.constant(1 << MAX_SHIFT)
    limit = _select(i, "sge", c, 0, limit, i.sub(i.constant(0), limit))
    limit = _select(i, "eq", c, 0, i.constant(0), limit)
    y = _select(i, "eq", v, 0, limit, y)
    return i.store(i.add(y, unit.result.zero_point), unit.result)


def _core(i: Integers, v: SSAValue, core: Core) -> tuple[SSAValue, SSAValue]:
    """The table's result and the exponent of a positive operand."""
    reduction, period = core.reduction, core.period
    if isinstance(reduction, LeadingZero):
        k = i.shift_right(i.sub(i.constant(63), i.leading_zeros(v)), period - 1)
        kept = ALIGNED - reduction.table_bits
        place = i.sub(i.constant(ALIGNED), i.shift_left(k, period - 1))
        t = i.shift_right(i.add(i.shift_left(v, place), 1 << (kept - 1)), kept)
    else:
        assert isinstance(reduction, MultiRange)
        shift = i.constant(0)
        for bound, amount in zip(reduction.bounds, reduction.shifts, strict=True):
            shift = _select(i, "sge", v, bound, i.constant(amount), shift)
        t = i.min(i.max(i.round_shift(v, shift), reduction.low), reduction.high)
        k = i.shift_right(shift, period - 1)
    return look_up(i, t, core.table, *core.sides), k


def _magnitude(i: Integers, v: SSAValue) -> SSAValue:
    return i.max(v, i.sub(i.constant(0), v))


def _with_sign(i: Integers, r: SSAValue, v: SSAValue) -> SSAValue:
    return _select(i, "slt", v, 0, i.sub(i.constant(0), r), r)


def _shift(i: Integers, k: SSAValue, offset: int) -> SSAValue:
    return i.min(i.max(i.add(k, offset), 0), MAX_SHIFT)


Predicate = Literal["eq", "slt", "sge", "sgt"]


def _select(
    i: Integers, predicate: Predicate, v: SSAValue, bound: int, yes: SSAValue, no: SSAValue
) -> SSAValue:
    here = i.builder.insert(arith.CmpiOp(v, i.constant(bound), predicate)).result
    return i.builder.insert(arith.SelectOp(here, yes, no)).result


def plan_divide(op: DivideOp) -> Callable[[Builder], SSAValue]:
    """The code of a division, for when its types have lost their scales."""
    unit = op.unit()

    def emit(builder: Builder) -> SSAValue:
        if isa(op.result.type, TensorType[Attribute]):
            return _on_tensors(builder, op.input, op.denominator, op.result.type, unit)
        return _divide(Integers(builder, 64), op.input, op.denominator, unit)

    return emit


def _on_tensors(
    builder: Builder, a: SSAValue, b: SSAValue, kind: TensorType[Attribute], unit: Division
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
