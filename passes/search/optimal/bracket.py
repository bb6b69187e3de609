"""
Many points: a table, and a bound that no table beats, closer and closer together.

Each cut has a window of its own: single positions, and open cells between two of them. A run costs
at least what the part of it costs that lies between the cells of its two cuts, so a dynamic program
over windows bounds every table from below. Positions and cells that no good table needs are left
out, the other cells are divided (README, "Many points").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lut_opt.dialects.quantization import Integers, Reals
from lut_opt.passes.search.model.pieces import Pieces
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.optimal.squares import Optimum

_PAIRS = 1 << 25
"""Runs held at once, over all windows: 16 bytes each."""

_FIRST_PAIRS = 1 << 20
"""Runs held at once to begin with: tenths of a second, and mostly within a few percent."""

_ROUNDS = 48

_BLOCK = 1 << 14
"""Runs handled at once: the temporaries of one block stay in the second-level cache."""

_MAX_SCANS = 1 << 19
"""Runs scanned at once, over all windows."""

_SCANS = 4
"""How often a round scans."""


@dataclass(frozen=True, eq=False)
class Window:
    """
    Where one cut may lie: before a point (`left == right`), or strictly between two such places.

    Arrays of one length, ascending. A run that ends at the cut covers the points before `left`, one
    that begins there those from `right` on.
    """

    left: Integers
    right: Integers

    @staticmethod
    def of(places: Integers) -> Window:
        """The places, and the open cells between them."""
        inside = np.flatnonzero(np.diff(places) > 1)
        left = np.concatenate([places, places[inside]])
        right = np.concatenate([places, places[inside + 1]])
        order = np.lexsort((right, left))
        return Window(left[order], right[order])

    @property
    def open(self) -> np.ndarray:
        """Mask of the cells."""
        return self.left < self.right

    def refined(self, kept: np.ndarray, room: int) -> Window:
        """Without what is not kept; cells divided as often as leaves about `room` items."""
        cells, points = kept & self.open, kept & ~self.open
        left, right = self.left[cells], self.right[cells]
        parts = (room - int(points.sum())) // max(2 * len(left), 1)
        parts = max(1, min(parts, 16))
        places = left + (right - left) * np.arange(parts + 1)[:, None] // parts
        new = places[1:-1][(left < places[1:-1]) & (places[1:-1] < right)]
        wide = np.diff(places, axis=0) > 1
        lefts = np.concatenate([self.left[points], new, places[:-1][wide]])
        rights = np.concatenate([self.left[points], new, places[1:][wide]])
        pairs = np.unique(np.stack([lefts, rights]), axis=1)
        return Window(pairs[0], pairs[1])


def bracket(problem: Problem, goal: float) -> Optimum:
    """
    A table of small weighted squared error and a lower bound of the least one.

    The bound is None, and the table optimal, where the two have met. Stops within `goal`, relative,
    or when the windows cannot become finer; it begins with few runs, so a wide goal is soon
    reached. Honours the constraints that do not couple segments;
    raises `ValueError` if no table satisfies them.
    """
    pieces = Pieces(problem)
    pairs = min(_FIRST_PAIRS, _PAIRS)
    windows = _windows(pieces, pieces.middle(problem.entries), pairs)
    best, least, tried = np.inf, 0.0, 0
    cuts = np.empty(0, np.int64)
    for _ in range(_ROUNDS):
        layers = _Layers(pieces, windows)
        best, cuts = min((best, cuts), layers.table(), key=lambda found: found[0])
        complete = False
        for _ in range(_SCANS):
            complete, scans = layers.scan(best + problem.points * pieces.model.tolerance)
            best, cuts = min((best, cuts), layers.table(), key=lambda found: found[0])
            tried += scans
            if complete:
                break
        least = max(least, layers.least)
        kept = layers.possible(best + problem.points * pieces.model.tolerance)
        finer = _finer(windows, kept, pairs)
        if complete and not any(np.any(w.open & k) for w, k in zip(windows, kept, strict=True)):
            least = best
        if best - least <= goal * best:
            break
        while pairs < _PAIRS and all(map(_same, windows, finer)):
            pairs *= 4
            finer = _finer(windows, kept, pairs)
        if all(map(_same, windows, finer)):
            break
        windows = finer
    if not np.isfinite(best):
        raise ValueError("no table satisfies the constraints: use more entries or param-bits")
    table = pieces.table(np.unique(cuts).tolist(), problem.entries)
    unit = problem.accumulator_scale**2 / problem.points
    return Optimum(table, tried, least * unit if least < best else None)


def _size(windows: int, pairs: int) -> int:
    """About how many items each window may have."""
    return max(16, math.isqrt(pairs // windows))


def _finer(windows: list[Window], kept: list[np.ndarray], pairs: int) -> list[Window]:
    """The windows without what is not kept, their cells divided as far as `pairs` allow."""
    size = _size(len(windows), pairs)
    return [window.refined(k, size) for window, k in zip(windows, kept, strict=True)]


def _windows(pieces: Pieces, middle: int, pairs: int) -> list[Window]:
    """The first windows: evenly spaced places, alike for all cuts that are free."""
    n = pieces.problem.points
    size = min(n, _size(middle + 1, pairs) // 2)
    wide = Window.of(np.unique(np.linspace(0, n, size + 1).astype(np.int64)))
    windows = [wide] * (middle + 1)
    if pieces.problem.constraints.left is None:
        windows[0] = Window.of(np.array([0]))
    if pieces.problem.constraints.right is None:
        windows[-1] = Window.of(np.array([n]))
    return windows


def _same(old: Window, new: Window) -> bool:
    return len(old.left) == len(new.left) and bool(
        np.all(old.left == new.left) and np.all(old.right == new.right)
    )


class _Layers:
    """
    Costs and bounds of the runs between neighbouring windows, and what they add up to.

    `before[e]` bounds the cost of everything before the e-th cut, for each item of its window;
    `after[e]` that of everything after it.
    """

    def __init__(self, pieces: Pieces, windows: list[Window]) -> None:
        self._pieces, self._windows = pieces, windows
        pairs = [_survey(pieces, *both) for both in pairwise(windows)]
        self._costs, self._bounds = [p[0] for p in pairs], [p[1] for p in pairs]
        self._add()

    def _add(self) -> None:
        first, last = self._windows[0], self._windows[-1]
        before, after = (
            _ends(self._pieces.start, first.left, first),
            _ends(self._pieces.stop, last.right, last),
        )
        self.before, self.after = [before], [after]
        for bound in self._bounds:
            self.before.append((self.before[-1][:, None] + bound).min(axis=0))
        for bound in reversed(self._bounds):
            self.after.append((bound + self.after[-1]).min(axis=1))
        self.after.reverse()

    @property
    def least(self) -> float:
        """No table with its cuts in the windows costs less."""
        return float((self.before[-1] + self.after[-1]).min())

    def possible(self, limit: float) -> list[np.ndarray]:
        """For each window, which items may hold the cut of a table that costs up to `limit`."""
        return [b + a <= limit for b, a in zip(self.before, self.after, strict=True)]

    def table(self) -> tuple[float, Integers]:
        """The cheapest table with its cuts at single places, and these places."""
        windows = self._windows
        best = [np.where(windows[0].open, np.inf, self._pieces.start[windows[0].left])]
        for window, cost in zip(windows[1:], self._costs, strict=True):
            total = (best[-1][:, None] + cost).min(axis=0)
            best.append(np.where(window.open, np.inf, total))
        totals = best[-1] + self._pieces.stop[windows[-1].right]
        at = int(np.argmin(totals))
        loss, cuts = float(totals[at]), [int(windows[-1].left[at])]
        for e in range(len(self._costs) - 1, -1, -1):
            at = int(np.argmin(best[e] + self._costs[e][:, at]))
            cuts.append(int(windows[e].left[at]))
        return loss, np.array(cuts, np.int64)

    def scan(self, limit: float) -> tuple[bool, int]:
        """
        True costs for the runs that tables up to `limit` may contain.

        Returns whether that were not too many, and the number of (run, slope) pairs evaluated.
        """
        model, tried, complete = self._pieces.model, 0, True
        room = _MAX_SCANS // max(len(self._costs), 1)
        for e, (cost, bound) in enumerate(zip(self._costs, self._bounds, strict=True)):
            total = self.before[e][:, None] + bound + self.after[e + 1]
            i, j = np.nonzero((bound < cost - model.tolerance) & (total <= limit))
            runs = self._windows[e].right[i] < self._windows[e + 1].left[j]
            i, j = i[runs], j[runs]
            if len(i) > room:
                chosen, complete = np.argpartition(total[i, j], room)[:room], False
                i, j = i[chosen], j[chosen]
            scan = model.scan(self._windows[e].right[i], self._windows[e + 1].left[j])
            cost[i, j] = bound[i, j] = scan.cost
            tried += scan.tried
        self._add()
        return complete, tried


def _ends(values: Reals, at: Integers, window: Window) -> Reals:
    """What a tail costs at least; a cell may hold a cut that its own end may not."""
    return np.where(window.open & ~np.isfinite(values[at]), 0.0, values[at])


def _survey(pieces: Pieces, before: Window, after: Window) -> tuple[Reals, Reals]:
    """Costs and bounds of the runs from one window to the next; empty ones cost nothing."""
    first, end = before.right, after.left
    costs, bounds = np.empty((2, len(first), len(end)))
    rows = max(1, _BLOCK // len(end))
    for top in range(0, len(first), rows):
        part = slice(top, top + rows)
        costs[part], bounds[part] = pieces.survey(first[part], end)
        empty = end <= first[part, None]
        bounds[part][empty & (before.left[part, None] <= after.right)] = 0.0
        costs[part][end == first[part, None]] = 0.0
    return costs, bounds
