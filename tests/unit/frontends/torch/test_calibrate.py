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

from torch.nn import functional as F

from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import ApplyOp
from lut_opt.dialects.quantization import covering_scale
from lut_opt.frontends.torch import CalibrationError, calibrate, export_text
from lut_opt.frontends.torch.histogram import Histogram, least_squares_scale
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.support.diagnostics import OpError


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
    low, high = observation.range
    places = np.clip(np.rint((x.numpy() - low) / (high - low) * 256), 0, 256).astype(int)
    counts = np.bincount(places, minlength=257)
    # Bins of the histogram straddle the borders between places now and then.
    assert np.abs(observation.stored_counts - counts).sum() <= 40
    assert observation.stored_counts.sum() == 1000
    assert "pwl.histogram = dense" in export_text(
        model, x, calibration=calibration, histograms=True
    )
    assert "pwl.histogram" not in export_text(model, x, calibration=calibration)


class Parts(torch.nn.Module):
    """Operators that PyTorch writes out, or keeps whole, next to one another."""

    def forward(self, x: Any) -> Any:
        positive = x.square().mean(-1, keepdim=True)
        return (
            x / (x.abs().sum(-1, keepdim=True) + 1.0),
            x / 2.0,
            F.normalize(x, dim=-1),
            F.group_norm(x[:, :, None], 2),
            F.glu(x),
            F.log_softmax(x, -1),
            F.softmin(x, -1),
            torch.logsumexp(x, -1),
            torch.rsqrt(positive + 0.5),
            torch.log(torch.where(x > 0, x, 0.0)),
            torch.nn.functional.softsign(x),
            torch.cos(torch.arange(8) * x.mean()),
            torch.arange(8) ** 2,
        )


@pytest.fixture(scope="module")
def parts() -> tuple[Any, list[Any]]:
    torch.manual_seed(0)
    x = 3 * torch.randn(16, 8)
    return x, list(calibrate(Parts(), [x], method="mse").observations)


def test_every_written_out_operator_has_its_range(parts: tuple[Any, list[Any]]) -> None:
    x, observations = parts
    assert [o.operator for o in observations] == [
        *("square", "div.Tensor", "linalg_vector_norm", "div.Tensor", "group_norm"),
        *("sigmoid", "log_softmax.int", "softmax.int", "exp", "log", "rsqrt", "log", "div.Tensor"),
        "cos",
    ]
    division, softmax = observations[1], observations[7]
    denominators = x.abs().sum(-1) + 1.0
    assert division.range == pytest.approx((denominators.min().item(), denominators.max().item()))
    assert division.numerator == pytest.approx((x.min().item(), x.max().item()))
    distances = -x - (-x).amax(-1, keepdim=True)
    assert softmax.minimum == pytest.approx(distances.min().item())


def test_only_values_with_a_result_count(parts: tuple[Any, list[Any]]) -> None:
    x, observations = parts
    log = observations[11]
    assert log.range == pytest.approx((x[x > 0].min().item(), x.max().item()))
    assert log.stored_counts.sum() == (x > 0).sum()
    rsqrt = observations[10]
    low, high = rsqrt.range
    assert low >= 0.5
    assert high == rsqrt.maximum
    # Counts at evenly spaced places, both ends among them.
    assert len(rsqrt.stored_counts) == 257


def test_widths_by_operator_and_layer(models: ModuleType) -> None:
    x = torch.randn(4, 8)
    bits = {"act": 16, "softmax": 10, "*": 6}
    calibration = calibrate(models.Net(), [x], bits=bits)
    widths = {o.operator: (o.bits, o.named) for o in calibration.observations if o is not None}
    assert widths == {
        "gelu": (16, True),
        "layer_norm": (6, False),
        "softmax.int": (10, True),
        "silu": (6, False),
    }
    text = export_text(models.Net(), x, calibration=calibration)
    found = re.findall(r"aten\.([\w.]+)\"[^\n]*pwl\.bits = (\d+) : i64", text)
    assert found == [("gelu", "16"), ("softmax.int", "10")]
    ctx = context()
    program = parse(text, "net.mlir", ctx)
    LowerNonlinearToPwlPass().apply(ctx, program.module)
    gelu = next(op for op in program.module.walk() if isinstance(op, ApplyOp))
    assert gelu.input_quantization.bits == 16
    with pytest.raises(CalibrationError, match=r"`tanh`.*there are \['gelu', 'layer_norm'"):
        calibrate(models.Net(), [x], bits={"tanh": 8})


def test_softmax_clips_by_what_its_exponentials_lose() -> None:
    torch.manual_seed(0)
    # Most distances are tens: only a few bits of exp would be left if all were covered.
    x = 30 * torch.randn(64, 32)
    model = torch.nn.Softmax(-1)
    for method in ("minmax", "mse"):
        (seen,) = calibrate(model, [x], method=method).observations
        assert seen is not None
        assert seen.minimum < -60
        assert -16 <= seen.range[0] <= -8


def test_an_uncalibrated_operator_is_named_with_its_line(models: ModuleType) -> None:
    ctx = context()
    program = parse(export_text(models.Net(), torch.randn(4, 8)), "net.mlir", ctx)
    with pytest.raises(OpError, match="no input scale for gelu: put quantize") as error:
        LowerNonlinearToPwlPass().apply(ctx, program.module)
    assert re.search(r"models\.py:\d+:0$", error.value.location)
