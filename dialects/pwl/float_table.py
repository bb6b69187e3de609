"""
A table of single-precision numbers: what a floating-point unit computes, bit for bit.

NN-LUT's form of a table, and the baseline that GQA-LUT's Table 6 compares integers with. Like
`table.py` for integers, this is the definition; the hardware is tested against it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization

Floats = NDArray[np.float32]

LEAST_NORMAL = np.float32(2.0**-126)
"""The smallest magnitude that is not subnormal."""

QUIET_NAN = 0x7FC00000
"""The bits of every result that is not a number."""


@dataclass(frozen=True)
class FloatTable:
    """
    `y = slopes[i]·x + intercepts[i]` with i the number of breakpoints ≤ x (GQA-LUT Eq. 1).

    All numbers are IEEE 754 single precision. The product is rounded, then the sum, each to nearest
    with ties to even: two roundings, as PyTorch and NumPy have them, not a fused multiply-add.
    Zeros compare equal; a NaN at x is below every breakpoint and gives NaN.

    With `flush`, subnormal inputs, slopes and intercepts count as zeros of their sign, and a
    product or sum whose exact value is below 2^-126 becomes one. Breakpoints are compared as they
    are.

    Raises `ValueError` where the shapes do not belong together or the breakpoints do not ascend.
    """

    breakpoints: tuple[float, ...]
    slopes: tuple[float, ...]
    intercepts: tuple[float, ...]
    flush: bool = False

    def __post_init__(self) -> None:
        n = len(self.slopes)
        if n == 0 or len(self.intercepts) != n or len(self.breakpoints) != n - 1:
            raise ValueError("a table has N slopes, N intercepts and N − 1 breakpoints")
        for name in ("breakpoints", "slopes", "intercepts"):
            # Stored as what single precision makes of them.
            with np.errstate(over="ignore"):
                rounded = np.array(getattr(self, name), np.float32)
            object.__setattr__(self, name, tuple(map(float, rounded)))
        points = np.array(self.breakpoints)
        if np.any(np.isnan(points)) or np.any(np.diff(points) < 0):
            raise ValueError("the breakpoints of a table must ascend")

    @property
    def entries(self) -> int:
        """Number of segments, N."""
        return len(self.slopes)

    def evaluate(self, x: Floats) -> Floats:
        """Results of inputs, any shape."""
        x = np.asarray(x, np.float32)
        compared = flushed(x) if self.flush else x
        points = np.array(self.breakpoints, np.float32)
        # NaN sorts last; a comparison with it fails.
        i = np.where(np.isnan(x), 0, np.searchsorted(points, compared, side="right"))
        slopes = np.array(self.slopes, np.float32)
        intercepts = np.array(self.intercepts, np.float32)
        return multiply_add(slopes[i], x, intercepts[i], self.flush)

    @classmethod
    def of(
        cls, table: Table, operand: Quantization, result: Quantization, flush: bool = False
    ) -> FloatTable:
        """
        An integer table without its roundings, on real inputs to real results.

        A breakpoint p becomes the real that the stored p stands for. Where parameters have more
        than 24 bits or scales are not powers of two, the numbers are rounded.
        """
        unit = result.scale / (1 << table.result_shift)
        zero = result.zero_point << table.result_shift
        shifted = [b << table.intercept_shift for b in table.intercepts]
        lines = zip(table.slopes, shifted, strict=True)
        return cls(
            tuple((p - operand.zero_point) * operand.scale for p in table.breakpoints),
            tuple(slope * unit / operand.scale for slope in table.slopes),
            tuple((slope * operand.zero_point + level - zero) * unit for slope, level in lines),
            flush,
        )


def bits_of_floats(values: tuple[float, ...]) -> list[int]:
    """The 32 bits of single-precision numbers; −0.0 keeps its sign."""
    return np.array(values, np.float32).view(np.uint32).astype(np.int64).tolist()


def multiply_add(slope: Floats, x: Floats, intercept: Floats, flush: bool) -> Floats:
    """One line for each input: the product, rounded, and the sum, rounded."""
    if flush:
        slope, x, intercept = flushed(slope), flushed(x), flushed(intercept)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        product = slope * x
        if not flush:
            return product + intercept
        # Exact in double precision: 48 bits, and exponents far from its own limits.
        exact = slope.astype(np.float64) * x.astype(np.float64)
        tiny = np.abs(exact) < LEAST_NORMAL
        product = np.where(tiny, np.copysign(np.float32(0), product), product)
        # A subnormal sum is exact, so it is flushed after the fact.
        return flushed(product + intercept)


def flushed(values: Floats) -> Floats:
    """Subnormal numbers as zeros of their sign."""
    tiny = np.abs(values) < LEAST_NORMAL
    return np.where(tiny, np.copysign(np.float32(0), values), values)
