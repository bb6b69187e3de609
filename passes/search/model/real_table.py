"""A table of real numbers: what the seeds' methods find before anything is an integer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization, Reals

Precision = Literal["fp64", "fp32", "fp16"]
_DTYPES = {"fp64": np.float64, "fp32": np.float32, "fp16": np.float16}


@dataclass(frozen=True, eq=False)
class RealTable:
    """
    `y = slopes[i]·x + intercepts[i]` with i the number of breakpoints ≤ x (GQA-LUT Eq. 1).

    `integer_table` in `objective.py` makes the integer table of a problem from it. Raises
    `ValueError` where the shapes do not belong together or the breakpoints do not ascend.
    """

    breakpoints: Reals
    """Ascending, shape (N−1,); equal neighbours make an empty segment."""
    slopes: Reals
    """Shape (N,)."""
    intercepts: Reals
    """Values of the lines at x = 0, shape (N,)."""

    def __post_init__(self) -> None:
        n = len(self.slopes)
        shapes = self.breakpoints.shape, self.slopes.shape, self.intercepts.shape
        if n == 0 or shapes != ((n - 1,), (n,), (n,)):
            raise ValueError(f"N − 1 breakpoints, N slopes and N intercepts, not {shapes}")
        if np.any(np.diff(self.breakpoints) < 0) or np.any(np.isnan(self.breakpoints)):
            raise ValueError("the breakpoints of a table must ascend")

    @property
    def entries(self) -> int:
        """Number of segments, N."""
        return len(self.slopes)

    def segment(self, x: Reals) -> NDArray[np.int64]:
        """Index of the segment of each input, in the shape of `x`."""
        return np.searchsorted(self.breakpoints, x, side="right").astype(np.int64)

    def __call__(self, x: Reals) -> Reals:
        """Values at `x` in double precision, any shape."""
        i = self.segment(np.asarray(x, np.float64))
        return self.slopes[i] * x + self.intercepts[i]

    def evaluate(self, x: Reals, precision: Precision) -> Reals:
        """
        Values at `x` as a unit of this floating-point format computes them, any shape.

        Inputs, breakpoints, slopes, intercepts, the product and the sum are each rounded to the
        format (ties to even); there is no fused multiply-add.
        """
        kind = _DTYPES[precision]
        with np.errstate(over="ignore"):
            inputs = np.asarray(x, np.float64).astype(kind)
            i = np.searchsorted(self.breakpoints.astype(kind), inputs, side="right")
            product = self.slopes.astype(kind)[i] * inputs
            return (product + self.intercepts.astype(kind)[i]).astype(np.float64)

    def rounded(self, frac_bits: int) -> RealTable:
        """Slopes and intercepts to so many fraction bits (GQA-LUT Algorithm 1, line 22)."""
        unit = 2.0**-frac_bits
        slopes, intercepts = np.rint(self.slopes / unit), np.rint(self.intercepts / unit)
        return RealTable(self.breakpoints, slopes * unit, intercepts * unit)

    @classmethod
    def of(cls, table: Table, operand: Quantization, unit: float, offset: float = 0.0) -> RealTable:
        """
        What an integer table computes before its result is rounded, in real units.

        `unit` is the real value of one unit of the accumulator, `offset` what it holds for zero
        (`Problem.accumulator_scale`, `Problem.offset`).
        """
        slopes = np.array(table.slopes, np.float64)
        levels = np.array(table.intercepts, np.float64) * 2.0**table.intercept_shift - offset
        return cls(
            operand.dequantize(np.array(table.breakpoints, np.int64)),
            slopes * unit / operand.scale,
            (levels + slopes * operand.zero_point) * unit,
        )

    def integers(self, operand: Quantization, bits: int) -> tuple[Table, float]:
        """
        The table in integers of so many bits, and the real value of one unit of its accumulator.

        With 32 bits NN-LUT's INT32 form. The unit is the smallest power of two at which every slope
        and intercept fits; breakpoints by ceiling, within the operand's storage range. Intercepts
        are not shifted, so narrow parameters waste bits on inputs of a fine scale: `formulate` and
        `integer_table` do better there.
        """
        slopes = self.slopes * operand.scale
        intercepts = self.intercepts - slopes * operand.zero_point
        largest = max(float(np.max(np.abs(slopes))), float(np.max(np.abs(intercepts))))
        least, most = operand.minimum, operand.maximum
        reach = max(abs(least), abs(most)).bit_length()
        exponent = int(np.frexp(largest)[1]) - bits + 1 if largest else 0
        while np.rint(largest / 2.0**exponent) > (1 << (bits - 1)) - 1:
            exponent += 1
        if bits + reach > 62:
            raise ValueError(f"{bits}-bit parameters and {reach}-bit inputs leave 63 bits")
        unit = 2.0**exponent
        edges = np.ceil(self.breakpoints / operand.scale) + operand.zero_point
        breakpoints = np.clip(edges, least, most + 1).astype(np.int64)
        stored = (np.rint(v / unit).astype(np.int64) for v in (slopes, intercepts))
        parts = [tuple(int(n) for n in part) for part in (breakpoints, *stored)]
        return Table(parts[0], parts[1], parts[2], param_bits=bits), unit
