"""
Many points: a table, and a bound that no table beats, closer and closer together.

Cuts are looked for on a grid of positions. A run costs at least what its part between grid points
costs, so the dynamic program that may leave out the cell in which a cut lies bounds every table
from below. Cells in which no good table has a cut are closed, the others are divided (README, "Many
points").
"""

from __future__ import annotations

import numpy as np

from lut_opt.dialects.pwl.quantization import Integers, Reals
from lut_opt.dialects.pwl.table import Table
from lut_opt.passes.search.dynamic import blocks
from lut_opt.passes.search.optimal import Optimum, Runs
from lut_opt.passes.search.problem import Problem

GOAL = 1e-3
"""Relative distance between bound and loss at which the search stops."""

_CELLS = 1024
"""Cells of the first grid."""

_MAX_CELLS = 4096
"""Most cells of a grid: its two matrices fill 256 MiB."""

_ROUNDS = 24


def bracket(problem: Problem, goal: float = GOAL) -> Optimum:
    """
    A table of small weighted squared error and a lower bound of the least one.

    The bound is None, and the table optimal, where the two have met. Stops within `goal`, relative,
    or when the grid cannot become finer. Honours the constraints that do not couple segments.
    """
    n = problem.points
    grid = np.unique(np.linspace(0, n, min(n, _CELLS) + 1).astype(np.int64))
    open_ = np.diff(grid) > 1
    best, least, tried = np.inf, 0.0, 0
    found: Table | None = None
    scale = problem.accumulator_scale**2 / n
    for _ in range(_ROUNDS):
        runs = Runs(problem, [problem.entries], grid)
        tried += runs.tried
        loss = float(runs.losses(problem.entries)[-1])
        if found is None or loss < best:
            best, found = loss, runs.table(problem.entries)
        slack = n * runs.model.tolerance * scale
        bounds = _Bounds(runs, open_, runs.middle(problem.entries))
        least = max(least, bounds.least * scale)
        if not np.any(open_):
            least = best
        if best - least <= goal * best:
            break
        limit = (best + slack) / scale
        grid, open_, finer = _refine(grid, open_, *bounds.possible(limit))
        if not finer:
            break
    assert found is not None, "the first round finds a table"
    return Optimum(found, tried, least if least < best else None)


class _Bounds:
    """
    Lower bounds of partial tables whose cuts may lie inside open cells.

    `before[e, j]`: up to e runs cover the points before the grid point j, the last one to its end;
    `after[e, j]`: up to e runs cover the points from there on.
    """

    def __init__(self, runs: Runs, open_: np.ndarray, middle: int) -> None:
        wanted = runs.problem.constraints
        left, right = wanted.left is not None, wanted.right is not None
        start, stop = runs.start.copy(), runs.stop.copy()
        # A tail must hold a point, but it may end inside the outermost cell.
        start[0], stop[-1] = 0.0, 0.0
        self._middle = middle
        self.before = _pass(runs.bounds, middle, start, open_, left)
        mirrored = np.ascontiguousarray(runs.bounds.T[::-1, ::-1])
        self.after = _pass(mirrored, middle, stop[::-1], open_[::-1], right)[:, ::-1]
        last = self.before + stop
        if right:
            begin = np.where(_shifted(open_), _left(self.before), np.inf)
            last = np.minimum(last, begin + stop)
        self.least = float(last.min())

    def possible(self, limit: float) -> tuple[np.ndarray, np.ndarray]:
        """Which grid points, and which cells, may hold a cut of a table up to `limit`."""
        at = np.full(self.before.shape[1], np.inf)
        inside = at[:-1].copy()
        for e in range(self._middle + 1):
            before, after = self.before[e], self.after[self._middle - e]
            np.minimum(at, before + after, out=at)
            np.minimum(inside, before[:-1] + after[1:], out=inside)
        return at <= limit, inside <= limit


def _shifted(open_: np.ndarray) -> np.ndarray:
    """For each grid point, whether the cell before it is open."""
    return np.concatenate([[False], open_])


def _left(values: Reals) -> Reals:
    """The value at the grid point before."""
    return np.concatenate([np.full((*values.shape[:-1], 1), np.inf), values[..., :-1]], axis=-1)


def _pass(bounds: Reals, runs: int, start: Reals, open_: np.ndarray, tail: bool) -> Reals:
    """The dynamic program from left to right: (runs + 1, grid points)."""
    n = len(bounds) - 1
    best = np.full((runs + 1, n + 1), np.inf)
    best[0] = start
    skip = _shifted(open_)
    for e in range(1, runs + 1):
        begin = best[e - 1]
        if e > 1 or tail:
            begin = np.minimum(begin, np.where(skip, _left(begin), np.inf))
        best[e] = np.minimum(best[e - 1], begin)
        for rows, columns in blocks(n):
            through = bounds[rows, columns] + begin[rows, None]
            np.minimum(best[e, columns], through.min(axis=0), out=best[e, columns])
    return best


def _refine(
    grid: Integers, open_: np.ndarray, at: np.ndarray, inside: np.ndarray
) -> tuple[Integers, np.ndarray, bool]:
    """
    The next grid: open cells divided, closed ones joined; False if that makes nothing finer.

    A grid point stays if a cut may lie there or next to an open cell.
    """
    open_ = open_ & inside
    at = at.copy()
    at[[0, -1]] = True
    at[:-1] |= open_
    at[1:] |= open_
    room = _MAX_CELLS - int(at.sum())
    parts = min(room // max(int(open_.sum()), 1) + 1, 16)
    kept: list[Integers] = [grid[at]]
    starts, widths = grid[:-1][open_], np.diff(grid)[open_]
    for k in range(1, parts):
        kept.append(starts + widths * k // parts)
    finer = np.unique(np.concatenate(kept))
    cell = np.searchsorted(grid, finer[:-1], side="right") - 1
    still = open_[cell] & (np.diff(finer) > 1)
    return finer, still, parts > 1 or not np.any(open_)
