"""
The fewest entries that keep the accumulator within given limits at every input.

For one slope the intercepts that suit a run of points form an interval, the intersection of one
interval per point. What suits a run suits each part of it: the greedy cut into longest runs has the
fewest segments (README, "The fewest entries").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers
from lut_opt.passes.search.model.moments import Moments
from lut_opt.passes.search.model.problem import Problem

MAX_PARAM_BITS = 16
"""Widest slopes: every slope is tried at the first point of a run."""

_BLOCK = 1 << 16
"""(slope, point) pairs handled at once."""

_FAR = 1 << 60
"""Beyond every accumulator: the limit where a result saturates."""


@dataclass(frozen=True)
class ExactConfig:
    """How close every rounded result must be; with the defaults, correctly rounded everywhere."""

    tolerance: int = 0
    """Output steps by which a result may miss the correctly rounded (ties to even) function."""

    max_error: float | None = None
    """Instead: output steps by which a result may miss the real function (≥ 0.5 to be possible)."""

    def __post_init__(self) -> None:
        if self.tolerance < 0:
            raise ValueError(f"tolerance must not be negative, got {self.tolerance}")
        if self.max_error is not None and not self.max_error >= 0:
            raise ValueError(f"max-error must not be negative, got {self.max_error}")


@dataclass(frozen=True, eq=False)
class Limits:
    """What the accumulator may be at each point of a problem; both ends are allowed."""

    low: Integers
    """Smallest accumulators, shape (points,)."""
    high: Integers
    """Largest accumulators, shape (points,); below `low` where nothing will do."""


def limits(problem: Problem, config: ExactConfig) -> Limits:
    """
    The accumulators whose rounded, saturated results are close enough.

    Raises `ValueError` if the problem does not know how its results are stored.
    """
    if (result := problem.result) is None:
        raise ValueError("the exact search needs the result's storage: formulate() gives it")
    r = problem.result_shift
    steps = (problem.target - problem.offset) / 2.0**r + result.zero_point
    if config.max_error is None:
        nearest = np.rint((problem.target - problem.offset) / 2.0**r) + result.zero_point
        nearest = np.clip(nearest, result.minimum, result.maximum)
        least, most = nearest - config.tolerance, nearest + config.tolerance
    else:
        slack = config.max_error * (1 + 1e-12)
        steps = np.clip(steps, result.minimum, result.maximum)
        least, most = np.ceil(steps - slack), np.floor(steps + slack)
    low, high = (1 << r) >> 1, (1 << r) - ((1 << r) >> 1) - 1
    unbounded_below = least <= result.minimum
    unbounded_above = most >= result.maximum
    least = np.clip(least, result.minimum, result.maximum).astype(np.int64)
    most = np.clip(most, result.minimum, result.maximum).astype(np.int64)
    return Limits(
        np.where(unbounded_below, -_FAR, (least << r) - low),
        np.where(unbounded_above, _FAR, (most << r) + high),
    )


def fewest_entries(problem: Problem, allowed: Limits) -> tuple[Table, int]:
    """
    The table of fewest entries within the limits, and the number of (slope, point) pairs tried.

    `problem.entries` does not count. Of the slopes and intercepts that suit a segment those of
    least squared error are taken. Raises `ValueError` where no number of entries is enough.
    """
    if problem.param_bits > MAX_PARAM_BITS:
        raise ValueError(
            f"the exact search takes slopes of up to {MAX_PARAM_BITS} bits, not "
            f"{problem.param_bits}: use fewer param-bits"
        )
    search = _Greedy(problem, allowed)
    starts = [0]
    slopes: list[int] = []
    intercepts: list[int] = []
    while starts[-1] < problem.points:
        end, slope, intercept = search.longest(starts[-1])
        starts.append(end)
        slopes.append(slope)
        intercepts.append(intercept)
    table = problem.table(
        problem.q[np.array(starts[1:-1], np.int64)], np.array(slopes), np.array(intercepts)
    )
    return table, search.tried


class _Greedy:
    """Longest runs of one problem within limits."""

    def __init__(self, problem: Problem, allowed: Limits) -> None:
        self._problem, self._allowed = problem, allowed
        self._moments = Moments(problem.q, problem.target, problem.weights)
        low, high = problem.parameter_range
        self._slopes = np.arange(low, high + 1, dtype=np.int64)
        self.tried = 0

    def longest(self, start: int) -> tuple[int, int, int]:
        """End, slope and intercept of the longest run from `start`."""
        problem, allowed = self._problem, self._allowed
        slopes, end = self._slopes, start
        low = np.full(len(slopes), -_FAR)
        high = np.full(len(slopes), _FAR)
        best = slopes[:0], low[:0], low[:0]
        while end < problem.points:
            part = slice(end, end + max(1, _BLOCK // len(slopes)))
            products = slopes[:, None] * problem.q[part]
            lows = np.maximum.accumulate(allowed.low[part] - products, axis=1)
            highs = np.minimum.accumulate(allowed.high[part] - products, axis=1)
            lows = np.maximum(lows, low[:, None])
            highs = np.minimum(highs, high[:, None])
            least, most = self._intercepts(lows, highs)
            lengths = (least <= most).sum(axis=1)
            self.tried += lows.size
            if (length := int(lengths.max())) > 0:
                alive = np.flatnonzero(lengths == length)
                best = slopes[alive], least[alive, length - 1], most[alive, length - 1]
                end += length
                slopes, low, high = best[0], lows[alive, length - 1], highs[alive, length - 1]
            if length < lows.shape[1]:
                break
        if end == start:
            raise ValueError(_impossible(problem, allowed, start))
        return (end, *self._closest(start, end, *best))

    def _intercepts(self, low: Integers, high: Integers) -> tuple[Integers, Integers]:
        """The least and the greatest intercept with `low ≤ intercept << shift ≤ high`."""
        shift = self._problem.intercept_shift
        least, most = self._problem.intercept_range
        return np.maximum(-(-low >> shift), least), np.minimum(high >> shift, most)

    def _closest(
        self, start: int, end: int, slopes: Integers, least: Integers, most: Integers
    ) -> tuple[int, int]:
        """The slope and the intercept of least squared error among the legal ones."""
        fit = self._moments.fit(np.array(start), np.array(end))
        unit = float(1 << self._problem.intercept_shift)
        wanted = fit.level - slopes * fit.centre
        intercepts = np.clip(np.rint(wanted / unit), least, most)
        cost = fit.spread * (slopes - fit.slope) ** 2
        cost += fit.weight * (intercepts * unit - wanted) ** 2
        k = int(np.argmin(cost))
        return int(slopes[k]), int(intercepts[k])


def _impossible(problem: Problem, allowed: Limits, at: int) -> str:
    """Why no slope and intercept suit the point, and what to do."""
    q, low, high = int(problem.q[at]), int(allowed.low[at]), int(allowed.high[at])
    unit = 1 << problem.intercept_shift
    step = int(np.gcd(q, unit))
    where = f"impossible at these widths: at stored input {q} "
    if low > high:
        return where + "no stored result is close enough: allow a larger error"
    if -(-low // step) * step > high:
        return where + (
            f"the accumulator is a multiple of {step}, and none lies in [{low}, {high}]: use more "
            "frac-bits, or tolerance="
        )
    least, most = problem.parameter_range
    slopes = np.arange(least, most + 1, dtype=np.int64)
    first, last = -(-(low - slopes * q) // unit), (high - slopes * q) // unit
    nearest = np.where(first > 0, first, np.where(last < 0, last, 0))[first <= last]
    if not len(nearest):
        return where + f"no slope of {problem.param_bits} bits will do: use more param-bits"
    bits = int(np.where(nearest < 0, -nearest - 1, nearest).min()).bit_length() + 1
    return where + (
        f"the intercept needs {bits} bits, not {problem.intercept_width}: use intercept-bits={bits}"
    )
