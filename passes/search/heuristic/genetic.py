"""
Genetic search for breakpoints: Algorithms 1 and 2 of GQA-LUT, vectorized over the population.

The search itself knows only real breakpoints and their losses; `objective.py` says what a set of
breakpoints is worth and which table it stands for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lut_opt.dialects.quantization import Reals

Mutation = Literal["normal", "rounding", "mixed"]
Fitness = Literal["grid", "integer"]
Coefficients = Literal["interpolate", "least-squares"]
Rounding = Literal["ceiling", "nearest"]
Keep = Literal["best", "last"]


@dataclass(frozen=True)
class GeneticConfig:
    """
    Options of the genetic search; the defaults are those of GQA-LUT Table 1 where it gives one.

    Raises `ValueError` where an option is out of range.
    """

    population: int = 50
    """Individuals, N_p."""
    generations: int = 500
    """Rounds of evolution, T."""
    crossover_rate: float = 0.7
    """Chance that a pair of individuals swaps a segment, θ_c."""
    mutation_rate: float = 0.2
    """Chance that an individual mutates, θ_m."""
    tournament: int = 3
    """Individuals that compete for one place in the next generation (Algorithm 1, line 19)."""
    elite: int = 0
    """Best individuals so far that survive unchanged (Algorithm 1 keeps none)."""
    mutation: Mutation = "normal"
    """`normal`: noise on breakpoints; `rounding`: Algorithm 2; `mixed`: for each number of fraction
    bits in turn a breakpoint may be rounded to it or get noise, as the authors' program has it."""
    deviation: float = 0.02
    """Standard deviation of the noise, as a share of the search range (the paper gives none)."""
    noise_rate: float = 1.0
    """Chance of each breakpoint of a mutating individual to get noise (mixed: for each i)."""
    rounding_rate: float = 0.05
    """Chance of each rounding of a breakpoint, θ_r."""
    rounding_range: tuple[int, int] = (0, 6)
    """Fraction bits to which breakpoints are rounded, [m_a, m_b]."""
    fitness: Fitness = "grid"
    """`grid`: MSE of real segments on a grid (Algorithm 1); `integer`: the loss of the problem."""
    coefficients: Coefficients = "least-squares"
    """How a real segment follows from its ends: through the function there, or of least squares."""
    ends: tuple[float, float] | None = None
    """Where `interpolate` anchors the outer segments, by default at the ends of the range; far
    outside it they become the function's tails."""
    fitness_bits: int | None = None
    """Fraction bits of slopes and intercepts while the grid judges them (None: real numbers)."""
    grid_step: float = 0.01
    """Distance of the points of the grid in real units (Algorithm 1, line 6)."""
    grid_points: int = 4096
    """Most points of the grid; wider ranges get a coarser step."""
    rounding: Rounding = "ceiling"
    """Integer breakpoints from real ones: up, which moves no input, or to nearest (Eq. 3)."""
    keep: Keep = "best"
    """`best` individual of all generations, or of the `last` one (Algorithm 1, line 20)."""
    stop_gap: float | None = None
    """Stop once the integer loss is within this share of the proven optimum, where one is known."""
    initial: tuple[tuple[float, ...], ...] = ()
    """Real breakpoints of individuals to start from; the others are random."""

    def __post_init__(self) -> None:
        low, high = self.rounding_range
        rates = (self.crossover_rate, self.mutation_rate, self.rounding_rate, self.noise_rate)
        checks = {
            "population must be at least 2": self.population >= 2,
            "generations must be at least 1": self.generations >= 1,
            "tournament must be at least 1": self.tournament >= 1,
            "elite must be at least 0 and below population": 0 <= self.elite < self.population,
            "rates must lie in [0, 1]": all(0.0 <= rate <= 1.0 for rate in rates),
            "deviation must be positive": self.deviation > 0,
            "rounding-range must be 0 ≤ m_a ≤ m_b": 0 <= low <= high,
            "grid-step must be positive": self.grid_step > 0,
            "grid-points must be at least 2": self.grid_points >= 2,
            "mutation must be normal, rounding or mixed": self.mutation in get_args(Mutation),
            "keep must be best or last": self.keep in get_args(Keep),
            "stop-gap must not be negative": self.stop_gap is None or self.stop_gap >= 0,
            "fitness must be grid or integer": self.fitness in get_args(Fitness),
            "coefficients must be interpolate or least-squares": self.coefficients
            in get_args(Coefficients),
            "rounding must be ceiling or nearest": self.rounding in get_args(Rounding),
            "initial must hold at most population individuals": len(self.initial)
            <= self.population,
        }
        for message, holds in checks.items():
            if not holds:
                raise ValueError(message)


