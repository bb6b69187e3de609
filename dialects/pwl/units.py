"""
The integer semantics of the units, `pwl.softmax` and so on, and their error bounds.

This is the only definition; the interpreter calls it, the arithmetic is tested against it.
Everything is an integer; `>>` rounds down, `round(a, s)` below is `(a + 2^(s−1)) >> s`.

Softmax of one row of stored inputs q, with c = `clip` < 0 and exp results of f fraction bits:

    d = max(q − max(q), c)                     # exact; the exp table holds exactly 0 at c
    e = exp(d)                                 # table: 0 … 2^f
    s = Σ e,  k = position of s's leading one  # 1 ≤ s < 2^30
    t = s / 2^k in [1, 2], to 10 fraction bits, r = reciprocal(t)        # table: 16 fraction bits
    y = clamp(round(e · r, k + 16 − o))        # result scale 2^−o: the only rounding of the result

Log-softmax has the same e, s, k and t, and an input scale 2^−i of at least 2^−16:

    L = log(t) + (k − f)·⌊2^16·ln 2 + ½⌋       # table: 16 fraction bits; L is ln Σ
    y = clamp(round((q − max(q))·2^(16−i) − L, 16 − o))     # the distance itself is not clipped

A norm of one row of n stored inputs, c = q − zero point, F = 34 − 2·⌈log₂ max|c|⌉ ≥ 4:

    layer norm:  a = n·c − Σc,  V = n·Σc² − (Σc)²       RMS norm:  a = n·c,  V = n·Σc²   # all exact
    v = max(V·2^F + ⌊n²·ε·2^F/S²⌋, 2^F)                 # n²·variance with F fraction bits, < 2^62
    t = v / 4^k in [1, 4], to 9 fraction bits, r = rsqrt(t)             # table: 16 fraction bits
    x̂ = round(a · r, 2 + k − F/2)                       # 14 fraction bits, |x̂| < 2^21
    y = clamp(round(x̂ · γ + (β << shift), shift to the result scale))   # the affine part, folded

Mean and variance are never rounded: both sides are multiplied by n instead of divided. Rows hold 1
to 8,192 elements; with inputs of at most 16 bits no sum then leaves 64 bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lut_opt.dialects.pwl.fixed_point import leading_one as _leading_one
from lut_opt.dialects.pwl.fixed_point import round_shift as _round_shift
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Quantization, Reals, exact_log2

MAX_ROW = 8192
"""Longest row: the widths below are proven for it."""

TABLE_FRACTION = 16
"""Fraction bits of reciprocals and reciprocal square roots."""

NORM_FRACTION = 14
"""Fraction bits of a normalized value, before the affine part."""

MAX_EXP_FRACTION = 15

MAX_CENTRED_BITS = 15
"""A norm's inputs, less their zero point, are at most 2^15 in magnitude."""

MAX_SHIFTED_BITS = 61
"""Every sum of the affine part is below 2^61."""

RECIPROCAL_BITS, RSQRT_BITS = 10, 9
"""Fraction bits of the inputs of these two tables."""

_SQUARE_BITS = 34
"""62 bits, less n² ≤ 2^26, less two of reserve: what is left for squares and their fraction."""

RECIPROCAL_OPERAND = Quantization(12, False, 2.0**-RECIPROCAL_BITS, 0, 1 << 10, 1 << 11)
"""One octave, [1, 2], both ends included."""

RSQRT_OPERAND = Quantization(12, False, 2.0**-RSQRT_BITS, 0, 1 << 9, 1 << 11)
"""Two octaves, [1, 4], both ends included."""

LOG_TWO = round(math.log(2.0) * 2**TABLE_FRACTION)
"""The logarithm of 2, with the fraction bits of the tables."""

MAX_DISTANCE_SHIFT = 44
"""A distance has 17 bits; scaled to the tables' fraction bits it stays below 2^61."""

LOG_RESULT = Quantization(17, False, 2.0**-TABLE_FRACTION, 0, 0, LOG_TWO)
"""Logarithms over one octave."""

