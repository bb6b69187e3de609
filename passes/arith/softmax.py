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
from lut_opt.passes.arith.row_code import Integers, Rows

_NARROW_PRODUCT_BITS = 29
"""Products e · r of so many bits, with the rounding addend, stay within 32."""


def softmax(builder: Builder, op: UnitOp, unit: units.Softmax) -> SSAValue:
    """The code of a softmax."""
    rows = Rows(builder, op.input, op.row_axes)
    _, e, total = _exponentials(rows, op.input, unit)
    r, shift = rows.once([total], [32, 32], 32, lambda i, v: _reciprocal(i, v[0], unit))
    wide = unit.exp_fraction + units.TABLE_FRACTION > _NARROW_PRODUCT_BITS
    bits = 64 if wide else 32

    def result(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        each, r, shift = values
        # A product below 2^29 is 0 after any shift of 31 or more.
        shift = i.resize(shift) if wide else i.min(shift, 31)
        y = i.round_shift(i.mul(i.resize(each), i.resize(r)), shift)
        return [i.store(y, unit.result)]

    (y,) = rows.map([e, r, shift], [unit.result.bits], bits, result)
    return y


def log_softmax(builder: Builder, op: UnitOp, unit: units.LogSoftmax) -> SSAValue:
    """The code of a log-softmax."""
    x, rows = op.input, Rows(builder, op.input, op.row_axes)
    top, _, total = _exponentials(rows, x, unit)
    (logarithm,) = rows.once([total], [32], 32, lambda i, v: [_logarithm(i, v[0], unit)])

    def result(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        q, top, logarithm = values
        distance = i.sub(i.resize(q, unit.operand.signed), i.resize(top))
        y = i.sub(i.shift_left(distance, unit.distance_shift), i.resize(logarithm))
        if unit.result_shift:
            y = i.round_shift(y, i.constant(unit.result_shift))
        return [i.store(y, unit.result)]

    (y,) = rows.map([x, top, logarithm], [unit.result.bits], 64, result)
    return y


def _exponentials(
    rows: Rows, x: SSAValue, unit: units.RowExponentials
) -> tuple[SSAValue, SSAValue, SSAValue]:
    """The maximum of each row, the exponentials, and their sum."""
    signed = unit.operand.signed

    def exponential(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        q, top = values
        distance = i.max(i.sub(i.resize(q, signed), top), unit.clip)
        return [i.look_up_in(unit, "exp", distance)]

    (top,) = rows.reduce([x], [-(1 << 31)], 32, lambda i, v: [i.max(v[1], i.resize(v[0], signed))])
    (e,) = rows.map([x, top], [32], 32, exponential)
    (total,) = rows.reduce([e], [0], 32, lambda i, v: [i.add(v[1], v[0])])
    return top, e, total


def _mantissa(i: Integers, total: SSAValue) -> tuple[SSAValue, SSAValue]:
    """The octave of a row's sum, and the input of the table over one octave."""
    octave = i.sub(i.constant(31), i.leading_zeros(total))
    aligned = i.shift_left(total, i.sub(i.constant(30), octave))
    kept = 30 - units.RECIPROCAL_BITS
    return octave, i.shift_right_unsigned(i.add(aligned, 1 << (kept - 1)), kept)


def _reciprocal(i: Integers, total: SSAValue, unit: units.Softmax) -> list[SSAValue]:
    """The normalized reciprocal of a row's sum, and the shift of its products."""
    octave, t = _mantissa(i, total)
    r = i.look_up_in(unit, "reciprocal", t)
    return [r, i.add(octave, units.TABLE_FRACTION - unit.result_bits)]


def _logarithm(i: Integers, total: SSAValue, unit: units.LogSoftmax) -> SSAValue:
    """The logarithm of a row's sum, with the fraction bits of the tables."""
    octave, t = _mantissa(i, total)
    log = i.look_up_in(unit, "log", t)
    octaves = i.sub(octave, i.constant(unit.exp_fraction))
    return i.add(log, i.mul(octaves, i.constant(units.LOG_TWO)))
