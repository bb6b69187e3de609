"""
Reciprocal and reciprocal square root of wide unsigned integers through one narrow table.

    unit = design(LeadingZero("reciprocal"), entries=8)             # wide_design.py
    mantissa, exponent = unit.evaluate(v)          # f(v · 2^−frac) ≈ mantissa · 2^exponent
    errors = relative_errors(unit, 1, 2**32)       # by octave; the maximum is exact

Two reductions of the range: the multi-range input scaling of GQA-LUT (Table 2), and leading-zero
normalization to one octave (reciprocal) or two (rsqrt), as `lut_opt.dialects.pwl.reduction` defines
them for `pwl.apply`, here between reals: the operand has fraction bits, the result an exponent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from lut_opt.dialects.pwl import range_reduction as stored
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Quantization, Reals

Wide = Literal["reciprocal", "rsqrt"]

_POWER: dict[Wide, int] = {"reciprocal": 1, "rsqrt": 2}
"""An input that is 2^(n·power) times as large has a result 2^n times as small."""

_CELLS = 12
"""log2 of the cells into which an octave is cut; inputs at both ends and the middle of each."""

MAX_INPUT_BITS = 32


class Reduction(Protocol):
    """A way from a wide input to a table's input."""

    @property
    def function(self) -> Wide:
        """What is computed."""
        ...

    @property
    def operand(self) -> Quantization:
        """How the table's input is stored: unsigned."""
        ...

    @property
    def frac(self) -> int:
        """Fraction bits of the wide input."""
        ...

    @property
    def reach(self) -> tuple[int, int]:
        """The inputs, end excluded, whose table input is not saturated."""
        ...

    def reduce(self, v: Integers) -> tuple[Integers, Integers]:
        """Table inputs q and exponents e, in the shape of `v`: `f(x) ≈ T(q) · 2^e`."""
        ...


@dataclass(frozen=True)
class LeadingZero:
    """
    x = m · 2^n with m in [1, 2], or in [1, 4] and n even for rsqrt; q is m to `table_bits` bits.

    v = 0 is taken for 1.
    """

    function: Wide
    table_bits: int = 8
    """Fraction bits of the table's input."""
    frac: int = 0
    """Fraction bits of the wide input."""

    @property
    def operand(self) -> Quantization:
        """m with its fraction bits, both ends included."""
        return stored.LeadingZero(self.table_bits).operand(_POWER[self.function])

    @property
    def reach(self) -> tuple[int, int]:
        """Every input but 0."""
        return 1, 1 << MAX_INPUT_BITS

    def reduce(self, v: Integers) -> tuple[Integers, Integers]:
        """Count leading zeros, shift left by them, round the top bits."""
        power = _POWER[self.function]
        # One fraction bit more where their number must be even.
        more = self.frac % power
        v = np.maximum(np.asarray(v, np.int64), 1) << more
        q, k = stored.LeadingZero(self.table_bits).reduce(v, power)
        return q, (self.frac + more) // power - k


@dataclass(frozen=True)
class MultiRange:
    """
    GQA-LUT's multi-range input scaling: x in sub-range i is multiplied by 2^−shifts[i].

    The product is rounded to a multiple of 1/32 (halves up) and saturated at `high`; the result is
    multiplied by 2^−shift, or by its square root for rsqrt, so those shifts are even.
    """

    function: Wide
    bounds: tuple[int, ...]
    """Where sub-ranges begin, real units, ascending; below the first the shift is 0."""
    shifts: tuple[int, ...]
    """−log2 of S' of each sub-range, one for each bound."""
    low: float = 0.5
    """R_n of the interval of the table."""
    high: float = 4.0
    """R_p."""
    frac: int = 5
    """Fraction bits of the wide input and of the table's input: λ = 5."""

    @property
    def stored(self) -> stored.MultiRange:
        """The same on stored integers."""
        unit = 1 << self.frac
        bounds = tuple(bound * unit for bound in self.bounds)
        low, high = int(self.low * unit), int(self.high * unit)
        return stored.MultiRange(bounds, self.shifts, low, high, self.frac)

    @property
    def operand(self) -> Quantization:
        """Fixed point with λ fraction bits (Table 2, note)."""
        return self.stored.operand(_POWER[self.function])

    @property
    def reach(self) -> tuple[int, int]:
        """From R_n to where the last sub-range saturates."""
        ranges = self.stored
        # a last sub-range that begins where it saturates adds nothing
        return ranges.low, min(ranges.high << self.shifts[-1], 1 << MAX_INPUT_BITS)

    def reduce(self, v: Integers) -> tuple[Integers, Integers]:
        """Find the sub-range, shift right with rounding, saturate."""
        q, k = self.stored.reduce(np.asarray(v, np.int64), _POWER[self.function])
        return q, -k


