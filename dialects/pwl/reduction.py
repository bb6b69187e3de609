"""
Range reduction: how a narrow table answers for a wide operand. The one definition of it.

A reduction writes a positive integer v as t · 2^(origin + p·k), t near one octave, or near two
octaves (p = 2) for roots, and hands t to the table as q = t · 2^b. `round(a, s)` is
`(a + 2^(s−1)) >> s`; r is the table's result with F ≤ 16 fraction bits, as many as 8-bit slopes
allow; (m, s) is a real constant C as m · 2^−s with a mantissa of 24 bits, exact for powers of two.
With v = q − zero point,

    reciprocal   y = round(±r · m, F + s + k)      C = 1/(S · 2^origin · S_out), the sign of v
    rsqrt        y = round(r · m, F + s + k)       C = (S · 2^origin)^−½ / S_out
    sqrt         y = round(r · m, F + s − k)       C = (S · 2^origin)^½ / S_out
    log          y = round((r·2^(24−F) + k·L + O) · m, 24 + s)
                                                   C = 1/S_out, L = log 2, O = log(S · 2^origin)
    a / b        y = round(±(a − z_a) · r · m, F + s + k)   C = S_a/(S_b · 2^origin · S_out)

An exponential is reduced the other way, the power of two split off: u = round(v · m_u, s_u) is
x·log2(base) with b fraction bits, for the constant S · log2(base) · 2^b; k is its integer part, and
q the rest, at which the table holds 2^t, t in [0, 1):

    exp, exp2    y = round(r · m, F + s − k)       C = 1/S_out

then the zero point of the result and the clamp: one rounding besides the table's own. Shifts are
kept within 0 … 61, where nothing changes: below, the result is saturated, above, it is 0. L and O
have 24 fraction bits.

Where v has no value: 1/0 is the largest stored result, a/0 the largest or the smallest by the sign
of a, and 0/0 is 0. For v ≤ 0 rsqrt is the largest stored result, log the smallest, and sqrt is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lut_opt.dialects.pwl.fixed_point import MANTISSA_BITS, mantissa, round_shift
from lut_opt.dialects.pwl.functions import FUNCTIONS, Function
from lut_opt.dialects.pwl.range_reduction import LeadingZero, Octaves, Reduction
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Quantization, Reals

Reducible = Literal["reciprocal", "rsqrt", "sqrt", "log", "log2", "log10", "exp", "exp2"]

REDUCIBLE: tuple[Reducible, ...] = get_args(Reducible)

PERIOD: dict[str, int] = {
    "reciprocal": 1,
    "rsqrt": 2,
    "sqrt": 2,
    "log": 1,
    "log2": 1,
    "log10": 1,
    "exp": 1,
    "exp2": 1,
}
"""Octaves of the operand, p, that make a whole number of octaves of the result."""

EXPONENTIALS: dict[str, float] = {"exp": math.log2(math.e), "exp2": 1.0}
"""Functions whose operand's integer part is the octave of the result, and log2 of their bases."""

LOGARITHMS = frozenset(("log", "log2", "log10"))
"""Functions whose own errors count, not their relative ones."""

MAX_FRACTION = 16
"""Most fraction bits of a table's result, F."""

LARGEST_SLOPE = 127
"""Steepest slope of a table in its own steps: what 8 bits hold."""

LOG_FRACTION = 24
"""Fraction bits of a logarithm before it is rounded."""

MAX_SHIFT = 61
"""Products are below 2^60, so that their half, added, fits 64 bits."""


def table_function(function: Reducible) -> Function:
    """What the table behind a reduction approximates: 2^t for any exponential."""
    return FUNCTIONS["exp2" if function in EXPONENTIALS else function]


@dataclass(frozen=True)
class Core:
    """A function, its reduction, and the table behind it."""

    function: Reducible
    reduction: Reduction
    table: Table

    @property
    def period(self) -> int:
        """Octaves of the operand in one step of k."""
        return PERIOD[self.function]

    @property
    def sides(self) -> tuple[Quantization, Quantization]:
        """How the table's input and result are stored."""
        return table_sides(self.function, self.reduction)

    @property
    def fraction(self) -> int:
        """Fraction bits of r, F."""
        return table_fraction(self.function, self.reduction)

    def look_up(self, v: Integers) -> tuple[Integers, Integers]:
        """The table's results r and the exponents k of positive operands."""
        q, k = self.reduction.reduce(v, self.period)
        return self.table.evaluate(q, self.sides[1]), k

    def error(self) -> float:
        """
        Largest relative error of r, for log the largest error, over all reals t that are not
        saturated: f is monotone between the ends of what rounds to one table input.
        """
        operand, result = self.sides
        q = operand.values
        r = result.dequantize(self.table.evaluate(q, result))
        edges: Reals = np.stack([q - 0.5, q + 0.5]).astype(np.float64) * operand.scale
        if isinstance(self.reduction, LeadingZero):
            edges = np.clip(edges, 1.0, 2.0**self.period)
        real = table_function(self.function)(edges)
        error = np.abs(r - real)
        return float(np.max(error if self.function in LOGARITHMS else error / real))


