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
from lut_opt.frontends.torch.operator.blocks import (
    Scratch,
    blocks,
    is_plain,
    pass_between,
)
from lut_opt.frontends.torch.operator.scale import Scale, Step
from lut_opt.frontends.torch.operator.visible import visible_op


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, step, *ctx.bounds = inputs
    ctx.save_for_backward(x, step, output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, step, made = ctx.saved_tensors
    low, high = ctx.bounds
    passed = _passed if is_plain(x) and x.numel() else _passed_whole
    of_x, rest = passed(x, made, grad, step, low, high, learnt=ctx.needs_input_grad[1])
    factor = 1.0 / math.sqrt(max(x.numel(), 1) * max(high, 1))
    of_step = None if rest is None else rest.to(step.dtype) / step * factor
    return of_x, of_step, None, None


def _passed(
    x: Tensor, made: Tensor, grad: Tensor, step: Tensor, low: int, high: int, *, learnt: bool
) -> tuple[Tensor, Tensor | None]:
    """The gradient of x, and where S is learnt, the sum of ḡ·S·(v − u inside, v outside)."""
    # Both ends are inside.
    beyond = _beyond(low * float(step), high * float(step), x.dtype)
    of_x = pass_between(grad, x, *beyond)
    if not learnt:
        return of_x, None
    sums: list[Tensor] = []
    scratch = Scratch()
    for part, stored, above in blocks(x, made, grad):
        rest = scratch.like(part)
        kept = part
        if of_x is not grad:
            # Of x itself, what is inside.
            kept = torch.ops.aten.hardtanh_backward.grad_input(part, part, *beyond, grad_input=rest)
        torch.sub(stored, kept, out=rest)
        sums.append(torch.dot(rest.flatten(), above.flatten()))
    return of_x, torch.stack(sums).sum()


def _passed_whole(
    x: Tensor, made: Tensor, grad: Tensor, step: Tensor, low: int, high: int, *, learnt: bool
) -> tuple[Tensor, Tensor | None]:
    """The same without a look at any number."""
    u = _in_steps(x, step)
    # As 0 and 1: masks cost more than products.
    inside = u.clamp(low, high).eq(u).to(x.dtype)
    return inside * grad, ((made - x * inside) * grad).sum() if learnt else None


@visible_op("fake_quantize", save=_save, backward=_backward)
def fake_quantize(x: Tensor, step: Tensor, low: int, high: int) -> Tensor:
    """
    The reals that x is stored as: S·clamp(round(x/S), low, high), the bounds less any zero point.

    `step` is S, without axes: a power of two in single precision, any other in double.
    """
    made = torch.empty_like(x)
    if is_plain(x) and (shifted := _to_round(x.dtype, float(step), low, high)) is not None:
        size = float(step)
        for part, out in blocks(x, made):
            torch.clamp(part, low * size, high * size, out=out).add_(shifted).sub_(shifted)
        return made
    scratch = Scratch()
    for part, out in blocks(x, made):
        v = scratch.copy(part, torch.promote_types(x.dtype, step.dtype))
        size = step.to(v.dtype)
        out.copy_(v.div_(size).round_().clamp_(low, high).mul_(size))
    return made


def _to_round(kind: torch.dtype, size: float, low: int, high: int) -> float | None:
    """
    What rounds to multiples of `size`, halves to even, when it is added: their last digit is 1.

    None where this is not so: steps of other digits, or more of them than half a mantissa holds.
    """
    most = torch.finfo(kind)
    shifted = 1.5 * size / most.eps
    is_power = math.frexp(size)[0] == 0.5
    fits = max(-low, high) <= 0.5 / most.eps and shifted <= most.max
    return shifted if is_power and fits else None


def _beyond(low: float, high: float, kind: torch.dtype) -> tuple[float, float]:
    """The neighbours of two ends, outwards."""
    ends = torch.tensor([low, high], dtype=kind)
    beyond = torch.nextafter(ends, torch.tensor([-math.inf, math.inf], dtype=kind))
    return float(beyond[0]), float(beyond[1])


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
