"""`uniform`: segments of equal width."""

from __future__ import annotations

import numpy as np

from lut_opt.passes.search.heuristic.objective import Curve, IntegerObjective, interval
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.model.result import SearchResult
from lut_opt.passes.search.strategy.base import Strategy


class Uniform(Strategy[None]):
    """Equal widths over the inputs that count, the best integer line for each."""

    name = "uniform"
    doc = "cuts the inputs that count into equal widths, with the best integer line on each"
    takes_tails = True
    seeded = False

    def run(self, problem: Problem, curve: Curve, seed: int, config: None) -> SearchResult:
        """There is one such table."""
        low, high = interval(problem)
        width = (high - low + problem.operand.scale) / problem.entries
        edges = low + width * np.arange(1, problem.entries, dtype=np.float64)
        table = IntegerObjective(problem, "ceiling").table(edges)
        return SearchResult(
            table=table,
            loss=problem.loss(table),
            strategy=self.name,
            seed=seed,
            evaluations=1,
            stop_reason="one table",
        )


UNIFORM = Uniform()
