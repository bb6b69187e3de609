"""The error of a run of points with the best integer slope and intercept, and bounds of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from lut_opt.dialects.quantization import Integers, Reals
from lut_opt.passes.search.model.moments import Fit, Moments
from lut_opt.passes.search.model.problem import Problem


@dataclass(frozen=True, eq=False)
class Start:
    """Two neighbouring slopes around the relaxed optimum of each run; arrays of one shape."""

    lower: Reals
    """The smaller of the two slopes."""
    slope: Reals
    """The better of the two."""
    cost: Reals
    """Its cost."""
    bound: Reals
    """No integer slope and intercept costs less than this."""


@dataclass(frozen=True, eq=False)
class Scan:
    """The optimum of each run; arrays of one shape."""

    cost: Reals
    slope: Reals
    tried: int
    """Number of (run, slope) pairs evaluated."""


def lattice_misses(problem: Problem) -> Reals:
    """
    The error, in accumulator units, that no integer parameters can avoid at each point.

    K·q + (B << s) is a multiple of gcd(q, 2^s), whatever K and B are.
    """
    step = np.gcd(problem.q, 1 << problem.intercept_shift).astype(np.float64)
    ratio = problem.target / step
    return np.abs(ratio - np.rint(ratio)) * step


class Costs:
    """
    The cost model of one problem: weighted squared error of a run, in accumulator units.

    With slope K the best intercept is the integer nearest to `(level − K·centre) / 2^shift`,
    clamped to the parameter range, whatever the other runs do. Runs are given by index arrays
    `first` and `end` (points first … end − 1), which broadcast.
    """

    def __init__(self, problem: Problem) -> None:
        self.moments = Moments(problem.q, problem.target, problem.weights)
        self.unit = float(1 << problem.intercept_shift)
        self.low, self.high = problem.parameter_range
        if sign := problem.constraints.sign:
            self.low, self.high = (0, self.high) if sign > 0 else (self.low, 0)
        self.least, self.most = problem.intercept_range
        self.tolerance = self.moments.tolerance
        misses = problem.weights * lattice_misses(problem) ** 2
        self._lattice = np.concatenate([[0.0], np.cumsum(misses)])

    def intercept(self, fit: Fit, slopes: Reals) -> Reals:
        """The best integer intercepts for the slopes."""
        wanted = (fit.level - slopes * fit.centre) / self.unit
        return np.clip(np.rint(wanted), self.least, self.most)

    def cost(self, fit: Fit, slopes: Reals) -> tuple[Reals, Reals]:
        """
        Cost of the slopes with their best intercepts, and a convex lower bound of it.

        The bound lets the intercept be any real number up to half a unit outside its range; it is a
        convex function of the slope, which is what lets a scan stop (README, "Scanning slopes").
        """
        wanted = (fit.level - slopes * fit.centre) / self.unit
        miss = np.abs(wanted - np.clip(np.rint(wanted), self.least, self.most))
        parabola = fit.residual + fit.spread * (slopes - fit.slope) ** 2
        scale = fit.weight * self.unit**2
        return parabola + scale * miss**2, parabola + scale * np.maximum(miss - 0.5, 0.0) ** 2

    def start(self, first: Integers, end: Integers) -> tuple[Fit, Start]:
        """
        The cheap part of every run: a feasible cost and a lower bound.

        The relaxed optimum (real slope, real intercept in its range) lies on the violated end of
        the range where the free intercept leaves it; an integer slope next to it is best if
        intercepts stay real, because that relaxation is convex.
        """
        fit = self.moments.fit(first, end)
        level = (fit.level - fit.slope * fit.centre) / self.unit
        excess = (level - np.clip(level, self.least, self.most)) * self.unit
        slope = fit.slope
        if np.any(excess):
            curvature = fit.spread + fit.weight * fit.centre**2
            slope = slope + fit.weight * fit.centre * excess / np.where(curvature, curvature, 1.0)
        lower = np.clip(np.floor(slope), self.low, self.high - 1)
        left, left_bound = self.cost(fit, lower)
        right, right_bound = self.cost(fit, lower + 1)
        bound = np.maximum(
            np.minimum(left_bound, right_bound), self._lattice[end] - self._lattice[first]
        )
        return fit, Start(lower, lower + (right < left), np.minimum(left, right), bound)

    def survey(self, rows: Integers, columns: Integers) -> tuple[Reals, Reals]:
        """
        Costs and bounds of the runs from each of `rows` to each of `columns`; inf where empty.

        Point indices of shapes (rows,) and (columns,); the results are (rows, columns).

        Tighter bounds than `start`, for less: both slopes next to the free optimum are evaluated,
        and no other slope costs less than its parabola. Where a parameter leaves its range, `start`
        answers.
        """
        first, end = rows[:, None], columns[None, :]
        with np.errstate(divide="ignore", invalid="ignore"):
            fit = self.moments.fit(first, end)
            lower = np.floor(fit.slope)
            part = fit.slope - lower
            step = fit.centre / self.unit
            left = fit.level / self.unit - lower * step
            right = left - step
            near, far = np.rint(left), np.rint(right)
            fits = (lower >= self.low) & (lower < self.high)
            for wanted in (near, far):
                fits &= (wanted >= self.least) & (wanted <= self.most)
            scale = fit.weight * self.unit**2
            cost = np.minimum(
                fit.spread * part**2 + scale * (left - near) ** 2,
                fit.spread * (1.0 - part) ** 2 + scale * (right - far) ** 2,
            )
            outer = fit.spread * (1.0 + np.minimum(part, 1.0 - part)) ** 2
            bound = np.minimum(cost, outer) + fit.residual
            cost += fit.residual
            np.maximum(bound, self._lattice[end] - self._lattice[first], out=bound)
        empty = end <= first
        cost[empty] = bound[empty] = np.inf
        i, j = np.nonzero(~(fits | empty))
        if len(i):
            _, start = self.start(rows[i], columns[j])
            cost[i, j], bound[i, j] = start.cost, start.bound
        return cost, bound

    def through(self, first: Integers, end: Integers, q: int, value: int) -> tuple[Reals, Reals]:
        """
        Least cost of each run, and its slope, with the accumulator `value` at the input `q`.

        `value − K·q` must be a multiple of the unit: K runs through an arithmetic progression, and
        along it the cost is a parabola. Raises `ValueError` if no slope is legal.
        """
        unit = int(self.unit)
        common = math.gcd(q, unit)
        stride = unit // common
        origin = value // common * pow(q // common, -1, stride) % stride
        low, high = self.low, self.high
        if q:
            limits = sorted((value - b * unit) / q for b in (self.least, self.most))
            low, high = max(low, math.ceil(limits[0])), min(high, math.floor(limits[1]))
        least, most = -((origin - low) // stride), (high - origin) // stride
        if value % common or least > most or (not q and not self._holds(value // unit)):
            raise ValueError(
                f"no parameters give the accumulator {value} at the stored input {q}: use more "
                "param-bits or intercept-bits"
            )
        fit = self.moments.fit(first, end)
        arm, miss = fit.centre - q, fit.level - value
        curvature = fit.spread + fit.weight * arm**2
        pull = fit.spread * fit.slope + fit.weight * arm * miss
        free = np.where(curvature > 0, pull / np.where(curvature > 0, curvature, 1.0), 0.0)
        below = np.clip(np.floor((free - origin) / stride), least, most)
        slopes = [origin + stride * np.minimum(below + k, most) for k in (0, 1)]
        costs = [
            fit.residual + fit.spread * (k - fit.slope) ** 2 + fit.weight * (k * arm - miss) ** 2
            for k in slopes
        ]
        better = costs[1] < costs[0]
        return np.where(better, costs[1], costs[0]), np.where(better, slopes[1], slopes[0])

    def _holds(self, intercept: int) -> bool:
        return self.least <= intercept <= self.most

    def scan(self, first: Integers, end: Integers) -> Scan:
        """
        The optimum of each run; `first` and `end` have shape (runs,).

        Walks outward from the relaxed optimum, one slope to each side at a time, and drops a run as
        soon as both sides are provably worse or nothing better can exist. Of equal slopes the one
        nearest to the relaxed optimum wins, the smaller first.
        """
        fit, start = self.start(first, end)
        lower, best, slope = start.lower, start.cost.copy(), start.slope.copy()
        result = Scan(best.copy(), slope.copy(), 0)
        floor, where = start.bound + self.tolerance, np.arange(len(best))
        tried, step, open_ = 2 * len(best), 0, best > floor
        while True:
            if np.count_nonzero(open_) < 0.8 * len(open_) or step > self.high - self.low:
                result.cost[where], result.slope[where] = best, slope
                open_ &= step <= self.high - self.low
                where, floor = where[open_], floor[open_]
                lower, best, slope = lower[open_], best[open_], slope[open_]
                fit = Fit(*(getattr(fit, field.name)[open_] for field in fields(Fit)))
            if not len(where):
                return Scan(result.cost, result.slope, tried)
            step += 1
            tried += 2 * len(where)
            open_ = np.zeros(len(where), bool)
            for slopes in (lower - step, lower + 1 + step):
                legal = (slopes >= self.low) & (slopes <= self.high)
                cost, bound = self.cost(fit, slopes)
                better = legal & (cost < best)
                np.copyto(best, cost, where=better)
                np.copyto(slope, slopes, where=better)
                open_ |= legal & (bound <= best + self.tolerance)
            open_ &= best > floor
