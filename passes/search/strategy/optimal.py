"""`optimal`: the proven optimum."""

from __future__ import annotations

from lut_opt.passes.search.heuristic.objective import Curve
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.model.result import SearchResult
from lut_opt.passes.search.optimal.solve import minimize
from lut_opt.passes.search.strategy.base import Strategy


class Optimal(Strategy[None]):
    """The table of least loss, or one within the problem's gap of a proven bound."""

    name = "optimal"
    doc = "is proven by dynamic programming"
    takes_constraints = True
    seeded = False

    def run(self, problem: Problem, curve: Curve, seed: int, config: None) -> SearchResult:
        """Raises `NotProvable` where no program applies."""
        found = minimize(problem)
        loss, bound = problem.loss(found.table), found.lower_bound
        reason = "optimum proven" if bound is None else f"no table is better than {bound:.4g}"
        return SearchResult(
            table=found.table,
            loss=loss,
            strategy=self.name,
            seed=seed,
            evaluations=found.tried,
            stop_reason=reason,
            proven=bound is None,
            lower_bound=loss if bound is None else bound,
        )


OPTIMAL = Optimal()
