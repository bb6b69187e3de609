"""
Integer code for softmax, log-softmax and the norms.

Each unit becomes a few `linalg.generic`: reductions along the row, one for what a row needs once,
one for the results. Bit for bit `lut_opt.dialects.pwl.units`, step by step under the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from xdsl.builder import Builder
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl import NormOp, RowExponentialsOp, Table, UnitOp, units
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.arith import integer_code
from lut_opt.passes.arith.row_code import Integers, Rows

UnitPlan = Callable[[Builder], SSAValue]
"""Emits the code of one unit, whose scales it remembers, and returns the result."""

_NARROW_PRODUCT_BITS = 29
"""Products e · r of so many bits, with the rounding addend, stay within 32."""


def plan_unit(op: UnitOp) -> UnitPlan:
    """The code of a unit, for when its types have lost their scales. ValueError without tables."""
    if isinstance(op, RowExponentialsOp):
        row, axis = op.unit(), op.axis.value.data
        if isinstance(row, units.Softmax):
            return lambda builder: _softmax(builder, op.input, row, axis)
        return lambda builder: _log_softmax(builder, op.input, row, axis)
    assert isinstance(op, NormOp)
    norm, count = op.unit(), op.normalized.value.data
    return lambda builder: _norm(builder, op.input, op.gamma, op.beta_value, norm, count)


def look_up(
    i: Integers, q: SSAValue, table: Table, operand: Quantization, result: Quantization
) -> SSAValue:
    """A table's result in the width of `i`, for an input of any width."""
    width = integer_code.register_width(operand.bits)
    narrow = integer_code.resize(i.builder, q, width)
    sides = replace(operand, bits=width), replace(result, bits=i.bits)
    return integer_code.apply_table(i.builder, narrow, table, *sides, "chain")


def _exponentials(
    rows: Rows, x: SSAValue, unit: units.RowExponentials
) -> tuple[SSAValue, SSAValue, SSAValue]:
    """The maximum of each row, the exponentials, and their sum."""
    signed = unit.operand.signed
    operand, result = (
        units.exp_operand(unit.operand.scale, unit.clip),
        units.exp_result(unit.exp_fraction),
    )

    def exponential(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        q, top = values
        distance = i.max(i.sub(i.resize(q, signed), top), unit.clip)
        return [look_up(i, distance, unit.exp, operand, result)]

    (top,) = rows.reduce([x], [-(1 << 31)], 32, lambda i, v: [i.max(v[1], i.resize(v[0], signed))])
    (e,) = rows.map([x, top], [32], 32, exponential)
    (total,) = rows.reduce([e], [0], 32, lambda i, v: [i.add(v[1], v[0])])
    return top, e, total


def _softmax(builder: Builder, x: SSAValue, unit: units.Softmax, axis: int) -> SSAValue:
    rows = Rows(builder, x, (axis,))
    _, e, total = _exponentials(rows, x, unit)
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


def _log_softmax(builder: Builder, x: SSAValue, unit: units.LogSoftmax, axis: int) -> SSAValue:
    rows = Rows(builder, x, (axis,))
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


def _mantissa(i: Integers, total: SSAValue) -> tuple[SSAValue, SSAValue]:
    """The octave of a row's sum, and the input of the table over one octave."""
    octave = i.sub(i.constant(31), i.leading_zeros(total))
    aligned = i.shift_left(total, i.sub(i.constant(30), octave))
    kept = 30 - units.RECIPROCAL_BITS
    return octave, i.shift_right_unsigned(i.add(aligned, 1 << (kept - 1)), kept)


def _reciprocal(i: Integers, total: SSAValue, unit: units.Softmax) -> list[SSAValue]:
    """The normalized reciprocal of a row's sum, and the shift of its products."""
    octave, t = _mantissa(i, total)
    r = look_up(i, t, unit.reciprocal, units.RECIPROCAL_OPERAND, units.INVERSE_RESULT)
    return [r, i.add(octave, units.TABLE_FRACTION - unit.result_bits)]


def _logarithm(i: Integers, total: SSAValue, unit: units.LogSoftmax) -> SSAValue:
    """The logarithm of a row's sum, with the fraction bits of the tables."""
    octave, t = _mantissa(i, total)
    log = look_up(i, t, unit.log, units.RECIPROCAL_OPERAND, units.LOG_RESULT)
    octaves = i.sub(octave, i.constant(unit.exp_fraction))
    return i.add(log, i.mul(octaves, i.constant(units.LOG_TWO)))


def _norm(
    builder: Builder,
    x: SSAValue,
    gamma: SSAValue | None,
    beta: SSAValue | None,
    unit: units.Norm,
    count: int,
) -> SSAValue:
    rank = len(Rows.shape_of(x))
    rows = Rows(builder, x, tuple(range(rank - count, rank)))
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
    affine = [value for value in (gamma, beta) if value is not None]

    def result(i: Integers, values: Sequence[SSAValue]) -> list[SSAValue]:
        q, total, r, shift, *rest = values
        a = i.mul(length, centred(i, q))
        a = i.sub(a, total) if unit.centred else a
        acc = i.round_shift(i.mul(a, r), shift)
        return [i.store(_affine(i, acc, rest, unit), unit.result)]

    (y,) = rows.map([x, total, r, shift, *affine], [unit.result.bits], 64, result)
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
    r = look_up(i, t, unit.rsqrt, units.RSQRT_OPERAND, units.INVERSE_RESULT)
    offset = units.TABLE_FRACTION - units.NORM_FRACTION - fraction // 2
    return [r, i.add(octave, offset)]
