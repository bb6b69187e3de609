"""
The proven optimum of the mean squared error, by dynamic programming over integer breakpoints.

Every run of points gets the best *integer* slope and intercept; `README.md` has the proof and says
why each bound may skip work but never the optimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Reals
from lut_opt.passes.search.model.dynamic import backward, blocks, cut, forward
from lut_opt.passes.search.model.pieces import Pieces
from lut_opt.passes.search.model.pieces import assemble as assemble
from lut_opt.passes.search.model.problem import Problem

MAX_POINTS = 4096
"""Most points that the dynamic program takes: its two matrices fill 16·points² bytes."""

_CHUNK = 1 << 18
"""Runs scanned at once, which bounds the memory of a scan."""

_FEW = 1 << 12
"""So many runs are scanned sooner than sorted out."""


class NotProvable(ValueError):
    """The dynamic program does not apply to this problem; use `strategy=genetic`."""


@dataclass(frozen=True)
class Optimum:
    """A table, and how far from the best it can be."""

    table: Table
    tried: int
    """(run, slope) pairs evaluated."""
    lower_bound: float | None = None
    """No table has a smaller loss, in real units; None: the table's own loss is the least."""


def minimize_squares(problem: Problem) -> Optimum:
    """
    The table of least weighted squared error, ignoring constraints that couple segments.

    Optimal over all integer breakpoints, slopes and intercepts of the problem, to within the
    rounding error of the sums (README). Raises `NotProvable` above `MAX_POINTS` points and
    `ValueError` if nothing satisfies the constraints.
    """
    runs = Runs(problem, [problem.entries])
    return Optimum(runs.table(runs.cuts(problem.entries), problem.entries), runs.tried)


class Runs(Pieces):
    """
    The cost of every run of a problem's points that an optimal table can contain.

    `costs[i, j]` (points + 1, points + 1) is the least cost of the run i … j−1, never more than
    that for runs in the tables of least cost with one of the numbers of `entries`, and infinite
    where i ≥ j; `bounds[i, j]` is never more than it.
    """

    def __init__(self, problem: Problem, entries: Sequence[int]) -> None:
        n = problem.points
        if n > MAX_POINTS:
            raise NotProvable(
                f"the dynamic program takes up to {MAX_POINTS} points, not {n}: use "
                "strategy=genetic or restrict the inputs that count"
            )
        super().__init__(problem)
        self.costs, self.bounds = np.full((2, n + 1, n + 1), np.inf)
        index = np.arange(n + 1)
        for rows, columns in blocks(n):
            part = self.survey(index[rows], index[columns])
            self.costs[rows, columns], self.bounds[rows, columns] = part
        self.tried = 0
        self._scan(sorted({self.middle(e) for e in entries}))
        self._best = np.empty((0, n + 1))

    def _scan(self, counts: list[int]) -> None:
        """True costs for the runs that the best tables of so many middle runs may contain."""
        model = self.model
        first, end = np.nonzero(self.bounds < self.costs - model.tolerance)
        if len(first) > _FEW:
            kept = self._candidates(first, end, counts)
            first, end = first[kept], end[kept]
        for chunk in range(0, len(first), _CHUNK):
            part = slice(chunk, chunk + _CHUNK)
            scan = self.scan(first[part], end[part])
            self.costs[first[part], end[part]] = scan.cost
            self.bounds[first[part], end[part]] = scan.cost
            self.tried += scan.tried

    def _candidates(self, first: Integers, end: Integers, counts: list[int]) -> np.ndarray:
        """Mask of the runs that a table no worse than the best known may contain."""
        most, slack = counts[-1], self.problem.points * self.model.tolerance
        totals = (forward(self.costs, most, self.start) + self.stop).min(axis=1)
        before = np.minimum.accumulate(forward(self.bounds, most, self.start))
        after = np.minimum.accumulate(backward(self.bounds, most, self.stop))
        kept = np.zeros(len(first), bool)
        for count in counts:
            rest = np.full(len(first), np.inf)
            for e in range(count):
                np.minimum(rest, before[e, first] + after[count - 1 - e, end], out=rest)
            kept |= rest + self.bounds[first, end] <= totals[: count + 1].min() + slack
        return kept

    def best(self, middle: int) -> Reals:
        """`forward` over the costs, at least `middle` runs."""
        if len(self._best) <= middle:
            self._best = forward(self.costs, middle, self.start)
        return self._best

    def cuts(self, entries: int) -> list[int]:
        """Point indices: ends of the runs between the tails of the best table, c₀ < c₁ < …"""
        middle = self.middle(entries)
        best = self.best(middle)[: middle + 1]
        totals = best + self.stop
        # As many runs as possible, unless fewer are better, which only tails make possible.
        runs = middle - int(np.argmin(totals.min(axis=1)[::-1]))
        if not np.isfinite(totals[runs].min()):
            raise ValueError("no table satisfies the constraints: use more entries or param-bits")
        return cut(self.costs, best[: runs + 1], int(np.argmin(totals[runs])))

    def losses(self, entries: int) -> Reals:
        """Least loss in real units for 1 … `entries` segments, inf where there is no table."""
        best = self.best(self.middle(entries)) + self.stop
        least = np.minimum.accumulate(best.min(axis=1))
        scale = self.problem.accumulator_scale**2 / self.problem.points
        middle = np.minimum(np.arange(1, entries + 1) - self.tails, len(least) - 1)
        return np.where(middle < 0, np.inf, least[np.maximum(middle, 0)] * scale)
