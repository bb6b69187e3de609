"""What a table is made of: runs of points with a line each, tails, and a value at zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Reals
from lut_opt.passes.search.model.costs import Costs, Scan
from lut_opt.passes.search.model.dynamic import ends
from lut_opt.passes.search.model.integer_constraints import pinned, tail_line
from lut_opt.passes.search.model.problem import Problem


class Pieces:
    """
    The cost of every piece of a problem's tables, without what couples neighbours.

    Raises `ValueError` if the tails or the value at zero do not fit the parameters.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem, self.model = problem, Costs(problem)
        self.pin = pinned(problem) if problem.constraints.zero_exact else None
        """Index of x = 0 and the accumulator that it must have."""
        self.start, self.stop = self._tails()
        """Cost of the first j points in the left tail, of those from j on in the right one."""

    @property
    def tails(self) -> int:
        """How many segments are given."""
        wanted = self.problem.constraints
        return (wanted.left is not None) + (wanted.right is not None)

    def middle(self, entries: int) -> int:
        """How many runs there are between the tails, at most."""
        if entries < self.tails:
            raise ValueError(f"two exact tails need two entries, not {entries}")
        return min(entries - self.tails, self.problem.points)

    def _tails(self) -> tuple[Reals, Reals]:
        problem, wanted = self.problem, self.problem.constraints
        start, stop = ends(problem.points)
        for tail, left in ((wanted.left, True), (wanted.right, False)):
            if tail is None:
                continue
            slope, intercept = tail_line(problem, tail)
            acc = slope * problem.q + (intercept << problem.intercept_shift)
            squares = problem.weights * (acc - problem.target) ** 2
            if self.pin and acc[self.pin[0]] != self.pin[1]:
                squares[self.pin[0]] = np.inf
            # A segment beyond the outermost stored input would hold nothing.
            if left:
                start = np.concatenate([[0.0], np.cumsum(squares)])
                start[0] = np.inf if problem.q[0] == problem.operand.minimum else 0.0
            else:
                stop = np.concatenate([[0.0], np.cumsum(squares[::-1])])[::-1].copy()
                stop[-1] = np.inf if problem.q[-1] == problem.operand.maximum else 0.0
        return start, stop

    def survey(self, first: Integers, end: Integers) -> tuple[Reals, Reals]:
        """`Costs.survey`, with the value at zero: ascending indices, results (first, end)."""
        costs, bounds = self.model.survey(first, end)
        if self.pin:
            at, value = self.pin
            i, j = np.searchsorted(first, at, side="right"), np.searchsorted(end, at, side="right")
            if i and j < len(end):
                q = int(self.problem.q[at])
                through, _ = self.model.through(first[:i, None], end[None, j:], q, value)
                costs[:i, j:] = bounds[:i, j:] = through
        return costs, bounds

    def scan(self, first: Integers, end: Integers) -> Scan:
        """`Costs.scan`, without the value at zero, whose runs `survey` settles."""
        return self.model.scan(first, end)

    def table(self, cuts: Sequence[int], entries: int) -> Table:
        """The table whose runs between the tails end at these points, c₀ < c₁ < …"""
        problem, model, wanted = self.problem, self.model, self.problem.constraints
        c = np.array(cuts, np.int64)
        fit = model.moments.fit(c[:-1], c[1:])
        slopes = model.scan(c[:-1], c[1:]).slope
        intercepts = model.intercept(fit, slopes)
        if self.pin:
            at, value = self.pin
            for k in np.flatnonzero((c[:-1] <= at) & (at < c[1:])):
                q = int(problem.q[at])
                slopes[k] = model.through(c[k], c[k + 1], q, value)[1]
                intercepts[k] = (value - slopes[k] * q) / model.unit
        if wanted.left:
            slope, intercept = tail_line(problem, wanted.left)
            slopes, intercepts = np.append(slope, slopes), np.append(intercept, intercepts)
        if wanted.right:
            slope, intercept = tail_line(problem, wanted.right)
            slopes, intercepts = np.append(slopes, slope), np.append(intercepts, intercept)
        inner = cuts[0 if wanted.left else 1 : len(c) if wanted.right else -1]
        breakpoints = positions(problem, inner)
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
