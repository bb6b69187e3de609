"""Genetic search: its operators, its determinism, and its distance from the optimum."""

from __future__ import annotations

import numpy as np
import pytest

from lut_opt.dialects.pwl.certificate import samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search import GeneticConfig, GeneticSearch, Problem, search
from lut_opt.passes.search.heuristic.genetic import crossover, mutate, select
from lut_opt.passes.search.heuristic.objective import (
    GridObjective,
    IntegerObjective,
    integer_table,
    positions,
)
from lut_opt.passes.search.model.formulate import Goal, Shape, formulate
from lut_opt.passes.search.model.real_table import RealTable

GELU = FUNCTIONS["gelu"]


def gelu_problem(entries: int = 8, shift: int = 4, **options: object) -> Problem:
    operand = Quantization(8, True, 2.0**-shift)
    result = Quantization(32, True, 2.0 ** -(shift + 6))
    points = samples(GELU, (), operand, result, (-4.0, 4.0))
    return formulate(points, operand, result, Shape(entries=entries), Goal(**options))


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_crossover_swaps_positions_within_pairs() -> None:
    population = np.sort(rng().uniform(-1, 1, (9, 5)), axis=1)
    crossed = crossover(population, 1.0, rng())
    np.testing.assert_array_equal(np.sort(crossed, axis=None), np.sort(population, axis=None))
    assert np.all(np.diff(crossed, axis=1) >= 0)
    assert not np.array_equal(crossed, population)
    np.testing.assert_array_equal(crossover(population, 0.0, rng()), population)


def test_normal_mutation_stays_in_range_and_sorted() -> None:
    population = np.sort(rng().uniform(-1, 1, (200, 4)), axis=1)
    config = GeneticConfig(mutation_rate=0.5, deviation=0.5)
    mutated = mutate(population, config, -1.0, 1.0, rng())
    assert mutated.min() >= -1.0
    assert mutated.max() <= 1.0
    assert np.all(np.diff(mutated, axis=1) >= 0)
    changed = np.any(mutated != population, axis=1).mean()
    assert 0.4 < changed < 0.6


def test_rounding_mutation_rounds_to_the_drawn_fraction_bits() -> None:
    """Algorithm 2: with m_a = 2, m_b = 3 and θ_r = 0.25, half of the breakpoints round."""
    population = np.sort(rng().uniform(-4, 4, (2000, 1)), axis=1)
    config = GeneticConfig(
        mutation="rounding", mutation_rate=1.0, rounding_rate=0.25, rounding_range=(2, 3)
    )
    mutated = mutate(population, config, -4.0, 4.0, rng())
    changed = mutated != population
    assert 0.45 < changed.mean() < 0.55
    eighths = mutated[changed] * 8
    np.testing.assert_array_equal(eighths, np.rint(eighths))
    quarters = np.mean(mutated[changed] * 4 == np.rint(mutated[changed] * 4))
    assert 0.7 < quarters < 0.8
    assert np.abs(mutated - population).max() <= 0.125


def test_selection_prefers_the_better() -> None:
    population, losses = np.arange(50.0)[:, None], np.arange(50.0)
    chosen = select(population, losses, 3, rng())
    # the best of three has a mean rank of a quarter
    assert chosen.mean() < 18
    assert select(population, losses, 50, rng()).mean() < 3


