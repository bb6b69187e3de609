"""
The proven optimum of the largest error: longest segments first, bisection on the error.

If some integer line stays within ε of a run of points, it stays within ε of every part of it. So
the greedy cut into longest feasible runs needs the fewest segments, and ε is attainable exactly if
that number is at most N.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lut_opt.dialects.quantization import Reals
from lut_opt.passes.search.model.costs import lattice_misses
from lut_opt.passes.search.model.pieces import assemble
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.optimal.squares import Optimum

_PRECISION = 1e-9
"""Relative width of the last interval: how far from the optimum the result can be."""

_NOISE = 1e-9
"""Errors this small, in accumulator units, are rounding errors of the doubles."""

_MAX_PAIRS = 1 << 22
"""Most (slope, point) pairs held at once, apart from the first slopes of a scan."""

_SLOPES = 32
"""Slopes to each side that a scan tries first."""


@dataclass(frozen=True)
class Line:
    """The best integer line over a run of points."""

    end: int
    """Index after the last point of the run."""
    slope: int
    intercept: int
    error: float
    """Largest error over the run, in accumulator units."""


def minimize_maximum(problem: Problem) -> Optimum:
    """
    The table of least maximum error.

    No table of the problem has a maximum error smaller than (1 − 1e-9) times the result's. Weights
    do not count.
    """
    chain = Chain(problem)
    good = chain.cover(float(np.max(np.abs(problem.target))))
    assert good is not None, "zero slopes and intercepts attain the largest target"
    error = max(line.error for line in good)
    bad = lattice_misses(problem).max() * (1 - _PRECISION / 2)
    while error - bad > max(_PRECISION * error, _NOISE):
        trial = math.sqrt(bad * error) if 0 < 4 * bad < error else 0.5 * (bad + error)
        better = chain.cover(trial if bad else error / 8)
        if better is None:
            bad = trial if bad else error / 8
        else:
            good, error = better, max(line.error for line in better)
    ends = np.array([line.end for line in good])
    slopes = np.array([line.slope for line in good], np.float64)
    intercepts = np.array([line.intercept for line in good], np.float64)
    return Optimum(assemble(problem, problem.q[ends[:-1]], slopes, intercepts), chain.tried)


class Chain:
    """Greedy covers of the points of one problem."""

    def __init__(self, problem: Problem) -> None:
        self._q, self._target = problem.q.astype(np.float64), problem.target
        self._unit = float(1 << problem.intercept_shift)
        self._low, self._high = problem.parameter_range
        self._least, self._most = problem.intercept_range
        self._entries = problem.entries
        self.tried = 0

    def cover(self, error: float) -> list[Line] | None:
        """Longest runs within `error`, or None if they are more than the entries."""
        lines: list[Line] = []
        start = 0
        while start < len(self._q):
            if len(lines) == self._entries:
                return None
            line = self._longest(start, error)
            if line is None:
                return None
            lines.append(line)
            start = line.end
        return lines

    def _longest(self, start: int, error: float) -> Line | None:
        """The longest run from `start` within `error`: doubling, then halving, the length."""
        best = self.line(start, start + 1, error)
        if best is None:
            return None
        points, stride = len(self._q), 1
        while best.end < points:
            line = self.line(start, min(best.end + stride, points), error)
            if line is None:
                break
            best, stride = line, 2 * stride
        bad = min(best.end + stride, points + 1)
        while bad - best.end > 1:
            middle = (best.end + bad) // 2
            line = self.line(start, middle, error)
            if line is None:
                bad = middle
            else:
                best = line
        return best

    def line(self, start: int, end: int, error: float) -> Line | None:
        """
        An integer line within `error` over a run, or None; with `error=inf` the best one.

        Two points q₁ < q₂ within `error` bound the slope to (t₂ − t₁ ± 2·error) / (q₂ − q₁). Half
        the range of t − K·q bounds the error of slope K from below and is convex in K: the scan
        starts at its least value and ends where it exceeds `error`, or the best error so far.
        """
        q, target = self._q[start:end], self._target[start:end]
        low, high = self._bounds(q, target, error)
        if low > high:
            return None
        left = right = self._centre(q, target, low, high)
        best, limit, size = None, error, _SLOPES
        while left > low or right <= high:
            below = np.arange(max(left - size, low), left, dtype=np.float64)
            above = np.arange(right, min(right + size, high + 1), dtype=np.float64)
            slopes = np.concatenate([below, above])
            left, right = left - len(below), right + len(above)
            size = min(2 * size, max(_SLOPES, _MAX_PAIRS // len(q)))
            intercepts, widths, errors = self._errors(q, target, slopes)
            k = int(np.argmin(errors))
            if errors[k] <= limit:
                best = Line(end, int(slopes[k]), int(intercepts[k]), float(errors[k]))
                limit = best.error
                if math.isfinite(error):
                    break
            low = left if widths[0] > limit else low
            high = right - 1 if widths[-1] > limit else high
        return best

    def _bounds(self, q: Reals, target: Reals, error: float) -> tuple[int, int]:
        """The slopes that the ends of a run allow."""
        low, high = self._low, self._high
        if len(q) > 1 and math.isfinite(error):
            rise, run, slack = float(target[-1] - target[0]), float(q[-1] - q[0]), 2 * error + 1e-9
            low = max(low, math.ceil((rise - slack) / run))
            high = min(high, math.floor((rise + slack) / run))
        return low, high

    def _centre(self, q: Reals, target: Reals, low: int, high: int) -> int:
        """A slope less than `_SLOPES` away from the least half range of t − K·q."""
        if len(q) == 1:
            return int(np.clip(np.rint(target[0] / q[0]), low, high)) if q[0] else (low + high) // 2
        while high - low > _SLOPES:
            slopes = np.unique(np.rint(np.linspace(low, high, 17)))
            _, widths, _ = self._errors(q, target, slopes)
            k = int(np.argmin(widths))
            low, high = int(slopes[max(k - 1, 0)]), int(slopes[min(k + 1, len(slopes) - 1)])
        return (low + high) // 2

    def _errors(self, q: Reals, target: Reals, slopes: Reals) -> tuple[Reals, Reals, Reals]:
        """Best intercept of each slope, half the range of t − K·q, and the largest error."""
        self.tried += len(slopes)
        rest = target - slopes[:, None] * q
        least, most = rest.min(axis=1), rest.max(axis=1)
        wanted = np.rint((least + most) / (2 * self._unit))
        intercepts = np.clip(wanted, self._least, self._most)
        errors = np.maximum(most - intercepts * self._unit, intercepts * self._unit - least)
        return intercepts, (most - least) / 2, errors