INVERSE_RESULT = Quantization(17, False, 2.0**-TABLE_FRACTION, 0, 0, 1 << TABLE_FRACTION)
"""Reciprocals and reciprocal square roots of what is at least 1."""


def exp_operand(scale: float, clip: int) -> Quantization:
    """How the distances to the maximum are stored: clip … 0."""
    return Quantization((-clip).bit_length() + 1, True, scale, 0, clip, 0)


def exp_result(fraction: int) -> Quantization:
    """How exponentials of what is at most 0 are stored: 0 … 2^fraction."""
    return Quantization(fraction + 1, False, 2.0**-fraction, 0, 0, 1 << fraction)


@dataclass(frozen=True)
class RowExponentials:
    """What softmax and log-softmax share: exponentials of a row and their normalized sum."""

    operand: Quantization
    result: Quantization
    clip: int
    exp_fraction: int
    exp: Table

    @property
    def result_bits(self) -> int:
        """Fraction bits of the result, o."""
        return _fraction(self.result)

    def exponentials(self, distance: Integers) -> Integers:
        """Exp of clipped distances to the maximum, in 2^−f."""
        return self.exp.evaluate(distance, exp_result(self.exp_fraction))

    def summed(self, q: Integers, axis: int) -> tuple[Integers, Integers, Integers, Integers]:
        """
        Distances to the maximum, exponentials, and of their sum the octave k and the mantissa t.

        The first two have the shape of q; the others have size 1 along `axis`.
        """
        _check_row(q.shape[axis])
        distance = q - q.max(axis, keepdims=True)
        e = self.exponentials(np.maximum(distance, self.clip))
        total = e.sum(axis, keepdims=True)
        octave = _leading_one(total)
        # 30 − k first: the sum is aligned to 31 bits, then rounded to the table's input
        t = ((total << (30 - octave)) + (1 << (29 - RECIPROCAL_BITS))) >> (30 - RECIPROCAL_BITS)
        return distance, e, octave, t

    def exponential_errors(self, row: int) -> tuple[float, float]:
        """
        Relative errors of the sum of a row of up to `row` elements, and of one element over it.

        With δ(d) = |e − exp| and E(d) = exp(S·d), over every distance d ≤ 0:

            A = max_d (δ(0) + (n−1)·δ(d)) / (1 + (n−1)·E(d))      relative error of the sum
            B = max(δ(0), max_d δ(d)/(1 + E(d)))                   one exponential over its sum

        (A: the ratio is linear-fractional in how often each d occurs, so its maximum has one d.)
        """
        d = np.arange(self.clip, 1)
        real = np.exp(self.operand.scale * d)
        wrong = np.abs(self.exponentials(d) * 2.0**-self.exp_fraction - real)
        # Below the clip the result is 0, as at the clip, and exp is smaller: no new maximum.
        total = float(np.max((wrong[-1] + (row - 1) * wrong) / (1 + (row - 1) * real)))
        return total, max(float(wrong[-1]), float(np.max(wrong / (1 + real))))


@dataclass(frozen=True)
class Softmax(RowExponentials):
    """The unit behind `pwl.softmax`; the result scale is a power of two from 2^−15 to 1."""

    reciprocal: Table

    def evaluate(self, q: Integers, axis: int = -1) -> Integers:
        """Stored results of stored inputs of any shape; each row along `axis` by itself."""
        q = np.asarray(q, np.int64)
        if not q.size:
            return q.copy()
        _, e, octave, t = self.summed(q, axis)
        r = self.reciprocal.evaluate(t, INVERSE_RESULT)
        y = _round_shift(e * r, octave + TABLE_FRACTION - self.result_bits)
        return np.clip(y, self.result.minimum, self.result.maximum)

    def error_bound(self, row: int) -> float:
        """
        The largest error of any result in any row of up to `row` elements, in output steps.

        Against softmax in exact arithmetic of the reals that the inputs stand for, saturated to
        the result's range: with A and B of `exponential_errors`,

            |e/s − E/Σ| ≤ min(1, (A + B)/(1 − A))

        The reciprocal's relative error adds at most itself, since e/s ≤ 1; then half a step.
        """
        total, single = self.exponential_errors(row)
        quotient = min(1.0, (total + single) / (1 - total)) if total < 1 else 1.0
        octave = RECIPROCAL_OPERAND.values
        inverse = INVERSE_RESULT.dequantize(self.reciprocal.evaluate(octave, INVERSE_RESULT))
        return (quotient + _relative(octave, inverse, RECIPROCAL_BITS, 1.0)) / (
            self.result.scale
        ) + 0.5


