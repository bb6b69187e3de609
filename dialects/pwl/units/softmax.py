"""Softmax and log-softmax of whole rows; the package's first page has the formulas."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from lut_opt.dialects.pwl.fixed_point import leading_one, round_shift
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.pwl.units.unit import (
    INVERSE_RESULT,
    TABLE_FRACTION,
    Part,
    Rowwise,
    fraction_of,
    part,
    relative_error,
)
from lut_opt.dialects.quantization import Integers, Quantization, Reals

MAX_EXP_FRACTION = 15

MAX_CLIP = (1 << 16) - 1
"""Largest distance to the maximum: inputs have at most 16 bits."""

RECIPROCAL_BITS = 10
"""Fraction bits of the normalized sum, for the table of reciprocals and that of logarithms."""

RECIPROCAL_OPERAND = Quantization(12, False, 2.0**-RECIPROCAL_BITS, 0, 1 << 10, 1 << 11)
"""One octave, [1, 2], both ends included."""

LOG_TWO = round(math.log(2.0) * 2**TABLE_FRACTION)
"""The logarithm of 2, with the fraction bits of the tables."""

MAX_DISTANCE_SHIFT = 44
"""A distance has 17 bits; scaled to the tables' fraction bits it stays below 2^61."""

LOG_RESULT = Quantization(17, False, 2.0**-TABLE_FRACTION, 0, 0, LOG_TWO)
"""Logarithms over one octave."""


def exp_operand(scale: float, clip: int) -> Quantization:
    """How the distances to the maximum are stored: clip … 0."""
    return Quantization((-clip).bit_length() + 1, True, scale, 0, clip, 0)


def exp_result(fraction: int) -> Quantization:
    """How exponentials of what is at most 0 are stored: 0 … 2^fraction."""
    return Quantization(fraction + 1, False, 2.0**-fraction, 0, 0, 1 << fraction)


def exp_fraction_for(operand: Quantization, param_bits: int) -> int:
    """Fraction bits at which exp's steepest slope, 1, fits in `param_bits`, with a bit to spare."""
    steps = math.floor(-math.log2(operand.scale))
    return max(1, min(steps + param_bits - 2, MAX_EXP_FRACTION))


@dataclass(frozen=True)
class RowExponentials(Rowwise, ABC):
    """What softmax and log-softmax share: exponentials of a row and their normalized sum."""

    variable_length: ClassVar[bool] = True

    clip: int
    exp_fraction: int
    exp: Table

    @property
    def result_bits(self) -> int:
        """Fraction bits of the result, o."""
        return fraction_of(self.result)

    @property
    def parts(self) -> dict[str, Part]:
        sides = exp_operand(self.operand.scale, self.clip), exp_result(self.exp_fraction)
        return {"exp": replace(part("exp", *sides), ends_in_zero=True)}

    def check(self) -> None:
        if not -MAX_CLIP <= self.clip < 0:
            raise ValueError(f"clip must be from {-MAX_CLIP} to -1, got {self.clip}")
        if not 1 <= self.exp_fraction <= MAX_EXP_FRACTION:
            raise ValueError(
                f"exp_fraction must be from 1 to {MAX_EXP_FRACTION}, got {self.exp_fraction}"
            )
        super().check()

    def check_table(self, name: str) -> None:
        if name != "exp":
            return
        masked, largest = self.look_up("exp", np.array([self.clip, 0])).tolist()
        if masked != 0:
            raise ValueError(
                f"the exp table gives {masked} at clip = {self.clip}, where masked positions are: "
                "it must be 0"
            )
        if largest < 1:
            raise ValueError("the exp table gives 0 at a distance of 0: no row has a sum")

    def summed(self, q: Integers) -> tuple[Integers, Integers, Integers, Integers]:
        """
        Distances to the maximum, exponentials, and of their sum the octave k and the mantissa t.

        The first two have the shape of q; the others have one element for each row.
        """
        distance = q - q.max(-1, keepdims=True)
        e = self.look_up("exp", np.maximum(distance, self.clip))
        total = e.sum(-1, keepdims=True)
        octave = leading_one(total)
        # 30 − k first: the sum is aligned to 31 bits, then rounded to the table's input
        t = ((total << (30 - octave)) + (1 << (29 - RECIPROCAL_BITS))) >> (30 - RECIPROCAL_BITS)
        return distance, e, octave, t

    def exponential_errors(self, length: int) -> tuple[float, float]:
        """
        Relative errors of the sum of a row of up to `length` elements, and of one element over it.

        With δ(d) = |e − exp| and E(d) = exp(S·d), over every distance d ≤ 0:

            A = max_d (δ(0) + (n−1)·δ(d)) / (1 + (n−1)·E(d))      relative error of the sum
            B = max(δ(0), max_d δ(d)/(1 + E(d)))                   one exponential over its sum

        (A: the ratio is linear-fractional in how often each d occurs, so its maximum has one d.)
        """
        d = np.arange(self.clip, 1)
        real = np.exp(self.operand.scale * d)
        wrong = np.abs(self.look_up("exp", d) * 2.0**-self.exp_fraction - real)
        # Below the clip the result is 0, as at the clip, and exp is smaller: no new maximum.
        total = float(np.max((wrong[-1] + (length - 1) * wrong) / (1 + (length - 1) * real)))
        return total, max(float(wrong[-1]), float(np.max(wrong / (1 + real))))


