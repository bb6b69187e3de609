"""`genetic`: GQA-LUT's Algorithms 1 and 2."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lut_opt.dialects.quantization import Reals
from lut_opt.passes.search.heuristic.genetic import GeneticConfig, GeneticSearch, evolve
from lut_opt.passes.search.heuristic.objective import (
    Curve,
    GridObjective,
    IntegerObjective,
    interval,
)
from lut_opt.passes.search.heuristic.presets import genetic_preset
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.model.result import SearchResult
from lut_opt.passes.search.optimal.solve import minimize
from lut_opt.passes.search.optimal.squares import NotProvable
from lut_opt.passes.search.strategy.base import Setting, Strategy


@dataclass(frozen=True)
class GeneticOptions:
    """Options of `strategy=genetic`: those of `GeneticConfig` that are worth a word."""

    preset: Literal["none", "printed", "authors", "integer"] = "none"
    """Genetic: GQA-LUT's Table 1 for this function and size, as printed, as the authors' program
    has it, or judged on the integer table; the genetic options below then do not count."""
    population: int = 50
    """Genetic: individuals, N_p."""
    generations: int = 500
    """Genetic: rounds of evolution, T."""
    crossover_rate: float | int = 0.7
    """Genetic: θ_c."""
    mutation_rate: float | int = 0.2
    """Genetic: θ_m."""
    mutation: Literal["normal", "rounding", "mixed"] = "rounding"
    """Genetic: Algorithm 1's noise on every breakpoint, Algorithm 2's rounding mutation, or either
    by chance."""
    rounding_rate: float | int = 0.05
    """Genetic: θ_r of the rounding mutation."""
    rounding_range: tuple[int, ...] = (0, 6)
    """Genetic: [m_a, m_b], the fraction bits to which breakpoints are rounded."""
    fitness: Literal["grid", "integer"] = "integer"
    """Genetic: the paper's error of real segments on a 0.01 grid, or the integer table's loss."""
    stop_gap: float | int | None = None
    """Genetic: stop within this share of the proven optimum (integer fitness only)."""
    warm_start: bool = False
    """Genetic: go on from the breakpoints of the table that the op holds already."""

    def __post_init__(self) -> None:
        if len(self.rounding_range) != 2:
            raise ValueError("rounding-range takes two integers, as in rounding-range=0,6")
        self.config()  # which checks the ranges

    def config(self) -> GeneticConfig:
        """What the search takes, but for what depends on the table."""
        low, high = self.rounding_range
        return GeneticConfig(
            population=self.population,
            generations=self.generations,
            crossover_rate=float(self.crossover_rate),
            mutation_rate=float(self.mutation_rate),
            mutation=self.mutation,
            rounding_rate=float(self.rounding_rate),
            rounding_range=(low, high),
            fitness=self.fitness,
            elite=1 if self.fitness == "integer" else 0,
            stop_gap=None if self.stop_gap is None else float(self.stop_gap),
        )


class Genetic(Strategy[GeneticConfig]):
    """Genetic search; the seed alone decides the random numbers."""

    name = "genetic"
    doc = "is GQA-LUT's Algorithms 1 and 2"
    Config = GeneticConfig
    Options = GeneticOptions
    exclusive = ("preset", "warm_start")
    takes_tails = True
    saturated = False

    def configure(self, options: GeneticOptions, setting: Setting) -> GeneticConfig:
        """Tables inside units have no preset and nothing to start from."""
        config = options.config()
        if not setting.function:
            return config
        if options.preset != "none":
            config = genetic_preset(setting.function, setting.entries, variant=options.preset)
        if not options.warm_start:
            return config
        if setting.start is None or len(setting.start) != setting.entries - 1:
            raise ValueError(
                f"warm-start needs a table of {setting.entries} entries on the op: search first"
            )
        return replace(config, initial=(setting.start,))

    def run(self, problem: Problem, curve: Curve, seed: int, config: GeneticConfig) -> SearchResult:
        """Raises `ValueError` where a warm start has another number of breakpoints."""
        objective = (
            GridObjective(problem, _saturated(problem, curve, config), config)
            if config.fitness == "grid"
            else IntegerObjective(problem, config.rounding)
        )
        rng, target = np.random.default_rng(seed), _target(problem, config)
        state = GeneticSearch(problem.entries - 1, *interval(problem), config, rng, target)
        reason = evolve(state, objective.losses)
        table = objective.table(state.best)
        return SearchResult(
            table=table,
            loss=problem.loss(table),
            strategy=self.name,
            seed=seed,
            evaluations=state.evaluations,
            generations=state.generations,
            stop_reason=reason,
        )


GENETIC = Genetic()


def _saturated(problem: Problem, curve: Curve, config: GeneticConfig) -> Curve:
    """
    The curve within what results can represent.

    Chords to far points, as the authors' program has them, follow the function itself: the result's
    range has long ended there.
    """
    result = problem.result
    if result is None or config.ends is not None:
        return curve

    def clipped(x: Reals) -> Reals:
        return result.clip(curve(x))

    return clipped


def _target(problem: Problem, config: GeneticConfig) -> float:
    """The loss at which to stop: within `stop_gap` of the proven optimum, −inf without either."""
    if config.stop_gap is None or config.fitness == "grid":
        return -np.inf
    try:
        return problem.loss(minimize(problem).table) * (1.0 + config.stop_gap)
    except NotProvable:
        return -np.inf
