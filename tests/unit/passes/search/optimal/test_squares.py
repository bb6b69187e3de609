"""The proven optima: against brute force, and against independently measured optima."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lut_opt.dialects.pwl.certificate import samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search import MAX_POINTS, Constraints, NotProvable, Problem, search
from lut_opt.passes.search.model.constraints import IDENTITY, ZERO
from lut_opt.passes.search.model.formulate import Goal, Shape, formulate
from lut_opt.passes.search.model.problem import Metric
from lut_opt.passes.search.optimal import bracket as bracket_module

# metric M: mean over S = 2^0 … 2^−6 of the least MSE at λ = 6, computed by an independent program
MEASURED = {
    ("gelu", 8): 1.6843e-5,
    ("gelu", 16): 3.2821e-6,
    ("hardswish", 8): 6.3006e-5,
    ("hardswish", 16): 7.2472e-6,
    ("exp", 8): 1.0706e-5,
    ("exp", 16): 7.4931e-6,
    ("silu", 8): 1.9326e-5,
    ("silu", 16): 6.8097e-6,
    ("sigmoid", 8): 1.3618e-5,
    ("sigmoid", 16): 6.6372e-6,
    ("tanh", 8): 3.0112e-5,
    ("tanh", 16): 6.4593e-6,
}
DOMAINS = {"exp": (-8.0, 0.0), "sigmoid": (-8.0, 8.0)}


@pytest.mark.parametrize(("name", "entries"), MEASURED)
def test_measured_optimum(name: str, entries: int) -> None:
    losses: list[float] = []
    for shift in range(7):
        operand = Quantization(8, True, 2.0**-shift)
        result = Quantization(32, True, 2.0 ** -(shift + 6))
        domain = DOMAINS.get(name, (-4.0, 4.0))
        points = samples(FUNCTIONS[name], (), operand, result, domain)
        problem = formulate(
            points, operand, result, Shape(entries=entries, form="seed", frac_bits=6)
        )
        found = search(problem, strategy="optimal")
        assert found.proven
        losses.append(found.loss)
    assert float(f"{np.mean(losses):.4e}") == MEASURED[name, entries]


@st.composite
def problems(draw: st.DrawFn, metric: Metric) -> Problem:
    points = draw(st.integers(1, 5))
    chosen = draw(st.lists(st.integers(-6, 7), min_size=points, max_size=points, unique=True))
    # targets beyond what the parameters reach, too
    target = st.floats(-90, 90, allow_nan=False, width=32)
    weight = st.sampled_from([0.25, 1.0, 3.0])
    weights = np.array(draw(st.lists(weight, min_size=points, max_size=points)))
    return Problem(
        q=np.sort(np.array(chosen, np.int64)),
        target=np.array(draw(st.lists(target, min_size=points, max_size=points))),
        weights=weights / weights.mean(),
        entries=draw(st.integers(1, 3)),
        param_bits=draw(st.integers(2, 4)),
        intercept_shift=draw(st.integers(0, 3)),
        result_shift=0,
        accumulator_scale=0.5,
        operand=Quantization(4, True, 1.0),
        metric=metric,
    )


def exhaustive(problem: Problem) -> float:
    """The least loss over every breakpoint, slope and intercept."""
    low, high = problem.parameter_range
    k, b = np.meshgrid(np.arange(low, high + 1), np.arange(low, high + 1))
    lines = k[..., None] * problem.q + (b[..., None] << problem.intercept_shift)
    errors = (lines - problem.target) * problem.accumulator_scale
    best = np.inf
    n, runs = problem.points, min(problem.entries, problem.points)
    for inner in itertools.combinations(range(1, n), runs - 1):
        cuts = [0, *inner, n]
        parts = [slice(i, j) for i, j in itertools.pairwise(cuts)]
        if problem.metric == "max":
            loss = max(float(np.abs(errors[..., p]).max(axis=-1).min()) for p in parts)
        else:
            squares = problem.weights * errors**2 / n
            loss = sum(float(squares[..., p].sum(axis=-1).min()) for p in parts)
        best = min(best, loss)
    return best


@settings(max_examples=150, deadline=None)
@given(problems("mse"))
def test_least_squares_is_exhaustively_optimal(problem: Problem) -> None:
    found = search(problem, strategy="optimal")
    assert found.loss == pytest.approx(exhaustive(problem), rel=1e-9, abs=1e-9)
    assert found.loss == problem.loss(found.table)


@settings(max_examples=100, deadline=None)
@given(problems("max"))
def test_least_maximum_is_exhaustively_optimal(problem: Problem) -> None:
    found = search(problem, strategy="optimal")
    assert found.loss == pytest.approx(exhaustive(problem), rel=1e-8, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(problems("mse"), st.integers(1, 16))
def test_tables_are_well_formed_at_any_size(problem: Problem, entries: int) -> None:
    larger = Problem(**{**problem.__dict__, "entries": entries})
    table = search(larger).table
    low, high = problem.parameter_range
    assert table.entries == entries
    assert len(table.breakpoints) == entries - 1
    assert list(table.breakpoints) == sorted(set(table.breakpoints))
    assert all(-8 < p <= 7 for p in table.breakpoints)
    assert all(low <= v <= high for v in (*table.slopes, *table.intercepts))


def test_a_long_problem_matches_a_plain_dynamic_program() -> None:
    """64 points, where pruning matters: every slope of every run, without any bound."""
    operand, result = Quantization(6, True, 2.0**-4), Quantization(8, True, 2.0**-5)
    points = samples(FUNCTIONS["tanh"], (), operand, result)
    problem = formulate(points, operand, result, Shape(entries=6, form="seed", frac_bits=5))
    n, unit = problem.points, float(1 << problem.intercept_shift)
    slopes = np.arange(-128, 128)
    rest = problem.target - slopes[:, None] * problem.q
    best = np.full((7, n + 1), np.inf)
    best[0, 0] = 0.0
    costs = np.full((n, n + 1), np.inf)
    for i in range(n):
        for j in range(i + 1, n + 1):
            part = rest[:, i:j]
            b = np.clip(np.rint(part.mean(axis=1) / unit), -128, 127)
            costs[i, j] = ((part - b[:, None] * unit) ** 2).sum(axis=1).min()
    for e in range(1, 7):
        best[e] = (best[e - 1, :n, None] + costs).min(axis=0)
    expected = best[6, n] / n * problem.accumulator_scale**2
    assert search(problem).loss == pytest.approx(expected, rel=1e-9)


def test_equal_problems_have_equal_tables() -> None:
    operand = Quantization(8, True, 2.0**-5)
    points = samples(FUNCTIONS["gelu"], (), operand, operand)
    first, second = (
        search(formulate(points, operand, operand, Shape(entries=8))) for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize("goal", [0.0, 1e-2])
@pytest.mark.parametrize("constraints", [Constraints(), Constraints(left=ZERO, right=IDENTITY)])
def test_bracket_holds_the_optimum(
    goal: float, constraints: Constraints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bracket_module, "_PAIRS", 1 << 12)
    for name, entries, shift in itertools.product(("gelu", "silu"), (3, 6), (4, 5)):
        operand = Quantization(8, True, 2.0**-shift)
        points = samples(FUNCTIONS[name], (), operand, Quantization(32, True, 2.0**-12))
        problem = formulate(
            points,
            operand,
            operand,
            Shape(entries=entries, frac_bits=6),
            Goal(constraints=constraints),
        )
        best = search(problem, strategy="optimal").loss
        found = bracket_module.bracket(problem, goal)
        loss = problem.loss(found.table)
        assert loss >= best * (1 - 1e-9)
        if found.lower_bound is None:
            assert loss == pytest.approx(best, rel=1e-9)
        else:
            assert found.lower_bound <= best * (1 + 1e-9)


def test_more_points_than_the_program_takes() -> None:
    operand = Quantization(16, True, 2.0**-12)
    points = samples(FUNCTIONS["gelu"], (), operand, Quantization(32, True, 2.0**-26))
    problem = formulate(points, operand, operand, Shape(entries=4, param_bits=16, frac_bits=14))
    found = search(problem)
    assert found.strategy == "optimal"
    assert found.lower_bound is not None
    assert 0.99 * found.loss <= found.lower_bound <= found.loss
    wanted = Constraints(monotone="increasing")
    with pytest.raises(NotProvable, match=f"{MAX_POINTS} points, not 65536"):
        search(replace(problem, constraints=wanted), strategy="optimal")
