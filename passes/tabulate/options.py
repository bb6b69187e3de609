"""The options of `pwl-search`, and what the search makes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Literal, cast

from lut_opt.passes.search import (
    Budget,
    Constraints,
    ExactConfig,
    Form,
    GeneticConfig,
    Metric,
    NeuralConfig,
)
from lut_opt.passes.search.heuristic.presets import genetic_preset
from lut_opt.passes.search.model.constraints import Monotone, Symmetry
from lut_opt.passes.search.model.tails import TAILS
from lut_opt.passes.search.optimal.exponents import octaves
from lut_opt.passes.search.strategies import TAKE_TAILS

DEFAULT_ENTRIES = 8

Positions = tuple[float, ...]
"""Real breakpoints, ascending."""

TailName = Literal["auto", "free", "zero", "identity", "one", "minus-one"]


@dataclass(frozen=True)
class SearchOptions:
    """Fields that become options; each has its meaning below it."""

    strategy: Literal["auto", "optimal", "exact", "genetic", "neural", "uniform"] = "auto"
    """`optimal` is proven by dynamic programming; `exact` takes the fewest entries whose rounded
    results are correct; `genetic` is GQA-LUT's Algorithms 1 and 2; `neural` is NN-LUT; `uniform`
    cuts the inputs that count into equal widths, with the best integer line on each; `auto` takes
    the proven optimum where the dynamic program applies and genetic search elsewhere."""
    entries: int | None = None
    """Number of segments of each table, N (default: 8, or the fewest that meet a budget)."""
    param_bits: int = 8
    """Width of slopes and intercepts, 2 to 32."""
    unit_bits: int | None = None
    """Width of slopes and intercepts in the tables of softmax and norms (default: param-bits)."""
    intercept_bits: int | None = None
    """Width of the intercepts where it is not that of the slopes."""
    frac_bits: int | None = None
    """Fraction bits: λ of the seed form, the result shift of the direct form (default: the most at
    which the slopes and intercepts of the best real-valued table fit)."""
    exponent_bits: int = 0
    """Optimal: each entry's slope and intercept are integers of param-bits (and intercept-bits)
    times 2^e, e of so many bits, 0 to 3; frac-bits is that of e = 0, and the table's own widths
    are larger by the largest e."""
    form: Form = "auto"
    """`seed`: slopes and intercepts in the function's own units, power-of-two scales; `direct`:
    from stored input to stored result, any scales; `auto`: seed where it is possible."""
    metric: Metric = "mse"
    """What is minimized on the accumulator: the mean squared or the largest error."""
    domain_min: float | int | None = None
    """Least real input that counts; by default that of `pwl.range`, or of the storage range."""
    domain_max: float | int | None = None
    """Largest real input that counts."""
    weights: Literal["uniform", "calibrated"] = "uniform"
    """`calibrated`: each input counts as often as the op's `pwl.histogram` says it was seen; counts
    of a narrower storage are interpolated over `pwl.range`."""
    seed: int = 0
    """Seed of the genetic and neural searches."""
    mse: float | int | None = None
    """Budget: the fewest entries whose mean squared error is at most this, in real units."""
    max_error: float | int | None = None
    """Budget: the fewest entries whose largest error is at most this, in output steps."""
    budget_bits: tuple[int, ...] = ()
    """Budget: widths of slopes and intercepts to choose from (default: param-bits alone)."""
    tolerance: int = 0
    """Exact: output steps by which a result may miss the correctly rounded function."""
    zero_exact: bool = False
    """Optimal: the accumulator at x = 0 is f(0)."""
    monotone: Monotone = "none"
    """Optimal: no slope and no step at a breakpoint points the other way."""
    symmetry: Symmetry = "none"
    """Optimal: f(−x) is −f(x) or f(x) exactly; half of the table tells all."""
    left_tail: TailName = "auto"
    """The first segment is exactly 0, x, 1 or −1. `auto`, for inputs of more than 8 bits: the one
    of these that the function runs into, if any; what it rounds correctly no longer counts, since
    it answers there. Genetic, neural and uniform tables get tails beyond the inputs that count."""
    right_tail: TailName = "auto"
    """The last segment, likewise."""
    gap: float | int = 0.03
    """Optimal, more than 4,096 inputs that count: how far above the proven bound, relative, the
    table may be; 0.03 takes half a second, 0.001 seconds."""
    max_jump: float | int | None = None
    """Optimal: how far, in real units, neighbouring lines may be apart at their breakpoint."""
    pareto: bool = False
    """Also write `pwl.pareto`: bits of storage against mean squared error, for every number of
    entries up to 64 and the widths of budget-bits; `-t json` shows it."""
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
    samples: int = 20_000
    """Neural: training samples (the paper's 100,000 change little)."""

    def __post_init__(self) -> None:
        if self.entries is not None and self.entries < 1:
            raise ValueError(f"entries must be at least 1, got {self.entries}")
        for name, bits in (
            ("param-bits", self.param_bits),
            ("unit-bits", self.unit_bits),
            ("intercept-bits", self.intercept_bits),
        ):
            if bits is not None and not 2 <= bits <= 32:
                raise ValueError(f"{name} must be between 2 and 32, got {bits}")
        for name, least in (("frac-bits", self.frac_bits), ("seed", self.seed)):
            if least is not None and least < 0:
                raise ValueError(f"{name} must not be negative, got {least}")
        if len(self.rounding_range) != 2:
            raise ValueError("rounding-range takes two integers, as in rounding-range=0,6")
        for name, bound in (("domain-min", self.domain_min), ("domain-max", self.domain_max)):
            if bound is not None and not math.isfinite(bound):
                raise ValueError(f"{name} must be finite, got {bound}")
        if self.domain_min is not None and self.domain_max is not None:
            if not self.domain_min < self.domain_max:
                raise ValueError("domain-min must be below domain-max")
        if not 0 <= self.gap < 1:
            raise ValueError(f"gap must be at least 0 and below 1, got {self.gap}")
        self._check_combinations()
        self._check_exponents()
        # Configurations check their own ranges.
        for config in (self.genetic, self.neural, self.exact, self.constraints, self.budget):
            config()

    def _check_combinations(self) -> None:
        budget = self.mse is not None or self.max_error is not None
        if budget and self.entries is not None:
            raise ValueError("a budget (mse=, max-error=) finds the entries: leave entries= out")
        if budget and self.strategy not in ("auto", "optimal"):
            raise ValueError(f"strategy={self.strategy} takes no budget: use strategy=optimal")
        if self.budget_bits and not (budget or self.pareto):
            raise ValueError("budget-bits needs a budget (mse= or max-error=), or pareto=true")
        if self.strategy == "exact" and self.entries is not None:
            raise ValueError("strategy=exact finds the entries: leave entries= out")
        if self.preset != "none" and self.strategy != "genetic":
            raise ValueError("preset is for strategy=genetic")
        if self.warm_start and self.strategy != "genetic":
            raise ValueError("warm-start is for strategy=genetic")
        if self.tolerance and self.strategy != "exact":
            raise ValueError("tolerance is for strategy=exact")
        wanted = self.constraints()
        if self.strategy in TAKE_TAILS:
            wanted = replace(wanted, left=None, right=None)
        if wanted.any and self.strategy not in ("auto", "optimal"):
            raise ValueError(f"strategy={self.strategy} sees to no constraints: use optimal")

    def _check_exponents(self) -> None:
        most = octaves(self.exponent_bits)
        if not most:
            return
        if self.strategy not in ("auto", "optimal"):
            raise ValueError(f"strategy={self.strategy} takes no exponent-bits: use optimal")
        if self.metric != "mse":
            raise ValueError(f"metric={self.metric} takes no exponent-bits: use metric=mse")
        if self.constraints().any or self.budget() is not None or self.pareto:
            raise ValueError("exponent-bits takes no constraints, no budget and no pareto")
        if max(self.param_bits, self.intercept_bits or 0) + most > 32:
            raise ValueError(
                f"exponent-bits={self.exponent_bits} needs param-bits and intercept-bits of at "
                f"most {32 - most}: the table holds them shifted by up to {most}"
            )

    def constraints(self) -> Constraints:
        """What every table must satisfy."""
        return Constraints(
            zero_exact=self.zero_exact,
            monotone=self.monotone,
            symmetry=self.symmetry,
            left=TAILS.get(self.left_tail),
            right=TAILS.get(self.right_tail),
            max_jump=None if self.max_jump is None else float(self.max_jump),
        )

    def budget(self) -> Budget | None:
        """How good a table must be, None if its size is given instead."""
        if self.mse is None and self.max_error is None:
            return None
        return Budget(
            mse=None if self.mse is None else float(self.mse),
            max_error=None if self.max_error is None else float(self.max_error),
            param_bits=self.budget_bits or (self.param_bits,),
        )

    def exact(self) -> ExactConfig:
        """Options of `strategy=exact`."""
        return ExactConfig(tolerance=self.tolerance)

    def neural(self) -> NeuralConfig:
        """Options of `strategy=neural`: the network's breakpoints, the best line for each."""
        return NeuralConfig(samples=self.samples, refit=True)

    def genetic(self, function: str = "gelu", start: Positions = ()) -> GeneticConfig:
        """Options of `strategy=genetic`; a preset depends on the function and the entries."""
        initial = (start,) if start else ()
        if self.preset != "none":
            entries = self.entries or DEFAULT_ENTRIES
            return replace(genetic_preset(function, entries, variant=self.preset), initial=initial)
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
            initial=initial,
        )

    def config(self, function: str, start: Positions = ()) -> object | None:
        """Options of the strategy asked for, for one function; `start`: breakpoints of a table."""
        match self.strategy:
            case "exact":
                return self.exact()
            case "neural":
                return self.neural()
            case "optimal" | "uniform":
                return None
            case _:
                return self.genetic(function, start)

    def request(self) -> str:
        """The options that are not the defaults, as text for the certificate."""
        words: list[str] = []
        for field in fields(SearchOptions):
            value = getattr(self, field.name)
            if value == field.default:
                continue
            if isinstance(value, tuple):
                value = ",".join(map(str, cast(tuple[int, ...], value)))
            shown = str(value).lower() if isinstance(value, bool) else value
            words.append(f"{field.name.replace('_', '-')}={shown}")
        return " ".join(words)