def crossover(population: Reals, rate: float, rng: np.random.Generator) -> Reals:
    """
    Swap a random segment of breakpoints within random pairs (Algorithm 1, lines 10–13).

    Every individual is in one pair, and each pair swaps with chance `rate`. Shapes: (individuals,
    breakpoints) to the same; rows ascend in the result.
    """
    size, count = population.shape
    pairs = rng.permutation(size)[: size // 2 * 2].reshape(2, -1)
    cuts = np.sort(rng.integers(0, count + 1, (2, pairs.shape[1])), axis=0)
    position = np.arange(int(count))
    swap = (position >= cuts[0][:, None]) & (position < cuts[1][:, None])
    swap &= rng.random(pairs.shape[1])[:, None] < rate
    left, right = population[pairs[0]], population[pairs[1]]
    result = population.copy()
    result[pairs[0]] = np.where(swap, right, left)
    result[pairs[1]] = np.where(swap, left, right)
    return np.sort(result, axis=1)


def mutate(
    population: Reals, config: GeneticConfig, low: float, high: float, rng: np.random.Generator
) -> Reals:
    """
    Mutate individuals with chance θ_m (Algorithm 1, lines 14–16); same shape, rows ascend.

    Normal: noise on breakpoints, clipped to [low, high]. Rounding (Algorithm 2): a breakpoint draws
    ρ in [0, 1] and is rounded to i fraction bits where i·θ_r ≤ ρ < (i + 1)·θ_r and m_a ≤ i ≤ m_b,
    else kept. Mixed: see `_mixed`.
    """
    result = population.copy()
    chosen = rng.random(len(population)) < config.mutation_rate
    some = population[chosen]
    if config.mutation == "normal":
        some = _noisy(some, config, high - low, rng)
    elif config.mutation == "rounding":
        some = _rounded(some, config, rng.random(some.shape))
    else:
        some = _mixed(some, config, high - low, rng)
    result[chosen] = np.clip(some, low, high)
    return np.sort(result, axis=1)


def _noisy(
    population: Reals, config: GeneticConfig, width: float, rng: np.random.Generator
) -> Reals:
    """Normal noise on each breakpoint with chance `noise_rate`."""
    hit = rng.random(population.shape) < config.noise_rate
    return population + np.where(hit, rng.normal(0.0, config.deviation * width, hit.shape), 0.0)


def _rounded(population: Reals, config: GeneticConfig, draw: Reals) -> Reals:
    """Algorithm 2 with the random numbers `draw`, one for each breakpoint."""
    bits = np.floor(draw / config.rounding_rate) if config.rounding_rate > 0 else draw + np.inf
    first, last = config.rounding_range
    step = np.exp2(-np.clip(bits, first, last))
    inside = (bits >= first) & (bits <= last)
    return np.where(inside, np.rint(population / step) * step, population)


def _mixed(
    population: Reals, config: GeneticConfig, width: float, rng: np.random.Generator
) -> Reals:
    """
    The authors' program: for i = m_a … m_b a new number ρ decides on rounding to i bits or noise.

    Rounding where i·θ_r ≤ ρ < (i + 1)·θ_r, noise where ρ ≥ 1 − `noise_rate`. Without the noise no
    new value could enter a population whose breakpoints have all been rounded.
    """
    first, last = config.rounding_range
    for bits in range(first, last + 1):
        draw = rng.random(population.shape)
        rate, step = config.rounding_rate, 2.0**-bits
        rounds = (draw >= bits * rate) & (draw < (bits + 1) * rate)
        population = np.where(rounds, np.rint(population / step) * step, population)
        noise = rng.normal(0.0, config.deviation * width, population.shape)
        hit = ~rounds & (draw >= 1.0 - config.noise_rate)
        population = population + np.where(hit, noise, 0.0)
    return population


def select(population: Reals, losses: Reals, size: int, rng: np.random.Generator) -> Reals:
    """As many winners of tournaments among `size` random individuals (Algorithm 1, line 18)."""
    contestants = rng.integers(0, len(population), (len(population), size))
    winners = np.argmin(losses[contestants], axis=1)
    return population[contestants[np.arange(len(population)), winners]]


class GeneticSearch:
    """
    Ask for a population, tell its losses, until `stop_reason` is set; deterministic under `rng`.

        while (reason := search.stop_reason) is None:
            population = search.ask()                      # (individuals, breakpoints), rows ascend
            search.tell(population, objective.losses(population))
    """

    def __init__(
        self,
        breakpoints: int,
        low: float,
        high: float,
        config: GeneticConfig,
        rng: np.random.Generator,
        target: float = -np.inf,
    ) -> None:
        """
        Search for so many breakpoints in [low, high]; a loss of at most `target` ends it.

        Raises `ValueError` where a warm start has another number of breakpoints.
        """
        self._low, self._high, self._config, self._rng = low, high, config, rng
        self._target = target
        self._population = np.sort(
            rng.uniform(low, high, (config.population, breakpoints)), axis=1
        )  # Algorithm 1, line 1
        for row, start in zip(self._population, config.initial, strict=False):
            if len(start) != breakpoints:
                raise ValueError(f"a warm start needs {breakpoints} breakpoints, not {len(start)}")
            row[:] = np.sort(np.clip(np.asarray(start, np.float64), low, high))
        self.best = self._population[0].copy()
        """The breakpoints of least loss so far (or in the last generation), (breakpoints,)."""
        self.best_loss = np.inf
        self.generations = 0
        self.evaluations = 0

    @property
    def stop_reason(self) -> str | None:
        """Why the search is over; None while it goes on."""
        if self.best_loss <= self._target:
            return "target reached"
        if self.generations >= self._config.generations:
            return "generations"
        if self.generations and self._population.shape[1] == 0:
            return "nothing to search"
        return None

    def ask(self) -> Reals:
        """The population to evaluate, shape (individuals, breakpoints)."""
        return self._population.copy()

    def tell(self, population: Reals, losses: Reals) -> None:
        """Take the losses of a population, shape (individuals,); NaN counts as infinite."""
        losses = np.where(np.isnan(losses), np.inf, losses)
        order = np.argsort(losses, kind="stable")
        if losses[order[0]] < self.best_loss or self._config.keep == "last":
            self.best, self.best_loss = population[order[0]].copy(), float(losses[order[0]])
        self.generations += 1
        self.evaluations += len(population)
        config, rng = self._config, self._rng
        chosen = select(population, losses, config.tournament, rng)
        varied = crossover(chosen, config.crossover_rate, rng)
        self._population = mutate(varied, config, self._low, self._high, rng)
        if config.elite:
            self._population[0] = self.best
            self._population[1 : config.elite] = population[order[1 : config.elite]]


def evolve(search: GeneticSearch, losses: Callable[[Reals], Reals]) -> str:
    """Run `search` to its end on the losses of populations; why it stopped."""
    while (reason := search.stop_reason) is None:
        population = search.ask()
        search.tell(population, losses(population))
    return reason