def table_fraction(function: Reducible, reduction: Reduction) -> int:
    """Fraction bits at which the table's steepest slope, at its least input, fits 8 bits."""
    operand = reduction.operand(PERIOD[function])
    if function in EXPONENTIALS:
        slope = math.log(2) * 2.0 ** (operand.maximum * operand.scale)
    else:
        x = operand.minimum * operand.scale
        slopes = {"reciprocal": x**-2, "rsqrt": x**-1.5 / 2, "sqrt": x**-0.5 / 2}
        # A logarithm to base 2 is the steepest.
        slope = slopes.get(function, 1 / (x * math.log(2)))
    steps = math.floor(math.log2(LARGEST_SLOPE / slope) - math.log2(operand.scale))
    return min(steps, MAX_FRACTION)


def table_sides(function: Reducible, reduction: Reduction) -> tuple[Quantization, Quantization]:
    """How a table's input and result are stored: as wide as the function."""
    operand = reduction.operand(PERIOD[function])
    scale = 2.0 ** -table_fraction(function, reduction)
    ends = table_function(function)(operand.dequantize(operand.ends)) / scale
    low, high = min(0, math.floor(ends.min())), math.ceil(ends.max())
    bits = max((-low).bit_length(), high.bit_length()) + (low < 0)
    return operand, Quantization(bits, low < 0, scale, 0, low, high)


def sizes(operand: Quantization, *, odd: bool) -> tuple[int, int]:
    """
    Least and largest positive v of an operand, or |v| where the function is odd.

    Raises `ValueError` where no stored value is positive.
    """
    low, high = operand.minimum - operand.zero_point, operand.maximum - operand.zero_point
    most = max(high, -low) if odd else high
    if most < 1:
        raise ValueError("no stored input is positive: use another storage range or zero point")
    if odd and high < 0:
        return -high, most
    return max(low, 1), most


def largest_result(result: Quantization) -> int:
    """Largest magnitude of a result, in steps."""
    return max(result.maximum - result.zero_point, result.zero_point - result.minimum)


