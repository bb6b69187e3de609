"""Integer softmax and norms against exact arithmetic: the bounds hold, on hostile rows too."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from lut_opt.dialects.pwl import units
from lut_opt.dialects.pwl.certificate import samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Quantization, Reals
from lut_opt.passes.search import search
from lut_opt.passes.search.model.formulate import Shape, formulate

LENGTHS = [1, 2, 3, 16, 128, 4096, 8192]
EPSILON = 1e-5


@cache
def table(function: str, operand: Quantization, result: Quantization, param_bits: int = 8) -> Table:
    points = samples(FUNCTIONS[function], (), operand, result, None)
    return search(formulate(points, operand, result, Shape(entries=8, param_bits=param_bits))).table


def softmax(operand: Quantization, result: Quantization, clip: int = -255) -> units.Softmax:
    exp = table("exp", units.exp_operand(operand.scale, clip), units.exp_result(12), 10)
    reciprocal = table("reciprocal", units.RECIPROCAL_OPERAND, units.INVERSE_RESULT)
    return units.Softmax(operand, result, clip, 12, exp, reciprocal)


def norm(operand: Quantization, result: Quantization, centred: bool) -> units.Norm:
    rsqrt = table("rsqrt", units.RSQRT_OPERAND, units.INVERSE_RESULT)
    kind = units.LayerNorm if centred else units.RMSNorm
    return kind(operand, result, rsqrt, EPSILON)


def rows(operand: Quantization, n: int) -> Integers:
    """Random rows of several spreads, constant, one-hot, alternating and extreme ones."""
    low, high = operand.minimum, operand.maximum
    rng = np.random.default_rng(n)
    made = [rng.normal(0, spread, (4, n)) for spread in (1, 10, 1000)]
    made += [rng.integers(low, high + 1, (4, n))]
    made += [np.full((1, n), value) for value in (low, -1, 0, 1, high)]
    one_hot = np.arange(n) == n // 2
    made += [np.where(one_hot, *pair)[None] for pair in ((high, low), (low, high), (1, 0), (0, 1))]
    made += [np.where(one_hot, 0, -distance)[None] for distance in range(1, 256, 6)]
    made += [np.where(np.arange(n) % 2, low, high)[None]]
    return np.clip(np.rint(np.concatenate(made)), low, high).astype(np.int64)


def errors(y: Integers, exact: Reals, result: Quantization) -> Reals:
    """Largest error of each row in output steps, the exact value saturated."""
    wanted = np.clip(exact / result.scale + result.zero_point, result.minimum, result.maximum)
    return np.abs(y - wanted).max(-1)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("bits", [8, 16])
def test_softmax_keeps_its_bound(n: int, bits: int) -> None:
    operand = Quantization(bits, True, 2.0**-4)
    for result in (Quantization(8, False, 2.0**-8), Quantization(16, False, 2.0**-15)):
        unit = softmax(operand, result)
        q = rows(operand, n)
        exact = np.exp((q - q.max(-1, keepdims=True)) * operand.scale)
        exact /= exact.sum(-1, keepdims=True)
        assert errors(unit.evaluate(q), exact, result).max() <= unit.error_bound(n)


def test_softmax_of_ordinary_rows_is_close() -> None:
    operand, result = Quantization(16, True, 2.0**-4), Quantization(8, False, 2.0**-8)
    q = np.rint(np.random.default_rng(0).normal(0, 32, (200, 16))).astype(np.int64)
    exact = np.exp((q - q.max(-1, keepdims=True)) * operand.scale)
    exact /= exact.sum(-1, keepdims=True)
    assert errors(softmax(operand, result).evaluate(q), exact, result).mean() < 1


def test_masked_positions_change_nothing() -> None:
    unit = softmax(Quantization(16, True, 2.0**-4), Quantization(8, False, 2.0**-8))
    q = np.random.default_rng(1).integers(-60, 60, (50, 9))
    padded = np.concatenate([q, np.full((50, 400), -32768)], axis=1)
    y = unit.evaluate(padded)
    assert np.array_equal(y[:, :9], unit.evaluate(q))
    assert not y[:, 9:].any()


def test_softmax_along_another_axis_and_shifted() -> None:
    unit = softmax(Quantization(8, True, 2.0**-4, zero_point=3), Quantization(8, False, 2.0**-8))
    q = np.random.default_rng(2).integers(-40, 40, (3, 5, 4))
    assert np.array_equal(
        unit.evaluate(q, axes=(1,)), np.moveaxis(unit.evaluate(np.moveaxis(q, 1, 2)), 2, 1)
    )
    assert np.array_equal(unit.evaluate(q), unit.evaluate(q + 7))


def log_softmax(operand: Quantization, result: Quantization, clip: int) -> units.LogSoftmax:
    exp = table("exp", units.exp_operand(operand.scale, clip), units.exp_result(12), 10)
    log = table("log", units.RECIPROCAL_OPERAND, units.LOG_RESULT)
    return units.LogSoftmax(operand, result, clip, 12, exp, log)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize(
    ("operand", "result", "clip"),
    [
        (Quantization(16, True, 2.0**-7), Quantization(16, True, 2.0**-10), -2047),
        (Quantization(8, True, 2.0**-4, 5), Quantization(8, True, 2.0**-3), -255),
    ],
)
def test_log_softmax_keeps_its_bound(
    operand: Quantization, result: Quantization, clip: int, n: int
) -> None:
    unit = log_softmax(operand, result, clip)
    q = rows(operand, n)
    x = (q - q.max(-1, keepdims=True)) * operand.scale
    exact = x - np.log(np.exp(x).sum(-1, keepdims=True))
    assert errors(unit.evaluate(q), exact, result).max() <= unit.error_bound(n)


def test_log_softmax_of_ordinary_rows_is_close() -> None:
    operand, result = Quantization(16, True, 2.0**-7), Quantization(16, True, 2.0**-8)
    q = np.rint(np.random.default_rng(0).normal(0, 256, (200, 64))).astype(np.int64)
    x = (q - q.max(-1, keepdims=True)) * operand.scale
    exact = x - np.log(np.exp(x).sum(-1, keepdims=True))
    wrong = errors(log_softmax(operand, result, -2047).evaluate(q), exact, result)
    assert wrong.max() * result.scale < 0.05


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize(
    "operand",
    [
        Quantization(8, True, 2.0**-4),
        Quantization(16, True, 2.0**-9),
        Quantization(32, True, 2.0**-20),
    ],
)
def test_norms_keep_their_bound(operand: Quantization, n: int, centred: bool) -> None:
    for result in (Quantization(8, True, 2.0**-4, 5), Quantization(16, True, 2.0**-9)):
        unit = norm(operand, result, centred)
        q = rows(operand, n)
        x = q * operand.scale
        x = x - x.mean(-1, keepdims=True) if centred else x
        exact = x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON)
        assert errors(unit.evaluate(q), exact, result).max() <= unit.error_bound(n)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("middle", [0.0, 300.0])
def test_norms_keep_small_rows_beside_large_ones(middle: float, centred: bool) -> None:
    """Rows that differ by 10^5 in size: each is narrowed by its own leading zeros."""
    unit = norm(Quantization(32, True, 2.0**-18), Quantization(16, True, 2.0**-12), centred)
    unit = replace(unit, epsilon=1e-10)
    sizes = 10.0 ** np.arange(-2, 4)[:, None]
    x = np.random.default_rng(1).normal(0, 0.3, (6, 64)) * sizes + (middle if centred else 0.0)
    exact = unit.real(x)
    wrong = unit.result.dequantize(unit.evaluate(unit.operand.quantize(x))) - exact
    kept = 10 * np.log10(np.square(exact).mean(-1) / np.square(wrong).mean(-1))
    assert kept.min() > 40
    short = replace(unit, operand=Quantization(16, True, 2.0**-4))
    lost = short.result.dequantize(short.evaluate(short.operand.quantize(x))) - exact
    assert 10 * np.log10(np.square(exact).mean(-1) / np.square(lost).mean(-1)).min() < 20


@pytest.mark.parametrize("centred", [True, False])
def test_affine_part_is_folded(centred: bool) -> None:
    operand, result = Quantization(8, True, 2.0**-4, -7), Quantization(16, True, 2.0**-10)
    gamma, beta = Quantization(16, True, 2.0**-13), Quantization(32, True, 2.0**-20)
    unit = replace(norm(operand, result, centred), gamma=gamma, beta=beta)
    rng = np.random.default_rng(3)
    q = rng.integers(-128, 128, (40, 4, 6))
    g, b = rng.integers(-(2**15), 2**15, (4, 6)), rng.integers(-(2**22), 2**22, (4, 6))
    x = operand.dequantize(q)
    x = x - x.mean((1, 2), keepdims=True) if centred else x
    exact = x / np.sqrt((x * x).mean((1, 2), keepdims=True) + EPSILON)
    exact = exact * gamma.dequantize(g) + beta.dequantize(b)
    wrong = errors(unit.evaluate(q, g, b, axes=(1, 2)), exact, result)
    assert wrong.max() <= unit.error_bound(24, 4.0)


def test_rows_beyond_the_proven_widths_are_refused() -> None:
    operand, result = Quantization(8, True, 2.0**-4), Quantization(8, False, 2.0**-8)
    q = np.zeros((1, units.MAX_ROW + 1), np.int64)
    with pytest.raises(ValueError, match="longer than 8192"):
        softmax(operand, result).evaluate(q)
    with pytest.raises(ValueError, match="longer than 8192"):
        norm(operand, result, True).evaluate(q)
    assert softmax(operand, result).evaluate(q[:0]).shape == (0, units.MAX_ROW + 1)


def test_extreme_sums_stay_within_64_bits() -> None:
    """The widest of everything, against Python's unbounded integers."""
    operand, n = Quantization(16, True, 1.0), units.MAX_ROW
    q = np.where(np.arange(n) < n // 2, -32768, 32767)
    unit = replace(
        norm(operand, operand, True), result=Quantization(16, True, 2.0**-9), epsilon=2.0**30
    )
    total, square = sum(q.tolist()), sum(v * v for v in q.tolist())
    mantissa, shift = unit.epsilon_parts
    v = ((n * square - total * total) << unit.square_fraction) + ((n * n * mantissa) >> shift)
    assert v < 1 << 62
    x = unit.normalize(q[None])[0] * 2.0**-units.NORM_FRACTION
    exact = q / np.sqrt(q.astype(np.float64).var() + 2.0**30)
    assert np.abs(x - exact).max() < 0.01
