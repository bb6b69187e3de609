"""
An exponent for each entry: the proven optimum of tables that store mantissas, and their storage.

With E exponent bits an entry's exponent e is one of 0 … 2^E − 1; slope and intercept are mantissas
times 2^e. The table itself holds the products: what it computes does not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Reals, storage_range
from lut_opt.passes.search.model.costs import Costs, Scan
from lut_opt.passes.search.model.pieces import assemble, positions
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.optimal.squares import Optimum, Runs

MAX_EXPONENT_BITS = 3
"""Eight units, each twice the one before."""


def octaves(exponent_bits: int) -> int:
    """The largest exponent; by so many bits the table's parameters are wider than mantissas."""
    if not 0 <= exponent_bits <= MAX_EXPONENT_BITS:
        raise ValueError(
            f"exponent-bits must be between 0 and {MAX_EXPONENT_BITS}, not {exponent_bits}"
        )
    return (1 << exponent_bits) - 1


def minimize_exponents(problem: Problem, exponent_bits: int) -> Optimum:
    """
    The table of least weighted squared error whose entries have an exponent each.

    The problem's widths are those of the mantissas, its accumulator unit is the finest, that of
    exponent 0. Optimal over all breakpoints, exponents and mantissas (README).

    Raises `NotProvable` above `MAX_POINTS` points and `ValueError` for constraints, metric=max, or
    a table that would be too wide.
    """
    if problem.metric != "mse":
        raise ValueError("exponent-bits needs metric=mse")
    if problem.constraints.any:
        raise ValueError("exponent-bits takes no constraints: drop one or the other")
    runs = _Runs(problem, octaves(exponent_bits))
    return Optimum(runs.table(runs.cuts(problem.entries), problem.entries), runs.tried)


def storage(table: Table, param_bits: int, exponent_bits: int) -> tuple[int, ...]:
    """
    The exponent of each entry, the smallest that will do, for mantissas of `param_bits` bits.

    Intercepts with a width of their own have mantissas as much wider or narrower than the slopes'.

    Raises `ValueError` for a table of other widths, and at the first entry that does not fit.
    """
    most = octaves(exponent_bits)
    if table.param_bits != param_bits + most:
        raise ValueError(
            f"i{param_bits} mantissas and {exponent_bits} exponent bits make a table of "
            f"i{param_bits + most}, not i{table.param_bits}"
        )
    intercept_bits = table.intercept_width - most
    exponents: list[int] = []
    for entry, (slope, intercept) in enumerate(zip(table.slopes, table.intercepts, strict=True)):
        for exponent in range(most + 1):
            if _fits(slope, exponent, param_bits) and _fits(intercept, exponent, intercept_bits):
                exponents.append(exponent)
                break
        else:
            raise ValueError(
                f"entry {entry}, slope {slope} and intercept {intercept}, has no common exponent "
                f"of 0 … {most} that leaves integers of i{param_bits} and i{intercept_bits}"
            )
    return tuple(exponents)


def narrowed(problem: Problem, exponent_bits: int) -> Problem:
    """The problem with the widths of the mantissas, given that with the widths of the table."""
    return _widened(problem, -octaves(exponent_bits))


def _fits(value: int, exponent: int, bits: int) -> bool:
    low, high = storage_range(bits, signed=True)
    return value % (1 << exponent) == 0 and low <= value >> exponent <= high


def _widened(problem: Problem, bits: int) -> Problem:
    own = problem.intercept_bits
    return replace(
        problem,
        param_bits=problem.param_bits + bits,
        intercept_bits=None if own is None else own + bits,
    )


class _Runs(Runs):
    """Runs that cost what they cost in the unit, of several an octave apart, that suits best."""

    def __init__(self, problem: Problem, octaves: int) -> None:
        self.whole = _widened(problem, octaves)
        """The problem of the table itself, whose parameters are mantissas times powers of two."""
        self.units = [
            Costs(replace(problem, target=problem.target / (1 << e))) for e in range(octaves + 1)
        ]
        super().__init__(problem, [problem.entries])

    def survey(self, first: Integers, end: Integers) -> tuple[Reals, Reals]:
        """Costs and bounds of the runs from each of `first` to each of `end`."""
        costs, bounds = self.units[0].survey(first, end)
        for e, model in enumerate(self.units[1:], 1):
            cost, bound = model.survey(first, end)
            np.minimum(costs, cost * 4.0**e, out=costs)
            np.minimum(bounds, bound * 4.0**e, out=bounds)
        return costs, bounds

    def scan(self, first: Integers, end: Integers) -> Scan:
        """The optimum of each run, only in the units that may hold something better."""
        starts = [model.start(first, end)[1] for model in self.units]
        costs = np.stack([start.cost * 4.0**e for e, start in enumerate(starts)])
        slopes = np.stack([start.slope * 2.0**e for e, start in enumerate(starts)])
        best, tried = costs.min(axis=0), 0
        for e, (model, start) in enumerate(zip(self.units, starts, strict=True)):
            open_ = np.flatnonzero(start.bound * 4.0**e < best)
            found = model.scan(first[open_], end[open_])
            costs[e, open_], slopes[e, open_] = found.cost * 4.0**e, found.slope * 2.0**e
            np.minimum(best, costs[e], out=best)
            tried += found.tried
        chosen = costs.argmin(axis=0)[None]
        return Scan(best, np.take_along_axis(slopes, chosen, 0)[0], tried)

    def table(self, cuts: Sequence[int], entries: int) -> Table:
        """The table whose runs end at these points, c₀ < c₁ < …; of equal exponents the least."""
        c = np.array(cuts, np.int64)
        lines: list[tuple[Reals, Reals, Reals]] = []
        for e, model in enumerate(self.units):
            found = model.scan(c[:-1], c[1:])
            intercepts = model.intercept(model.moments.fit(c[:-1], c[1:]), found.slope)
            lines.append((found.cost * 4.0**e, found.slope * 2.0**e, intercepts * 2.0**e))
        costs, slopes, intercepts = (np.stack(rows) for rows in zip(*lines, strict=True))
        chosen = costs.argmin(axis=0), np.arange(len(c) - 1)
        problem = replace(self.whole, entries=entries)
        breakpoints = positions(problem, cuts[1:-1])
        return assemble(problem, breakpoints, slopes[chosen], intercepts[chosen])
