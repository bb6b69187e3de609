"""Calibration: what is seen, and which power of two it gives."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import math
import re
from types import ModuleType
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")

from lut_opt.dialects.quantization import covering_scale
from lut_opt.frontends.torch import CalibrationError, calibrate, export_text
from lut_opt.frontends.torch.histogram import Histogram, least_squares_scale


@pytest.mark.parametrize(
    ("low", "high", "scale"),
    [
        (-1.0, 0.5, 2.0**-7),
        (-1.0, 1.0, 2.0**-6),  # 1.0 is one step above 127/128
        (0.0, 127 / 128, 2.0**-7),
        (-1.0000001, 0.0, 2.0**-6),
        (-128.0, 127.0, 1.0),
        (0.0, 0.0, 2.0**-7),
    ],
)
def test_covering_scale(low: float, high: float, scale: float) -> None:
    assert covering_scale(low, high, 8) == scale


def test_histogram_grows_without_losing_counts() -> None:
    rng = np.random.default_rng(0)
    histogram, values = Histogram(), [rng.normal(size=500) * s for s in (0.01, 1.0, 300.0)]
    for part in (*values, np.zeros(0)):
        histogram.add(part)
    everything = np.concatenate(values)
    bins = len(histogram.counts)
    expected, _ = np.histogram(everything, bins, (-histogram.limit, histogram.limit))
    np.testing.assert_array_equal(histogram.counts, expected)
    assert (histogram.minimum, histogram.maximum) == (everything.min(), everything.max())


def test_least_squares_clips_a_lone_outlier_and_is_the_best_power_of_two() -> None:
    rng = np.random.default_rng(1)
    values = np.append(rng.normal(size=200_000), 30.0)
    histogram = Histogram()
    histogram.add(values)
    covering = covering_scale(histogram.minimum, histogram.maximum, 8)
    scale = least_squares_scale(histogram, covering, 8)
    assert scale < covering

    def error(s: float) -> float:
        return float(((np.clip(np.rint(values / s), -128, 127) * s - values) ** 2).mean())

    assert scale == min((covering / 2**i for i in range(6)), key=error)


def test_observations_carry_into_the_ir(models: ModuleType) -> None:
    torch.manual_seed(0)
    batches = [torch.randn(4, 8), torch.randn(2, 8), 5 * torch.randn(4, 8)]
    calibration = calibrate(models.Net(), batches)
    seen = {o.operator: o for o in calibration.observations if o is not None}
    assert set(seen) == {"gelu", "layer_norm", "softmax.int", "silu"}
    assert seen["gelu"].layer == "act"
    assert seen["gelu"].counts.sum() == (4 + 2 + 4) * 16
    assert seen["softmax.int"].maximum == 0.0
    for o in seen.values():
        low, high = o.range
        assert low <= o.minimum
        assert o.maximum <= high
        assert math.log2(o.scale).is_integer()
    text = export_text(models.Net(), torch.randn(4, 8), calibration=calibration)
    for name, o in seen.items():
        line = next(line for line in text.splitlines() if f"torch.aten.{name}" in line)
        found = re.search(r"pwl\.range = \[(\S+), (\S+)\]", line)
        assert found is not None
        assert (float(found[1]), float(found[2])) == o.range


def test_attention_sees_unmasked_scores_below_their_maximum(models: ModuleType) -> None:
    x = torch.randn(1, 2, 4, 8)
    whole = calibrate(models.Attention(), [x], keep=("scaled_dot_product_attention",))
    opened = calibrate(models.Attention(), [x])
    assert whole.operators == ("scaled_dot_product_attention",)
    assert opened.operators == ("softmax.int",)
    (seen,), (softmax,) = whole.observations, opened.observations
    assert seen is not None
    assert softmax is not None
    assert softmax.minimum == pytest.approx(seen.minimum, rel=1e-5)
    assert softmax.counts.sum() == seen.counts.sum()
    scores = (x @ x.transpose(-2, -1) / math.sqrt(8)).masked_fill(
        ~torch.ones(4, 4).bool().tril(), -math.inf
    )
    below = scores - scores.amax(-1, keepdim=True)
    assert seen.minimum == pytest.approx(below[below.isfinite()].min().item())
    assert seen.counts.sum() == 2 * (1 + 2 + 3 + 4)


@pytest.mark.parametrize(("value", "what"), [(math.nan, "NaN"), (math.inf, "infinity")])
def test_values_that_no_scale_covers(models: ModuleType, value: float, what: str) -> None:
    x = torch.randn(4, 8)
    x[0, 0] = value
    with pytest.raises(CalibrationError, match=rf"models\.py:\d+: `gelu` of layer `act`.*{what}"):
        calibrate(models.Net(), [x])


def test_no_batch_and_wrong_options(models: ModuleType) -> None:
    with pytest.raises(CalibrationError, match="no batch"):
        calibrate(models.Net(), [])
    with pytest.raises(ValueError, match="bits is 1"):
        calibrate(models.Net(), [], bits=1)


def test_the_histogram_goes_into_the_ir_and_weighs_the_search() -> None:
    torch.manual_seed(0)
    model, x = torch.nn.GELU(), torch.randn(1000)
    calibration = calibrate(model, [x], method="mse")
    (observation,) = calibration.observations
    assert observation is not None
    stored = np.clip(np.rint(x.numpy() / observation.scale), -128, 127).astype(int) + 128
    counts = np.bincount(stored, minlength=256)
    # Bins of the histogram straddle the borders between stored values now and then.
    assert np.abs(observation.stored_counts - counts).sum() <= 40
    assert observation.stored_counts.sum() == 1000
    assert "pwl.histogram = dense" in export_text(
        model, x, calibration=calibration, histograms=True
    )
    assert "pwl.histogram" not in export_text(model, x, calibration=calibration)
