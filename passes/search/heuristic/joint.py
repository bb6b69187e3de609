"""
One table for a set of scales: the seeds' storage, with slopes, intercepts and breakpoints shared.

In the seed form a slope K and an intercept B mean the line `2^−λ·(K·x + B)` in real units, whatever
the input scale is, and a real breakpoint p sends x to the right where `p ≤ x`, which for a stored
input means `⌈p/S⌉ ≤ q`. So the inputs of all scales are points on the grid of the finest scale, and
one table for all of them is one table on that grid: an ordinary problem, with weights (README).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lut_opt.dialects.pwl.certificate import Samples
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Quantization, Reals, exact_log2
from lut_opt.passes.search.model.formulate import PLAIN, Goal, Shape, formulate
from lut_opt.passes.search.model.pieces import assemble
from lut_opt.passes.search.model.problem import Metric, Problem


@dataclass(frozen=True, eq=False)
class Scale:
    """One of the scales that share a table."""

    samples: Samples
    operand: Quantization
    result: Quantization
    weights: Reals | None = None
    """Positive weight of each sample, in any unit; None: all equal."""


@dataclass(frozen=True)
class Lines:
    """What is stored: a table in real units, `y = slopes[i]·x + intercepts[i]`."""

    breakpoints: tuple[float, ...]
    """Ascending; an input equal to one belongs to the right."""
    slopes: tuple[float, ...]
    intercepts: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class JointProblem:
    """A problem on the grid of the finest scale, and the problem of each scale."""

    merged: Problem
    """Solve this one with any strategy: its table is the shared table."""
    parts: tuple[Problem, ...]
    """The problems of the scales, in the order given."""

    def tables(self, shared: Table) -> tuple[Table, ...]:
        """
        The shared table at each scale, breakpoints by ceiling.

        Segments that hold no stored input of a scale are left out there, and others are cut to keep
        the number of entries: no input changes its line.
        """
        return tuple(self._at(part, shared) for part in self.parts)

    def losses(self, shared: Table) -> tuple[float, ...]:
        """
        `Problem.loss` at each scale; their plain mean is what the merged problem minimizes.

        (Up to a constant where the function saturates at some of the scales only.)
        """
        tables = self.tables(shared)
        return tuple(part.loss(table) for part, table in zip(self.parts, tables, strict=True))

    def lines(self, shared: Table) -> Lines:
        """The shared table in real units."""
        scale, unit = self.merged.operand.scale, self.merged.accumulator_scale
        step = unit * 2.0**shared.intercept_shift
        return Lines(
            tuple(p * scale for p in shared.breakpoints),
            tuple(k * unit / scale for k in shared.slopes),
            tuple(b * step for b in shared.intercepts),
        )

    def _at(self, part: Problem, shared: Table) -> Table:
        ratio = round(part.operand.scale / self.merged.operand.scale)
        edges = -(-np.array(shared.breakpoints, np.int64) // ratio)
        low, high = part.operand.minimum, part.operand.maximum
        starts = np.maximum(np.concatenate([[low], edges]), low)
        ends = np.minimum(np.concatenate([edges, [high + 1]]), high + 1)
        filled = starts < ends
        return assemble(
            part,
            starts[filled][1:].astype(np.int64),
            np.array(shared.slopes, np.float64)[filled],
            np.array(shared.intercepts, np.float64)[filled],
        )


def formulate_joint(scales: Sequence[Scale], shape: Shape, goal: Goal = PLAIN) -> JointProblem:
    """
    The problem of one table in seed form for several scales, each of them counting alike.

    `mse` is the plain mean over the scales of their weighted MSE; `max` the largest error of all.
    One λ is for all scales, at some of which parameters may saturate, and the weights are those of
    the scales; what satisfies the constraints on the finest grid satisfies them at every scale.

    Raises `ValueError` where a scale has no seed form (`formulate`), and for `max` if the function
    saturates at one scale and not at another.
    """
    if not scales:
        raise ValueError("one table for several scales needs at least one scale")
    for scale in scales:
        if exact_log2(scale.operand.scale) is None or scale.operand.zero_point:
            raise ValueError(
                "a shared table needs power-of-two input scales and zero points of 0, not "
                f"{scale.operand.scale:g} and {scale.operand.zero_point}"
            )
    finest = min(scale.operand.scale for scale in scales)
    merged, weights = _merge(scales, finest, goal.metric)
    bits = int(max(-merged.q[0], merged.q[-1], 1)).bit_length() + 1
    operand = Quantization(max(bits, shape.entries.bit_length() + 1), True, finest)
    result, shape = Quantization(32, True, finest), replace(shape, form="seed", saturates=True)
    problem = formulate(merged, operand, result, shape, replace(goal, weights=weights))
    shape = replace(shape, frac_bits=exact_log2(finest / problem.accumulator_scale))
    parts = (
        formulate(
            each.samples, each.operand, each.result, shape, replace(goal, weights=each.weights)
        )
        for each in scales
    )
    return JointProblem(problem, tuple(parts))


def _merge(scales: Sequence[Scale], finest: float, metric: Metric) -> tuple[Samples, Reals]:
    """All inputs on the finest grid, the mean of their targets, and their weights."""
    q: list[Integers] = []
    w: list[Reals] = []
    for scale in scales:
        points = scale.samples
        q.append(points.q * round(scale.operand.scale / finest))
        weights = np.ones(len(points.q)) if scale.weights is None else scale.weights
        w.append(weights / weights.sum())
    everywhere, index = np.unique(np.concatenate(q), return_inverse=True)
    weights, y = np.concatenate(w), np.concatenate([scale.samples.y for scale in scales])
    total = np.bincount(index, weights).astype(np.float64)
    mean = (np.bincount(index, weights * y) / total).astype(np.float64)
    if metric == "max" and not np.allclose(mean[index], y, rtol=1e-12, atol=1e-12):
        raise ValueError(
            "metric=max needs one value of the function at each input: it saturates at one scale "
            "and not at another; use a wider result"
        )
    return Samples(everywhere, everywhere.astype(np.float64) * finest, mean), total
