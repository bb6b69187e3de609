"""The strategies by name, and the search that runs one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lut_opt.passes.search.heuristic.objective import Curve, sampled
from lut_opt.passes.search.model.constraints import Constraints
from lut_opt.passes.search.model.integer_constraints import tail_line
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.model.result import SearchResult
from lut_opt.passes.search.strategy.auto import AUTO
from lut_opt.passes.search.strategy.base import Strategy
from lut_opt.passes.search.strategy.exact import EXACT
from lut_opt.passes.search.strategy.genetic import GENETIC
from lut_opt.passes.search.strategy.neural import NEURAL
from lut_opt.passes.search.strategy.optimal import OPTIMAL
from lut_opt.passes.search.strategy.uniform import UNIFORM

STRATEGIES: dict[str, Strategy[Any]] = {
    strategy.name: strategy for strategy in (AUTO, OPTIMAL, EXACT, GENETIC, NEURAL, UNIFORM)
}
"""Every strategy by its name; the options of `pwl-search` follow from them."""


def register(strategy: Strategy[Any]) -> None:
    """Make a strategy known. Raises `ValueError` for a name that is taken."""
    if strategy.name in STRATEGIES:
        raise ValueError(f"there is a strategy '{strategy.name}' already")
    STRATEGIES[strategy.name] = strategy


def option_classes() -> tuple[type[Any], ...]:
    """The dataclasses whose fields are the options of strategies, each once."""
    classes = (strategy.options for strategy in STRATEGIES.values())
    return tuple(dict.fromkeys(each for each in classes if each is not None))


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
    optimum where it applies and genetic search elsewhere. `config` is the strategy's own `Config`
    (`GeneticConfig` for genetic, and for auto where it comes to that; `ExactConfig` for exact).

    Raises `ValueError` for an unknown strategy and `NotProvable`, a `ValueError`, where
    `strategy="optimal"` does not apply, or constraints cannot be satisfied. `TypeError` for a
    config of another strategy.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}, not '{strategy}'")
    chosen = STRATEGIES[strategy]
    config = chosen.accept(config)
    curve = sampled(problem) if curve is None else curve
    if not problem.constraints.any or chosen.takes_constraints:
        return chosen.run(problem, curve, seed, config)
    if problem.constraints.tails != problem.constraints or not chosen.takes_tails:
        raise ValueError(
            f"strategy={strategy} sees to no constraints: use strategy=optimal, or drop them"
        )
    return _between_tails(problem, chosen, curve, seed, config)


def _between_tails(
    problem: Problem, strategy: Strategy[Any], curve: Curve, seed: int, config: object
) -> SearchResult:
    """A strategy that knows nothing of tails on the inputs that count; the tails beyond them."""
    wanted, operand = problem.constraints, problem.operand
    sides = wanted.left is not None, wanted.right is not None
    first, end = int(problem.q[0]), int(problem.q[-1]) + 1
    if (sides[0] and first == operand.minimum) or (sides[1] and end > operand.maximum):
        raise ValueError(
            f"strategy={strategy.name} takes exact tails only beyond the inputs that count, which "
            "are all: narrow them with domain-min= and domain-max=, or use strategy=optimal"
        )
    if problem.entries <= sum(sides):
        raise ValueError(f"{sum(sides)} exact tails need more than {problem.entries} entries")
    inner = replace(problem, entries=problem.entries - sum(sides), constraints=Constraints())
    found = strategy.run(inner, curve, seed, config)
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
