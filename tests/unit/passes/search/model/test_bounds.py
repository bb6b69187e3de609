"""No strategy beats the proven optimum, and equal seeds give equal bytes, on any problem."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search import GeneticConfig, NeuralConfig, Problem, search
from lut_opt.passes.search.heuristic.score import search_score

GENETIC = [
    GeneticConfig(population=8, generations=6, fitness="integer", elite=1, mutation="mixed"),
    GeneticConfig(population=8, generations=6, mutation="rounding", keep="last"),
    GeneticConfig(population=8, generations=6, coefficients="interpolate", fitness_bits=3),
]
NEURAL = [
    NeuralConfig(samples=64, epochs=4, batch=16),
    NeuralConfig(samples=64, epochs=4, batch=16, loss="l2", linear=False, refit=True),
]


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    points = draw(st.integers(1, 24))
    inputs = st.lists(st.integers(-32, 31), min_size=points, max_size=points, unique=True)
    q = np.sort(np.array(draw(inputs), np.int64))
    kind = st.lists(st.floats(-200, 200, width=32), min_size=points, max_size=points)
    weights = np.array(
        draw(st.lists(st.sampled_from([0.5, 1.0, 4.0]), min_size=points, max_size=points))
    )
    shift = draw(st.integers(0, 4))
    return Problem(
        q=q,
        target=np.array(draw(kind)),
        weights=weights / weights.mean(),
        entries=draw(st.integers(1, 9)),
        param_bits=draw(st.integers(2, 8)),
        intercept_shift=shift,
        result_shift=0,
        accumulator_scale=0.25,
        operand=Quantization(6, True, 0.5, draw(st.integers(-3, 3))),
        metric=draw(st.sampled_from(["mse", "max"])),
    )


@settings(max_examples=40, deadline=None)
@given(problems(), st.sampled_from([*GENETIC, *NEURAL]), st.integers(0, 3))
def test_no_strategy_beats_the_optimum(
    problem: Problem, config: GeneticConfig | NeuralConfig, seed: int
) -> None:
    optimum = search(problem, strategy="optimal").loss
    strategy = "neural" if isinstance(config, NeuralConfig) else "genetic"
    found = search(problem, strategy=strategy, config=config, seed=seed)
    assert found.loss == problem.loss(found.table)
    assert found.loss >= optimum * (1 - 1e-8) - 1e-9
    assert found.table.entries == problem.entries
    assert found == search(problem, strategy=strategy, config=config, seed=seed)


@settings(max_examples=15, deadline=None)
@given(problems())
def test_no_score_search_beats_the_optimum(problem: Problem) -> None:
    config = GeneticConfig(population=6, generations=4)
    found = search_score(problem, problem.loss, config, descent=50)
    assert found.score == pytest.approx(found.result.loss)
    assert found.score >= search(problem, strategy="optimal").loss * (1 - 1e-8) - 1e-9
