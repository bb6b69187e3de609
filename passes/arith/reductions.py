"""
Integer code for range reductions.

Bit for bit `lut_opt.dialects.pwl.reduction`, step by step under the same names, in 64 bits.
"""

from __future__ import annotations

from xdsl.builder import Builder
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.range_reduction import ALIGNED, LeadingZero, MultiRange
from lut_opt.dialects.pwl.reduction import (
    EXPONENTIALS,
    LOG_FRACTION,
    LOGARITHMS,
    MAX_SHIFT,
    Core,
    Reduced,
)
from lut_opt.passes.arith.row_code import Integers


def apply_reduced(builder: Builder, q: SSAValue, unit: Reduced) -> SSAValue:
    """The stored result of one stored operand."""
    i, function = Integers(builder, 64), unit.core.function
    v = i.sub(i.resize(q, unit.operand.signed), i.constant(unit.operand.zero_point))
    if function in EXPONENTIALS:
        return _exponential(i, v, unit)
    size = magnitude(i, v) if function == "reciprocal" else v
    r, k = look_up_core(i, i.max(size, 1), unit.core)
    m, shift = unit.factor
    if function in LOGARITHMS:
        step, offset = unit.log_terms
        r = i.shift_left(r, LOG_FRACTION - unit.core.fraction)
        r = i.add(i.add(r, i.mul(k, i.constant(step))), offset)
        y = i.round_shift(i.mul(r, i.constant(m)), i.constant(LOG_FRACTION + shift))
    else:
        r = with_sign(i, r, v) if function == "reciprocal" else r
        k = i.sub(i.constant(0), k) if function == "sqrt" else k
        y = i.round_shift(i.mul(r, i.constant(m)), total_shift(i, k, unit.core.fraction + shift))
    y = i.store(i.add(y, unit.result.zero_point), unit.result)
    at_zero = Integers(builder, unit.result.bits).constant(unit.at_zero)
    return i.select("sgt", size, 0, y, at_zero)


def _exponential(i: Integers, v: SSAValue, unit: Reduced) -> SSAValue:
    """The stored result of one operand, less its zero point, of an exponential."""
    turn, turn_shift = unit.turn
    u = i.round_shift(i.mul(v, i.constant(turn)), i.constant(turn_shift))
    bits = unit.core.sides[0].bits
    k = i.shift_right(u, bits)
    r = i.look_up(i.sub(u, i.shift_left(k, bits)), unit.core.table, *unit.core.sides)
    m, shift = unit.factor
    amount = total_shift(i, i.sub(i.constant(0), k), unit.core.fraction + shift)
    y = i.round_shift(i.mul(r, i.constant(m)), amount)
    return i.store(i.add(y, unit.result.zero_point), unit.result)


def look_up_core(i: Integers, v: SSAValue, core: Core) -> tuple[SSAValue, SSAValue]:
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
            shift = i.select("sge", v, bound, i.constant(amount), shift)
        t = i.min(i.max(i.round_shift(v, shift), reduction.low), reduction.high)
        k = i.shift_right(shift, period - 1)
    return i.look_up(t, core.table, *core.sides), k


def magnitude(i: Integers, v: SSAValue) -> SSAValue:
    """|v|"""
    return i.max(v, i.sub(i.constant(0), v))


def with_sign(i: Integers, r: SSAValue, v: SSAValue) -> SSAValue:
    """r, less than 0 where v is."""
    return i.select("slt", v, 0, i.sub(i.constant(0), r), r)


def total_shift(i: Integers, k: SSAValue, offset: int) -> SSAValue:
    """A shift by k + offset, kept within 0 … MAX_SHIFT."""
    return i.min(i.max(i.add(k, offset), 0), MAX_SHIFT)
