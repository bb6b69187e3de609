"""
The integer semantics of `pwl.divide`, and its error bound.

The reduction and the table of reciprocals are those of `lut_opt.dialects.pwl.reduction`, whose
first page has the formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lut_opt.dialects.pwl.fixed_point import mantissa, round_shift
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.range_reduction import Octaves, Reduction
from lut_opt.dialects.pwl.reduction import MAX_SHIFT, Core, largest_result, saturated_error, sizes
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.pwl.units.unit import Part, Unit
from lut_opt.dialects.quantization import Integers, Quantization, Reals

MAX_NUMERATOR_BITS = 16
"""Products of a numerator, a reciprocal and a mantissa are then below 2^60."""


@dataclass(frozen=True)
class Division(Unit):
    """`pwl.divide`: the operand is the numerator; a table of reciprocals behind a reduction."""

    name: ClassVar[str] = "divide"

    denominator: Quantization
    reduction: Reduction
    reciprocal: Table

    @property
    def core(self) -> Core:
        """The table behind its reduction."""
        return Core("reciprocal", self.reduction, self.reciprocal)

    @property
    def parts(self) -> dict[str, Part]:
        sides = self.core.sides
        return {"reciprocal": Part(FUNCTIONS["reciprocal"], *sides, self.reduction)}

    def check(self) -> None:
        if self.operand.bits > MAX_NUMERATOR_BITS:
            raise ValueError(
                f"the numerator of pwl.divide has at most {MAX_NUMERATOR_BITS} bits, "
                f"got {self.operand.bits}"
            )
        if isinstance(self.reduction, Octaves):
            raise ValueError("octaves are split off exponentials, and off nothing else")
        sizes(self.denominator, odd=True)
        _ = self.factor

    @property
    def factor(self) -> tuple[int, int]:
        """The constant C as mantissa and shift."""
        unit = self.denominator.scale * 2.0**self.reduction.origin
        return mantissa(self.operand.scale / (unit * self.result.scale))

    @property
    def odd_factor(self) -> tuple[int, int]:
        """The mantissa of C as an odd number and the power of two that it is multiplied by."""
        m, _ = self.factor
        even = (m & -m).bit_length() - 1
        return m >> even, even

    def evaluate(self, q: Integers, *parameters: Integers, axes: Sequence[int] = (-1,)) -> Integers:
        """Stored results of stored numerators and denominators, which broadcast as NumPy's do."""
        (b,) = parameters
        c = np.asarray(q, np.int64) - self.operand.zero_point
        v = np.asarray(b, np.int64) - self.denominator.zero_point
        r, k = self.core.look_up(np.maximum(np.abs(v), 1))
        m, shift = self.factor
        shift = np.clip(k + self.core.fraction + shift, 0, MAX_SHIFT)
        y = round_shift(np.where(v < 0, -r, r) * m * c, shift)
        y = np.where(v == 0, 0, y) + self.result.zero_point
        low, high = self.result.minimum, self.result.maximum
        limit = np.where(c > 0, high, low)
        return np.where((v == 0) & (c != 0), limit, np.clip(y, low, high))

    def real(self, x: Reals, *parameters: Reals) -> Reals:
        return x / parameters[0]

    def error_bound(self, length: int = 1) -> float:
        """
        The largest error of any result of a denominator that is not 0, in output steps.

        Whatever the length: every element is by itself.

        Against the quotient in exact arithmetic, saturated to the result's range: as for
        `Reduced`, with Y = |a|_max / |b|_min.
        """
        least, most = sizes(self.denominator, odd=True)
        top = largest_result(self.operand) * self.operand.scale / self.result.scale
        largest = top / (least * self.denominator.scale)
        limit = largest_result(self.result)
        bound = saturated_error(self.core.error(), largest, limit)
        outside = np.array(self.reduction.saturated(least, most), np.int64)
        if len(outside):
            r, k = self.core.look_up(outside)
            m, shift = self.factor
            scaled = r * 2.0 ** -(self.core.fraction + shift + k) * m * largest_result(self.operand)
            true = top / (outside * self.denominator.scale)
            # The worst numerator is the one whose larger product just reaches the limit.
            wrong = np.abs(scaled - true) * np.minimum(1.0, limit / np.maximum(scaled, true))
            bound = max(bound, float(np.max(wrong)))
        return min(bound + 0.5, float(self.result.maximum - self.result.minimum))