@dataclass(frozen=True)
class Reduced:
    """`pwl.apply` with a reduction: function, storage of operand and result, the table."""

    core: Core
    operand: Quantization
    result: Quantization

    def check(self) -> None:
        """Raise `ValueError` for storage that the arithmetic is not made for."""
        if isinstance(self.core.reduction, Octaves) != (self.core.function in EXPONENTIALS):
            raise ValueError(
                "octaves are split off exponentials, and off nothing else: exp and exp2 need "
                "#pwl.octaves, other functions #pwl.leading_zero or #pwl.multi_range"
            )
        if self.core.function in EXPONENTIALS:
            if not 0 <= self.turn[1] <= MAX_SHIFT:
                raise ValueError(f"the input scale {self.operand.scale} is too large or too small")
            return
        sizes(self.operand, odd=self.core.function == "reciprocal")
        shift = LOG_FRACTION + self.factor[1]
        if self.core.function in LOGARITHMS and not 0 <= shift <= MAX_SHIFT:
            raise ValueError(
                f"a logarithm needs a result scale from 2^-47 to 2^14, got {self.result.scale}"
            )

    @property
    def factor(self) -> tuple[int, int]:
        """The constant C as mantissa and shift."""
        unit = self.operand.scale * 2.0**self.core.reduction.origin
        match self.core.function:
            case "reciprocal":
                real = 1.0 / unit
            case "rsqrt":
                real = unit**-0.5
            case "sqrt":
                real = unit**0.5
            case _:
                real = 1.0
        return mantissa(real / self.result.scale)

    @property
    def turn(self) -> tuple[int, int]:
        """Of exponentials: what makes table steps of log2 out of an operand's steps."""
        unit = self.core.reduction.operand(1).scale
        return mantissa(self.operand.scale * EXPONENTIALS[self.core.function] / unit)

    @property
    def log_terms(self) -> tuple[int, int]:
        """The logarithms of 2 and S · 2^origin, in 2^−24."""
        unit = self.operand.scale * 2.0**self.core.reduction.origin
        octave, offset = FUNCTIONS[self.core.function](np.array([2.0, unit])) * 2.0**LOG_FRACTION
        return round(float(octave)), round(float(offset))

    @property
    def at_zero(self) -> int:
        """The stored result where the function has no value, or at 0."""
        match self.core.function:
            case "sqrt":
                return min(max(self.result.zero_point, self.result.minimum), self.result.maximum)
            case "reciprocal" | "rsqrt":
                return self.result.maximum
            case _:
                return self.result.minimum

    def evaluate(self, q: Integers) -> Integers:
        """Stored results of stored operands of any shape."""
        v = np.asarray(q, np.int64) - self.operand.zero_point
        if self.core.function in EXPONENTIALS:
            return self._exponential(v)
        size = np.abs(v) if self.core.function == "reciprocal" else v
        r, k = self.core.look_up(np.maximum(size, 1))
        m, shift = self.factor
        if self.core.function in LOGARITHMS:
            step, offset = self.log_terms
            r = (r << (LOG_FRACTION - self.core.fraction)) + k * step + offset
            y = round_shift(r * m, np.int64(LOG_FRACTION + shift))
        else:
            k = -k if self.core.function == "sqrt" else k
            y = round_shift(
                np.where(v < 0, -r, r) * m, np.clip(k + self.core.fraction + shift, 0, MAX_SHIFT)
            )
        y = np.clip(y + self.result.zero_point, self.result.minimum, self.result.maximum)
        return np.where(size > 0, y, self.at_zero)

    def _exponential(self, v: Integers) -> Integers:
        turn, turn_shift = self.turn
        r, k = self.core.look_up(round_shift(v * turn, np.int64(turn_shift)))
        m, shift = self.factor
        y = round_shift(r * m, np.clip(self.core.fraction + shift - k, 0, MAX_SHIFT))
        return np.clip(y + self.result.zero_point, self.result.minimum, self.result.maximum)

    def error_bound(self) -> float:
        """
        The largest error of any result of an operand that the function has a value for, in steps.

        Against the function in exact arithmetic, saturated to the result's range. With ρ the
        table's relative error (log: δ its error) and Y the largest result, in steps,

            |error| ≤ ρ' · min(Y, Y_max/(1 − ρ')) + ½,            ρ' = (1 + ρ)(1 + 2^−24) − 1
            |error| ≤ (δ + (k_max + 2)·2^−25 + Y·2^−23) / S_out + ½                      (log)

        What is larger than Y_max/(1 − ρ') saturates on both sides. Operands that the reduction
        saturates are monotone between the ends of their runs, which are evaluated.
        """
        function, scale = self.core.function, self.operand.scale
        if function in EXPONENTIALS:
            return self._exponential_bound()
        least, most = sizes(self.operand, odd=function == "reciprocal")
        range_ = float(self.result.maximum - self.result.minimum)
        real = np.abs(FUNCTIONS[function](np.array([least * scale, most * scale])))
        if function in LOGARITHMS:
            k = max(abs(self.core.reduction.reduce(np.array([least, most]), 1)[1]))
            error = self.core.error() + (float(k) + 2) * 2.0**-25 + float(real.max()) * 2.0**-23
            bound = error / self.result.scale
        else:
            largest = float(real.max()) / self.result.scale
            bound = saturated_error(self.core.error(), largest, largest_result(self.result))
        outside = np.array(self.core.reduction.saturated(least, most), np.int64)
        if len(outside):
            x = outside.astype(np.float64) * scale
            true = FUNCTIONS[function](x) / self.result.scale + self.result.zero_point
            true = np.clip(true, self.result.minimum, self.result.maximum)
            stored = self.evaluate(outside + self.operand.zero_point)
            bound = max(bound, float(np.max(np.abs(stored - true))))
        return min(bound + 0.5, range_)

    def _exponential_bound(self) -> float:
        """As for reciprocals; an operand's own mantissa adds its log2 · ln 2 · 2^−24 to ρ."""
        ends = self.operand.dequantize(np.array([self.operand.minimum, self.operand.maximum]))
        octaves = float(np.max(np.abs(ends))) * EXPONENTIALS[self.core.function]
        relative = (1 + self.core.error()) * math.exp(min(octaves * 2.0**-MANTISSA_BITS, 1.0)) - 1
        with np.errstate(over="ignore"):
            largest = float(FUNCTIONS[self.core.function](ends[1:])[0]) / self.result.scale
        bound = saturated_error(relative, largest, largest_result(self.result))
        return min(bound + 0.5, float(self.result.maximum - self.result.minimum))


def saturated_error(relative: float, largest: float, limit: int) -> float:
    """
    Largest error of a product before its rounding, in steps, saturated to ±`limit`.

    `relative` is the table's error, `largest` the largest exact product.
    """
    relative = (1 + relative) * (1 + 2.0**-MANTISSA_BITS) - 1
    # Beyond ½ the bound would say nothing; the storage range bounds the error then.
    return relative * min(largest, limit / (1 - relative)) if relative < 0.5 else math.inf
