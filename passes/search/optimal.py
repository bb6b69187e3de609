"""
The proven optimum of the mean squared error, by dynamic programming over integer breakpoints.

Every run of points gets the best *integer* slope and intercept; `README.md` has the proof and says
why each bound may skip work but never the optimum.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lut_opt.dialects.pwl.quantization import Integers, Reals
from lut_opt.dialects.pwl.table import Table
from lut_opt.passes.search.costs import Costs
from lut_opt.passes.search.problem import Problem

MAX_POINTS = 4096
"""Most points that the dynamic program takes: its two matrices fill 16·points² bytes."""

_BLOCK = 1 << 14
"""Runs handled at once: the temporaries of one block stay in the second-level cache."""

_CHUNK = 1 << 18
"""Runs scanned at once, which bounds the memory of a scan."""

_FEW = 1 << 12
"""So many runs are scanned sooner than sorted out."""


class NotProvable(ValueError):
    """The dynamic program does not apply to this problem; use `strategy=genetic`."""


def minimize_squares(problem: Problem) -> tuple[Table, int]:
    """
    The table of least weighted squared error, and the number of (run, slope) pairs evaluated.

    Optimal over all integer breakpoints, slopes and intercepts of the problem, to within the
    rounding error of the sums (README). Raises `NotProvable` above `MAX_POINTS` points.
    """
    n = problem.points
    if n > MAX_POINTS:
        raise NotProvable(
            f"the dynamic program takes up to {MAX_POINTS} points, not {n}: use strategy=genetic "
            "or restrict the inputs that count"
        )
    runs = min(problem.entries, n)
    model = Costs(problem)
    costs, bounds = _matrices(model, n)
    first, end = np.nonzero(bounds < costs - model.tolerance)
    if len(first) > _FEW:
        kept = _candidates(costs, bounds, runs, n * model.tolerance, (first, end))
        first, end = first[kept], end[kept]
    tried = 0
    for chunk in range(0, len(first), _CHUNK):
        part = slice(chunk, chunk + _CHUNK)
        scan = model.scan(first[part], end[part])
        costs[first[part], end[part]] = scan.cost
        tried += scan.tried
    ends = np.array(cut(costs, forward(costs, runs)))
    fit = model.moments.fit(ends[:-1], ends[1:])
    slopes = model.scan(ends[:-1], ends[1:]).slope
    intercepts = model.intercept(fit, slopes)
    return assemble(problem, problem.q[ends[1:-1]], slopes, intercepts), tried


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


def _matrices(model: Costs, points: int) -> tuple[Reals, Reals]:
    """Feasible costs and lower bounds of all runs, (points + 1, points + 1), inf where empty."""
    costs = np.full((points + 1, points + 1), np.inf)
    bounds = np.full((points + 1, points + 1), np.inf)
    for rows, columns in _blocks(points):
        costs[rows, columns], bounds[rows, columns] = model.survey(rows, columns)
    return costs, bounds


def _candidates(
    costs: Reals, bounds: Reals, runs: int, slack: float, open_: tuple[Integers, Integers]
) -> np.ndarray:
    """Mask of the open runs (first, end) that a table no worse than the best known may contain."""
    first, end = open_
    limit = float(forward(costs, runs)[runs, -1]) + slack
    before, after = forward(bounds, runs - 1), backward(bounds, runs - 1)
    rest = np.full(len(first), np.inf)
    for e in range(runs):
        np.minimum(rest, before[e, first] + after[runs - 1 - e, end], out=rest)
    return rest + bounds[first, end] <= limit


def _blocks(points: int) -> Iterator[tuple[slice, slice]]:
    """Row and column slices that cover the runs (first, end), first < end, of so many points."""
    rows = max(1, min(max(points // 8, 32), _BLOCK // points))
    for top in range(0, points, rows):
        yield slice(top, min(top + rows, points)), slice(top + 1, points + 1)


def forward(costs: Reals, runs: int) -> Reals:
    """
    Least cost of the first j points in exactly e runs: result[e, j], (runs + 1, points + 1).

    `costs[i, j]` is the cost of the run i … j−1, infinite where i ≥ j.
    """
    n = len(costs) - 1
    best = np.full((runs + 1, n + 1), np.inf)
    best[0, 0] = 0.0
    for e in range(1, runs + 1):
        for rows, columns in _blocks(n):
            through = costs[rows, columns] + best[e - 1, rows, None]
            np.minimum(best[e, columns], through.min(axis=0), out=best[e, columns])
    return best


def backward(costs: Reals, runs: int) -> Reals:
    """Least cost of the points i … in e runs: result[e, i]; the mirror image of `forward`."""
    n = len(costs) - 1
    best = np.full((runs + 1, n + 1), np.inf)
    best[0, n] = 0.0
    for e in range(1, runs + 1):
        for rows, columns in _blocks(n):
            best[e, rows] = (costs[rows, columns] + best[e - 1, columns]).min(axis=1)
    return best


def cut(costs: Reals, best: Reals) -> list[int]:
    """The ends 0 = c₀ < c₁ < … = points of the cheapest runs, leftmost on ties."""
    ends = [len(costs) - 1]
    for e in range(len(best) - 1, 0, -1):
        end = ends[-1]
        ends.append(int(np.argmin(best[e - 1, :end] + costs[:end, end])))
    return ends[::-1]
