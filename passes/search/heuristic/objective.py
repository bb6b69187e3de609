"""What real breakpoints are worth, and the integer table that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Reals
from lut_opt.passes.search.heuristic.genetic import GeneticConfig, Rounding
from lut_opt.passes.search.model.costs import Costs
from lut_opt.passes.search.model.moments import Fit, Moments
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.model.real_table import RealTable
from lut_opt.passes.search.optimal.minimax import Chain
from lut_opt.passes.search.optimal.squares import assemble

Curve = Callable[[Reals], Reals]
"""The function as a map of float64 arrays, in real units; NaN where it is not defined."""


class Objective(Protocol):
    """Losses of many sets of breakpoints at once, and the table of one."""

    def losses(self, population: Reals) -> Reals:
        """Losses of ascending real breakpoints: (individuals, N−1) to (individuals,)."""
        ...

    def table(self, breakpoints: Reals) -> Table:
        """The table of ascending real breakpoints, shape (N−1,)."""
        ...


def interval(problem: Problem) -> tuple[float, float]:
    """Smallest and largest real input that counts: the search range [R_n, R_p]."""
    x = problem.operand.dequantize(problem.q[[0, -1]])
    return float(x[0]), float(x[1])


def sampled(problem: Problem) -> Curve:
    """The function that joins the problem's own points by straight lines."""
    x, y = problem.operand.dequantize(problem.q), problem.real_targets
    return lambda at: np.interp(at, x, y)


def positions(problem: Problem, breakpoints: Reals, rounding: Rounding) -> Integers:
    """
    Integer breakpoints of real ones, any shape.

    By ceiling no input changes its segment; to nearest (GQA-LUT Eq. 3) some do. A breakpoint above
    the storage range becomes the number after it, which no input reaches: Eq. 3 clips to Q_p, which
    with Eq. 1 would send the input Q_p itself to the right (the authors' program does not clip).
    """
    operand, scaled = problem.operand, breakpoints / problem.operand.scale
    whole = np.ceil(scaled) if rounding == "ceiling" else np.rint(scaled)
    inside = np.clip(whole + operand.zero_point, operand.minimum, operand.maximum + 1)
    return inside.astype(np.int64)


def _runs(edges: Integers, points: int) -> tuple[Integers, Integers, np.ndarray]:
    """First and end index of each segment, and which are not empty (those get one point)."""
    bounds = np.pad(edges, ((0, 0), (1, 1)), constant_values=(0, points))
    first, end = bounds[:, :-1], bounds[:, 1:]
    filled = end > first
    first = np.minimum(first, points - 1)
    return first, np.maximum(end, first + 1), filled


def _compact(problem: Problem, breakpoints: Integers, slopes: Reals, intercepts: Reals) -> Table:
    """The table without its empty segments, padded again to the number of entries."""
    least, most = problem.operand.minimum, problem.operand.maximum
    keep = np.diff(np.concatenate([[least], breakpoints, [most + 1]])) > 0
    inner = np.unique(breakpoints[(breakpoints > least) & (breakpoints <= most)])
    return assemble(problem, inner, slopes[keep], intercepts[keep])


def integer_table(problem: Problem, real: RealTable, rounding: Rounding) -> Table:
    """
    The integer table of a real one (GQA-LUT Algorithm 1, line 22, and Eq. 3).

    Breakpoints by `rounding`, slopes and intercepts to the nearest parameters of the problem,
    clipped to their width; empty segments are replaced by harmless ones.
    """
    operand, unit = problem.operand, problem.accumulator_scale
    low, high = problem.parameter_range
    step = real.slopes * operand.scale / unit
    level = real.intercepts / unit + problem.offset - step * operand.zero_point
    intercepts = np.rint(level / float(1 << problem.intercept_shift))
    return _compact(
        problem,
        positions(problem, real.breakpoints, rounding),
        np.clip(np.rint(step), low, high),
        np.clip(intercepts, *problem.intercept_range),
    )


