"""
The proven optimum of the mean squared error, by dynamic programming over integer breakpoints.

Every run of points gets the best *integer* slope and intercept; `README.md` has the proof and says
why each bound may skip work but never the optimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lut_opt.dialects.pwl.quantization import Integers, Reals
from lut_opt.dialects.pwl.table import Table
from lut_opt.passes.search.constraints import pinned, tail_line
from lut_opt.passes.search.costs import Costs
from lut_opt.passes.search.dynamic import backward, blocks, cut, ends, forward
from lut_opt.passes.search.problem import Problem

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
    return Optimum(runs.table(problem.entries), runs.tried)


class Runs:
    """
    The cost of every run of a problem's points that an optimal table can contain.

    `costs[i, j]` (points + 1, points + 1) is the least cost of the run i … j−1, never more than
    that for runs in the tables of least cost with one of the numbers of `entries`, and infinite
    where i ≥ j; `bounds[i, j]` is never more than it.

    With a `grid`, ascending point indices from 0 to points, i and j count its positions, and only
    tables with cuts there are looked at.
    """

    def __init__(
        self, problem: Problem, entries: Sequence[int], grid: Integers | None = None
    ) -> None:
        self.grid = np.arange(problem.points + 1) if grid is None else grid
        n = len(self.grid) - 1
        if n > MAX_POINTS:
            raise NotProvable(
                f"the dynamic program takes up to {MAX_POINTS} points, not {n}: use "
                "strategy=genetic or restrict the inputs that count"
            )
        self.problem, self.model = problem, Costs(problem)
        self.pin = pinned(problem) if problem.constraints.zero_exact else None
        self.costs, self.bounds = self._matrices()
        self.start, self.stop = self._tails()
        self.tried = 0
        self._scan(sorted({self.middle(e) for e in entries}))
        self._best = np.empty((0, n + 1))

    def middle(self, entries: int) -> int:
        """How many runs there are between the tails, at most."""
        wanted = self.problem.constraints
        middle = entries - (wanted.left is not None) - (wanted.right is not None)
        if middle < 0:
            raise ValueError(f"two exact tails need two entries, not {entries}")
        return min(middle, len(self.grid) - 1)

    def _matrices(self) -> tuple[Reals, Reals]:
        """Feasible costs and lower bounds of all runs, inf where empty."""
        n, model, grid = len(self.grid) - 1, self.model, self.grid
        costs, bounds = np.full((n + 1, n + 1), np.inf), np.full((n + 1, n + 1), np.inf)
        for rows, columns in blocks(n):
            costs[rows, columns], bounds[rows, columns] = model.survey(grid[rows], grid[columns])
        if self.pin:
            at, value = self.pin
            k = int(np.searchsorted(grid, at, side="right"))
            first, end = grid[:k, None], grid[None, k:]
            through, _ = model.through(first, end, int(self.problem.q[at]), value)
            costs[:k, k:] = bounds[:k, k:] = through
        return costs, bounds

    def _tails(self) -> tuple[Reals, Reals]:
        """What the first j points cost in the left tail, and the points from i in the right one."""
        problem, wanted = self.problem, self.problem.constraints
        start, stop = ends(len(self.grid) - 1)
        for tail, left in ((wanted.left, True), (wanted.right, False)):
            if tail is None:
                continue
            slope, intercept = tail_line(problem, tail)
            acc = slope * problem.q + (intercept << problem.intercept_shift)
            squares = problem.weights * (acc - problem.target) ** 2
            if self.pin and acc[self.pin[0]] != self.pin[1]:
                squares[self.pin[0]] = np.inf
            if left:
                start = np.concatenate([[0.0], np.cumsum(squares)])[self.grid]
                # A segment before the first stored input would hold nothing.
                start[0] = np.inf if problem.q[0] == problem.operand.minimum else 0.0
            else:
                stop = np.concatenate([[0.0], np.cumsum(squares[::-1])])[::-1][self.grid]
                stop[-1] = np.inf if problem.q[-1] == problem.operand.maximum else 0.0
        return start, stop

    def _scan(self, counts: list[int]) -> None:
        """True costs for the runs that the best tables of so many middle runs may contain."""
        model = self.model
        first, end = np.nonzero(self.bounds < self.costs - model.tolerance)
        if len(first) > _FEW:
            kept = self._candidates(first, end, counts)
            first, end = first[kept], end[kept]
        for chunk in range(0, len(first), _CHUNK):
            part = slice(chunk, chunk + _CHUNK)
            scan = model.scan(self.grid[first[part]], self.grid[end[part]])
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
        found = cut(self.costs, best[: runs + 1], int(np.argmin(totals[runs])))
        return self.grid[found].tolist()

    def losses(self, entries: int) -> Reals:
        """Least loss in real units for 1 … `entries` segments, inf where there is no table."""
        best = self.best(self.middle(entries)) + self.stop
        least = np.minimum.accumulate(best.min(axis=1))
        scale = self.problem.accumulator_scale**2 / self.problem.points
        wanted = self.problem.constraints
        tails = (wanted.left is not None) + (wanted.right is not None)
        middle = np.minimum(np.arange(1, entries + 1) - tails, len(least) - 1)
        return np.where(middle < 0, np.inf, least[np.maximum(middle, 0)] * scale)

    def table(self, entries: int) -> Table:
        """The best table of so many entries."""
        problem, model, wanted = self.problem, self.model, self.problem.constraints
        cuts = np.array(self.cuts(entries))
        fit = model.moments.fit(cuts[:-1], cuts[1:])
        slopes = model.scan(cuts[:-1], cuts[1:]).slope
        intercepts = model.intercept(fit, slopes)
        if self.pin:
            at, value = self.pin
            for k in np.flatnonzero((cuts[:-1] <= at) & (at < cuts[1:])):
                q = int(problem.q[at])
                slopes[k] = model.through(cuts[k], cuts[k + 1], q, value)[1]
                intercepts[k] = (value - slopes[k] * q) / model.unit
        if wanted.left:
            slope, intercept = tail_line(problem, wanted.left)
            slopes, intercepts = np.append(slope, slopes), np.append(intercept, intercepts)
        if wanted.right:
            slope, intercept = tail_line(problem, wanted.right)
            slopes, intercepts = np.append(slopes, slope), np.append(intercepts, intercept)
        inner = cuts[0 if wanted.left else 1 : len(cuts) if wanted.right else -1]
        breakpoints = positions(problem, inner.tolist())
        return assemble(replace(problem, entries=entries), breakpoints, slopes, intercepts)


def positions(problem: Problem, cuts: Sequence[int]) -> Integers:
    """The breakpoints that cut before these points."""
    q = np.append(problem.q, problem.q[-1] + 1)
    return q[np.array(cuts, np.int64)]


def assemble(problem: Problem, breakpoints: Integers, slopes: Reals, intercepts: Reals) -> Table:
    """
    The table of these segments, padded to the problem's number of entries.

    Padding cuts segments at the largest inputs that are not breakpoints yet; both parts keep the
    parameters, so the table computes the same function.
    """
    known = set(breakpoints.tolist())
    operand, missing = problem.operand, problem.entries - len(slopes)
    spare = (p for p in range(operand.maximum, operand.minimum, -1) if p not in known)
    padding = [next(spare) for _ in range(missing)]
    edges = np.sort(np.concatenate([breakpoints, np.array(padding, np.int64)]))
    starts = np.concatenate([[operand.minimum], edges])
    source = np.searchsorted(breakpoints, starts, side="right")
    return problem.table(
        edges.astype(np.int64),
        np.asarray(slopes).astype(np.int64)[source],
        np.asarray(intercepts).astype(np.int64)[source],
    )
