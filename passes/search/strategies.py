"""The strategies by name, and what each of them returns."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from lut_opt.passes.search.heuristic.genetic import GeneticConfig, GeneticSearch, evolve
from lut_opt.passes.search.heuristic.neural import NeuralConfig, train
from lut_opt.passes.search.heuristic.objective import (
    Curve,
    GridObjective,
    IntegerObjective,
    integer_table,
    interval,
    sampled,
)
from lut_opt.passes.search.model.constraints import Constraints
from lut_opt.passes.search.model.integer_constraints import tail_line
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.model.result import SearchResult
from lut_opt.passes.search.optimal.exact import ExactConfig, fewest_entries, limits
from lut_opt.passes.search.optimal.solve import minimize
from lut_opt.passes.search.optimal.squares import NotProvable


class Strategy(Protocol):
    """
    A way to solve a problem; register one in `STRATEGIES`.

    `curve` is the function in real units for strategies that look between the points; `config`
    holds the strategy's own options, None for its defaults.
    """

    def __call__(
        self, problem: Problem, curve: Curve, seed: int, config: object | None
    ) -> SearchResult:
        """Solve `problem`; the same arguments give the same table."""
        ...


def search(
    problem: Problem,
    curve: Curve | None = None,
    *,
    strategy: str = "auto",
    seed: int = 0,
    config: object | None = None,
) -> SearchResult:
    """
    Solve `problem`; the same arguments give the same table.

    `curve` maps float64 arrays of real inputs to real values (clipped to what the result can
    represent, as the samples are); only strategies that look between the points use it, and None
    joins the points by straight lines. `strategy` is a key of `STRATEGIES`; `auto` takes the proven
    optimum where it applies and genetic search elsewhere. `config` is the strategy's own options
    (`GeneticConfig` for genetic, and for auto where it comes to that; `ExactConfig` for exact).

    Raises `ValueError` for an unknown strategy and `NotProvable`, a `ValueError`, where
    `strategy="optimal"` does not apply, or constraints cannot be satisfied. `TypeError` for a
    config of another strategy.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}, not '{strategy}'")
    curve = sampled(problem) if curve is None else curve
    if not problem.constraints.any or strategy in ("auto", "optimal"):
        return STRATEGIES[strategy](problem, curve, seed, config)
    if problem.constraints.tails != problem.constraints or strategy not in TAKE_TAILS:
        raise ValueError(
            f"strategy={strategy} sees to no constraints: use strategy=optimal, or drop them"
        )
    return _between_tails(problem, strategy, curve, seed, config)


def _between_tails(
    problem: Problem, strategy: str, curve: Curve, seed: int, config: object | None
) -> SearchResult:
    """A strategy that knows nothing of tails on the inputs that count; the tails beyond them."""
    wanted, operand = problem.constraints, problem.operand
    sides = wanted.left is not None, wanted.right is not None
    first, end = int(problem.q[0]), int(problem.q[-1]) + 1
    if (sides[0] and first == operand.minimum) or (sides[1] and end > operand.maximum):
        raise ValueError(
            f"strategy={strategy} takes exact tails only beyond the inputs that count, which are "
            "all: narrow them with domain-min= and domain-max=, or use strategy=optimal"
        )
    if problem.entries <= sum(sides):
        raise ValueError(f"{sum(sides)} exact tails need more than {problem.entries} entries")
    inner = replace(problem, entries=problem.entries - sum(sides), constraints=Constraints())
    found = STRATEGIES[strategy](inner, curve, seed, config)
    edges = np.clip(found.table.breakpoints, first, end).astype(np.int64)
    slopes, intercepts = np.array(found.table.slopes), np.array(found.table.intercepts)
    if wanted.left is not None:
        slope, intercept = tail_line(problem, wanted.left)
        edges, slopes = np.append(first, edges), np.append(slope, slopes)
        intercepts = np.append(intercept, intercepts)
    if wanted.right is not None:
        slope, intercept = tail_line(problem, wanted.right)
        edges, slopes = np.append(edges, end), np.append(slopes, slope)
        intercepts = np.append(intercepts, intercept)
    table = problem.table(edges, slopes, intercepts)
    return replace(found, table=table, loss=problem.loss(table))


