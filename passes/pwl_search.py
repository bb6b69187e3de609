"""The pass `pwl-search`."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from lut_opt.dialects.pwl import ApplyOp, Fit, FitAttr, TableAttr, UnitOp
from lut_opt.dialects.pwl.certificate import RealFunction, certify, samples
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.dialects.pwl.quantization import Quantization
from lut_opt.passes.diagnostics import about
from lut_opt.passes.progress import progress
from lut_opt.passes.scales import declared_range
from lut_opt.passes.search import (
    Form,
    GeneticConfig,
    Metric,
    NotProvable,
    Problem,
    SearchResult,
    formulate,
    search,
)
from lut_opt.passes.search_units import search_unit

Domain = tuple[float, float] | None


@dataclass(frozen=True)
class PwlSearchPass(ModulePass):
    """
    Find the table of every `pwl.apply` and write it, with its certificate, on the op.

    Equal problems (function, types, domain) are solved once. The result depends on the IR, the
    options and the seed alone. Softmax and the norms get their tables too, in the form that fits;
    frac-bits, form and the domain are not for them.

    Before:   %y = pwl.apply #pwl.fn<gelu> %x : …
    After:    %y = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, …> fit #pwl.fit<optimal, …> : …
    Requires: every function is defined on its input's storage range, or on the domain given.
    Ensures:  every `pwl.apply` has a table and a certificate.
    """

    name = "pwl-search"

    strategy: Literal["auto", "optimal", "genetic"] = "auto"
    """`optimal` is proven by dynamic programming, `genetic` is GQA-LUT's Algorithms 1 and 2, `auto`
    takes the proven optimum where the dynamic program applies and genetic search elsewhere."""
    entries: int = 8
    """Number of segments of each table, N."""
    param_bits: int = 8
    """Width of slopes and intercepts, 2 to 32."""
    frac_bits: int | None = None
    """Fraction bits: λ of the seed form, the result shift of the direct form (default: the most at
    which the slopes and intercepts of the best real-valued table fit)."""
    form: Form = "auto"
    """`seed`: slopes and intercepts in the function's own units, power-of-two scales; `direct`:
    from stored input to stored result, any scales; `auto`: seed where it is possible."""
    metric: Metric = "mse"
    """What is minimized on the accumulator: the mean squared or the largest error."""
    domain_min: float | int | None = None
    """Least real input that counts; by default that of `pwl.range`, or of the storage range."""
    domain_max: float | int | None = None
    """Largest real input that counts."""
    seed: int = 0
    """Seed of the genetic search."""
    population: int = 50
    """Genetic: individuals, N_p."""
    generations: int = 500
    """Genetic: rounds of evolution, T."""
    crossover_rate: float | int = 0.7
    """Genetic: θ_c."""
    mutation_rate: float | int = 0.2
    """Genetic: θ_m."""
    mutation: Literal["normal", "rounding"] = "rounding"
    """Genetic: Algorithm 1's noise on every breakpoint, or Algorithm 2's rounding mutation."""
    rounding_rate: float | int = 0.05
    """Genetic: θ_r of the rounding mutation."""
    rounding_range: tuple[int, ...] = (0, 6)
    """Genetic: [m_a, m_b], the fraction bits to which breakpoints are rounded."""
    fitness: Literal["grid", "integer"] = "integer"
    """Genetic: the paper's error of real segments on a 0.01 grid, or the integer table's loss."""

    def __post_init__(self) -> None:
        if self.entries < 1:
            raise ValueError(f"entries must be at least 1, got {self.entries}")
        if not 2 <= self.param_bits <= 32:
            raise ValueError(f"param-bits must be between 2 and 32, got {self.param_bits}")
        if self.frac_bits is not None and self.frac_bits < 0:
            raise ValueError(f"frac-bits must not be negative, got {self.frac_bits}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        if len(self.rounding_range) != 2:
            raise ValueError("rounding-range takes two integers, as in rounding-range=0,6")
        for name, bound in (("domain-min", self.domain_min), ("domain-max", self.domain_max)):
            if bound is not None and not math.isfinite(bound):
                raise ValueError(f"{name} must be finite, got {bound}")
        if self.domain_min is not None and self.domain_max is not None:
            if not self.domain_min < self.domain_max:
                raise ValueError("domain-min must be below domain-max")
        self._genetic_config()

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Search the tables of the whole module."""
        solved: dict[Hashable, tuple[TableAttr, FitAttr]] = {}

        def solve_unit(
            function: RealFunction,
            operand: Quantization,
            result: Quantization,
            entries: int,
            domain: Domain = None,
        ) -> tuple[TableAttr, FitAttr]:
            key = "unit", function, operand, result, entries, domain
            if key not in solved:
                own = replace(self, entries=entries, frac_bits=None, form="auto")
                solved[key] = own._solve(function, operand, result, domain)
            return solved[key]

        work = [inner for inner in op.walk() if isinstance(inner, ApplyOp | UnitOp)]
        for inner in progress(work, self.name):
            with about(inner):
                if isinstance(inner, UnitOp):
                    search_unit(inner, solve_unit, self.entries, self.param_bits)
                    continue
                domain = self._domain(inner)
                key = problem_key(inner, domain)
                if key not in solved:
                    sides = inner.input_quantization, inner.result_quantization
                    solved[key] = self._solve(real_function(inner), *sides, domain)
                inner.table, inner.fit = solved[key]

    def _domain(self, op: ApplyOp) -> Domain:
        """The real inputs that count, None for every stored input."""
        operand = op.input_quantization
        first, last = operand.dequantize(operand.values[[0, -1]])
        low, high = declared_range(op) or (first, last)
        low = float(max(low, first)) if self.domain_min is None else float(self.domain_min)
        high = float(min(high, last)) if self.domain_max is None else float(self.domain_max)
        return None if low <= first and high >= last else (low, high)

    def _solve(
        self, function: RealFunction, operand: Quantization, result: Quantization, domain: Domain
    ) -> tuple[TableAttr, FitAttr]:
        points = samples(function, (), operand, result, domain)
        problem = formulate(
            points,
            operand,
            result,
            entries=self.entries,
            param_bits=self.param_bits,
            frac_bits=self.frac_bits,
            form=self.form,
            metric=self.metric,
        )
        found = self._search(problem, function, result)
        figures = certify(found.table, points, operand, result)
        fit = Fit(
            strategy=found.strategy,
            form=found.table.form(operand, result) if self.form == "auto" else self.form,
            metric=self.metric,
            seed=self.seed,
            entries=self.entries,
            points=figures.points,
            mse=figures.mse,
            max_error=figures.max_error,
            exact=figures.exact,
            optimal_mse=optimal_mse(problem, found),
            domain=domain,
        )
        return TableAttr(found.table), FitAttr(fit)

    def _search(
        self, problem: Problem, function: RealFunction, result: Quantization
    ) -> SearchResult:
        config = None if self.strategy == "optimal" else self._genetic_config()
        return search(
            problem,
            lambda x: result.clip(function(x)),
            strategy=self.strategy,
            seed=self.seed,
            config=config,
        )

    def _genetic_config(self) -> GeneticConfig:
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
        )


def problem_key(op: ApplyOp, domain: Domain) -> Hashable:
    """Equal for ops whose tables are the same."""
    return op.function, op.input_quantization, op.result_quantization, domain


def optimal_mse(problem: Problem, found: SearchResult | None = None) -> float | None:
    """The least MSE that any table of the problem can have, None if no proof is in reach."""
    if found is not None and found.proven and problem.metric == "mse":
        return found.loss
    try:
        best = search(replace(problem, metric="mse"), strategy="optimal")
    except NotProvable:
        return None
    return best.loss if best.proven else None
