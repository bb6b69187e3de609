"""Ways from a wide operand to the input of a narrow table; `reduction.py` says what for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lut_opt.dialects.pwl.fixed_point import MANTISSA_BITS, leading_one, round_shift
from lut_opt.dialects.quantization import Integers, Quantization, Reals

ALIGNED = 40
"""The leading one of an operand of up to 33 bits is moved here, or one further."""


class Reduction(Protocol):
    """A way from a wide operand to a table's input."""

    @property
    def origin(self) -> int:
        """log2 of the operand v at which t is 1 and k is 0."""
        ...

    def operand(self, period: int) -> Quantization:
        """How the table's input is stored: unsigned, with its own power-of-two scale."""
        ...

    def reduce(self, v: Integers, period: int) -> tuple[Integers, Integers]:
        """Table inputs q and exponents k of positive integers, in the shape of `v`."""
        ...

    def occurrence(self, period: int) -> Reals:
        """How much each table input occurs if every octave of the operand counts alike."""
        ...

    def saturated(self, least: int, most: int) -> list[int]:
        """Ends of the runs of operands in least … most whose table input is saturated."""
        ...


@dataclass(frozen=True)
class LeadingZero:
    """
    Shift the leading one into place: t in [1, 2], or [1, 4] for roots, both ends included.

    t is rounded to `table_bits` fraction bits, halves up; origin is 0.
    """

    table_bits: int

    @property
    def origin(self) -> int:
        return 0

    def operand(self, period: int) -> Quantization:
        one, bits = 1 << self.table_bits, self.table_bits + period + 1
        return Quantization(bits, False, 1.0 / one, 0, one, one << period)

    def reduce(self, v: Integers, period: int) -> tuple[Integers, Integers]:
        octave = leading_one(v)
        octave = octave - octave % period
        kept = ALIGNED - self.table_bits
        return ((v << (ALIGNED - octave)) + (1 << (kept - 1))) >> kept, octave // period

    def occurrence(self, period: int) -> Reals:
        q = self.operand(period).values
        # The half of a cell on either side of q; beyond the ends there is nothing.
        halves: Reals = np.exp2(-leading_one(np.stack([2 * q - 1, 2 * q + 1])).astype(np.float64))
        halves[0, 0] = halves[1, -1] = 0.0
        return halves.sum(0)

    def saturated(self, least: int, most: int) -> list[int]:
        return []


@dataclass(frozen=True)
class MultiRange:
    """
    GQA-LUT's multi-range input scaling (Table 2): sub-range i is shifted right by shifts[i].

    Sub-range i begins at the operand bounds[i]; below the first nothing is shifted. The shifted
    operand, rounded, halves up, and saturated to low … high, is the table's input, with `fraction`
    fraction bits; origin is `fraction`.
    """

    bounds: tuple[int, ...]
    shifts: tuple[int, ...]
    low: int
    high: int
    fraction: int

    @property
    def origin(self) -> int:
        return self.fraction

    def operand(self, period: int) -> Quantization:
        bits = self.high.bit_length()
        return Quantization(bits, False, 2.0**-self.fraction, 0, self.low, self.high)

    def reduce(self, v: Integers, period: int) -> tuple[Integers, Integers]:
        index = np.searchsorted(np.array(self.bounds, np.int64), v, side="right")
        shift = np.array([0, *self.shifts], np.int64)[index]
        return np.clip(round_shift(v, shift), self.low, self.high), shift // period

    def occurrence(self, period: int) -> Reals:
        q = self.operand(period).values
        weights = np.full(len(q), 2.0**-MANTISSA_BITS)
        ends = (*self.bounds, (self.high + 1) << self.shifts[-1])
        for first, end, shift in zip((0, *self.bounds), ends, (0, *self.shifts), strict=True):
            v = q << shift
            inside = (v >= first) & (v < end)
            weights[inside] += 2.0 ** (shift - leading_one(v[inside]))
        return weights

    def saturated(self, least: int, most: int) -> list[int]:
        top = self.high << self.shifts[-1]
        runs = (least, min(self.low - 1, most)), (max(top, least), most)
        return [v for first, last in runs if first <= last for v in (first, last)]


@dataclass(frozen=True)
class Octaves:
    """
    Split the octave off an exponent: the table's input is its fraction, of `table_bits` bits.

    What is reduced is x·log2(base), already rounded to so many fraction bits; origin is 0.
    """

    table_bits: int

    @property
    def origin(self) -> int:
        return 0

    def operand(self, period: int) -> Quantization:
        bits = self.table_bits
        return Quantization(bits, False, 2.0**-bits, 0, 0, (1 << bits) - 1)

    def reduce(self, v: Integers, period: int) -> tuple[Integers, Integers]:
        return v & ((1 << self.table_bits) - 1), v >> self.table_bits

    def occurrence(self, period: int) -> Reals:
        return np.ones(1 << self.table_bits)

    def saturated(self, least: int, most: int) -> list[int]:
        return []
