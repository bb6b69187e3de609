"""Scales of linear layers that are learnt: the numbers of LSQ, and what becomes of observers."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import math
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torchao", reason="pip install lut-opt[quantize]")

from torch import nn
from torchao.quantization.pt2e.observer import HistogramObserver, PerChannelMinMaxObserver
from torchao.quantization.pt2e.quantize_pt2e import prepare_pt2e

from lut_opt.frontends.torch import IntegerQuantizer
from lut_opt.frontends.torch.integer_quantizer import PowerOfTwoChannelObserver
from lut_opt.frontends.torch.qat.learnt import LearntQuantizer, learn_scales, learnt_scales
from lut_opt.frontends.torch.quantizer import PowerOfTwoObserver


def seen(observer: Any, x: Any) -> LearntQuantizer:
    observer(x)
    return LearntQuantizer(observer)


BOUNDS = {"quant_min": -127, "quant_max": 127}
CHANNELS: dict[str, Any] = {"ch_axis": 0, "qscheme": torch.per_channel_symmetric, **BOUNDS}


@pytest.mark.parametrize(
    "observer",
    [
        PowerOfTwoObserver(torch.int8),
        HistogramObserver(dtype=torch.int8, qscheme=torch.per_tensor_affine, **BOUNDS),
        PerChannelMinMaxObserver(dtype=torch.int8, **CHANNELS),
        PowerOfTwoChannelObserver(dtype=torch.int8, **CHANNELS),
    ],
)
def test_values_and_gradients_are_those_of_lsq(observer: Any) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 40) * torch.tensor([[1.0], [4.0], [0.3]])
    learnt = seen(observer, x)
    with torch.no_grad():
        learnt.exponent -= 0.8  # so that some clamp; powers of two become the next
    x.requires_grad_(True)
    y, weight = learnt(x), torch.randn(3, 40)
    (y * weight).sum().backward()

    size, zero = (each.reshape(-1, 1) for each in learnt.calculate_qparams())
    if learnt.power_of_two:
        assert torch.equal(size.log2(), size.log2().round())
    u = x.detach() / size
    low, high = learnt.quant_min - zero, learnt.quant_max - zero
    v = u.round().clamp(low, high)
    inside = (u.round() >= low) & (u.round() <= high)
    assert not inside.all()
    torch.testing.assert_close(y, v * size)
    torch.testing.assert_close(x.grad, weight * inside)
    slope = torch.where(inside, v - u, v) * size * math.log(2.0) * weight
    wanted = slope.sum(1) if learnt.exponent.numel() > 1 else slope.sum().reshape(1)
    count = x.numel() // learnt.exponent.numel()
    largest = int(high) if count == x.numel() else learnt.quant_max
    torch.testing.assert_close(learnt.exponent.grad, wanted / math.sqrt(count * largest))


def test_observers_become_quantizers_once_calibrated() -> None:
    torch.manual_seed(0)
    x = torch.randn(8, 6)
    model = torch.export.export(nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 2)), (x,)).module()
    graph = prepare_pt2e(model, IntegerQuantizer())
    learn_scales(graph, lambda: graph(x))
    exponents = list(learnt_scales(graph))
    assert sorted(p.numel() for p in exponents) == [1, 1, 2, 6]
    graph(x).sum().backward()
    assert all(p.grad is not None for p in exponents)
