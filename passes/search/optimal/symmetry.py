"""Symmetric tables: the problem of the half that decides the other one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search.model.integer_constraints import identity_slope
from lut_opt.passes.search.model.pieces import assemble
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.optimal.squares import Optimum


class Halves:
    """
    The right half of a symmetric problem, on |q|, and the way back.

    A point and its mirror image become one point with the sum of their weights and the mean of
    their targets; what that mean cannot satisfy is the same for all tables. An odd table of N
    entries is given by (N + 1) // 2 of them, as its middle segment passes through the origin and is
    its own image; an even one by N // 2. What is even of a `relu` table is acc − K·min(q, 0), with
    K the slope of x: it is K·max(q, 0) less what its right half falls short of K·|q|.

    Raises `ValueError` for zero points, inputs without a sign, tables of one entry that are not
    odd, and `relu` where K is no integer.
    """

    def __init__(self, problem: Problem) -> None:
        operand, self._whole = problem.operand, problem
        self._odd = problem.constraints.symmetry == "odd"
        if operand.zero_point or operand.minimum >= 0 or (self._odd and problem.offset):
            raise ValueError("symmetry needs zero points of 0 and inputs of both signs")
        entries = (problem.entries + 1) // 2 if self._odd else problem.entries // 2
        if not entries:
            raise ValueError("a symmetric table that is not odd needs at least two entries")
        self._ramp = identity_slope(problem) if problem.constraints.symmetry == "relu" else 0
        q, index = np.unique(np.abs(problem.q), return_inverse=True)
        sign = np.sign(problem.q) if self._odd else np.ones(problem.points)
        weights = np.bincount(index, problem.weights).astype(np.float64)
        folded = sign * problem.target - self._ramp * np.minimum(problem.q, 0)
        target = np.bincount(index, problem.weights * folded) / weights
        rest = folded - target[index]
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
            slope_limits=None if self._odd else self._mirrored(problem.parameter_range),
            intercept_limits=self._mirrored(problem.intercept_range) if self._odd else None,
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

    def _mirrored(self, limits: tuple[int, int]) -> tuple[int, int]:
        """Those parameters v whose images K − v are parameters too."""
        low, high = max(limits[0], self._ramp - limits[1]), min(limits[1], self._ramp - limits[0])
        if low > high:
            raise ValueError(
                f"no slope of {limits[0]} … {limits[1]} has an image at a slope of {self._ramp} "
                "for x: use fewer frac-bits or more param-bits"
            )
        return low, high

    def _mirror(self, half: Table) -> Table:
        problem, operand = self._whole, self._whole.operand
        p = np.array(half.breakpoints, np.int64)
        k, b = np.array(half.slopes, np.float64), np.array(half.intercepts, np.float64)
        left_k, left_b = (k, -b) if self._odd else (self._ramp - k, b)
        middle = 1 if self._odd else 0
        edges = np.concatenate([1 - p[::-1], np.zeros(1 - middle, np.int64), p])
        slopes = np.concatenate([left_k[::-1], k[middle:]])
        intercepts = np.concatenate([left_b[::-1], b[middle:]])
        starts = np.maximum(np.concatenate([[operand.minimum], edges]), operand.minimum)
        ends = np.minimum(np.concatenate([edges, [operand.maximum + 1]]), operand.maximum + 1)
        filled = starts < ends
        return assemble(problem, starts[filled][1:], slopes[filled], intercepts[filled])
