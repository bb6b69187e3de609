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
from lut_opt.frontends.torch.operator.blocks import Scratch, blocks, is_plain, is_within
from lut_opt.frontends.torch.operator.scale import Scale, Step
from lut_opt.frontends.torch.operator.visible import visible_op


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, step, *ctx.bounds = inputs
    ctx.save_for_backward(x, step, output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, step, stored = ctx.saved_tensors
    low, high = ctx.bounds
    of_x, of_step = torch.empty_like(x), None
    sums: list[Tensor] = []
    scratch = Scratch()
    for part, made, above, below in blocks(x, stored, grad, of_x):
        rest = _pass_inside(part, scratch.copy(made), above, below, step, low, high)
        if ctx.needs_input_grad[1]:
            sums.append(torch.dot(rest.flatten(), above.flatten()))
    if sums:
        factor = 1.0 / math.sqrt(max(x.numel(), 1) * max(high, 1))
        of_step = torch.stack(sums).sum().to(step.dtype) / step * factor
    return of_x, of_step, None, None


def _pass_inside(
    x: Tensor, stored: Tensor, grad: Tensor, of_x: Tensor, step: Tensor, low: int, high: int
) -> Tensor:
    """
    Write the gradient of x into `of_x`, and into `stored` S·(v − u) inside, where S·v was.
    """
    if is_plain(x) and is_within(x, low * (size := float(step)), high * size):
        of_x.copy_(grad)
        return stored.sub_(x)
    u = _in_steps(x, step)
    # As 0 and 1: masks cost more than products.
    inside = u.clamp(low, high).eq_(u).to(x.dtype)
    of_x.copy_(inside).mul_(grad)
    return stored.addcmul_(x, inside, value=-1)


@visible_op("fake_quantize", save=_save, backward=_backward)
def fake_quantize(x: Tensor, step: Tensor, low: int, high: int) -> Tensor:
    """
    The reals that x is stored as: S·clamp(round(x/S), low, high), the bounds less any zero point.

    `step` is S, without axes: a power of two in single precision, any other in double.
    """
    made = torch.empty_like(x)
    scratch = Scratch()
    for part, out in blocks(x, made):
        v = scratch.copy(part, torch.promote_types(x.dtype, step.dtype))
        size = step.to(v.dtype)
        out.copy_(v.div_(size).round_().clamp_(low, high).mul_(size))
    return made


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
