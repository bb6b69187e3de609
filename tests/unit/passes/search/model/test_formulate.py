"""Forms, fraction bits and shifts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lut_opt.dialects.pwl.certificate import certify, samples
from lut_opt.dialects.pwl.functions import FUNCTIONS, Function
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search import search
from lut_opt.passes.search.model.formulate import Form, Goal, Shape, formulate, histogram_weights

PARAMETERS = {
    "softplus": (1.0, 20.0),
    "elu": (1.0, 1.0, 1.0),
    "celu": (1.0,),
    "leaky_relu": (0.01,),
    "pow": (1.5,),
    "logit": (0.0,),
    "exponential": (3.0,),
}


def defined_part(
    function: Function, parameters: tuple[float, ...], scale: float
) -> Quantization | None:
    """The longest run of i8 inputs for which the function is defined; None below eight."""
    q = np.arange(-128, 128)
    defined = function.is_defined(q * scale, *parameters)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], defined, [False]))))
    runs = edges.reshape(-1, 2).tolist()
    first, end = max(runs, key=lambda run: run[1] - run[0], default=(0, 0))
    return None if end - first < 8 else Quantization(8, True, scale, 0, first - 128, end - 129)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_at_every_scale(name: str) -> None:
    function, parameters = FUNCTIONS[name], PARAMETERS.get(name, ())
    for shift in range(7):
        operand = defined_part(function, parameters, 2.0**-shift)
        if operand is None:
            continue  # asin at scale 1
        for result in (Quantization(8, True, operand.scale), Quantization(8, True, 0.7, 3)):
            points = samples(function, parameters, operand, result)
            problem = formulate(points, operand, result, Shape(entries=8))
            found = search(problem)
            got = certify(found.table, points, operand, result)
            assert got.mse == pytest.approx(found.loss, rel=1e-9, abs=1e-15)
            assert found.table.accumulator_bits(operand) <= 32


def test_seed_form_of_the_paper() -> None:
    operand, result = Quantization(8, True, 2.0**-4), Quantization(32, True, 2.0**-10)
    problem = formulate(
        samples(FUNCTIONS["gelu"], (), operand, result), operand, result, Shape(entries=8)
    )
    # slopes up to 1.13 leave 6 of 8 bits; one unit of the accumulator is S·2^−6
    assert problem.accumulator_scale == 2.0**-10
    assert (problem.intercept_shift, problem.result_shift) == (4, 0)


def test_direct_form_carries_both_zero_points() -> None:
    operand = Quantization(8, False, 0.05, 100)
    result = Quantization(8, True, 0.03, -20)
    points = samples(FUNCTIONS["silu"], (), operand, result)
    problem = formulate(points, operand, result, Shape(entries=16))
    got = certify(search(problem).table, points, operand, result)
    np.testing.assert_allclose(problem.real_targets, points.y, atol=1e-12)
    assert got.max_error < 1.5


def test_the_least_intercept_shift_is_taken() -> None:
    operand, result = Quantization(8, True, 0.1), Quantization(8, True, 0.1)
    line = Function("line", lambda x: 0.5 * x + 4.0)
    problem = formulate(
        samples(line, (), operand, result),
        operand,
        result,
        Shape(entries=1, form="direct", frac_bits=4),
    )
    # the intercept is 40 result steps = 640 accumulator units: 640 / 2^3 fits in 8 bits
    assert (problem.intercept_shift, problem.result_shift) == (3, 4)
    assert search(problem).loss == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("operand", "result", "options", "message"),
    [
        (Quantization(8, True, 0.1), Quantization(8, True, 0.5), {"form": "seed"}, "power-of-two"),
        (Quantization(8, True, 2.0), Quantization(8, True, 0.5), {"form": "seed"}, "at most 1"),
        (
            Quantization(8, True, 0.5, 3),
            Quantization(8, True, 1.0),
            {"form": "seed"},
            "zero points",
        ),
        (
            Quantization(8, True, 0.5),
            Quantization(8, True, 2.0**-7),
            {"form": "seed", "frac_bits": 3},
            "at least 6",
        ),
        (
            Quantization(8, True, 0.5),
            Quantization(32, True, 2.0**-20),
            {"form": "direct"},
            "do not fit in 8 bits",
        ),
        (Quantization(8, True, 0.5), Quantization(8, True, 0.5), {"entries": 257}, "entries"),
        (Quantization(8, True, 0.5), Quantization(8, True, 0.5), {"entries": 0}, "entries"),
        (Quantization(8, True, 0.5), Quantization(8, True, 0.5), {"param_bits": 1}, "param-bits"),
    ],
)
def test_what_is_not_possible(
    operand: Quantization, result: Quantization, options: dict[str, object], message: str
) -> None:
    points = samples(FUNCTIONS["gelu"], (), operand, result)
    with pytest.raises(ValueError, match=message):
        formulate(points, operand, result, Shape(**{"entries": 8, **options}))


def test_weights_move_the_optimum() -> None:
    operand = Quantization(8, True, 2.0**-4)
    points = samples(FUNCTIONS["gelu"], (), operand, operand)
    near = np.exp(-(points.x**2))
    plain, weighted = (
        search(formulate(points, operand, operand, Shape(entries=3), Goal(weights=w))).table
        for w in (None, near + 1e-3)
    )
    errors = [
        np.average((t.accumulate(points.q) * 2.0**-10 - points.y) ** 2, weights=near)
        for t in (plain, weighted)
    ]
    assert errors[1] < 0.5 * errors[0]


def test_an_observed_histogram_as_weights() -> None:
    operand = Quantization(8, True, 2.0**-4)
    points = samples(FUNCTIONS["gelu"], (), operand, operand, (-4.0, 4.0))
    rng = np.random.default_rng(0)
    seen = operand.quantize(rng.normal(-1.0, 0.5, 20_000))
    counts = np.bincount(seen - operand.minimum, minlength=256)
    weights = histogram_weights(points, operand, counts)
    assert weights.mean() == pytest.approx(1.0)
    assert np.all(weights > 0)

    def observed(weights: np.ndarray | None) -> float:
        problem = formulate(
            points, operand, operand, Shape(entries=4, frac_bits=6), Goal(weights=weights)
        )
        found = search(problem, strategy="optimal")
        assert found.loss == pytest.approx(problem.loss(found.table))
        errors = found.table.accumulate(points.q) * problem.accumulator_scale - points.y
        return float(np.average(errors**2, weights=counts[points.q + 128]))

    assert observed(weights) < 0.5 * observed(None)
    with pytest.raises(ValueError, match="256 numbers"):
        histogram_weights(points, operand, counts[1:])
    with pytest.raises(ValueError, match="prior"):
        histogram_weights(points, operand, counts, prior=0.0)


@pytest.mark.parametrize("form", ["seed", "direct"])
@pytest.mark.parametrize("function", ["gelu", "sigmoid", "exp"])
def test_the_default_has_the_most_fraction_bits_that_do_not_saturate(
    function: str, form: Form
) -> None:
    operand, result = Quantization(8, True, 2.0**-4), Quantization(16, True, 2.0**-8)
    points = samples(FUNCTIONS[function], (), operand, result, (-4.0, 2.0))
    shape = Shape(entries=8, form=form)
    problem = formulate(points, operand, result, shape)
    unit = operand.scale if form == "seed" else result.scale
    most = round(np.log2(unit / problem.accumulator_scale))
    formulate(points, operand, result, replace(shape, frac_bits=most))
    with pytest.raises(ValueError, match="saturate at frac-bits"):
        formulate(points, operand, result, replace(shape, frac_bits=most + 1))
    formulate(points, operand, result, replace(shape, frac_bits=most + 1, saturates=True))