@pytest.mark.parametrize("coefficients", ["least-squares", "interpolate"])
def test_grid_loss_against_plain_evaluation(coefficients: str) -> None:
    problem = gelu_problem()
    config = GeneticConfig(coefficients=coefficients)
    population = np.array([[-3.0, -2.0, -1.0, 0.0, 0.5, 1.0, 2.0], [-4, -4, -0.004, 0, 0, 3, 4]])
    got = GridObjective(problem, GELU, config).losses(population)
    x = np.linspace(-4.0, 4.0, 801)
    for row, loss in zip(population, got, strict=True):
        segment = np.searchsorted(row, x, side="right")
        errors = np.zeros_like(x)
        ends = np.array([-4.0, *row, 4.0])
        for s in np.unique(segment):
            at = x[segment == s]
            if coefficients == "interpolate" and ends[s + 1] > ends[s]:
                k, b = np.polyfit(ends[s : s + 2], GELU(ends[s : s + 2]), 1)
            elif coefficients == "interpolate":
                k, b = 0.0, float(GELU(ends[s]))
            else:
                k, b = np.polyfit(at, GELU(at), 1) if len(at) > 1 else (0.0, float(GELU(at)[0]))
            errors[segment == s] = k * at + b - GELU(at)
        assert loss == pytest.approx(np.mean(errors**2), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("coefficients", ["least-squares", "interpolate"])
def test_a_segment_between_grid_points_follows_the_curve(coefficients: str) -> None:
    """Rounding to integers may widen it, so its line must not come from two ends that coincide."""
    problem = gelu_problem(4, shift=0)
    config = GeneticConfig(coefficients=coefficients, rounding="nearest")
    near = 1.4999999999999998
    table = GridObjective(problem, GELU, config).table(np.array([near, 1.5, 1.501]))
    slopes = np.array(table.slopes) * 2.0**-6
    # GELU is nowhere steeper than 1.13
    assert np.all(np.abs(slopes) < 1.2)
    one = GridObjective(problem, lambda x: x * 0.5, config).table(np.array([near, 1.5, 1.501]))
    assert set(one.slopes) == {32}


@pytest.mark.parametrize("metric", ["mse", "max"])
def test_integer_loss_bounds_the_loss_of_the_table(metric: str) -> None:
    problem = gelu_problem(metric=metric)
    objective = IntegerObjective(problem, "ceiling")
    population = np.sort(rng().uniform(-4, 4, (20, 7)), axis=1)
    for row, loss in zip(population, objective.losses(population), strict=True):
        assert problem.loss(objective.table(row)) <= loss * (1 + 1e-9)


def test_ceiling_moves_no_input_and_nearest_does() -> None:
    problem = gelu_problem()
    breakpoints = np.sort(rng().uniform(-4, 4, 7))
    x = problem.operand.dequantize(problem.q)
    real = np.searchsorted(breakpoints, x, side="right")
    up = np.searchsorted(positions(problem, breakpoints, "ceiling"), problem.q, side="right")
    near = np.searchsorted(positions(problem, breakpoints, "nearest"), problem.q, side="right")
    np.testing.assert_array_equal(up, real)
    assert np.any(near != real)


def test_breakpoints_beyond_the_storage_range_move_no_input() -> None:
    operand = Quantization(8, True, 2.0**-6)
    points = samples(GELU, (), operand, Quantization(32, True, 2.0**-12))
    problem = formulate(
        points, operand, Quantization(32, True, 2.0**-12), Shape(entries=4, frac_bits=6)
    )
    real = RealTable(np.array([-3.0, 0.0, 3.0]), np.array([1.5, 0.25, 0.75, -1.0]), np.zeros(4))
    table = integer_table(problem, real, "ceiling")
    np.testing.assert_array_equal(table.accumulate(problem.q), real(points.x) * 2.0**12)


def test_mixed_mutation_rounds_and_adds_noise() -> None:
    population = np.sort(rng().uniform(-4, 4, (2000, 1)), axis=1)
    config = GeneticConfig(
        mutation="mixed", mutation_rate=1.0, rounding_range=(1, 1), rounding_rate=0.25,
        noise_rate=0.2, deviation=0.01,
    )  # fmt: skip
    mutated = mutate(population, config, -4.0, 4.0, rng())
    halves = mutated * 2 == np.rint(mutated * 2)
    assert 0.2 < halves.mean() < 0.3
    assert 0.15 < ((mutated != population) & ~halves).mean() < 0.25


def test_the_search_stops_on_the_certificate() -> None:
    problem = gelu_problem()
    optimum = search(problem, strategy="optimal").loss
    config = GeneticConfig(fitness="integer", elite=1, generations=5000, stop_gap=0.3)
    found = search(problem, strategy="genetic", config=config)
    assert found.stop_reason == "target reached"
    assert found.generations < 2000
    assert optimum <= found.loss * (1 + 1e-9)
    assert found.loss <= 1.3 * optimum


@pytest.mark.parametrize(
    ("config", "factor"),
    [
        (GeneticConfig(), 4.0),
        (GeneticConfig(mutation="rounding", rounding_range=(2, 6)), 8.0),
        (GeneticConfig(coefficients="interpolate"), 10.0),
        (GeneticConfig(fitness="integer", elite=1), 1.3),
    ],
)
def test_distance_from_the_proven_optimum(config: GeneticConfig, factor: float) -> None:
    problem = gelu_problem()
    optimum = search(problem, strategy="optimal").loss
    found = search(problem, GELU, strategy="genetic", config=config, seed=1)
    assert optimum <= found.loss * (1 + 1e-9)
    assert found.loss < factor * optimum
    assert (found.evaluations, found.generations) == (50 * 500, 500)
    assert found.stop_reason == "generations"


def test_the_seed_decides() -> None:
    config = GeneticConfig(generations=40)
    problem = gelu_problem()
    one, same, other = (
        search(problem, GELU, strategy="genetic", config=config, seed=s) for s in (3, 3, 4)
    )
    assert one == same
    assert one.table != other.table


def test_a_warm_start_is_kept() -> None:
    problem = gelu_problem()
    best = search(problem, strategy="optimal")
    start = tuple(p * problem.operand.scale for p in best.table.breakpoints)
    config = GeneticConfig(generations=1, fitness="integer", initial=(start,))
    assert search(problem, strategy="genetic", config=config).loss == pytest.approx(best.loss)


def test_nan_losses_never_win() -> None:
    state = GeneticSearch(2, 0.0, 1.0, GeneticConfig(population=4, generations=2), rng())
    population = state.ask()
    state.tell(population, np.array([np.nan, 3.0, np.nan, 2.0]))
    assert state.best_loss == 2.0
    np.testing.assert_array_equal(state.best, population[3])


def test_one_entry_has_nothing_to_search() -> None:
    found = search(gelu_problem(1), GELU, strategy="genetic")
    assert (found.stop_reason, found.generations, found.table.entries) == (
        "nothing to search",
        1,
        1,
    )


@pytest.mark.parametrize(
    "options",
    [
        {"population": 1},
        {"elite": 50},
        {"rounding_range": (3, 2)},
        {"mutation": "x"},
        {"keep": "x"},
        {"stop_gap": -1.0},
        {"noise_rate": 2.0},
    ],
)
def test_impossible_options(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        GeneticConfig(**options)


def test_unknown_strategy() -> None:
    with pytest.raises(ValueError, match="auto, optimal, exact, genetic, neural"):
        search(gelu_problem(), strategy="best")
