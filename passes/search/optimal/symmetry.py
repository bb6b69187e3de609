"""Odd and even tables: the problem of the half that decides the other one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search.model.pieces import assemble
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.optimal.squares import Optimum


class Halves:
    """
    The right half of a symmetric problem, on |q|, and the way back.

    A point and its mirror image become one point with the sum of their weights and the mean of
    their targets; what that mean cannot satisfy is the same for all tables. An odd table of N
    entries is given by (N + 1) // 2 of them, as its middle segment passes through the origin and is
    its own image; an even one by N // 2.

    Raises `ValueError` for zero points, inputs without a sign, and even tables of one entry.
    """

    def __init__(self, problem: Problem) -> None:
        operand, self._whole = problem.operand, problem
        self._odd = problem.constraints.symmetry == "odd"
        if operand.zero_point or operand.minimum >= 0 or (self._odd and problem.offset):
            raise ValueError("symmetry needs zero points of 0 and inputs of both signs")
        entries = (problem.entries + 1) // 2 if self._odd else problem.entries // 2
        if not entries:
            raise ValueError("an even table needs at least two entries")
        q, index = np.unique(np.abs(problem.q), return_inverse=True)
        sign = np.sign(problem.q) if self._odd else np.ones(problem.points)
        weights = np.bincount(index, problem.weights).astype(np.float64)
        target = np.bincount(index, problem.weights * sign * problem.target) / weights
        rest = problem.target * sign - target[index]
        if self._odd:
            # f(0) = 0 is pinned, so that its point has no say in the slope.
            rest[problem.q == 0] = problem.target[problem.q == 0]
        scale = problem.accumulator_scale**2 / problem.points
        self._constant = float((problem.weights * rest**2).sum()) * scale
        self._factor = float(weights.mean()) * len(q) / problem.points
        reach = max(-operand.minimum, operand.maximum)
        self.problem = replace(
            problem,
            q=q.astype(np.int64),
            target=target.astype(np.float64),
            weights=weights / weights.mean(),
            entries=min(entries, reach + 1),
            operand=Quantization(operand.bits + 1, True, operand.scale, 0, 0, reach),
            constraints=replace(
                problem.constraints,
                symmetry="none",
                zero_exact=problem.constraints.zero_exact or self._odd,
            ),
        )

    def whole(self, found: Optimum) -> Optimum:
        """The optimum of the whole problem from that of the half."""
        bound = found.lower_bound
        if bound is not None:
            bound = bound * self._factor + self._constant
        return Optimum(self._mirror(found.table), found.tried, bound)

    def _mirror(self, half: Table) -> Table:
        problem, operand = self._whole, self._whole.operand
        p = np.array(half.breakpoints, np.int64)
        k, b = np.array(half.slopes, np.float64), np.array(half.intercepts, np.float64)
        left_k, left_b = (k, -b) if self._odd else (-k, b)
        middle = 1 if self._odd else 0
        edges = np.concatenate([1 - p[::-1], np.zeros(1 - middle, np.int64), p])
        slopes = np.concatenate([left_k[::-1], k[middle:]])
        intercepts = np.concatenate([left_b[::-1], b[middle:]])
        for values, (low, high) in (
            (slopes, problem.parameter_range),
            (intercepts, problem.intercept_range),
        ):
            if values.min() < low or values.max() > high:
                raise ValueError(f"the mirror image of {low} does not fit: use more param-bits")
        starts = np.maximum(np.concatenate([[operand.minimum], edges]), operand.minimum)
        ends = np.minimum(np.concatenate([edges, [operand.maximum + 1]]), operand.maximum + 1)
        filled = starts < ends
        return assemble(problem, starts[filled][1:], slopes[filled], intercepts[filled])
