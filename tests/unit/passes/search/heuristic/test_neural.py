"""NN-LUT: the network and its table are one function; training, calibration, precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lut_opt.dialects.pwl.certificate import samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search import Problem, search
from lut_opt.passes.search.heuristic.neural import (
    InputScaled,
    Network,
    NeuralConfig,
    calibrate,
    fit,
    train,
)
from lut_opt.passes.search.model.formulate import Shape, formulate
from lut_opt.passes.search.model.real_table import RealTable

GELU = FUNCTIONS["gelu"]
QUICK = NeuralConfig(samples=10_000, epochs=40, batch=512)


def gelu_problem(entries: int = 8) -> Problem:
    operand = Quantization(8, True, 2.0**-4)
    points = samples(GELU, (), operand, Quantization(32, True, 2.0**-10), (-4.0, 4.0))
    return formulate(points, operand, Quantization(32, True, 2.0**-10), Shape(entries=entries))


@st.composite
def networks(draw: st.DrawFn) -> Network:
    hidden = draw(st.integers(0, 8))
    # few distinct values: zero weights, dead neurons and equal breakpoints are common
    value = st.one_of(st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0]), st.floats(-4, 4))
    arrays = [np.array(draw(st.lists(value, min_size=hidden, max_size=hidden))) for _ in range(3)]
    numbers = [draw(st.floats(-3, 3)) for _ in range(3)]
    return Network(*arrays, *numbers, width=draw(st.sampled_from([0.5, 1.0, 7.0])))


@settings(max_examples=300, deadline=None)
@given(networks(), st.lists(st.floats(-20, 20), min_size=1, max_size=20))
def test_a_network_is_its_table(network: Network, inputs: list[float]) -> None:
    table = network.table()
    assert table.entries == len(network.weight) + 1
    assert np.all(np.diff(table.breakpoints) >= 0)
    near = table.breakpoints[np.abs(table.breakpoints) < 100]
    x = np.concatenate([inputs, near])
    z = (np.abs(x) + abs(network.centre)) / network.width
    size = 1.0 + np.abs(network.out) @ (
        np.abs(network.weight)[:, None] * z + np.abs(network.bias)[:, None]
    )
    assert np.all(np.abs(table(x) - network(x)) <= 1e-13 * (size + 10 * z))


def test_a_continuous_table_is_its_network() -> None:
    network = train(GELU, -4.0, 4.0, 6, QUICK, seed=1)
    table = network.table()
    again = Network.of(table, -5.0, 3.0)
    x = np.linspace(-8.0, 8.0, 999)
    np.testing.assert_allclose(again(x), table(x), atol=1e-12)
    with pytest.raises(ValueError, match="lines meet"):
        Network.of(RealTable(np.zeros(1), np.ones(2), np.array([0.0, 1.0])), -1.0, 1.0)


@pytest.mark.parametrize("loss", ["l1", "l2"])
@pytest.mark.parametrize("linear", [True, False])
def test_the_gradient(loss: str, linear: bool) -> None:
    """One step of Adam moves each parameter against the sign of its finite difference."""
    rng = np.random.default_rng(3)
    start = Network(rng.normal(size=4), rng.normal(size=4), rng.normal(size=4), 0.3, 0.1)
    x = rng.uniform(-1, 1, 64)
    y = GELU(x)
    y = (y - y.mean()) / y.std()
    config = NeuralConfig(
        samples=64, epochs=1, batch=64, learning_rate=1e-6, loss=loss, linear=linear
    )
    stepped = fit(start, x, y, config, rng)

    def mean_loss(**changed: object) -> float:
        error = Network(**{**start.__dict__, **changed})(x) - y
        return float(np.mean(np.abs(error) if loss == "l1" else error**2))

    for name in ("weight", "bias", "out"):
        for i in range(4):
            step = np.zeros(4)
            step[i] = 1e-6
            values = getattr(start, name)
            slope = mean_loss(**{name: values + step}) - mean_loss(**{name: values - step})
            moved = getattr(stepped, name)[i] - values[i]
            if abs(slope) > 1e-12:
                assert np.sign(moved) == -np.sign(slope)
    assert (stepped.linear != start.linear) == linear


def test_training_is_good_and_repeatable() -> None:
    first = train(GELU, -4.0, 4.0, 8, NeuralConfig(), seed=0)
    x = np.linspace(-4.0, 4.0, 801)
    # the best continuous table of 8 segments leaves about 1.4e-5
    assert np.mean((first(x) - GELU(x)) ** 2) < 4e-4
    one, same, other = (train(GELU, -4.0, 4.0, 8, QUICK, seed=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(one.table().slopes, same.table().slopes)
    assert not np.array_equal(one.bias, other.bias)


def test_one_segment_is_a_line() -> None:
    network = train(lambda x: 2.0 * x + 1.0, 0.0, 3.0, 1, NeuralConfig(samples=500, batch=25))
    table = network.table()
    assert (table.entries, len(table.breakpoints)) == (1, 0)
    np.testing.assert_allclose([table.slopes[0], table.intercepts[0]], [2.0, 1.0], atol=1e-3)


def test_strategy() -> None:
    problem = gelu_problem()
    optimum = search(problem).loss
    found = search(problem, GELU, strategy="neural", config=QUICK, seed=2)
    assert found == search(problem, GELU, strategy="neural", config=QUICK, seed=2)
    assert (found.strategy, found.proven, found.generations) == ("neural", False, 40)
    assert optimum <= found.loss < 2e-3
    refit = NeuralConfig(**{**QUICK.__dict__, "refit": True})
    assert optimum <= search(problem, GELU, strategy="neural", config=refit, seed=2).loss
    assert search(problem, GELU, strategy="neural", config=refit, seed=2).loss < found.loss
    with pytest.raises(TypeError, match="NeuralConfig"):
        search(problem, strategy="neural", config=3)


def test_calibration_helps_where_the_inputs_are() -> None:
    network = train(GELU, -8.0, 8.0, 6, QUICK, seed=0)
    observed = np.random.default_rng(1).normal(-0.5, 0.6, (300, 20))
    tuned = calibrate(network, GELU, observed)
    before, after = (np.mean((f(observed) - GELU(observed)) ** 2) for f in (network, tuned))
    assert after < 0.5 * before
    with pytest.raises(ValueError, match="at least one input"):
        calibrate(network, GELU, np.array([]))


def test_precision_of_the_table() -> None:
    table = train(GELU, -4.0, 4.0, 16, QUICK).table()
    x = np.random.default_rng(0).uniform(-4, 4, 2000)
    errors = {p: np.abs(table.evaluate(x, p) - table(x)) for p in ("fp64", "fp32", "fp16")}
    assert errors["fp64"].max() == 0
    assert 0 < np.median(errors["fp32"]) < 1e-6
    assert 1e-5 < np.median(errors["fp16"]) < 1e-2


def test_int32() -> None:
    table = train(GELU, -4.0, 4.0, 16, QUICK).table()
    operand = Quantization(16, True, 3e-4, 77)
    integers, unit = table.integers(operand, 32)
    q = operand.values[::13]
    exact = table(operand.dequantize(q))
    assert np.abs(integers.accumulate(q) * unit - exact).max() < 1e-4
    low, high = integers.parameter_range()
    assert all(low <= v <= high for v in (*integers.slopes, *integers.intercepts))
    with pytest.raises(ValueError, match="63 bits"):
        table.integers(Quantization(32, True, 1.0), 32)


def test_input_scaling_reaches_small_inputs() -> None:
    """NN-LUT serves rsqrt on [2^-10, 1024] from a table of [1, 1024]."""
    config = NeuralConfig(samples=20_000, epochs=100, sampling="log", loss="l2")
    table = train(FUNCTIONS["rsqrt"], 1.0, 1024.0, 16, config).table()
    scaled = InputScaled(table, threshold=1.0, factor=1024.0, power=-0.5)
    x = np.geomspace(1.0, 1023.0, 200)
    np.testing.assert_allclose(scaled(x / 1024.0), table(x) * 32.0)
    np.testing.assert_array_equal(scaled(x), table(x))
    assert np.mean(np.abs(table(x) - x**-0.5)) < 0.02


@pytest.mark.parametrize(
    "options", [{"samples": 1}, {"epochs": 0}, {"loss": "l3"}, {"learning_rate": 0.0}]
)
def test_impossible_options(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        NeuralConfig(**options)


def test_impossible_ranges() -> None:
    with pytest.raises(ValueError, match="no network"):
        train(GELU, 1.0, 1.0, 8, QUICK)
    with pytest.raises(ValueError, match="positive range"):
        train(GELU, -1.0, 1.0, 8, NeuralConfig(sampling="log"))
    with pytest.raises(ValueError, match="no finite value"):
        train(lambda x: x * np.nan, -1.0, 1.0, 8, QUICK)
