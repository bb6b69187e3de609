"""Every table satisfies its constraints, and no legal table is better."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lut_opt.dialects.pwl.certificate import samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search import Constraints, Problem, Tail, search
from lut_opt.passes.search.model.constraints import IDENTITY, ZERO
from lut_opt.passes.search.model.formulate import Goal, Shape, formulate
from lut_opt.passes.search.model.integer_constraints import violations
from lut_opt.passes.search.model.problem import Metric


@st.composite
def problems(draw: st.DrawFn, constraints: st.SearchStrategy[Constraints]) -> Problem:
    first, last = draw(st.integers(-4, 0)), draw(st.integers(0, 3))
    n = last - first + 1
    target = draw(st.lists(st.integers(-60, 60), min_size=n, max_size=n))
    weights = np.array(draw(st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=n, max_size=n)))
    return Problem(
        q=np.arange(first, last + 1),
        target=np.array(target) / 8,
        weights=weights / weights.mean(),
        entries=draw(st.sampled_from([1, 2, 2, 3])),
        param_bits=2,
        intercept_bits=draw(st.integers(2, 3)),
        intercept_shift=draw(st.integers(0, 1)),
        result_shift=0,
        accumulator_scale=0.5,
        operand=Quantization(3, True, 0.5),
        constraints=draw(constraints),
    )


def legal_optimum(problem: Problem) -> float:
    """The least loss of all legal tables, inf if there is none."""
    operand, n = problem.operand, problem.entries
    low, high = problem.intercept_range
    ks, bs = np.arange(-2, 2), np.arange(low, high + 1)
    k, b = (v.ravel() for v in np.meshgrid(ks, bs))
    edges = [int(v) for v in (*problem.q, problem.q[-1] + 1) if -4 < v <= operand.maximum]
    if problem.constraints.symmetry != "none":
        edges = list(range(-3, 4))
    best = np.inf
    for runs in range(1, n + 1):
        index = np.indices((len(k),) * runs).reshape(runs, -1)
        for inner in itertools.combinations(edges, runs - 1):
            p = np.tile(inner, (index.shape[1], 1)).astype(np.int64)
            losses = problem.losses(p, k[index].T, b[index].T)
            legal = all_legal(problem, np.array(inner, np.int64), k[index], b[index])
            best = min(best, float(losses[legal].min(initial=np.inf)))
    return best


def all_legal(problem: Problem, p: np.ndarray, k: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which tables satisfy the constraints: parameters (entries, tables), breakpoints p."""
    wanted, q = problem.constraints, problem.operand.values
    unit = 1 << problem.intercept_shift
    segment = np.searchsorted(p, q, side="right")
    acc = k[segment] * q[:, None] + b[segment] * unit
    legal = np.ones(k.shape[1], bool)
    if wanted.sign:
        legal &= np.all(np.diff(acc, axis=0) * wanted.sign >= 0, axis=0)
        legal &= np.all(k * wanted.sign >= 0, axis=0)
    if wanted.symmetry != "none":
        factor = -1 if wanted.symmetry == "odd" else 1
        # one unit of the accumulator is 0.5, as is one step of the input
        ramp = q[1:, None] if wanted.symmetry == "relu" else 0
        legal &= np.all(acc[1:] == factor * acc[1:][::-1] + ramp, axis=0)
    if wanted.zero_exact:
        (at,) = np.flatnonzero(problem.q == 0)
        legal &= acc[4] == np.rint(problem.target[at] / unit) * unit
    for tail, at in ((wanted.left, 0), (wanted.right, -1)):
        if tail:
            # one unit of the accumulator is 0.5, as is one step of the input
            legal &= (k[at] == tail.slope) & (b[at] * unit == 2 * tail.level)
    if wanted.max_jump is not None:
        jumps = np.diff(k, axis=0) * p[:, None] + np.diff(b, axis=0) * unit
        legal &= np.all(np.abs(jumps) * 0.5 <= wanted.max_jump, axis=0)
    return legal


def check(problem: Problem) -> None:
    best = legal_optimum(problem)
    try:
        found = search(problem, strategy="optimal")
    except ValueError:
        # a tail or a value at zero that these few bits do not hold
        assert not np.isfinite(best)
        return
    assert violations(problem, found.table) == []
    assert found.lower_bound is not None
    assert found.lower_bound <= best * (1 + 1e-9) + 1e-9
    assert found.loss >= best * (1 - 1e-9) - 1e-9
    if found.proven:
        assert found.loss == pytest.approx(best, rel=1e-9, abs=1e-9)


tail = st.sampled_from([None, Tail(0.0, 0.0), Tail(1.0, 0.0), Tail(0.0, 1.0)])
separate = st.builds(Constraints, zero_exact=st.booleans(), left=tail, right=tail)


