"""The smallest table that is good enough, and what every further bit buys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from lut_opt.dialects.pwl.table import Table
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.optimal.exact import ExactConfig, fewest_entries, limits
from lut_opt.passes.search.optimal.solve import minimize
from lut_opt.passes.search.optimal.squares import MAX_POINTS, Runs

Make = Callable[[int, int], Problem]
"""The problem for so many entries and parameter bits: a call of `formulate`."""

_AT_ONCE = 16
"""Numbers of entries that one dynamic program answers."""


@dataclass(frozen=True)
class Budget:
    """How good a table must be, and how large it may become."""

    mse: float | None = None
    """Largest mean squared error of the accumulator, in squared real units."""
    max_error: float | None = None
    """Largest error of the rounded result, in output steps."""
    param_bits: tuple[int, ...] = (8,)
    """Widths of slopes and intercepts to choose from."""
    max_entries: int = 64

    def __post_init__(self) -> None:
        for name, value in (("mse", self.mse), ("max-error", self.max_error)):
            if value is not None and not value >= 0:
                raise ValueError(f"{name} must not be negative, got {value}")
        if self.max_entries < 1 or not self.param_bits:
            raise ValueError("a budget needs at least one entry and one width to choose from")


@dataclass(frozen=True, eq=False)
class Choice:
    """One table, what it costs, and how good it is."""

    problem: Problem
    table: Table
    bits: int
    """Bits of storage: slopes, intercepts and breakpoints."""
    mse: float
    """Mean squared error of the accumulator, in squared real units."""
    max_error: float
    """Largest error of the rounded result, in output steps; NaN if its storage is unknown."""
    fewest: bool
    """Whether no table of this parameter width with fewer entries is good enough."""


def meet(make: Make, budget: Budget) -> Choice:
    """
    The table of fewest entries that meets the budget; of equal ones that of the fewest bits.

    Raises `ValueError` where no table within `max_entries` does, or no limit is given.
    """
    if budget.mse is None and budget.max_error is None:
        raise ValueError("give a budget: max-error= or mse=")
    found: list[Choice] = []
    reasons: list[str] = []
    for width in budget.param_bits:
        try:
            found.append(_meet(make, width, budget))
        except ValueError as error:
            reasons.append(f"{width} bits: {error}")
    if not found:
        raise ValueError(f"no table meets the budget ({'; '.join(reasons)})")
    return min(found, key=lambda choice: (choice.table.entries, choice.bits))


def front(makes: Sequence[Make], budget: Budget) -> tuple[Choice, ...]:
    """
    The Pareto front of bits of storage against mean squared error, ascending in bits.

    Every table is optimal for its entries and width in one of the forms, a `Make` each. The limits
    of the budget do not count.
    """
    choices: list[Choice] = []
    for make, width in product(makes, budget.param_bits):
        try:
            choices.extend(_best_tables(make, width, budget.max_entries))
        except ValueError:
            continue
    kept: list[Choice] = []
    for choice in sorted(choices, key=lambda choice: (choice.bits, choice.mse)):
        if not kept or choice.mse < kept[-1].mse:
            kept.append(choice)
    return tuple(kept)


def _meet(make: Make, width: int, budget: Budget) -> Choice:
    """The fewest entries of one width."""
    if budget.mse is None and not make(1, width).constraints.any:
        return _within(make, width, budget)
    best = np.inf
    for choice in _best_tables(make, width, budget.max_entries):
        best = choice.mse if budget.mse is not None else choice.max_error
        if budget.mse is not None and choice.mse > budget.mse:
            continue
        if budget.max_error is None:
            return replace(choice, fewest=True)
        if choice.max_error <= budget.max_error:
            return choice
    raise ValueError(f"{budget.max_entries} entries come to {best:.4g}")


def _within(make: Make, width: int, budget: Budget) -> Choice:
    """The fewest entries within the maximum error; fraction bits follow the number of entries."""
    config = ExactConfig(max_error=budget.max_error)
    best: Choice | None = None
    entries, tried = min(8, budget.max_entries), set[int]()
    while entries not in tried:
        tried.add(entries)
        problem = make(entries, width)
        table, _ = fewest_entries(problem, limits(problem, config))
        if best is None or table.entries < best.table.entries:
            best = _choice(problem, table, True)
        entries = min(table.entries, budget.max_entries)
    assert best is not None
    if best.table.entries > budget.max_entries:
        raise ValueError(f"{best.table.entries} entries are needed")
    return best


def _best_tables(make: Make, width: int, most: int) -> Iterator[Choice]:
    """
    The optima of 1, 2, … entries, as far as there are any.

    Problems that differ in nothing but the number of entries share a dynamic program.
    """
    for first in range(1, most + 1, _AT_ONCE):
        runs: dict[tuple[float, int, int], Runs] = {}
        wanted = range(first, min(first + _AT_ONCE, most + 1))
        problems = {entries: _made(make, entries, width) for entries in wanted}
        for entries, problem in problems.items():
            if problem is None:
                continue
            constraints = problem.constraints
            if constraints.coupled or constraints.symmetry != "none" or problem.points > MAX_POINTS:
                yield _choice(problem, minimize(problem).table, False)
                continue
            key = problem.accumulator_scale, problem.intercept_shift, problem.result_shift
            if key not in runs:
                runs[key] = Runs(problem, list(wanted))
            yield _choice(problem, runs[key].table(runs[key].cuts(entries), entries), False)


def _made(make: Make, entries: int, width: int) -> Problem | None:
    """The problem, None if there are too many entries or too few bits."""
    try:
        problem = make(entries, width)
    except ValueError:
        return None
    tails = problem.constraints.left is not None, problem.constraints.right is not None
    return problem if entries >= sum(tails) else None


def _choice(problem: Problem, table: Table, fewest: bool) -> Choice:
    width = table.param_bits + table.intercept_width
    bits = table.entries * width + (table.entries - 1) * problem.operand.bits
    return Choice(problem, table, bits, _mse(problem, table), result_error(problem, table), fewest)


def _mse(problem: Problem, table: Table) -> float:
    return replace(problem, metric="mse").loss(table)


def result_error(problem: Problem, table: Table) -> float:
    """Largest error of the rounded result in output steps; NaN if its storage is unknown."""
    if (result := problem.result) is None:
        return float("nan")
    steps = (problem.target - problem.offset) / 2.0**problem.result_shift + result.zero_point
    wanted = np.clip(steps, result.minimum, result.maximum)
    return float(np.max(np.abs(table.evaluate(problem.q, result) - wanted)))