@dataclass(frozen=True)
class Softmax(RowExponentials):
    """The unit behind `pwl.softmax`; the result scale is a power of two from 2^−15 to 1."""

    name: ClassVar[str] = "softmax"

    reciprocal: Table

    @property
    def parts(self) -> dict[str, Part]:
        reciprocal = part("reciprocal", RECIPROCAL_OPERAND, INVERSE_RESULT)
        return {**super().parts, "reciprocal": reciprocal}

    def check(self) -> None:
        super().check()
        if not 2.0**-15 <= self.result.scale <= 1 or self.result.zero_point:
            raise ValueError("the result needs a scale from 2^-15 to 1 and a zero point of 0")

    def rows(self, q: Integers, parameters: Mapping[str, Integers]) -> Integers:
        _, e, octave, t = self.summed(q)
        r = self.look_up("reciprocal", t)
        y = round_shift(e * r, octave + TABLE_FRACTION - self.result_bits)
        return np.clip(y, self.result.minimum, self.result.maximum)

    def real(self, x: Reals, *parameters: Reals) -> Reals:
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def error_bound(self, length: int) -> float:
        """
        The largest error of any result in any row of up to `length` elements, in output steps.

        Against softmax in exact arithmetic of the reals that the inputs stand for, saturated to
        the result's range: with A and B of `exponential_errors`,

            |e/s − E/Σ| ≤ min(1, (A + B)/(1 − A))

        The reciprocal's relative error adds at most itself, since e/s ≤ 1; then half a step.
        """
        total, single = self.exponential_errors(length)
        quotient = min(1.0, (total + single) / (1 - total)) if total < 1 else 1.0
        octave = RECIPROCAL_OPERAND.values
        inverse = INVERSE_RESULT.dequantize(self.look_up("reciprocal", octave))
        return (quotient + relative_error(octave, inverse, RECIPROCAL_BITS, 1.0)) / (
            self.result.scale
        ) + 0.5


@dataclass(frozen=True)
class LogSoftmax(RowExponentials):
    """
    The unit behind `pwl.log_softmax`.

    Both scales are powers of two: the input's from 2^−16 to 2^28, the result's at least 2^−16.
    """

    name: ClassVar[str] = "log_softmax"

    log: Table

    @property
    def parts(self) -> dict[str, Part]:
        return {**super().parts, "log": part("log", RECIPROCAL_OPERAND, LOG_RESULT)}

    @property
    def distance_shift(self) -> int:
        """Left shift that gives a distance the fraction bits of the tables."""
        return TABLE_FRACTION - fraction_of(self.operand)

    @property
    def result_shift(self) -> int:
        """Right shift from the tables' fraction bits to the result."""
        return TABLE_FRACTION - self.result_bits

    def check(self) -> None:
        super().check()
        self.check_scale("input", self.operand)
        if not 0 <= self.distance_shift <= MAX_DISTANCE_SHIFT:
            raise ValueError(
                f"the input scale of pwl.{self.name} must be from 2^-16 to 2^28, got "
                f"{self.operand.scale}"
            )
        if self.result_shift < 0 or self.result.zero_point:
            raise ValueError("the result needs a scale of at least 2^-16 and a zero point of 0")

    def rows(self, q: Integers, parameters: Mapping[str, Integers]) -> Integers:
        distance, _, octave, t = self.summed(q)
        total = self.look_up("log", t) + (octave - self.exp_fraction) * LOG_TWO
        y = round_shift((distance << self.distance_shift) - total, np.int64(self.result_shift))
        return np.clip(y, self.result.minimum, self.result.maximum)

    def real(self, x: Reals, *parameters: Reals) -> Reals:
        distance = x - x.max(-1, keepdims=True)
        return distance - np.log(np.exp(distance).sum(-1, keepdims=True))

    def error_bound(self, length: int) -> float:
        """
        The largest error of any result in any row of up to `length` elements, in output steps.

        Against log-softmax in exact arithmetic of the reals that the inputs stand for, saturated
        to the result's range. The distance is exact, so all of it is the error of ln Σ: −ln(1 − A)
        of the sum, A as in `exponential_errors`, that of the table over the reals that round to
        its input, half a unit of 2^−16 for each octave counted; then half a step.
        """
        total, _ = self.exponential_errors(length)
        if total >= 1:
            return math.inf
        t = RECIPROCAL_OPERAND.values
        table = LOG_RESULT.dequantize(self.look_up("log", t))
        edges = np.maximum(np.stack([t - 0.5, t + 0.5]) * 2.0**-RECIPROCAL_BITS, 1.0)
        mantissa = float(np.max(np.abs(table - np.log(edges))))
        # s reaches from 1 unit of 2^−f to as many units of 1 as there are elements
        octaves = max(self.exp_fraction, length.bit_length())
        counted = octaves * 2.0 ** -(TABLE_FRACTION + 1)
        return (mantissa + counted - math.log1p(-total)) / self.result.scale + 0.5
