"""`auto`: the proven optimum, or what comes next to it."""

from __future__ import annotations

from dataclasses import replace

from lut_opt.passes.search.heuristic.genetic import GeneticConfig
from lut_opt.passes.search.heuristic.objective import Curve
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.model.result import SearchResult
from lut_opt.passes.search.optimal.squares import NotProvable
from lut_opt.passes.search.strategy.base import Setting, Strategy
from lut_opt.passes.search.strategy.genetic import GENETIC, GeneticOptions
from lut_opt.passes.search.strategy.optimal import OPTIMAL


class Auto(Strategy[GeneticConfig]):
    """The proven optimum where it applies, else genetic search, whose options it takes."""

    name = "auto"
    doc = "takes the proven optimum where the dynamic program applies and genetic search elsewhere"
    Config = GeneticConfig
    Options = GeneticOptions
    takes_constraints = True
    seeded = False

    def default(self) -> GeneticConfig:
        """Genetic search on the problem's own loss."""
        return replace(GeneticConfig(), fitness="integer", elite=1)

    def configure(self, options: GeneticOptions, setting: Setting) -> GeneticConfig:
        """As genetic search has it."""
        return GENETIC.configure(options, setting)

    def run(self, problem: Problem, curve: Curve, seed: int, config: GeneticConfig) -> SearchResult:
        """Raises `NotProvable` for constraints on more points than can be proven."""
        try:
            return OPTIMAL.run(problem, curve, seed, None)
        except NotProvable:
            if problem.constraints.any:
                raise  # genetic search sees to none
            return GENETIC.run(problem, curve, seed, config)


AUTO = Auto()
