"""
Monotone and nearly continuous tables, where the choice of one segment depends on its neighbours.

Iterative deepening: all lines that a table below some limit may contain are listed, and a dynamic
program over (points covered, line of the last segment) finds the best legal sequence. If there is
one, it is the optimum; if there is none, the limit is a lower bound (README, "Neighbours").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Reals
from lut_opt.passes.search.model.dynamic import backward, forward
from lut_opt.passes.search.model.integer_constraints import tail_line, violations
from lut_opt.passes.search.model.lines import MAX_LINES, Lines, lines_within
from lut_opt.passes.search.model.pieces import assemble, positions
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.optimal.squares import NotProvable, Optimum, Runs

_MARGINS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 1e2, 1e3, 1e6)
"""How far above the optimum without coupling the limits are, relative to it."""

_LEAST = 0.01
"""Squared error per point, in accumulator units, that margins are relative to at least."""

_FACING = 1 << 20
"""(line, line) pairs compared at once."""

_MAX_PAIRS = 1 << 28
"""(line, line) pairs compared in one attempt of a proof: some seconds."""

_BEAM = 128
"""Labels at each point that a search without proof goes on from."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Best ways to cover the points before `end` by so many runs, one for each last line."""

    lines: Lines
    total: Reals
    """Cost so far."""
    parent: Integers
    """Index of the label before, among those of one run less; −1: none."""


def minimize_coupled(problem: Problem) -> Optimum:
    """
    The table of least weighted squared error under all constraints, or a bracket of it.

    Raises `NotProvable` as `minimize_squares` does, and where no table was found.
    """
    search = _Search(problem)
    unit = problem.accumulator_scale**2 / problem.points
    proven = search.least
    for margin in _MARGINS:
        limit = search.least + margin * search.base + search.slack
        lines = search.lines(limit, None)
        if lines is None:
            break
        found = search.solve(lines, limit)
        if found is not None:
            return Optimum(found, search.tried)
        if search.exhausted:
            break
        proven = limit
    for around in (4, 16, 64):
        lines = search.lines(search.least + 100 * search.base, around)
        found = search.solve(lines, np.inf, _BEAM) if lines is not None else None
        if found is not None:
            return Optimum(found, search.tried, proven * unit)
    return Optimum(_on_a_coarser_grid(problem), search.tried, proven * unit)


def _on_a_coarser_grid(problem: Problem) -> Table:
    """The table with parameters that are multiples of four."""
    if problem.param_bits < 6 or problem.intercept_width < 6:
        raise NotProvable(
            "no table with these constraints was found within the effort: allow a larger max-jump"
        )
    coarse = replace(
        problem,
        target=problem.target / 4,
        offset=problem.offset / 4,
        param_bits=problem.param_bits - 2,
        intercept_bits=problem.intercept_width - 2,
        accumulator_scale=problem.accumulator_scale * 4,
        slope_limits=_quarter(problem.slope_limits),
        intercept_limits=_quarter(problem.intercept_limits),
    )
    table = minimize_coupled(coarse).table
    slopes, intercepts = np.array(table.slopes) * 4, np.array(table.intercepts) * 4
    fine = problem.table(np.array(table.breakpoints, np.int64), slopes, intercepts)
    if broken := violations(problem, fine):
        raise NotProvable(f"no table was found within the effort that satisfies {broken[0]}")
    return fine


