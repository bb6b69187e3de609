"""
Scales of linear layers that are learnt: LSQ (Esser et al., ICLR 2020), in the logarithm as in TQT.

A quantizer of PT2E that puts observers into a graph says what is stored how; calibrated, each of
its observers becomes a quantization with the scale that it chose, S = 2^p, or 2^round(p) where it
chooses powers of two. Backward, dx̂/dp = ln 2 · S · (v − u inside, v outside) · g as in
`lut_opt.frontends.torch.operator.quantizer`, N the elements that share a scale. Zero points stay.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from lut_opt.dialects.quantization import exact_log2
from lut_opt.frontends.torch.operator.quantizer import fake_quantize

_observer: Any = importlib.import_module("torchao.quantization.pt2e.observer")
_by_channel: Any = getattr(torch, "_fake_quantize_learnable_per_channel_affine")
_fake: Any = importlib.import_module("torchao.quantization.pt2e.fake_quantize")


class LearntQuantizer(_fake.FakeQuantizeBase):
    """
    What an observer quantizes, at a scale that is learnt; `convert_pt2e` takes it as it took that.

    `exponent` is p, one for all or one for each index along `ch_axis`.
    """

    zero_point: Tensor

    def __init__(self, observer: Any) -> None:
        _fake.FakeQuantizeBase.__init__(self)
        self.dtype, self.qscheme = observer.dtype, observer.qscheme
        self.ch_axis = getattr(observer, "ch_axis", None)
        self.is_dynamic = False
        scale, zero_point = observer.calculate_qparams()
        # An observer may narrow what it stores by what it saw.
        self.quant_min, self.quant_max = observer.quant_min, observer.quant_max
        self.power_of_two = all(exact_log2(size) is not None for size in scale.tolist())
        self.exponent = nn.Parameter(scale.double().log2().to(torch.float32))
        self.register_buffer("zero_point", zero_point.to(torch.int64))
        self._zero = int(zero_point.reshape(-1)[0])

    def scale(self) -> Tensor:
        """S, differentiable."""
        if not self.power_of_two:
            return torch.exp2(self.exponent)
        given = self.exponent.detach()
        size = torch.ldexp(torch.ones_like(given), given.round())
        # Nothing is added but the gradient.
        return size + size * (math.log(2.0) * (self.exponent - given))

    def forward(self, x: Tensor) -> Tensor:
        """The reals that x is stored as."""
        bounds = self.quant_min, self.quant_max
        if self.ch_axis is None:
            # ATen's own gradient is off by a step of the scale where a zero point is negative.
            low, high = (bound - self._zero for bound in bounds)
            return fake_quantize(x, self.scale().reshape(()), low, high)
        factor = (max(x.numel() // self.exponent.numel(), 1) * self.quant_max) ** -0.5
        zero = self.zero_point.to(x.dtype)
        return _by_channel(x, self.scale(), zero, self.ch_axis, *bounds, factor)

    def calculate_qparams(self, **_: Any) -> tuple[Tensor, Tensor]:
        """Scales and zero points as they are."""
        return self.scale().detach(), self.zero_point


def learn_scales(graph: GraphModule, run: Callable[[], None]) -> None:
    """Put learnt quantizers where observers are, once these have seen what `run` runs."""
    # Those of fake quantizers lie deeper.
    observers: dict[str, Any] = {
        name: module
        for name, module in cast(Any, graph).named_modules(remove_duplicate=False)
        if isinstance(module, _observer.ObserverBase) and "." not in name
    }
    if not observers:
        return
    with torch.no_grad():
        run()
    learnt = {id(observer): LearntQuantizer(observer) for observer in observers.values()}
    for name, observer in observers.items():
        graph.set_submodule(name, learnt[id(observer)])


def learnt_scales(graph: nn.Module) -> Iterator[nn.Parameter]:
    """The exponents that are learnt."""
    return (each.exponent for each in graph.modules() if isinstance(each, LearntQuantizer))