@settings(max_examples=25, deadline=None)
@given(problems(separate))
def test_pins_and_tails(problem: Problem) -> None:
    assume((problem.constraints.left is None) + (problem.constraints.right is None) > 0)
    check(problem)


@settings(max_examples=25, deadline=None)
@given(
    problems(
        st.builds(
            Constraints,
            monotone=st.sampled_from(["none", "increasing", "decreasing"]),
            max_jump=st.sampled_from([None, 0.0, 0.5, 1.5]),
            zero_exact=st.booleans(),
            left=tail,
        )
    )
)
def test_neighbours(problem: Problem) -> None:
    check(problem)


@settings(max_examples=12, deadline=None)
@given(
    problems(st.builds(Constraints, symmetry=st.sampled_from(["odd", "even", "relu"]))),
    st.sampled_from(["none", "increasing"]),
)
def test_symmetry(problem: Problem, monotone: str) -> None:
    if problem.constraints.symmetry == "odd" and monotone == "increasing":
        wanted = replace(problem.constraints, monotone="increasing")
        problem = replace(problem, constraints=wanted)
    assume(problem.constraints.symmetry == "odd" or problem.entries > 1)
    found = search(problem, strategy="optimal")
    assert violations(problem, found.table) == []
    assert found.loss >= legal_optimum(problem) * (1 - 1e-9) - 1e-9
    # one entry less: the middle segment, which odd tables have and others have not
    odd = problem.constraints.symmetry == "odd"
    fewer = replace(problem, entries=problem.entries - (problem.entries % 2 != odd))
    if problem.q[0] > -4 and fewer.entries:  # -4 has no image
        assert found.loss <= legal_optimum(fewer) * (1 + 1e-9) + 1e-9


def problem_of(
    name: str, shift: int, entries: int, constraints: Constraints, bits: int = 8
) -> Problem:
    operand = Quantization(8, True, 2.0**-shift)
    points = samples(FUNCTIONS[name], (), operand, Quantization(32, True, 2.0**-12))
    result = Quantization(32, True, 2.0 ** -(shift + 6))
    return formulate(
        points,
        operand,
        result,
        Shape(entries=entries, form="seed", frac_bits=6, param_bits=bits),
        Goal(constraints=constraints),
    )


@pytest.mark.parametrize(
    ("name", "constraints", "cost"),
    [
        ("gelu", Constraints(left=ZERO, right=IDENTITY), 1.1),
        ("gelu", Constraints(zero_exact=True), 2.0),
        ("sigmoid", Constraints(monotone="increasing"), 1.1),
        ("tanh", Constraints(symmetry="odd"), 1.5),
        ("tanh", Constraints(symmetry="odd", monotone="increasing", right=Tail(0.0, 1.0)), 1.5),
        ("gelu", Constraints(symmetry="relu"), 1.5),
        ("gelu", Constraints(symmetry="relu", right=IDENTITY), 1.5),
        ("gelu", Constraints(max_jump=2.0**-6), 1.5),
        ("sigmoid", Constraints(monotone="increasing", left=ZERO, right=Tail(0.0, 1.0)), 1.5),
    ],
)
def test_what_constraints_cost(name: str, constraints: Constraints, cost: float) -> None:
    problem = problem_of(name, 4, 8, constraints)
    free = search(replace(problem, constraints=Constraints()), strategy="optimal")
    found = search(problem)
    assert violations(problem, found.table) == []
    assert found.proven
    assert free.loss <= found.loss <= cost * free.loss


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        (Constraints(left=Tail(0.013, 0.0)), "no integer"),
        (Constraints(left=Tail(3.0, 0.0)), "slopes saturate at frac-bits=6"),
    ],
)
def test_what_is_not_possible(constraints: Constraints, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search(problem_of("gelu", 4, 8, constraints), strategy="optimal")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"monotone": "up"}, "monotone must be"),
        ({"symmetry": "both"}, "symmetry must be"),
        ({"max_jump": -1.0}, "max-jump"),
        ({"symmetry": "even", "monotone": "increasing"}, "constant"),
        ({"symmetry": "relu", "monotone": "increasing"}, "drop monotone"),
        ({"symmetry": "odd", "left": ZERO}, "give right only"),
    ],
)
def test_contradictions(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Constraints(**options)  # pyright: ignore


def test_other_strategies_and_metrics_refuse_constraints() -> None:
    problem = problem_of("gelu", 4, 8, Constraints(zero_exact=True))
    with pytest.raises(ValueError, match="strategy=genetic"):
        search(problem, strategy="genetic")
    metric: Metric = "max"
    with pytest.raises(ValueError, match="metric=mse"):
        search(replace(problem, metric=metric), strategy="optimal")
