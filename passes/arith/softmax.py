"""
Integer code for softmax and log-softmax.

Each becomes a few `linalg.generic`: reductions along the row, one for what a row needs once, one
for the results. Bit for bit `lut_opt.dialects.pwl.units`, step by step under the same names.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.builder import Builder
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl import UnitOp, units
from lut_opt.passes.arith import integer_code
from lut_opt.passes.arith.integer_code import register_width
from lut_opt.passes.arith.row_code import Integers, Rows

_MAX_SHIFT = 31
"""Products e · r are at most 2^31; with the rounding addend of such a shift they are below 2^32."""


def softmax(builder: Builder, op: UnitOp, unit: units.Softmax) -> SSAValue:
    """The code of a softmax."""
    rows = Rows(builder, op.input, op.row_axes)
    _, e, total = _exponentials(rows, op.input, unit)
    r, shift = rows.once([total], [32, 32], 32, lambda i, v: _reciprocal(i, v[0], unit))

    def result(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        each, r, shift = values
        y = i.round_shift_unsigned(i.mul(i.resize(each, signed=False), r), shift)
        if unit.result.minimum > 0:
            y = i.max(y, unit.result.minimum)
        y = i.min_unsigned(y, unit.result.maximum)
        return [integer_code.resize(i.builder, y, unit.result.bits)]

    (y,) = rows.map([e, r, shift], [unit.result.bits], 32, result)
    return y


def log_softmax(builder: Builder, op: UnitOp, unit: units.LogSoftmax) -> SSAValue:
    """The code of a log-softmax."""
    x, rows = op.input, Rows(builder, op.input, op.row_axes)
    top, _, total = _exponentials(rows, x, unit)
    (logarithm,) = rows.once([total], [32], 32, lambda i, v: [_logarithm(i, v[0], unit)])

    def result(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        q, top, logarithm = values
        signed = unit.operand.signed
        distance = i.sub(i.resize(q, signed), i.resize(top, signed))
        y = i.sub(i.shift_left(distance, unit.distance_shift), i.resize(logarithm))
        if unit.result_shift:
            y = i.round_shift(y, i.constant(unit.result_shift))
        return [i.store(y, unit.result)]

    (y,) = rows.map([x, top, logarithm], [unit.result.bits], 64, result)
    return y


def _exponentials(
    rows: Rows, x: SSAValue, unit: units.RowExponentials
) -> tuple[SSAValue, SSAValue, SSAValue]:
    """
    The maximum of each row, the exponentials, and their sum.

    Distances have as many bits as inputs, or as the clip needs: an input is first lifted to where
    the table clips, so that its distance cannot overflow.
    """
    signed, clip = unit.operand.signed, unit.clip
    bits = register_width(max(unit.operand.bits, (-clip).bit_length() + 1))
    exp_bits = register_width(unit.exp_fraction + 1)
    least = -(1 << (bits - 1)) if signed else 0

    def larger(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        return [i.max_of(i.resize(values[0], signed), values[1], signed)]

    def lowest(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        floor = i.max(i.add(i.resize(values[0], signed), clip), least)
        return [integer_code.resize(i.builder, floor, bits)]

    def exponential(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        q, top, floor = values
        distance = i.sub(i.max_of(i.resize(q, signed), floor, signed), top)
        return [Integers(i.builder, exp_bits).look_up_in(unit, "exp", distance)]

    def add_up(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        return [i.add(values[1], i.resize(values[0], signed=False))]

    (top,) = rows.reduce([x], [least], bits, larger)
    (floor,) = rows.once([top], [bits], 2 * bits, lowest)
    (e,) = rows.map([x, top, floor], [exp_bits], bits, exponential)
    (total,) = rows.reduce([e], [0], 32, add_up)
    return top, e, total


def _mantissa(i: Integers, total: SSAValue) -> tuple[SSAValue, SSAValue]:
    """The octave of a row's sum, and the input of the table over one octave."""
    octave = i.sub(i.constant(31), i.leading_zeros(total))
    aligned = i.shift_left(total, i.sub(i.constant(30), octave))
    kept = 30 - units.RECIPROCAL_BITS
    return octave, i.shift_right_unsigned(i.add(aligned, 1 << (kept - 1)), kept)


def _reciprocal(i: Integers, total: SSAValue, unit: units.Softmax) -> list[SSAValue]:
    """
    The normalized reciprocal of a row's sum, and the shift of its products.

    By more than 31 bits only 2^31, the largest product, is rounded to 1, and only by 32 bits:
    further bits are shifted out of the reciprocal, which leaves 2^30 or more of no other product.
    """
    octave, t = _mantissa(i, total)
    r = i.look_up_in(unit, "reciprocal", t)
    shift = i.add(octave, units.TABLE_FRACTION - unit.result_bits)
    excess = i.max(i.sub(shift, i.constant(_MAX_SHIFT)), 0)
    return [i.shift_right(r, excess), i.min(shift, _MAX_SHIFT)]


def _logarithm(i: Integers, total: SSAValue, unit: units.LogSoftmax) -> SSAValue:
    """The logarithm of a row's sum, with the fraction bits of the tables."""
    octave, t = _mantissa(i, total)
    log = i.look_up_in(unit, "log", t)
    octaves = i.sub(octave, i.constant(unit.exp_fraction))
    return i.add(log, i.mul(octaves, i.constant(units.LOG_TWO)))