def _quarter(limits: tuple[int, int] | None) -> tuple[int, int] | None:
    """The integers whose fourfold lies within the limits."""
    return None if limits is None else (-(-limits[0] // 4), limits[1] // 4)


class _Search:
    """Candidate lines and their legal sequences."""

    def __init__(self, problem: Problem) -> None:
        self._problem, self._runs = problem, Runs(problem, [problem.entries])
        self._middle = self._runs.middle(problem.entries)
        runs = self._runs
        self._before = forward(runs.bounds, self._middle, runs.start)
        self._after = backward(runs.bounds, self._middle, runs.stop)
        self.least = float((self._before + runs.stop).min())
        if not np.isfinite(self.least):
            raise ValueError("no table satisfies the constraints: use more entries")
        self.base = max(self.least, _LEAST * problem.points)
        self.slack = problem.points * (runs.model.tolerance + 1e-6)
        self.tried = runs.tried
        self.exhausted = False
        self._pairs = 0
        self._beam: int | None = None

    def lines(self, limit: float, most: int | None) -> Lines | None:
        """
        All lines of runs that a table of cost up to `limit` may contain, None if they are too many.

        With `most`, only so many best ones of each run, which proves nothing.
        """
        runs, model = self._runs, self._runs.model
        before = np.minimum.accumulate(self._before)
        after = np.minimum.accumulate(self._after)
        rest = np.full(runs.bounds.shape, np.inf)
        for e in range(self._middle):
            np.minimum(rest, before[e][:, None] + after[self._middle - 1 - e], out=rest)
        first, end = np.nonzero(runs.bounds + rest <= limit)
        if most is not None:
            order = np.argsort((runs.bounds + rest)[first, end], kind="stable")
            kept = np.sort(order[: MAX_LINES // (4 * most)])
            first, end = first[kept], end[kept]
        if not len(first):
            return Lines(first, end, first, end, np.empty(0))
        slack = limit - rest[first, end]
        if most is not None:
            fit = model.moments.fit(first, end)
            area = most * model.unit * np.sqrt(np.maximum(fit.spread, 1) * fit.weight) / np.pi
            slack = np.minimum(slack, runs.costs[first, end] + area)
        found = lines_within(runs, first, end, slack)
        self.tried += 0 if found is None else len(found)
        return found

    def solve(self, lines: Lines, limit: float, beam: int | None = None) -> Table | None:
        """
        The best legal sequence of lines that costs at most `limit`.

        None if there is none, or after too many comparisons (`exhausted`). With a `beam`, only so
        many labels at each point count, which proves nothing.
        """
        self._pairs, self._beam = 0, beam
        layers: list[Labels] = [self._roots()]
        best, chosen = np.inf, (-1, -1)
        for e in range(self._middle + 1):
            total = layers[e].total + self._closing(layers[e])
            if len(total) and total.min() < best:
                best, chosen = float(total.min()), (e, int(np.argmin(total)))
            if self._pairs > _MAX_PAIRS:
                self.exhausted = True
                return None
            if e < self._middle:
                layers.append(self._extend(layers[e], lines, limit, self._middle - e - 1))
        if chosen[0] < 0 or best > limit:
            return None
        return self._table(layers, chosen)

    def _roots(self) -> Labels:
        """The left tail over the first j points, for every j; or nothing at all."""
        problem, left = self._problem, self._problem.constraints.left
        ends = np.flatnonzero(np.isfinite(self._runs.start))
        slope, intercept = tail_line(problem, left) if left else (0, 0)
        lines = Lines(
            np.zeros(len(ends), np.int64),
            ends.astype(np.int64),
            np.full(len(ends), slope),
            np.full(len(ends), intercept),
            self._runs.start[ends],
        )
        return Labels(lines, lines.cost, np.full(len(ends), -1))

    def _closing(self, labels: Labels) -> Reals:
        """What the points after each label cost, infinite where they cannot follow."""
        right, ends = self._problem.constraints.right, labels.lines.end
        rest = self._runs.stop[ends]
        if right is None:
            return rest
        slope, intercept = tail_line(self._problem, right)
        legal = self._legal(labels.lines, np.array([slope]), np.array([intercept]), ends)
        root = labels.parent < 0 if self._problem.constraints.left is None else False
        return np.where(legal[:, 0] | root, rest, np.inf)

    def _legal(
        self, last: Lines, slopes: Integers, intercepts: Integers, cut: Integers
    ) -> np.ndarray:
        """Whether the lines may follow the last ones at the points `cut`: (last, lines)."""
        wanted, shift = self._problem.constraints, self._problem.intercept_shift
        p = positions(self._problem, cut.tolist())
        old = (last.slope * p + (last.intercept << shift))[:, None]
        new = slopes * p[:, None] + (intercepts << shift)
        legal = np.ones(new.shape, bool)
        if wanted.sign:
            legal &= wanted.sign * (new - old + last.slope[:, None]) >= 0
            legal &= (wanted.sign * last.slope >= 0)[:, None] & (wanted.sign * slopes >= 0)
        if wanted.max_jump is not None:
            limit = wanted.max_jump / self._problem.accumulator_scale
            legal &= np.abs(new - old) <= limit * (1 + 1e-12)
        return legal

    def _extend(self, labels: Labels, lines: Lines, limit: float, left: int) -> Labels:
        """Labels of one more run: for each line the best label that it may follow."""
        after = np.minimum.accumulate(self._after)[left]
        kept: list[tuple[Lines, Reals, Integers]] = []
        order = np.argsort(labels.lines.end, kind="stable")
        for i, group in _groups(labels.lines.end[order], order):
            group = self._best(labels, group)
            low, high = np.searchsorted(lines.first, [i, i + 1])
            part = lines[int(low) : int(high)]
            part = part[labels.total[group].min() + part.cost + after[part.end] <= limit]
            if not len(part):
                continue
            self._pairs += len(group) * len(part)
            if self._pairs > _MAX_PAIRS:
                break
            total, parent = self._join(labels, group, part)
            good = total + after[part.end] <= limit
            kept.append((part[good], total[good], parent[good]))
        if not kept:
            none = np.empty(0, np.int64)
            return Labels(Lines(none, none, none, none, np.empty(0)), np.empty(0), none)
        parts = [k[0] for k in kept]
        joined = Lines(
            *(
                np.concatenate([getattr(p, name) for p in parts])
                for name in ("first", "end", "slope", "intercept", "cost")
            )
        )
        totals = np.concatenate([k[1] for k in kept])
        return Labels(joined, totals, np.concatenate([k[2] for k in kept]))

    def _best(self, labels: Labels, group: Integers) -> Integers:
        """The cheapest labels of a group, of each value at its cut, as many as the beam takes."""
        order = group[np.argsort(labels.total[group], kind="stable")]
        last, wanted = labels.lines[order], self._problem.constraints
        if not wanted.sign and (wanted.left or labels.parent[order[0]] >= 0):
            p = positions(self._problem, last.end[:1].tolist())[0]
            values = last.slope * p + (last.intercept << self._problem.intercept_shift)
            order = order[np.sort(np.unique(values, return_index=True)[1])]
        return order[: self._beam]

    def _join(self, labels: Labels, group: Integers, part: Lines) -> tuple[Reals, Integers]:
        """Cheapest label of the group before each line, and which: inf where none is legal."""
        last = labels.lines[group]
        if labels.parent[group[0]] < 0 and self._problem.constraints.left is None:
            return labels.total[group[0]] + part.cost, np.full(len(part), group[0])
        totals, parents = np.empty(len(part)), np.empty(len(part), np.int64)
        size = max(1, _FACING // len(group))
        for at in range(0, len(part), size):
            piece = slice(at, at + size)
            legal = self._legal(last, part.slope[piece], part.intercept[piece], last.end)
            before = np.where(legal, labels.total[group][:, None], np.inf)
            best = np.argmin(before, axis=0)
            totals[piece] = before[best, np.arange(len(best))]
            parents[piece] = group[best]
        return totals + part.cost, parents

    def _table(self, layers: list[Labels], chosen: tuple[int, int]) -> Table:
        """The table of a chain of labels, with its tails."""
        problem, wanted = self._problem, self._problem.constraints
        e, at = chosen
        path: list[tuple[int, int, int]] = []
        if wanted.right:
            slope, intercept = tail_line(problem, wanted.right)
            path.append((int(layers[e].lines.end[at]), slope, intercept))
        while e >= (0 if wanted.left else 1):
            lines = layers[e].lines
            path.append((int(lines.first[at]), int(lines.slope[at]), int(lines.intercept[at])))
            at, e = int(layers[e].parent[at]), e - 1
        path.reverse()
        cuts, slopes, intercepts = zip(*path, strict=True)
        return assemble(
            problem,
            positions(problem, cuts[1:]),
            np.array(slopes, np.float64),
            np.array(intercepts, np.float64),
        )


def _groups(values: Integers, order: Integers) -> Iterator[tuple[int, Integers]]:
    """Equal values of a sorted array, and the part of `order` that belongs to them."""
    edges = np.flatnonzero(np.diff(values)) + 1
    for part in np.split(np.arange(len(values)), edges):
        if len(part):
            yield int(values[part[0]]), order[part]
