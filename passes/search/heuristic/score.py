"""
Objectives that no dynamic program can take: any number computed from a whole table.

    found = search_score(problem, network_loss, GeneticConfig(generations=40), descent=500)

The genetic search proposes breakpoints; each set gets its best slopes and intercepts in the sense
of the problem, and that table is scored. Then a descent in single steps of every parameter follows
the score itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Reals
from lut_opt.passes.search.heuristic.genetic import GeneticConfig, GeneticSearch, evolve
from lut_opt.passes.search.heuristic.objective import IntegerObjective, interval, positions
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.model.result import SearchResult

Score = Callable[[Table], float]
"""Smaller is better, NaN counts as infinite: a network's loss, a synthesized area."""


@dataclass(frozen=True)
class ScoreResult:
    """The table of least score that was found; nothing is proven about it."""

    result: SearchResult
    """The table and how it was found; `loss` is that of the problem, not the score."""
    score: float
    calls: int
    """How often the score was computed; equal tables are scored once."""


class _Scored:
    """A score with a memory, NaN as infinity."""

    def __init__(self, score: Score) -> None:
        self._score = score
        self._known: dict[Table, float] = {}

    @property
    def calls(self) -> int:
        return len(self._known)

    def __call__(self, table: Table) -> float:
        if table not in self._known:
            value = float(self._score(table))
            self._known[table] = np.inf if np.isnan(value) else value
        return self._known[table]


def search_score(
    problem: Problem,
    score: Score,
    config: GeneticConfig | None = None,
    *,
    seed: int = 0,
    descent: int = 0,
) -> ScoreResult:
    """
    Minimize `score` over the tables of `problem`; the same arguments give the same table.

    `descent` is the most calls of the score that go into the descent after the genetic search
    (0: none). A warm start (`config.initial`) of the proven optimum's breakpoints makes the result
    at least as good as the optimum under this score. `config.fitness` and `config.stop_gap` have no
    meaning here.
    """
    config = GeneticConfig(generations=50, elite=1) if config is None else config
    scored, objective = _Scored(score), IntegerObjective(problem, config.rounding)

    def losses(population: Reals) -> Reals:
        edges = positions(problem, population, config.rounding)
        distinct, back = np.unique(edges, axis=0, return_inverse=True)
        at: list[int] = [int(np.argmax(back.reshape(-1) == i)) for i in range(len(distinct))]
        values = np.array([scored(objective.table(population[i])) for i in at])
        return values[back.reshape(-1)]

    rng = np.random.default_rng(seed)
    state = GeneticSearch(problem.entries - 1, *interval(problem), config, rng)
    reason = evolve(state, losses)
    table = _descend(problem, objective.table(state.best), scored, descent)
    loss = problem.loss(table)
    result = SearchResult(
        table=table,
        loss=loss,
        strategy="genetic",
        seed=seed,
        evaluations=state.evaluations,
        generations=state.generations,
        stop_reason=reason,
    )
    return ScoreResult(result, scored(table), scored.calls)


def _descend(problem: Problem, table: Table, score: _Scored, budget: int) -> Table:
    """Steps of ±1 in single parameters as long as one helps and the budget lasts."""
    best, last = score(table), score.calls + budget
    better = True
    while better:
        better = False
        for neighbour in _neighbours(problem, table):
            if score.calls >= last:
                return table
            value = score(neighbour)
            if value < best:
                table, best, better = neighbour, value, True
                break
    return table


def _neighbours(problem: Problem, table: Table) -> list[Table]:
    """Every legal table that differs by one step in one slope, intercept or breakpoint."""
    found: list[Table] = []
    operand = problem.operand
    limits = {
        "slopes": problem.parameter_range,
        "intercepts": problem.intercept_range,
        "breakpoints": (operand.minimum + 1, operand.maximum),
    }
    for name, (low, high) in limits.items():
        values: Integers = np.array(getattr(table, name), np.int64)
        for i in range(len(values)):
            for step in (-1, 1):
                moved = values.copy()
                moved[i] += step
                ascends = name != "breakpoints" or bool(np.all(np.diff(moved) > 0))
                if low <= moved[i] <= high and ascends:
                    found.append(replace(table, **{name: tuple(int(v) for v in moved)}))
    return found
