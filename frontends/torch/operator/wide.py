"""
`pwl.apply` on tensors for inputs of more than 16 bits: the table's own arithmetic, in int64.

Backward, the slope is that at the nearest of 2^16 inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lut_opt.frontends.torch.operator.integers import round_shift
from lut_opt.frontends.torch.operator.tabulated import Applied, Slope
from lut_opt.frontends.torch.operator.visible import visible_op

CELLS = 1 << 16
"""How many inputs of a wide table have a slope of their own."""


def stored(x: Tensor, step: Tensor, zero_point: int, low: int, high: int) -> Tensor:
    """Stored integers of reals on the grid of a step, int64; what float32 rounds up is clamped."""
    return (x.double() / step.double()).round().long().add(zero_point).clamp(low, high)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(output[1], inputs[7])


def _backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor | None, ...]:
    cell, slopes = ctx.saved_tensors
    return grad * slopes.index_select(0, cell.flatten()).view(cell.shape), *(None,) * 10


@visible_op("look_up_wide", save=_save, backward=_backward)
def look_up_wide(
    x: Tensor,
    step: Tensor,
    octave: Tensor,
    breakpoints: Tensor,
    lines: Tensor,
    shifts: Tensor,
    sizes: Tensor,
    slopes: Tensor,
    operand: list[int],
    result: list[int],
    cell_shift: int,
) -> tuple[Tensor, Tensor]:
    """
    Results of x on the grid of `step`, and the cell whose slope counts.

    For each octave of the window: `breakpoints` (octaves, N−1), slope and shifted intercept in
    `lines` (octaves, N, 2), the result's shift and scale; `slopes` one after the other. `operand`
    and `result` are zero point, minimum and maximum.
    """
    zero, low, high = operand
    q = stored(x, step, zero, low, high)
    at = octave.reshape(1)
    segment = torch.searchsorted(breakpoints.index_select(0, at)[0], q, right=True)
    line = lines.index_select(0, at)[0].index_select(0, segment.flatten()).view(*q.shape, 2)
    y = round_shift(line[..., 0] * q + line[..., 1], shifts.index_select(0, at)[0])
    y = y.clamp(result[1], result[2]) - result[0]
    cell = ((q - low) >> cell_shift) + octave * (slopes.numel() // len(sizes))
    return (y.float() * sizes.index_select(0, at)[0]).to(x.dtype), cell.to(torch.int32)


class Wide(nn.Module):
    """The tables of a window of scales, as they are evaluated."""

    breakpoints: Tensor
    lines: Tensor
    shifts: Tensor
    sizes: Tensor
    slopes: Tensor

    def __init__(self, applied: Sequence[Applied], slope: Slope) -> None:
        super().__init__()
        operand, result = applied[0].operand, applied[0].result
        self.operand = [operand.zero_point, operand.minimum, operand.maximum]
        self.result = [result.zero_point, result.minimum, result.maximum]
        span = operand.maximum - operand.minimum
        self.cell_shift = max(span.bit_length() - CELLS.bit_length() + 1, 0)
        entries = max(each.table.entries for each in applied)
        rows = [_padded(each, entries) for each in applied]
        self.register_buffer("breakpoints", torch.tensor([row[0] for row in rows]).long())
        self.register_buffer("lines", torch.tensor([row[1] for row in rows]))
        self.register_buffer("shifts", torch.tensor([each.table.result_shift for each in applied]))
        self.register_buffer("sizes", torch.tensor([each.result.scale for each in applied]))
        cells = operand.minimum + (np.arange((span >> self.cell_shift) + 1) << self.cell_shift)
        cells = np.minimum(cells + ((1 << self.cell_shift) >> 1), operand.maximum)
        slopes = np.concatenate([each.slopes(cells, slope) for each in applied])
        self.register_buffer("slopes", torch.as_tensor(slopes))

    def forward(self, x: Tensor, step: Tensor, octave: Tensor) -> Tensor:
        """Results of x on the grid of a step."""
        tables = self.breakpoints, self.lines, self.shifts, self.sizes, self.slopes
        sides = self.operand, self.result
        return look_up_wide(x, step, octave, *tables, *sides, self.cell_shift)[0]


def _padded(applied: Applied, entries: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Breakpoints and lines of a table; entries that no input reaches stand behind its own."""
    table = applied.table
    more = entries - table.entries
    lines = [
        (slope, intercept << table.intercept_shift)
        for slope, intercept in zip(table.slopes, table.intercepts, strict=True)
    ]
    breakpoints = [*table.breakpoints, *[applied.operand.maximum + 1] * more]
    return breakpoints, lines + lines[-1:] * more
