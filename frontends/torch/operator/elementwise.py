"""
`pwl.apply` on tensors: a look-up of every stored input, for inputs of up to 16 bits.

Backward, dy/dx is what was tabulated beside the results: the derivative of the function, or the
slope of the segment; 0 where the result clamps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lut_opt.frontends.torch.operator.blocks import blocks, taken
from lut_opt.frontends.torch.operator.integers import steps_from
from lut_opt.frontends.torch.operator.tabulated import Applied, Slope
from lut_opt.frontends.torch.operator.visible import visible_op

_EXACT = 1 << 24
"""Whole numbers that float32 holds."""


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(output[1], inputs[4])


def _backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor | None, ...]:
    index, slopes = ctx.saved_tensors
    of_x = torch.empty_like(grad)
    for place, above, out in blocks(index, grad, of_x):
        taken(slopes, place, out).mul_(above)
    return of_x, *(None,) * 6


@visible_op("look_up", save=_save, backward=_backward)
def look_up(
    x: Tensor, step: Tensor, octave: Tensor, values: Tensor, slopes: Tensor, low: int, size: int
) -> tuple[Tensor, Tensor]:
    """
    Tabulated values of x = step·v, v from `low` on, and where they stand.

    `values` and `slopes` hold `size` reals for each octave of the window.
    """
    y, index = torch.empty_like(x), torch.empty_like(x, dtype=torch.int32)
    first = (octave * size - low).to(x.dtype)
    for part, out, place in blocks(x, y, index):
        place.copy_(steps_from(first, part, step, out))
        taken(values, place, out)
    return y, index


class Dense(nn.Module):
    """All results and slopes of the tables of a window of scales."""

    values: Tensor
    slopes: Tensor

    def __init__(self, applied: Sequence[Applied], slope: Slope) -> None:
        super().__init__()
        operand = applied[0].operand
        q = operand.values
        if len(q) * len(applied) > _EXACT:
            raise ValueError(f"a window of {len(applied)} scales of {len(q)} inputs is too large")
        self.low, self.size = operand.minimum - operand.zero_point, len(q)
        values = np.concatenate([each.reals(q) for each in applied])
        slopes = np.concatenate([each.slopes(q, slope) for each in applied])
        self.register_buffer("values", torch.as_tensor(values))
        self.register_buffer("slopes", torch.as_tensor(slopes))

    def forward(self, x: Tensor, step: Tensor, octave: Tensor) -> Tensor:
        """Results of x on the grid of a step."""
        return look_up(x, step, octave, self.values, self.slopes, self.low, self.size)[0]
