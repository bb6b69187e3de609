"""
Integer code for layer norm and RMS norm.

As for softmax a few `linalg.generic`, bit for bit `lut_opt.dialects.pwl.units`.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.builder import Builder
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl import UnitOp, units
from lut_opt.passes.arith.row_code import Integers, Rows


def norm(builder: Builder, op: UnitOp, unit: units.Norm) -> SSAValue:
    """The code of a layer norm or RMS norm."""
    x, rows = op.input, Rows(builder, op.input, op.row_axes)
    length = rows.length()

    extent = _extent(rows, x, unit) if unit.is_wide else []
    count = len(extent)

    def element(i: Integers, q: SSAValue, extent: Sequence[SSAValue]) -> SSAValue:
        c = _less_zero_point(i, q, unit)
        if not extent:
            return c
        middle, narrowing = extent
        return i.round_shift(i.sub(c, middle), narrowing)

    def add_up(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        q, *extent, total, square = values
        c = element(i, q, extent)
        return [i.add(total, c), i.add(square, i.mul(c, c))]

    total, square = rows.reduce([x, *extent], [0, 0], 64, add_up)
    scaled = _scaled_epsilon(Integers(builder, 64), length, unit)

    def inverse(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        total, square, *narrowing = values
        epsilon = _epsilon(i, scaled, narrowing, unit)
        return _rsqrt(i, total, square, length, epsilon, unit)

    r, shift = rows.once([total, square, *extent[1:]], [64, 64], 64, inverse)

    def result(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        q, *extent, total, r, shift = values[: 4 + count]
        rest = values[4 + count :]
        a = i.mul(length, element(i, q, extent))
        a = i.sub(a, total) if unit.centred else a
        acc = i.round_shift(i.mul(a, r), shift)
        return [i.store(_affine(i, acc, rest, unit), unit.result)]

    (y,) = rows.map(
        [x, *extent, total, r, shift, *op.parameters.values()], [unit.result.bits], 64, result
    )
    return y


def _affine(i: Integers, acc: SSAValue, rest: Sequence[SSAValue], unit: units.Norm) -> SSAValue:
    """Gamma and beta, as far as there are any, and the rounding to the result."""
    following = iter(rest)
    if unit.gamma is not None:
        acc = i.mul(acc, i.resize(next(following), unit.gamma.signed))
    if unit.beta is not None:
        addend = i.resize(next(following), unit.beta.signed)
        acc = i.add(acc, i.shift_left(addend, unit.beta_shift))
    if unit.result_shift:
        acc = i.round_shift(acc, i.constant(unit.result_shift))
    return i.add(acc, unit.result.zero_point)


def _less_zero_point(i: Integers, q: SSAValue, unit: units.Norm) -> SSAValue:
    return i.sub(i.resize(q, unit.operand.signed), i.constant(unit.operand.zero_point))


def _extent(rows: Rows, x: SSAValue, unit: units.Norm) -> list[SSAValue]:
    """The middle of each row, from which it is measured, and by how much it is narrowed."""

    def ends(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        q, low, high = values
        c = _less_zero_point(i, q, unit)
        return [i.min(low, c), i.max(high, c)]

    def narrowing(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        low, high = values
        middle = i.shift_right(i.add(low, high), 1) if unit.centred else i.constant(0)
        size = i.max(i.max(i.sub(high, middle), i.sub(middle, low)), 1)
        leading = i.sub(i.constant(63), i.leading_zeros(size))
        return [middle, i.max(i.sub(leading, i.constant(units.MAX_CENTRED_BITS - 1)), 0)]

    far = 1 << 34
    return rows.once(rows.reduce([x], [far, -far], 64, ends), [64, 64], 64, narrowing)


def _scaled_epsilon(i: Integers, length: SSAValue, unit: units.Norm) -> SSAValue:
    """n²·ε·2^F/S², times a power of two: the same for all rows."""
    mantissa, _ = unit.epsilon_parts
    return i.mul(i.mul(length, length), i.constant(mantissa))


def _epsilon(
    i: Integers, scaled: SSAValue, narrowing: Sequence[SSAValue], unit: units.Norm
) -> SSAValue:
    """⌊n²·ε·2^F/S²⌋, in the steps of a row."""
    _, shift = unit.epsilon_parts
    if not narrowing:
        return i.shift_right(scaled, shift)
    whole = i.add(i.shift_left(narrowing[0], 1), shift)
    return i.shift_right(scaled, i.min(whole, units.MAX_EPSILON_SHIFT))


def _rsqrt(
    i: Integers,
    total: SSAValue,
    square: SSAValue,
    length: SSAValue,
    epsilon: SSAValue,
    unit: units.Norm,
) -> list[SSAValue]:
    """The normalized inverse root of a row's variance, and the shift of its products."""
    fraction = unit.square_fraction
    variance = i.mul(length, square)
    if unit.centred:
        variance = i.sub(variance, i.mul(total, total))
    v = i.max(i.add(i.shift_left(variance, fraction), epsilon), 1 << fraction)
    octave = i.shift_right(i.sub(i.constant(63), i.leading_zeros(v)), 1)
    aligned = i.shift_left(v, i.sub(i.constant(60), i.shift_left(octave, 1)))
    kept = 60 - units.RSQRT_BITS
    t = i.shift_right(i.add(aligned, 1 << (kept - 1)), kept)
    r = i.look_up_in(unit, "rsqrt", t)
    offset = units.TABLE_FRACTION - units.NORM_FRACTION - fraction // 2
    return [r, i.add(octave, offset)]
