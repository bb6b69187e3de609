"""The fewest entries: against an independent program's counts, and against every table."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lut_opt.dialects.pwl.certificate import Samples, certify, samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search import ExactConfig, Problem, SearchResult, search
from lut_opt.passes.search.model.formulate import Shape, formulate

# S = 2^-1 … 2^-6; result shift 6, 8-bit slopes, intercepts of any width, one accumulator unit apart
MEASURED = {
    "gelu": (2, 4, 4, 7, 9, 13),
    "hardswish": (4, 6, 7, 11, 14, 14),
    "silu": (3, 4, 5, 8, 11, 12),
    "exp": (9, 13, 21, 25, 26, 9),
    "sigmoid": (15, 23, 29, 16, 15, 13),
    "tanh": (11, 18, 28, 47, 60, 21),
}
UNIT = {"exp", "sigmoid", "tanh"}


def fewest(
    name: str, shift: int, config: ExactConfig | None = None, **options: int | None
) -> tuple[SearchResult, float, float]:
    """The result, its share of exact results, and its largest error in output steps."""
    operand = Quantization(8, True, 2.0**-shift)
    result = Quantization(8, True, 2.0**-7) if name in UNIT else operand
    points = samples(FUNCTIONS[name], (), operand, result, (-200.0, 0.0) if name == "exp" else None)
    settings = {"param_bits": 8, "frac_bits": 6, "intercept_bits": 16, **options}
    problem = formulate(
        points, operand, result, Shape(entries=1, form="direct", saturates=True, **settings)
    )
    found = search(problem, strategy="exact", config=config)
    figures = certify(found.table, points, operand, result)
    return found, figures.exact, figures.max_error


@pytest.mark.parametrize("name", MEASURED)
def test_fewest_entries_as_measured(name: str) -> None:
    counts: list[int] = []
    for shift in range(1, 7):
        found, exact, _ = fewest(name, shift)
        assert (exact, found.fewest, found.proven) == (1.0, True, False)
        counts.append(found.table.entries)
    assert tuple(counts) == MEASURED[name]


def test_wider_slopes_and_narrower_intercepts() -> None:
    wide, _, _ = fewest("hardswish", 4, param_bits=10, frac_bits=8)
    assert wide.table.entries == 9
    narrow, exact, _ = fewest("silu", 6, intercept_bits=None)
    assert (narrow.table.entries, exact) == (18, 1.0)


def test_tolerance_and_error_of_the_real_function() -> None:
    found, exact, _ = fewest("gelu", 4, ExactConfig(tolerance=1))
    assert found.table.entries < 7
    assert exact < 1.0
    found, _, error = fewest("gelu", 4, ExactConfig(max_error=0.75))
    assert error <= 0.75
    assert found.table.entries <= 7


@pytest.mark.parametrize(
    ("options", "config", "message"),
    [
        (
            {"frac_bits": 0, "param_bits": 4, "intercept_bits": None},
            None,
            "stored input .* use more frac-bits",
        ),
        ({"intercept_bits": 2, "param_bits": 4}, None, "use (intercept-bits=|more frac-bits)"),
        ({"param_bits": 20}, None, "slopes of up to 16 bits"),
        ({}, ExactConfig(max_error=0.4), "allow a larger error"),
    ],
)
def test_impossible(
    options: dict[str, int | None], config: ExactConfig | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fewest("sigmoid", 6, config, **options)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Problem, Samples, ExactConfig]:
    operand = Quantization(3, True, 0.5)
    result = Quantization(3, True, 0.25, draw(st.integers(-1, 1)))
    count = draw(st.integers(1, 6))
    first = draw(st.integers(-4, 4 - count))
    q = np.arange(first, first + count)
    y = draw(st.lists(st.integers(-24, 24), min_size=count, max_size=count))
    points = Samples(q, operand.dequantize(q), result.clip(np.array(y) / 16))
    bits = draw(st.integers(2, 4))
    problem = formulate(
        points,
        operand,
        result,
        Shape(
            entries=1,
            param_bits=bits,
            intercept_bits=draw(st.integers(2, 5)),
            form="direct",
            frac_bits=draw(st.integers(0, 2)),
            saturates=True,
        ),
    )
    return problem, points, ExactConfig(tolerance=draw(st.integers(0, 1)))


def least_by_brute_force(problem: Problem, points: Samples, tolerance: int) -> int | None:
    """Fewest runs, trying every slope, intercept and set of breakpoints."""
    assert problem.result is not None
    result, n = problem.result, problem.points
    wanted = result.quantize(points.y)
    (least, most), (low, high) = problem.parameter_range, problem.intercept_range
    good = [
        np.abs(
            problem.table(np.array([], np.int64), np.array([k]), np.array([b])).evaluate(
                points.q, result
            )
            - wanted
        )
        <= tolerance
        for k in range(least, most + 1)
        for b in range(low, high + 1)
    ]
    for runs in range(1, n + 1):
        for inner in itertools.combinations(range(1, n), runs - 1):
            cuts = [0, *inner, n]
            if all(any(g[i:j].all() for g in good) for i, j in itertools.pairwise(cuts)):
                return runs
    return None


@settings(max_examples=80, deadline=None)
@given(problems())
def test_the_fewest_of_all_tables(case: tuple[Problem, Samples, ExactConfig]) -> None:
    problem, points, config = case
    least = least_by_brute_force(problem, points, config.tolerance)
    if least is None:
        with pytest.raises(ValueError, match="impossible at these widths"):
            search(problem, strategy="exact", config=config)
    else:
        table = search(problem, strategy="exact", config=config).table
        assert problem.result is not None
        miss = table.evaluate(points.q, problem.result) - problem.result.quantize(points.y)
        assert table.entries == least
        assert np.abs(miss).max() <= config.tolerance
