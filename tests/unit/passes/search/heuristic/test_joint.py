"""One table for several scales: against measured optima, and against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lut_opt.dialects.pwl.certificate import Samples, samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search import Constraints, Goal, Shape, search
from lut_opt.passes.search.heuristic.joint import JointProblem, Scale, formulate_joint
from lut_opt.passes.search.model.constraints import IDENTITY, ZERO
from lut_opt.passes.search.model.integer_constraints import violations
from lut_opt.passes.search.model.problem import Metric

# metric M, λ = 6, one table for S = 2^0 … 2^−6, computed by an independent program
MEASURED = {
    ("gelu", 8): 2.31e-5,
    ("gelu", 16): 3.71e-6,
    ("hardswish", 8): 9.87e-5,
    ("hardswish", 16): 8.68e-6,
    ("exp", 8): 1.42e-5,
    ("exp", 16): 8.20e-6,
    ("silu", 8): 2.70e-5,
    ("silu", 16): 7.16e-6,
}


def seven_scales(name: str) -> list[Scale]:
    domain = (-8.0, 0.0) if name == "exp" else (-4.0, 4.0)
    found: list[Scale] = []
    for shift in range(7):
        operand = Quantization(8, True, 2.0**-shift)
        result = Quantization(32, True, 2.0 ** -(shift + 6))
        points = samples(FUNCTIONS[name], (), operand, result, domain)
        found.append(Scale(points, operand, result))
    return found


@pytest.mark.parametrize(("name", "entries"), MEASURED)
def test_measured_optimum(name: str, entries: int) -> None:
    problem = formulate_joint(seven_scales(name), Shape(entries=entries, frac_bits=6))
    found = search(problem.merged, strategy="optimal")
    losses = problem.losses(found.table)
    assert found.proven
    assert float(f"{np.mean(losses):.2e}") == MEASURED[name, entries]
    assert np.mean(losses) == pytest.approx(found.loss, rel=1e-9)
    for part, table in zip(problem.parts, problem.tables(found.table), strict=True):
        operand = part.operand
        assert table.entries == entries
        assert all(operand.minimum < p <= operand.maximum for p in table.breakpoints)


def test_the_tables_are_the_stored_lines_at_every_stored_input() -> None:
    problem = formulate_joint(seven_scales("gelu"), Shape(entries=8))
    shared = search(problem.merged, strategy="optimal").table
    lines = problem.lines(shared)
    for part, table in zip(problem.parts, problem.tables(shared), strict=True):
        q = part.operand.values
        x = part.operand.dequantize(q)
        i = np.searchsorted(lines.breakpoints, x, side="right")
        expected = np.array(lines.slopes)[i] * x + np.array(lines.intercepts)[i]
        np.testing.assert_array_equal(table.accumulate(q) * part.accumulator_scale, expected)


def test_constraints_hold_at_every_scale() -> None:
    wanted = Constraints(zero_exact=True, left=ZERO, right=IDENTITY)
    problem = formulate_joint(
        seven_scales("gelu"), Shape(entries=8, frac_bits=6), Goal(constraints=wanted)
    )
    found = search(problem.merged, strategy="optimal")
    assert found.proven
    assert violations(problem.merged, found.table) == []
    for part, table in zip(problem.parts, problem.tables(found.table), strict=True):
        at_zero = table.accumulate(np.array([0]))[0]
        assert at_zero == 0
        low, high = part.operand.dequantize(part.operand.values[[0, -1]])
        if low < -4 and high > 4:
            assert violations(part, table) == []


def test_what_is_not_possible() -> None:
    with pytest.raises(ValueError, match="at least one scale"):
        formulate_joint([], Shape(entries=8))
    odd = Quantization(8, True, 0.3)
    points = samples(FUNCTIONS["gelu"], (), odd, odd)
    with pytest.raises(ValueError, match="power-of-two"):
        formulate_joint([Scale(points, odd, odd)], Shape(entries=8))
    several = [
        Scale(samples(FUNCTIONS["exp"], (), op, op), op, op)
        for op in (Quantization(8, True, 2.0**-4), Quantization(8, True, 2.0**-5))
    ]
    with pytest.raises(ValueError, match="saturates"):
        formulate_joint(several, Shape(entries=8, param_bits=16), Goal(metric="max"))
    assert formulate_joint(several, Shape(entries=8, param_bits=16)).merged.points > 256


@st.composite
def joint_problems(draw: st.DrawFn, metric: Metric) -> JointProblem:
    scales: list[Scale] = []
    heights = draw(st.lists(st.integers(-20, 20), min_size=17, max_size=17))
    for scale in (1.0, 0.5):
        operand = Quantization(4, True, scale)
        chosen = draw(st.lists(st.integers(-2, 3), min_size=1, max_size=3, unique=True))
        q = np.sort(np.array(chosen, np.int64))
        y = np.array([heights[round(2 * scale * v) + 8] for v in q]) / 16
        points = Samples(q, operand.dequantize(q), y)
        scales.append(Scale(points, operand, Quantization(32, True, scale / 8)))
    entries = draw(st.integers(1, 3))
    return formulate_joint(
        scales, Shape(entries=entries, param_bits=3, frac_bits=3), Goal(metric=metric)
    )


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["mse", "max"]).flatmap(lambda metric: joint_problems(metric)))
def test_no_shared_table_is_better(problem: JointProblem) -> None:
    merged = problem.merged
    positions = sorted({int(v) for v in merged.q})
    points = [(p.q * p.operand.scale, p.real_targets) for p in problem.parts]
    k, b = np.meshgrid(np.arange(-4, 4), np.arange(-4, 4))
    best = np.inf
    runs = min(merged.entries, len(positions))
    for inner in itertools.combinations(positions[1:], runs - 1):
        edges = [-np.inf, *(p * 0.5 for p in inner), np.inf]
        total: list[float] = []
        for low, high in itertools.pairwise(edges):
            errors: list[np.ndarray] = []
            for x, y in points:
                inside = (x >= low) & (x < high)
                miss = (k[..., None] * x[inside] + b[..., None]) / 8 - y[inside]
                if merged.metric == "mse":
                    errors.append((miss**2).sum(axis=-1) / len(x) / len(points))
                else:
                    errors.append(np.abs(miss).max(axis=-1, initial=0.0))
            combined = np.sum(errors, axis=0) if merged.metric == "mse" else np.max(errors, axis=0)
            total.append(float(combined.min()))
        best = min(best, sum(total) if merged.metric == "mse" else max(total))
    found = search(merged, strategy="optimal")
    assert found.loss == pytest.approx(best, rel=1e-8, abs=1e-12)
    losses = problem.losses(found.table)
    joined = np.mean(losses) if merged.metric == "mse" else np.max(losses)
    assert joined == pytest.approx(best, rel=1e-8, abs=1e-12)
