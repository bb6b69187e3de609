"""Reals to bits: quantization, and learned thresholds on what is stored."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lut_opt.dialects.lutnet.network import Thermometer, tuples
from lut_opt.dialects.quantization import Quantization, covering_scale
from lut_opt.frontends.torch.weightless.gradients import listed, step


class Encoder(nn.Module):
    """
    Bits (features · thresholds, tokens) of reals (tokens, features).

    A threshold ϑ is a real parameter, the integer ⌊ϑ/scale⌋ what is compared: bit = q > t. It
    starts at a normal quantile k/(K+1) (Gaussian thermometer); `calibrate` takes the data's.
    """

    def __init__(self, features: int, thresholds: int, bits: int = 8, width: float = 1.0):
        """`width` is that of the surrogate's triangle, in units of the inputs."""
        super().__init__()
        self.bits, self.width, self.scale = bits, width, covering_scale(-4.0, 4.0, bits)
        levels = torch.arange(1, thresholds + 1) / (thresholds + 1)
        quantiles = torch.distributions.Normal(0.0, 1.0).icdf(levels)
        self.thresholds = nn.Parameter(quantiles.repeat(features, 1))

    @property
    def quantization(self) -> Quantization:
        """How inputs are stored."""
        return Quantization(self.bits, True, self.scale)

    @torch.no_grad()
    def calibrate(self, x: Tensor) -> None:
        """Scale and thresholds from data (tokens, features): distributive thermometer."""
        self.scale = covering_scale(float(x.min()), float(x.max()), self.bits)
        count = self.thresholds.shape[1]
        levels = torch.arange(1, count + 1, device=x.device, dtype=x.dtype) / (count + 1)
        self.thresholds.copy_(torch.quantile(x, levels, dim=0).T)

    def forward(self, x: Tensor) -> Tensor:
        """Compare stored integers, held exactly in floats."""
        stored = self.quantization
        q = (x / self.scale).round().clamp(stored.minimum, stored.maximum)
        thresholds = self.thresholds.sort(1).values
        exact = q.T[:, None, :] > self._integers(thresholds)[:, :, None]
        distance = x.T[:, None, :] - thresholds[:, :, None]
        return step(exact.to(x.dtype), distance, self.width).flatten(0, 1)

    def thermometer(self) -> Thermometer:
        """The integer thresholds."""
        sorted_ = self.thresholds.detach().sort(1).values
        return Thermometer(tuples(listed(self._integers(sorted_).long())))

    def _integers(self, thresholds: Tensor) -> Tensor:
        stored = self.quantization
        whole = (thresholds.detach() / self.scale).floor()
        # One further out decides nothing, and has to fit the IR's integers.
        return whole.clamp(stored.minimum - 1, stored.maximum)
