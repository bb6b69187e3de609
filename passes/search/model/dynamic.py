"""The dynamic programs over runs of points: who sends what to whom in how many runs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lut_opt.dialects.quantization import Reals

_BLOCK = 1 << 14
"""Runs handled at once: the temporaries of one block stay in the second-level cache."""


def blocks(points: int) -> Iterator[tuple[slice, slice]]:
    """Row and column slices that cover the runs (first, end), first < end, of so many points."""
    rows = max(1, min(max(points // 8, 32), _BLOCK // points))
    for top in range(0, points, rows):
        yield slice(top, min(top + rows, points)), slice(top + 1, points + 1)


def ends(points: int) -> tuple[Reals, Reals]:
    """Start and stop of a table without tails: all points are to be covered."""
    start, stop = np.full(points + 1, np.inf), np.full(points + 1, np.inf)
    start[0] = stop[-1] = 0.0
    return start, stop


def forward(costs: Reals, runs: int, start: Reals | None = None) -> Reals:
    """
    Least cost of the first j points in exactly e runs: result[e, j], (runs + 1, points + 1).

    `costs[i, j]` is the cost of the run i … j−1, infinite where i ≥ j; `start[j]` is what the first
    j points cost before any run (None: nothing for none of them).
    """
    n = len(costs) - 1
    best = np.full((runs + 1, n + 1), np.inf)
    best[0] = ends(n)[0] if start is None else start
    for e in range(1, runs + 1):
        for rows, columns in blocks(n):
            through = costs[rows, columns] + best[e - 1, rows, None]
            np.minimum(best[e, columns], through.min(axis=0), out=best[e, columns])
    return best


def backward(costs: Reals, runs: int, stop: Reals | None = None) -> Reals:
    """Least cost of the points i … in e runs: result[e, i]; the mirror image of `forward`."""
    n = len(costs) - 1
    best = np.full((runs + 1, n + 1), np.inf)
    best[0] = ends(n)[1] if stop is None else stop
    for e in range(1, runs + 1):
        for rows, columns in blocks(n):
            best[e, rows] = (costs[rows, columns] + best[e - 1, columns]).min(axis=1)
    return best


def cut(costs: Reals, best: Reals, end: int | None = None) -> list[int]:
    """
    The ends c₀ < c₁ < … of the cheapest runs, leftmost on ties; as many runs as rows of `best`.

    They cover the points before `end` (None: all) that the start of `best` leaves.
    """
    found = [len(costs) - 1 if end is None else end]
    for e in range(len(best) - 1, 0, -1):
        last = found[-1]
        found.append(int(np.argmin(best[e - 1, :last] + costs[:last, last])))
    return found[::-1]
