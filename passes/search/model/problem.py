"""What a search solves: points, targets in accumulator units, and the limits of the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Quantization, Reals, storage_range
from lut_opt.passes.search.model.constraints import Constraints

Metric = Literal["mse", "max"]

MAX_ACCUMULATOR_BITS = 63
"""Every sum that a table may form, the rounding addend included, fits in so many bits."""


@dataclass(frozen=True, eq=False)
class Problem:
    """
    Find N integer segments `acc = slope·q + (intercept << intercept_shift)` close to `target`.

    All errors are counted on the accumulator, before the result is rounded, and reported in real
    units: one unit of the accumulator is worth `accumulator_scale`.

    Raises `ValueError` where the fields contradict each other.
    """

    q: Integers
    """Stored inputs that count, strictly ascending, shape (points,)."""

    target: Reals
    """Wanted accumulator `y / accumulator_scale + offset` at each input, shape (points,)."""

    weights: Reals
    """Positive weight of each input in the MSE, mean 1, shape (points,); `max` ignores them."""

    entries: int
    """Segments of the table, at least 1."""

    param_bits: int
    """Width of the signed slopes, 2 to 32; that of the intercepts too without `intercept_bits`."""

    intercept_shift: int
    """Left shift of the intercepts before they are added."""

    result_shift: int
    """Right shift, with rounding, from accumulator to result."""

    accumulator_scale: float
    """Real value of one unit of the accumulator."""

    operand: Quantization
    """How inputs are stored: the breakpoints of a table lie in its range."""

    offset: float = 0.0
    """What the accumulator holds for the real number zero: the result's zero point · 2^r."""

    metric: Metric = "mse"
    """`mse`: weighted mean of squared errors; `max`: the largest absolute error."""

    intercept_bits: int | None = None
    """Width of the intercepts where they have one of their own, None: `param_bits`."""

    result: Quantization | None = None
    """How results are stored; None: unknown, only the accumulator matters."""

    constraints: Constraints = field(default_factory=Constraints)
    """What every table must satisfy; the strategies `optimal` and `auto` see to it."""

    slope_limits: tuple[int, int] | None = None
    """Least and greatest slope where those are narrower than the width's, None: they are not."""

    intercept_limits: tuple[int, int] | None = None
    """Likewise of the intercepts."""

    gap: float = 1e-3
    """Where the points are too many for a proof: how far above a proven bound, relative, the loss
    may be."""

    draft: bool = False
    """Be content with the gap for fewer points too, where a proof takes long."""

    def __post_init__(self) -> None:
        n = len(self.q)
        if n == 0 or self.target.shape != (n,) or self.weights.shape != (n,):
            raise ValueError("q, target and weights must be non-empty arrays of one length")
        if np.any(np.diff(self.q) <= 0):
            raise ValueError("q must be strictly ascending")
        if not (np.all(np.isfinite(self.target)) and np.all(self.weights > 0)):
            raise ValueError("every target must be finite and every weight positive")
        if self.metric not in get_args(Metric):
            raise ValueError(f"metric must be mse or max, not '{self.metric}'")
        if not 0 <= self.gap < 1:
            raise ValueError(f"gap must be at least 0 and below 1, not {self.gap}")
        self._check_limits()

    def _check_limits(self) -> None:
        operand = self.operand
        if self.q[0] < operand.minimum or self.q[-1] > operand.maximum:
            raise ValueError("q leaves the storage range of the operand")
        values = operand.maximum - operand.minimum + 1
        if not 1 <= self.entries <= values:
            raise ValueError(
                f"entries must be between 1 and the {values} stored inputs, not {self.entries}"
            )
        if not 2 <= self.param_bits <= 32:
            raise ValueError(f"param-bits must be between 2 and 32, not {self.param_bits}")
        if not 2 <= self.intercept_width <= 32:
            raise ValueError(f"intercept-bits must be between 2 and 32, not {self.intercept_bits}")
        if self.intercept_shift < 0 or self.result_shift < 0:
            raise ValueError("intercept_shift and result_shift must not be negative")
        product = max(abs(operand.minimum), abs(operand.maximum)) << (self.param_bits - 1)
        intercept = 1 << (self.intercept_width - 1 + self.intercept_shift)
        worst = product + intercept + ((1 << self.result_shift) >> 1)
        if worst.bit_length() + 1 > MAX_ACCUMULATOR_BITS:
            raise ValueError(
                f"the accumulator could need {worst.bit_length() + 1} bits, more than "
                f"{MAX_ACCUMULATOR_BITS}: use fewer param-bits or frac-bits"
            )

    @property
    def points(self) -> int:
        """Number of inputs that count."""
        return len(self.q)

    @property
    def intercept_width(self) -> int:
        """Width of the intercepts in bits."""
        return self.intercept_bits or self.param_bits

    @property
    def parameter_range(self) -> tuple[int, int]:
        """Smallest and largest slope."""
        return self.slope_limits or storage_range(self.param_bits, signed=True)

    @property
    def intercept_range(self) -> tuple[int, int]:
        """Smallest and largest intercept."""
        return self.intercept_limits or storage_range(self.intercept_width, signed=True)

    @property
    def real_targets(self) -> Reals:
        """The real numbers to approximate, y, shape (points,)."""
        return (self.target - self.offset) * self.accumulator_scale

    def table(self, breakpoints: Integers, slopes: Integers, intercepts: Integers) -> Table:
        """The table with these parameters and the problem's shifts and widths."""
        return Table(
            tuple(int(v) for v in breakpoints),
            tuple(int(v) for v in slopes),
            tuple(int(v) for v in intercepts),
            self.intercept_shift,
            self.result_shift,
            self.param_bits,
            self.intercept_bits,
        )

    def loss(self, table: Table) -> float:
        """Error of one table: MSE in squared real units, or the largest error in real units."""
        return float(
            self.losses(
                np.array([table.breakpoints], np.int64).reshape(1, -1),
                np.array([table.slopes], np.int64),
                np.array([table.intercepts], np.int64),
            )[0]
        )

    def losses(self, breakpoints: Integers, slopes: Integers, intercepts: Integers) -> Reals:
        """
        Errors of many tables at once, in the units of `loss`.

        Shapes: breakpoints (tables, N−1), ascending along the last axis; slopes and intercepts
        (tables, N). Result (tables,).
        """
        segment = np.empty((len(slopes), self.points), np.int64)
        for row, edges in zip(segment, breakpoints, strict=True):
            row[:] = np.searchsorted(edges, self.q, side="right")
        accumulator = np.take_along_axis(slopes, segment, axis=1) * self.q + np.take_along_axis(
            intercepts << self.intercept_shift, segment, axis=1
        )
        error = (accumulator - self.target) * self.accumulator_scale
        if self.metric == "max":
            return np.abs(error).max(axis=1)
        return (error**2 * self.weights).mean(axis=1)