def table_2(function: Wide, *, complete: bool = False) -> MultiRange:
    """
    Table 2 of GQA-LUT; `complete` goes on in its steps until 32 bits are covered.

    As printed, DIV saturates from x = 256 (its last S' is 2^−6 again) and RSQRT from 2^14.
    """
    step, low = (3, 0.5) if function == "reciprocal" else (4, 0.25)
    count = 3 if not complete else -(-(MAX_INPUT_BITS - 5 - 2) // step)
    shifts = tuple(step * (i + 1) for i in range(count))
    bounds = tuple(4 << (step * i) for i in range(count))
    if function == "reciprocal" and not complete:
        shifts = (3, 6, 6)
    return MultiRange(function, bounds, shifts, low)


@dataclass(frozen=True)
class WideUnit:
    """A reduction and its table: total on unsigned 32-bit integers."""

    reduction: Reduction
    table: Table
    unit: int
    """log2 of the real value of one unit of the table's accumulator."""

    def evaluate(self, v: Integers) -> tuple[Integers, Integers]:
        """
        Mantissas and exponents, in the shape of `v`: `f(v · 2^−frac) ≈ mantissa · 2^exponent`.

        Raises `ValueError` outside 0 … 2^32 − 1.
        """
        v = np.asarray(v, np.int64)
        if v.size and (v.min() < 0 or v.max() >> MAX_INPUT_BITS):
            raise ValueError(f"inputs are unsigned and of at most {MAX_INPUT_BITS} bits")
        q, exponent = self.reduction.reduce(v)
        return self.table.accumulate(q), exponent + self.unit

    def real(self, v: Integers) -> Reals:
        """The results as float64, in the shape of `v`."""
        mantissa, exponent = self.evaluate(v)
        return np.ldexp(mantissa.astype(np.float64), exponent)


@dataclass(frozen=True, eq=False)
class WideErrors:
    """Relative errors by octave of the input, arrays of shape (octaves,)."""

    octaves: Integers
    """log2 of where each octave of `v` begins."""
    worst: Reals
    """Largest relative error."""
    mse: Reals
    """Mean squared relative error over the inputs of the octave."""

    @property
    def max_relative(self) -> float:
        """The largest relative error of all."""
        return float(self.worst.max())

    @property
    def mean_square(self) -> float:
        """Mean over the octaves: every octave counts alike."""
        return float(self.mse.mean())


def exact(reduction: Reduction, v: Integers) -> Reals:
    """The function of the wide inputs, double precision."""
    x = np.asarray(v, np.float64) * 2.0**-reduction.frac
    return 1.0 / x if reduction.function == "reciprocal" else 1.0 / np.sqrt(x)


def octave_inputs(place: int, cells: int = _CELLS) -> tuple[Integers, Reals]:
    """
    Inputs of the octave 2^place … 2^(place+1) − 1 and their weights, which sum to 1.

    All of them in narrow octaves. In wide ones both ends and the middle of 2^cells equal parts,
    with Simpson's weights: whatever is monotone on each part has its extremes among them.
    """
    if place <= cells + 1:
        v = np.arange(1 << place, 2 << place, dtype=np.int64)
        return v, np.full(len(v), 1.0 / len(v))
    size = 1 << (place - cells)
    start = (1 << place) + size * np.arange(1 << cells, dtype=np.int64)
    v = np.stack([start, start + size // 2, start + size - 1], axis=1)
    weights = np.tile(np.array([1.0, 4.0, 1.0]) / (6.0 * len(start)), len(start))
    return v.reshape(-1), weights


def relative_errors(unit: WideUnit, first: int = 1, end: int = 1 << MAX_INPUT_BITS) -> WideErrors:
    """
    Relative errors of inputs first … end − 1.

    The table's input is constant on each of 2^12 parts of an octave or finer, and the function is
    monotone there: the maximum is that of every input. The mean square is Simpson's rule.
    """
    octaves = range(first.bit_length() - 1, (end - 1).bit_length())
    worst: list[float] = []
    mse: list[float] = []
    for place in octaves:
        v, weights = octave_inputs(place)
        keep = (v >= first) & (v < end)
        error = unit.real(v[keep]) / exact(unit.reduction, v[keep]) - 1.0
        worst.append(float(np.abs(error).max()))
        mse.append(float(np.average(error**2, weights=weights[keep])))
    return WideErrors(np.array(octaves, np.int64), np.array(worst), np.array(mse))