class RealObjective:
    """
    MSE of real-valued segments on an even grid of [low, high] (Algorithm 1, lines 4–8).

    With `config.fitness_bits` the slopes and intercepts are rounded to so many fraction bits
    before they are judged. Grid points at which the function has no finite value are left out;
    none left raises `ValueError`.
    """

    def __init__(self, curve: Curve, low: float, high: float, config: GeneticConfig) -> None:
        self._curve, self._config = curve, config
        self._ends = (low, high) if config.ends is None else config.ends
        steps = max(round((high - low) / config.grid_step), 1)
        x = np.unique(np.linspace(low, high, min(steps + 1, config.grid_points)))
        y = np.asarray(curve(x), np.float64)
        self._x, self._y = x[np.isfinite(y)], y[np.isfinite(y)]
        if not len(self._x):
            raise ValueError(f"no finite value of the function in [{low:g}, {high:g}]")
        self._moments = Moments(self._x, self._y, np.ones(len(self._x)))

    def losses(self, population: Reals) -> Reals:
        """MSE over the grid in squared real units, (individuals, N−1) to (individuals,)."""
        fit, filled, slopes, values = self._lines(population)
        miss = values - (fit.level - slopes * fit.centre)
        errors = fit.residual + fit.spread * (slopes - fit.slope) ** 2 + fit.weight * miss**2
        return np.where(filled, errors, 0.0).sum(axis=1) / len(self._x)

    def real_table(self, breakpoints: Reals) -> RealTable:
        """The table of ascending breakpoints, shape (N−1,) (Algorithm 1, line 21)."""
        _, _, slopes, values = self._lines(breakpoints[None, :])
        return RealTable(breakpoints, slopes[0], values[0])

    def _lines(self, population: Reals) -> tuple[Fit, np.ndarray, Reals, Reals]:
        """
        Fits, filled segments, slopes and values at x = 0, each of shape (individuals, N).

        A segment with fewer than two grid points has no line of its own (its ends may coincide): it
        takes the chord of the grid there, which matters once integer breakpoints widen it.
        """
        edges = np.searchsorted(self._x, population, side="left")
        first, end, filled = _runs(edges, len(self._x))
        fit = self._moments.fit(first, end)
        if self._config.coefficients == "least-squares":
            slopes, values = fit.slope, fit.level - fit.slope * fit.centre
        else:
            slopes, values = self._chords(population)
        narrow = end - first < 2
        if len(self._x) > 1 and np.any(narrow):
            right = np.maximum(first, 1)
            chord = (np.diff(self._y) / np.diff(self._x))[right - 1]
            slopes = np.where(narrow, chord, slopes)
            values = np.where(narrow, self._y[right] - chord * self._x[right], values)
        if self._config.fitness_bits is not None:
            unit = 2.0**-self._config.fitness_bits
            slopes, values = np.rint(slopes / unit) * unit, np.rint(values / unit) * unit
        return fit, filled, slopes, values

    def _chords(self, population: Reals) -> tuple[Reals, Reals]:
        """Slopes and values at x = 0 of the lines through the function at the segments' ends."""
        knots = np.pad(population, ((0, 0), (1, 1)), constant_values=self._ends)
        heights = np.asarray(self._curve(knots), np.float64)
        width = np.diff(knots, axis=1)
        slopes = np.diff(heights, axis=1) / np.where(width > 0, width, 1.0)
        return slopes, heights[:, :-1] - slopes * knots[:, :-1]


class GridObjective(RealObjective):
    """
    `RealObjective` on the inputs of a problem, [R_n, R_p] being the smallest and the largest.

    The loss ignores the integer grid; `table` rounds afterwards (Algorithm 1, lines 20–22).
    """

    def __init__(self, problem: Problem, curve: Curve, config: GeneticConfig) -> None:
        super().__init__(curve, *interval(problem), config)
        self._problem = problem
        self._rounding: Rounding = config.rounding

    def table(self, breakpoints: Reals) -> Table:
        """The integer table of ascending real breakpoints, shape (N−1,)."""
        return integer_table(self._problem, self.real_table(breakpoints), self._rounding)


class IntegerObjective:
    """
    The problem's own loss at the integer breakpoints, with good integer slopes and intercepts.

    The loss tries the two slopes next to each segment's relaxed optimum; `table` then takes the
    proven optimum of each segment, so its loss is never larger.
    """

    def __init__(self, problem: Problem, rounding: Rounding) -> None:
        self._problem = problem
        self._rounding: Rounding = rounding
        self._costs = Costs(problem)

    def losses(self, population: Reals) -> Reals:
        """Losses in real units (`Problem.loss`), (individuals, N−1) to (individuals,)."""
        problem = self._problem
        edges = positions(problem, population, self._rounding)
        first, end, filled = _runs(np.searchsorted(problem.q, edges), problem.points)
        fit, start = self._costs.start(first, end)
        if problem.metric == "max":
            intercepts = self._costs.intercept(fit, start.slope).astype(np.int64)
            return problem.losses(edges, start.slope.astype(np.int64), intercepts)
        errors = np.where(filled, start.cost, 0.0).sum(axis=1)
        return errors / problem.points * problem.accumulator_scale**2

    def table(self, breakpoints: Reals) -> Table:
        """The best table with these breakpoints, rounded to integers."""
        problem = self._problem
        edges = np.unique(
            np.searchsorted(problem.q, positions(problem, breakpoints, self._rounding))
        )
        cuts = edges[(edges > 0) & (edges < problem.points)].astype(np.int64)
        first, end = np.append(0, cuts), np.append(cuts, problem.points)
        if problem.metric == "max":
            chain = Chain(problem)
            lines = [chain.line(int(i), int(j), np.inf) for i, j in zip(first, end, strict=True)]
            slopes = np.array([line.slope for line in lines if line], np.float64)
            intercepts = np.array([line.intercept for line in lines if line], np.float64)
        else:
            slopes = self._costs.scan(first, end).slope
            intercepts = self._costs.intercept(self._costs.moments.fit(first, end), slopes)
        return assemble(problem, problem.q[cuts], slopes, intercepts)
