"""An exponent for each entry: against brute force, and the format of what is found."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lut_opt.dialects.pwl.certificate import samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search import Constraints, NotProvable, Problem, search
from lut_opt.passes.search.model.formulate import Shape, formulate
from lut_opt.passes.search.optimal.exponents import minimize_exponents, narrowed, octaves, storage


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    points = draw(st.integers(1, 5))
    chosen = draw(st.lists(st.integers(-6, 7), min_size=points, max_size=points, unique=True))
    target = st.floats(-200, 200, allow_nan=False, width=32)
    weights = draw(st.lists(st.sampled_from([0.25, 1.0, 3.0]), min_size=points, max_size=points))
    return Problem(
        q=np.sort(np.array(chosen, np.int64)),
        target=np.array(draw(st.lists(target, min_size=points, max_size=points))),
        weights=np.array(weights) / np.mean(weights),
        entries=draw(st.integers(1, 3)),
        param_bits=draw(st.integers(2, 4)),
        intercept_shift=draw(st.integers(0, 2)),
        result_shift=0,
        accumulator_scale=0.5,
        operand=Quantization(4, True, 1.0),
        intercept_bits=draw(st.sampled_from([None, 3])),
    )


def exhaustive(problem: Problem, exponent_bits: int) -> float:
    """The least loss over every breakpoint, exponent, slope and intercept."""
    k = np.arange(problem.parameter_range[0], problem.parameter_range[1] + 1)
    b = np.arange(problem.intercept_range[0], problem.intercept_range[1] + 1)
    lines = k[:, None, None] * problem.q + (b[None, :, None] << problem.intercept_shift)
    several = np.stack([lines << e for e in range(1 << exponent_bits)])
    squares = problem.weights * ((several - problem.target) * problem.accumulator_scale) ** 2
    n, best = problem.points, np.inf
    for inner in itertools.combinations(range(1, n), min(problem.entries, n) - 1):
        runs = itertools.pairwise([0, *inner, n])
        best = min(best, sum(float(squares[..., i:j].sum(axis=-1).min()) for i, j in runs))
    return best / n


def problem_of(name: str, exponent_bits: int, **options: object) -> Problem:
    operand, result = Quantization(8, True, 2.0**-4), Quantization(8, True, 0.02, 3)
    if options.get("form") != "direct":
        result = Quantization(8, True, 2.0**-4)
    points = samples(FUNCTIONS[name], (), operand, result)
    wanted: dict[str, object] = {"entries": 8, "octaves": octaves(exponent_bits), **options}
    return formulate(points, operand, result, Shape(**wanted))


@settings(max_examples=150, deadline=None)
@given(problems(), st.integers(0, 3))
def test_exhaustively_optimal_and_in_its_format(problem: Problem, exponent_bits: int) -> None:
    table = minimize_exponents(problem, exponent_bits).table
    loss = problem.loss(table)
    assert loss == pytest.approx(exhaustive(problem, exponent_bits), rel=1e-9, abs=1e-9)
    exponents = storage(table, problem.param_bits, exponent_bits)
    assert len(exponents) == table.entries == problem.entries
    low, high = problem.parameter_range
    least, most = problem.intercept_range
    for slope, intercept, e in zip(table.slopes, table.intercepts, exponents, strict=True):
        assert slope % 2**e == intercept % 2**e == 0
        assert low <= slope >> e <= high
        assert least <= intercept >> e <= most


@pytest.mark.parametrize("form", ["seed", "direct"])
@pytest.mark.parametrize("name", ["gelu", "exp", "tanh"])
def test_never_worse_than_one_unit(name: str, form: str) -> None:
    single = search(problem_of(name, 0, form=form, param_bits=6)).loss
    losses = [single]
    for exponent_bits in (1, 2, 3):
        problem = problem_of(name, exponent_bits, form=form, param_bits=6)
        table = minimize_exponents(problem, exponent_bits).table
        assert table.param_bits == 6 + octaves(exponent_bits)
        storage(table, 6, exponent_bits)
        losses.append(problem.loss(table))
    assert losses == sorted(losses, reverse=True)
    assert losses[2] < single


@pytest.mark.parametrize("name", ["gelu", "exp"])
def test_no_exponent_bits_are_the_plain_optimum(name: str) -> None:
    problem = problem_of(name, 0)
    assert minimize_exponents(problem, 0).table == search(problem, strategy="optimal").table


def test_a_long_problem_matches_a_plain_dynamic_program() -> None:
    """256 points, where pruning matters: every run scanned in every unit."""
    problem = problem_of("exp", 2, param_bits=5, entries=6)
    n, unit = problem.points, float(1 << problem.intercept_shift)
    low, high = problem.parameter_range
    costs = np.full((n, n + 1), np.inf)
    for e, slope in itertools.product(range(4), range(low, high + 1)):
        rest = problem.target / 2**e - slope * problem.q
        sums, squares = (np.concatenate([[0.0], np.cumsum(v)]) for v in (rest, rest**2))
        count = np.arange(n + 1) - np.arange(n)[:, None]
        total = sums - sums[:n, None]
        b = np.clip(np.rint(total / np.maximum(count, 1) / unit), low, high) * unit
        cost = squares - squares[:n, None] - 2 * b * total + b**2 * count
        np.minimum(costs, np.where(count > 0, cost * 4.0**e, np.inf), out=costs)
    best = np.full(n + 1, np.inf)
    best[0] = 0.0
    for _ in range(6):
        best = (best[:n, None] + costs).min(axis=0)
    expected = best[n] / n * problem.accumulator_scale**2
    found = problem.loss(minimize_exponents(problem, 2).table)
    assert found == pytest.approx(expected, rel=1e-9)


def test_given_fraction_bits_are_the_finest() -> None:
    problem = problem_of("gelu", 2, frac_bits=9)
    assert problem.accumulator_scale == 2.0**-13
    assert problem_of("gelu", 0, form="direct", frac_bits=4).intercept_shift == (
        problem_of("gelu", 2, form="direct", frac_bits=7).intercept_shift
    )


def test_storage_takes_the_least_exponent() -> None:
    table = Table((0, 5), (12, 0, -32), (4, 0, 28), param_bits=4 + 3)
    assert storage(table, 4, 2) == (1, 0, 2)
    assert storage(Table((), (3,), (40,), param_bits=6, intercept_bits=8), 5, 1) == (0,)
    assert storage(Table((), (3,), (40,), param_bits=8), 8, 0) == (0,)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (Table((0,), (1, 9), (0, 0), param_bits=7), "entry 1, slope 9 and intercept 0, has no"),
        (Table((0,), (32, 1), (1, 1), param_bits=7), "entry 0, slope 32 and intercept 1, has no"),
        (Table((), (1,), (0,), param_bits=8), "make a table of i7, not i8"),
    ],
)
def test_what_does_not_fit(table: Table, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        storage(table, 4, 2)


def test_narrowed_takes_the_exponents_off_both_widths() -> None:
    problem = replace(problem_of("gelu", 0), intercept_bits=12)
    narrow = narrowed(problem, 2)
    assert (narrow.param_bits, narrow.intercept_bits) == (5, 9)


def test_what_is_not_supported() -> None:
    problem = problem_of("gelu", 2)
    with pytest.raises(ValueError, match="between 0 and 3, not 4"):
        minimize_exponents(problem, 4)
    with pytest.raises(ValueError, match="metric=mse"):
        minimize_exponents(replace(problem, metric="max"), 2)
    with pytest.raises(ValueError, match="no constraints"):
        minimize_exponents(replace(problem, constraints=Constraints(zero_exact=True)), 2)
    operand = Quantization(16, True, 2.0**-12)
    points = samples(FUNCTIONS["gelu"], (), operand, operand)
    with pytest.raises(NotProvable):
        minimize_exponents(formulate(points, operand, operand, Shape(entries=8)), 1)
