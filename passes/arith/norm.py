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

    def centred(i: Integers, q: SSAValue) -> SSAValue:
        return i.sub(i.resize(q, unit.operand.signed), i.constant(unit.operand.zero_point))

    def add_up(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        q, total, square = values
        c = centred(i, q)
        return [i.add(total, c), i.add(square, i.mul(c, c))]

    total, square = rows.reduce([x], [0, 0], 64, add_up)
    epsilon = _epsilon(Integers(builder, 64), length, unit)
    r, shift = rows.once(
        [total, square], [64, 64], 64, lambda i, v: _rsqrt(i, v[0], v[1], length, epsilon, unit)
    )

    def result(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        q, total, r, shift, *rest = values
        a = i.mul(length, centred(i, q))
        a = i.sub(a, total) if unit.centred else a
        acc = i.round_shift(i.mul(a, r), shift)
        return [i.store(_affine(i, acc, rest, unit), unit.result)]

    (y,) = rows.map([x, total, r, shift, *op.parameters.values()], [unit.result.bits], 64, result)
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


def _epsilon(i: Integers, length: SSAValue, unit: units.Norm) -> SSAValue:
    """⌊n²·ε·2^F/S²⌋, the same for all rows."""
    mantissa, shift = unit.epsilon_parts
    product = i.mul(i.mul(length, length), i.constant(mantissa))
    return i.shift_right(product, shift)


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