@dataclass(frozen=True)
class LogSoftmax(RowExponentials):
    """
    The unit behind `pwl.log_softmax`.

    Both scales are powers of two: the input's from 2^−16 to 2^28, the result's at least 2^−16.
    """

    log: Table

    @property
    def distance_shift(self) -> int:
        """Left shift that gives a distance the fraction bits of the tables."""
        return TABLE_FRACTION - _fraction(self.operand)

    @property
    def result_shift(self) -> int:
        """Right shift from the tables' fraction bits to the result."""
        return TABLE_FRACTION - self.result_bits

    def evaluate(self, q: Integers, axis: int = -1) -> Integers:
        """Stored results of stored inputs of any shape; each row along `axis` by itself."""
        q = np.asarray(q, np.int64)
        if not q.size:
            return q.copy()
        distance, _, octave, t = self.summed(q, axis)
        total = self.log.evaluate(t, LOG_RESULT) + (octave - self.exp_fraction) * LOG_TWO
        y = _round_shift((distance << self.distance_shift) - total, np.int64(self.result_shift))
        return np.clip(y, self.result.minimum, self.result.maximum)

    def error_bound(self, row: int) -> float:
        """
        The largest error of any result in any row of up to `row` elements, in output steps.

        Against log-softmax in exact arithmetic of the reals that the inputs stand for, saturated
        to the result's range. The distance is exact, so all of it is the error of ln Σ: −ln(1 − A)
        of the sum, A as in `exponential_errors`, that of the table over the reals that round to
        its input, half a unit of 2^−16 for each octave counted; then half a step.
        """
        total, _ = self.exponential_errors(row)
        if total >= 1:
            return math.inf
        t = RECIPROCAL_OPERAND.values
        table = LOG_RESULT.dequantize(self.log.evaluate(t, LOG_RESULT))
        edges = np.maximum(np.stack([t - 0.5, t + 0.5]) * 2.0**-RECIPROCAL_BITS, 1.0)
        mantissa = float(np.max(np.abs(table - np.log(edges))))
        # s reaches from 1 unit of 2^−f to row units of 1
        octaves = max(self.exp_fraction, row.bit_length())
        counted = octaves * 2.0 ** -(TABLE_FRACTION + 1)
        return (mantissa + counted - math.log1p(-total)) / self.result.scale + 0.5


