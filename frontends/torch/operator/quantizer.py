"""
Quantization with a learnable scale: LSQ (Esser et al., ICLR 2020), for scales 2^round(p) as in TQT.

With u = x/S and v = clamp(round(u)), halves to even, the result is x̂ = S·v; backward,

    dx̂/dx = 1 inside, 0 outside          dx̂/dS = (v − u inside, v outside) · g

inside where Q_n ≤ u ≤ Q_p, and g = 1/√(N·Q_p) for N elements. A zero point moves the bounds alone:
what is stored is v + z.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from lut_opt.dialects.quantization import Quantization
from lut_opt.frontends.torch.operator.scale import Scale, Step
from lut_opt.frontends.torch.operator.visible import visible_op


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, step, *ctx.bounds = inputs
    ctx.save_for_backward(x, step, output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, step, stored = ctx.saved_tensors
    low, high = ctx.bounds
    u = _in_steps(x, step)
    # As 0 and 1: masks cost more than products.
    inside = u.clamp(low, high).eq_(u).to(x.dtype)
    del u
    of_step = None
    if ctx.needs_input_grad[1]:
        rest = torch.addcmul(stored, x, inside, value=-1)
        factor = 1.0 / math.sqrt(max(x.numel(), 1) * max(high, 1))
        of_step = torch.dot(rest.flatten(), grad.flatten()).to(step.dtype) / step * factor
    return inside.mul_(grad), of_step, None, None


@visible_op("fake_quantize", save=_save, backward=_backward)
def fake_quantize(x: Tensor, step: Tensor, low: int, high: int) -> Tensor:
    """
    The reals that x is stored as: S·clamp(round(x/S), low, high), the bounds less any zero point.

    `step` is S, without axes: a power of two in single precision, any other in double.
    """
    v = _in_steps(x, step).round_().clamp_(low, high)
    return v.mul_(step.to(v.dtype)).to(x.dtype)


def _in_steps(x: Tensor, step: Tensor) -> Tensor:
    kind = torch.promote_types(x.dtype, step.dtype)
    return x.to(kind) / step.to(kind)


class Quantizer(nn.Module):
    """
    How an input is stored: integers of a fixed range, at a scale that may be learnt.

    `storage` gives the integers; its scale is that of the window's start where `scale` is given.
    """

    def __init__(self, storage: Quantization, scale: Scale | None = None) -> None:
        super().__init__()
        self.scale = Scale([storage.scale]) if scale is None else scale
        self.low = storage.minimum - storage.zero_point
        self.high = storage.maximum - storage.zero_point

    def forward(self, x: Tensor) -> tuple[Tensor, Step]:
        """The reals that x is stored as, and the scale in use."""
        if x.dtype not in (torch.float32, torch.float64):
            raise TypeError(
                f"integers are held in float32 or float64, not in {x.dtype}: convert the input, or "
                "leave the operator out of autocast"
            )
        step: Step = self.scale()
        return fake_quantize(x, step.size, self.low, self.high), step
