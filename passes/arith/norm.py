"""
Integer code for layer norm and RMS norm.

As for softmax a few `linalg.generic`, bit for bit `lut_opt.dialects.pwl.units`.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.builder import Builder
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl import UnitOp, units
from lut_opt.passes.arith import integer_code
from lut_opt.passes.arith.row_code import Integers, Rows

_WORD_BITS = 16
"""Squares are added up in two words of so many bits: 8,192 of either stay within 32."""

_LOWER_BITS = 15
"""Bits of the lower words of a line's slope and start."""

_NORMALIZED_BITS = 23
"""|x̂| < √n · 2^15 + 1: |a| < √n · √v ≤ √n · 2^(shift − 1), and the inverse root is at most 2^16."""


def norm(builder: Builder, op: UnitOp, unit: units.Norm) -> SSAValue:
    """The code of a layer norm or RMS norm."""
    rows = Rows(builder, op.input, op.row_axes)
    return (_of_wide if unit.is_wide else _of_narrow)(rows, op, unit)


def _of_narrow(rows: Rows, op: UnitOp, unit: units.Norm) -> SSAValue:
    """Of inputs that are at most 2^15 in magnitude: what every element needs takes 32 bits."""
    x, length = op.input, rows.length()

    def add_up(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        q, total, low, high = values
        c = _less_zero_point(i, q, unit)
        square = i.mul(c, c)
        upper = i.shift_right_unsigned(square, _WORD_BITS)
        lower = i.sub(square, i.shift_left(upper, _WORD_BITS))
        return [i.add(total, c), i.add(low, lower), i.add(high, upper)]

    total, low, high = rows.reduce([x], [0, 0, 0], 32, add_up)
    epsilon = _epsilon(
        Integers(rows.builder, 64),
        _scaled_epsilon(Integers(rows.builder, 64), length, unit),
        [],
        unit,
    )

    def line(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        total, low, high = (i.resize(value) for value in values)
        square = i.add(i.shift_left(high, _WORD_BITS), low)
        r, shift = _rsqrt(i, total, square, length, epsilon, unit)
        return _line(i, length, total, r, shift, unit)

    lines = rows.once([total, low, high], [32] * 5, 64, line)

    def result(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        q, *line, shift = values[:6]
        acc = _on_line(i, _less_zero_point(i, q, unit), line, shift)
        if _is_plain(unit):
            return [i.store(i.add(acc, unit.result.zero_point), unit.result)]
        return [_rounded(Integers(i.builder, width), acc, values[6:], unit)]

    def addend(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        beta = i.resize(values[0], unit.beta is not None and unit.beta.signed)
        return [i.add(i.shift_left(beta, unit.beta_shift), _half(unit))]

    width = 32 if _sum_bits(unit) < 32 else 64
    parameters = list(op.parameters.values())
    if unit.beta is not None:
        parameters[-1:] = rows.along(parameters[-1:], [width], width, addend)
    (y,) = rows.map([x, *lines, *parameters], [unit.result.bits], 32, result)
    return y


def _line(
    i: Integers, length: SSAValue, total: SSAValue, r: SSAValue, shift: SSAValue, unit: units.Norm
) -> list[SSAValue]:
    """
    A row's results as a line in its inputs, ⌊(m·c + b) / 2^s⌋: m and b in two words each, and s.

    (n·c − Σ)·r + ½ is n·r·c + (½ − Σ·r). Without an affine part the shift to the result's scale,
    which rounds too, is a part of it: ⌊(⌊x / 2^s⌋ + h) / 2^t⌋ = ⌊(x + h·2^s) / 2^(s + t)⌋.
    """
    lifted = i.max(i.sub(i.constant(_LOWER_BITS), shift), 0)
    shift = i.max(shift, _LOWER_BITS)
    slope = i.shift_left(i.mul(length, r), lifted)
    start = i.shift_right(i.shift_left(i.constant(1), shift), 1)
    if unit.centred:
        start = i.sub(start, i.shift_left(i.mul(total, r), lifted))
    rest = i.sub(shift, i.constant(_LOWER_BITS))
    if _is_plain(unit) and unit.result_shift:
        start = i.add(start, i.shift_left(i.constant(_half(unit)), shift))
        rest = i.add(rest, unit.result_shift)
    words = [*_words(i, slope), *_words(i, start), rest]
    return [integer_code.resize(i.builder, word, 32) for word in words]


def _words(i: Integers, value: SSAValue) -> tuple[SSAValue, SSAValue]:
    """The upper and the lower word of a value; the upper one has the sign."""
    upper = i.shift_right(value, _LOWER_BITS)
    return upper, i.sub(value, i.shift_left(upper, _LOWER_BITS))


def _on_line(i: Integers, c: SSAValue, line: Sequence[SSAValue], shift: SSAValue) -> SSAValue:
    """
    A result in 32 bits, of an input of at most 2^15 in magnitude.

    Products with the lower word are at most 2^30. Those with the upper one may overflow, but not
    the sum of all, which is right modulo 2^32: |(n·c − Σ)·r| is at most 2^(13 + 16) · 2^16, and
    2^15 less after the shift; where it was lifted, it is x̂ after the shift.
    """
    upper_slope, slope, upper_start, start = line
    carry = i.shift_right(i.add(i.mul(c, slope), start), _LOWER_BITS)
    upper = i.add(i.mul(c, upper_slope), upper_start)
    return i.shift_right(i.add(upper, carry), shift)


def _is_plain(unit: units.Norm) -> bool:
    """Whether results are normalized values, rounded once more: no affine part."""
    return not unit.parameters and unit.result_shift <= _LOWER_BITS


def _sum_bits(unit: units.Norm) -> int:
    """Bits of every sum of the affine part, and of the rounding addend."""
    bits = _NORMALIZED_BITS if unit.gamma is None else _NORMALIZED_BITS + unit.gamma.bits
    if unit.beta is not None:
        bits = max(bits, unit.beta.bits + 1 + unit.beta_shift)
    return max(bits, unit.result_shift) + 1


def _half(unit: units.Norm) -> int:
    return (1 << unit.result_shift) >> 1


def _rounded(i: Integers, acc: SSAValue, rest: Sequence[SSAValue], unit: units.Norm) -> SSAValue:
    """The stored result of a normalized value; beta has the rounding addend in it already."""
    following = iter(rest)
    acc = i.resize(acc)
    if unit.gamma is not None:
        acc = i.mul(acc, i.resize(next(following), unit.gamma.signed))
    acc = i.add(acc, _half(unit) if unit.beta is None else next(following))
    y = i.shift_right(acc, unit.result_shift)
    if _sum_bits(unit) - unit.result_shift < 31:
        i = Integers(i.builder, 32)
        y = i.resize(y)
    return i.store(i.add(y, unit.result.zero_point), unit.result)


def _of_wide(rows: Rows, op: UnitOp, unit: units.Norm) -> SSAValue:
    """Of any inputs: 64 bits, and rows that are narrowed first."""
    x = op.input
    length = rows.length()

    extent = _extent(rows, x, unit)
    count = len(extent)

    def element(i: Integers, q: SSAValue, extent: Sequence[SSAValue]) -> SSAValue:
        middle, narrowing = extent
        return i.round_shift(i.sub(_less_zero_point(i, q, unit), middle), narrowing)

    def add_up(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        q, *extent, total, square = values
        c = element(i, q, extent)
        return [i.add(total, c), i.add(square, i.mul(c, c))]

    total, square = rows.reduce([x, *extent], [0, 0], 64, add_up)
    scaled = _scaled_epsilon(Integers(rows.builder, 64), length, unit)

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
        y = i.add(_affine(i, acc, rest, unit), unit.result.zero_point)
        return [i.store(y, unit.result)]

    (y,) = rows.map(
        [x, *extent, total, r, shift, *op.parameters.values()], [unit.result.bits], 64, result
    )
    return y


def _affine(i: Integers, acc: SSAValue, rest: Sequence[SSAValue], unit: units.Norm) -> SSAValue:
    """Gamma and beta, as far as there are any, and the shift to the result's scale."""
    following = iter(rest)
    if unit.gamma is not None:
        acc = i.mul(acc, i.resize(next(following), unit.gamma.signed))
    if unit.beta is not None:
        addend = i.resize(next(following), unit.beta.signed)
        acc = i.add(acc, i.shift_left(addend, unit.beta_shift))
    if unit.result_shift:
        acc = i.round_shift(acc, i.constant(unit.result_shift))
    return acc


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
