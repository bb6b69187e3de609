"""
The proven optimum of the largest error: longest segments first, bisection on the error.

If some integer line stays within ε of a run of points, it stays within ε of every part of it. So the
greedy cut into longest feasible runs needs the fewest segments, and ε is attainable exactly if that
number is at most N.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lut_opt.dialects.pwl.table import Table
from lut_opt.passes.search.optimal import assemble
from lut_opt.passes.search.problem import Problem

_PRECISION = 1e-9
"""Relative width of the bisection's last interval: how far from the optimum the result can be."""

_MAX_PAIRS = 1 << 24
"""Most (slope, point) pairs held at once."""


@dataclass(frozen=True)
class Line:
    """The best integer line over a run of points."""

    end: int
    """Index after the last point of the run."""
    slope: int
    intercept: int
    error: float
    """Largest error over the run, in accumulator units."""


def minimize_maximum(problem: Problem) -> tuple[Table, int]:
    """
    The table of least maximum error, and the number of (run, slope) pairs evaluated.

    No table of the problem has a maximum error smaller than (1 − 1e-9) times the result's. Weights
    do not count.
    """
    chain = Chain(problem)
    bad, good = 0.0, chain.cover(float(np.max(np.abs(problem.target))))
    assert good is not None, "zero slopes and intercepts attain the largest target"
    error = max(line.error for line in good)
    while error - bad > _PRECISION * error:
        trial = math.sqrt(bad * error) if bad > 0.0 else error / 8
        if error < 4 * bad or error < 1e-6:
            trial = 0.5 * (bad + error)
        better = chain.cover(trial)
        if better is None:
            bad = trial
        else:
            good, error = better, max(line.error for line in better)
        if error < 1e-12:
            break
    ends = np.array([line.end for line in good])
    slopes = np.array([line.slope for line in good], np.float64)
    intercepts = np.array([line.intercept for line in good], np.float64)
    return assemble(problem, problem.q[ends[:-1]], slopes, intercepts), chain.tried


class Chain:
    """Greedy covers of the points of one problem."""

    def __init__(self, problem: Problem) -> None:
        self._q, self._target = problem.q.astype(np.float64), problem.target
        self._unit = float(1 << problem.intercept_shift)
        self._low, self._high = problem.parameter_range
        self._entries = problem.entries
        self.tried = 0

    def cover(self, error: float) -> list[Line] | None:
        """Longest runs within `error`, or None if more of them are needed than there are entries."""
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
        The integer line of least maximum error over a run, None if it exceeds `error`.

        Two points q₁ < q₂ within `error` bound the slope to (t₂ − t₁ ± 2·error) / (q₂ − q₁). With
        slope K the best intercept is the integer nearest to the middle of the range of t − K·q.
        """
        q, target = self._q[start:end], self._target[start:end]
        low, high = self._low, self._high
        if len(q) > 1:
            slope, slack = (target[-1] - target[0]), 2 * error + 1e-9
            low = max(low, math.ceil((slope - slack) / (q[-1] - q[0])))
            high = min(high, math.floor((slope + slack) / (q[-1] - q[0])))
        best: Line | None = None
        step = max(1, _MAX_PAIRS // len(q))
        for first in range(low, high + 1, step):
            slopes = np.arange(first, min(first + step, high + 1), dtype=np.float64)
            self.tried += len(slopes)
            rest = target - slopes[:, None] * q
            least, most = rest.min(axis=1), rest.max(axis=1)
            wanted = np.rint((least + most) / (2 * self._unit))
            intercepts = np.clip(wanted, self._low, self._high)
            errors = np.maximum(most - intercepts * self._unit, intercepts * self._unit - least)
            k = int(np.argmin(errors))
            if (errors[k] <= error) if best is None else (errors[k] < best.error):
                best = Line(end, int(slopes[k]), int(intercepts[k]), float(errors[k]))
        return best