def _optimal(problem: Problem, curve: Curve, seed: int, config: object | None) -> SearchResult:
    """The proven optimum."""
    if config is not None:
        raise TypeError("strategy=optimal has no options")
    found = minimize(problem)
    table, loss, bound = found.table, problem.loss(found.table), found.lower_bound
    if bound is None:
        reason = "optimum proven"
        return SearchResult(table, loss, "optimal", seed, found.tried, 0, reason, True, loss)
    reason = f"no table is better than {bound:.4g}"
    return SearchResult(table, loss, "optimal", seed, found.tried, 0, reason, False, bound)


def _exact(problem: Problem, curve: Curve, seed: int, config: object | None) -> SearchResult:
    """The fewest entries that are close enough at every input; `problem.entries` does not count."""
    config = ExactConfig() if config is None else config
    if not isinstance(config, ExactConfig):
        raise TypeError(f"strategy=exact takes an ExactConfig, not {type(config).__name__}")
    table, tried = fewest_entries(problem, limits(problem, config))
    reason = f"{table.entries} entries are proven to be the fewest"
    loss = problem.loss(table)
    return SearchResult(table, loss, "exact", seed, tried, 0, reason, False, fewest=True)


def _genetic(problem: Problem, curve: Curve, seed: int, config: object | None) -> SearchResult:
    """Genetic search; the result's seed alone decides the random numbers."""
    if config is None:
        config = GeneticConfig()
    if not isinstance(config, GeneticConfig):
        raise TypeError(f"strategy=genetic takes a GeneticConfig, not {type(config).__name__}")
    objective = (
        GridObjective(problem, curve, config)
        if config.fitness == "grid"
        else IntegerObjective(problem, config.rounding)
    )
    low, high = interval(problem)
    rng = np.random.default_rng(seed)
    target = _target(problem, config)
    state = GeneticSearch(problem.entries - 1, low, high, config, rng, target)
    reason = evolve(state, objective.losses)
    table = objective.table(state.best)
    return SearchResult(
        table,
        problem.loss(table),
        "genetic",
        seed,
        state.evaluations,
        state.generations,
        reason,
        False,
    )


def _neural(problem: Problem, curve: Curve, seed: int, config: object | None) -> SearchResult:
    """NN-LUT: a trained network turned into its table, rounded to the problem's parameters."""
    config = NeuralConfig() if config is None else config
    if not isinstance(config, NeuralConfig):
        raise TypeError(f"strategy=neural takes a NeuralConfig, not {type(config).__name__}")
    low, high = interval(problem)
    high = max(high, low + problem.operand.scale)  # one point is no range
    real = train(curve, low, high, problem.entries, config, seed=seed).table()
    if config.refit:
        table = IntegerObjective(problem, config.rounding).table(real.breakpoints)
    else:
        table = integer_table(problem, real, config.rounding)
    loss, shown = problem.loss(table), config.samples * config.epochs
    return SearchResult(table, loss, "neural", seed, shown, config.epochs, "epochs", False)


def _uniform(problem: Problem, curve: Curve, seed: int, config: object | None) -> SearchResult:
    """Segments of equal width over the inputs that count, the best integer line for each."""
    if config is not None:
        raise TypeError("strategy=uniform has no options")
    low, high = interval(problem)
    width = (high - low + problem.operand.scale) / problem.entries
    edges = low + width * np.arange(1, problem.entries, dtype=np.float64)
    table = IntegerObjective(problem, "ceiling").table(edges)
    return SearchResult(table, problem.loss(table), "uniform", seed, 1, 0, "one table", False)


def _target(problem: Problem, config: GeneticConfig) -> float:
    """The loss at which to stop: within `stop_gap` of the proven optimum, −inf without either."""
    if config.stop_gap is None or config.fitness == "grid":
        return -np.inf
    try:
        return _optimal(problem, sampled(problem), 0, None).loss * (1.0 + config.stop_gap)
    except NotProvable:
        return -np.inf


def _auto(problem: Problem, curve: Curve, seed: int, config: object | None) -> SearchResult:
    """The proven optimum where it applies, else genetic search on the problem's own loss."""
    try:
        return _optimal(problem, curve, seed, None)
    except NotProvable:
        if problem.constraints.any:
            raise  # genetic search sees to none
        fallback = config or replace(GeneticConfig(), fitness="integer", elite=1)
        return _genetic(problem, curve, seed, fallback)


STRATEGIES: dict[str, Strategy] = {
    "auto": _auto,
    "optimal": _optimal,
    "genetic": _genetic,
    "exact": _exact,
    "neural": _neural,
    "uniform": _uniform,
}

TAKE_TAILS = "genetic", "neural", "uniform"
"""Strategies that see to no constraints, but take tails beyond the inputs that count."""
