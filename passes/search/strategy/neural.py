"""`neural`: NN-LUT, a trained network turned into its table."""

from __future__ import annotations

from dataclasses import dataclass

from lut_opt.passes.search.heuristic.neural import NeuralConfig, train
from lut_opt.passes.search.heuristic.objective import (
    Curve,
    IntegerObjective,
    integer_table,
    interval,
)
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.model.result import SearchResult
from lut_opt.passes.search.strategy.base import Setting, Strategy


@dataclass(frozen=True)
class NeuralOptions:
    """Options of `strategy=neural`."""

    samples: int = 20_000
    """Neural: training samples (the paper's 100,000 change little)."""

    def __post_init__(self) -> None:
        self.config()

    def config(self) -> NeuralConfig:
        """The network's breakpoints, the best line for each."""
        return NeuralConfig(samples=self.samples, refit=True)


class Neural(Strategy[NeuralConfig]):
    """A table of real numbers from a network, rounded to the problem's parameters."""

    name = "neural"
    doc = "is NN-LUT"
    Config = NeuralConfig
    Options = NeuralOptions
    takes_tails = True

    def configure(self, options: NeuralOptions, setting: Setting) -> NeuralConfig:
        """The same for every function."""
        return options.config()

    def run(self, problem: Problem, curve: Curve, seed: int, config: NeuralConfig) -> SearchResult:
        """Raises `ValueError` where the function has no finite value."""
        low, high = interval(problem)
        high = max(high, low + problem.operand.scale)  # one point is no range
        real = train(curve, low, high, problem.entries, config, seed=seed).table()
        if config.refit:
            table = IntegerObjective(problem, config.rounding).table(real.breakpoints)
        else:
            table = integer_table(problem, real, config.rounding)
        return SearchResult(
            table=table,
            loss=problem.loss(table),
            strategy=self.name,
            seed=seed,
            evaluations=config.samples * config.epochs,
            generations=config.epochs,
            stop_reason="epochs",
        )


NEURAL = Neural()
