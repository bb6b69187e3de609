"""
What an operator tabulates ahead: results and slopes at every stored input.

On NumPy alone. The results are those of the semantics; the slopes are what training sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lut_opt.dialects.pwl.attributes import NamedFunction
from lut_opt.dialects.pwl.certificate import RealFunction
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.reduction import Reduced
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Quantization, Reals

Slope = Literal["function", "segment"]
"""Which derivative is passed backward: the function's own, or the slope of the table's segment."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Applied:
    """One `pwl.apply` with its table: what is approximated, and between which integers."""

    function: RealFunction
    operand: Quantization
    result: Quantization
    table: Table
    reduced: Reduced | None = None
    """The semantics where a range reduction is around the table."""

    def evaluate(self, q: Integers) -> Integers:
        """Stored results of stored inputs."""
        if self.reduced is not None:
            return self.reduced.evaluate(q)
        return self.table.evaluate(q, self.result)

    def reals(self, q: Integers) -> Floats:
        """The results as the float32 numbers that they are dequantized to."""
        stored = (self.evaluate(q) - self.result.zero_point).astype(np.float32)
        return stored * np.float32(self.result.scale)

    def slopes(self, q: Integers, kind: Slope = "function") -> Floats:
        """
        The slope at each stored input, 0 where results clamp.

        Where a function has no finite derivative, at the end of its domain, it is the segment's.
        None is steeper than from the least result to the largest in one step.
        """
        segment = self._segment_slopes(q)
        slopes = segment
        if kind == "function":
            own = derivative(self.function, self.operand.dequantize(q), self.operand.scale)
            slopes = np.where(np.isfinite(own), own, segment)
        span = (self.result.maximum - self.result.minimum) * self.result.scale
        steepest = span / self.operand.scale
        slopes = np.clip(slopes, -steepest, steepest)
        return np.where(self._clamps(q), 0.0, slopes).astype(np.float32)

    def _segment_slopes(self, q: Integers) -> Reals:
        if self.reduced is not None:
            # The segments are those of what was reduced: the results themselves tell the slope.
            low, high = self.operand.minimum, self.operand.maximum
            left, right = np.maximum(q - 1, low), np.minimum(q + 1, high)
            rise = self.evaluate(right) - self.evaluate(left)
            return rise / np.maximum(right - left, 1) * self.result.scale / self.operand.scale
        steps = np.asarray(self.table.slopes, np.float64)[self.table.segment(q)]
        unit = self.result.scale * 2.0**-self.table.result_shift
        return steps * unit / self.operand.scale

    def _clamps(self, q: Integers) -> NDArray[np.bool_]:
        if self.reduced is None:
            exact = self.table.accumulate(q) * 2.0**-self.table.result_shift
        else:
            exact = self.function(self.operand.dequantize(q)) / self.result.scale
            exact = exact + self.result.zero_point
        return (exact < self.result.minimum - 0.5) | (exact >= self.result.maximum + 0.5)


def derivative(function: RealFunction, x: Reals, step: float) -> Reals:
    """The registry's derivative; of any other function, how much it rises over a step around x."""
    if isinstance(function, NamedFunction) and FUNCTIONS[function.name].derivative is not None:
        return FUNCTIONS[function.name].slope(x, *function.parameters)
    with np.errstate(all="ignore"):
        return (function(x + step / 2) - function(x - step / 2)) / step