@dataclass(frozen=True)
class Norm:
    """
    The unit behind `pwl.layer_norm` (`centred`) and `pwl.rms_norm`.

    `gamma` and `beta` say how those are stored, None where there are none; their scales and the
    result's are powers of two.
    """

    operand: Quantization
    result: Quantization
    rsqrt: Table
    epsilon: float
    centred: bool
    gamma: Quantization | None = None
    beta: Quantization | None = None

    @property
    def square_fraction(self) -> int:
        """Fraction bits of the squares, F; even."""
        return _SQUARE_BITS - 2 * centred_bits(self.operand)

    @property
    def epsilon_parts(self) -> tuple[int, int]:
        """ε·2^F/S² as mantissa · 2^−shift, with 24 significant bits or more."""
        value = self.epsilon * 2.0**self.square_fraction / self.operand.scale**2
        if value == 0.0:
            return 0, 0
        shift = min(max(0, 24 - math.frexp(value)[1]), 62)
        return round(math.ldexp(value, shift)), shift

    @property
    def beta_shift(self) -> int:
        """Left shift that gives beta the unit of x̂·γ."""
        return self.product_bits - (0 if self.beta is None else _fraction(self.beta))

    @property
    def result_shift(self) -> int:
        """Right shift from x̂·γ to the result."""
        return self.product_bits - _fraction(self.result)

    @property
    def product_bits(self) -> int:
        """Fraction bits of x̂·γ."""
        return NORM_FRACTION + (0 if self.gamma is None else _fraction(self.gamma))

    def evaluate(
        self,
        q: Integers,
        gamma: Integers | None = None,
        beta: Integers | None = None,
        axes: int = 1,
    ) -> Integers:
        """Stored results of stored inputs; a row is the last `axes` axes, gamma's shape."""
        q = np.asarray(q, np.int64)
        if not q.size:
            return q.copy()
        acc = self.normalize(q.reshape(*q.shape[: q.ndim - axes], -1)).reshape(q.shape)
        if gamma is not None:
            acc = acc * np.asarray(gamma, np.int64)
        if beta is not None:
            acc = acc + (np.asarray(beta, np.int64) << self.beta_shift)
        y = _round_shift(acc, np.int64(self.result_shift)) + self.result.zero_point
        return np.clip(y, self.result.minimum, self.result.maximum)

    def normalize(self, q: Integers) -> Integers:
        """Normalized values x̂ of rows along the last axis, in 2^−14."""
        n = q.shape[-1]
        _check_row(n)
        c = q - self.operand.zero_point
        square = n * (c * c).sum(-1, keepdims=True)
        a = n * c
        if self.centred:
            total = c.sum(-1, keepdims=True)
            a, square = a - total, square - total * total
        mantissa, shift = self.epsilon_parts
        fraction = self.square_fraction
        v = np.maximum((square << fraction) + ((n * n * mantissa) >> shift), 1 << fraction)
        octave = _leading_one(v) >> 1
        t = ((v << (60 - 2 * octave)) + (1 << (59 - RSQRT_BITS))) >> (60 - RSQRT_BITS)
        r = self.rsqrt.evaluate(t, INVERSE_RESULT)
        return _round_shift(a * r, TABLE_FRACTION - NORM_FRACTION + octave - fraction // 2)

    def error_bound(self, row: int, gamma: float = 1.0) -> float:
        """
        The largest error of any result in any row of `row` elements, in output steps.

        Against the norm in exact arithmetic of the reals that input, gamma and beta stand for,
        saturated to the result's range; `gamma` is the largest magnitude of the stored gamma.
        |x̂| ≤ √n (√(n−1) if centred), and v differs from n²(σ² + ε)/S² by less than one unit of
        2^−F and by ε's mantissa, where V ≥ n − 1 if any a ≠ 0; with the table's relative error ρ,

            |error| ≤ |γ| · (√n · ((1 + ρ)/√(1 − η) − 1) + 2^−15) / S_out + ½,
            η = 2^−F/max(n − 1, 1) + 2^−23
        """
        octaves = RSQRT_OPERAND.values
        inverse = INVERSE_RESULT.dequantize(self.rsqrt.evaluate(octaves, INVERSE_RESULT))
        rho = _relative(octaves, inverse, RSQRT_BITS, 0.5)
        eta = 2.0**-self.square_fraction / max(row - 1, 1) + 2.0**-23
        largest = math.sqrt(row - 1 if self.centred else row)
        relative = (1 + rho) / math.sqrt(1 - eta) - 1
        return gamma * (largest * relative + 2.0 ** -(NORM_FRACTION + 1)) / self.result.scale + 0.5


def centred_bits(operand: Quantization) -> int:
    """⌈log₂⌉ of the largest magnitude of an input less its zero point."""
    largest = max(operand.maximum - operand.zero_point, operand.zero_point - operand.minimum)
    return (largest - 1).bit_length()


def _check_row(length: int) -> None:
    if length > MAX_ROW:
        raise ValueError(f"rows of {length} elements are longer than {MAX_ROW}: split them")


def _fraction(quantization: Quantization) -> int:
    exponent = exact_log2(quantization.scale)
    assert exponent is not None
    return -exponent


def _relative(t: Integers, inverse: Reals, bits: int, power: float) -> float:
    """Largest |inverse · u^power − 1| over the reals u that round to a stored t."""
    edges = np.stack([t - 0.5, t + 0.5]) * 2.0**-bits
    return float(np.max(np.abs(inverse * np.maximum(edges, 1.0) ** power - 1)))
