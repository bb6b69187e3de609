"""`exact`: the fewest entries that are close enough at every input."""

from __future__ import annotations

from dataclasses import dataclass

from lut_opt.passes.search.heuristic.objective import Curve
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.model.result import SearchResult
from lut_opt.passes.search.optimal.exact import ExactConfig, fewest_entries, limits
from lut_opt.passes.search.strategy.base import Setting, Strategy


@dataclass(frozen=True)
class ExactOptions:
    """Options of `strategy=exact`."""

    tolerance: int = 0
    """Exact: output steps by which a result may miss the correctly rounded function."""

    def __post_init__(self) -> None:
        self.config()

    def config(self) -> ExactConfig:
        """What the search takes."""
        return ExactConfig(tolerance=self.tolerance)


class Exact(Strategy[ExactConfig]):
    """Proven to have the fewest entries."""

    name = "exact"
    doc = "takes the fewest entries whose rounded results are correct"
    Config = ExactConfig
    Options = ExactOptions
    exclusive = ("tolerance",)
    finds_entries = True
    seeded = False

    def configure(self, options: ExactOptions, setting: Setting) -> ExactConfig:
        """The same for every function."""
        return options.config()

    def run(self, problem: Problem, curve: Curve, seed: int, config: ExactConfig) -> SearchResult:
        """Raises `ValueError` where no number of entries is enough."""
        table, tried = fewest_entries(problem, limits(problem, config))
        return SearchResult(
            table=table,
            loss=problem.loss(table),
            strategy=self.name,
            seed=seed,
            evaluations=tried,
            stop_reason=f"{table.entries} entries are proven to be the fewest",
            fewest=True,
        )


EXACT = Exact()
