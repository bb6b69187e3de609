"""
Softmax and log-softmax of rows on tensors; `lut_opt.dialects.pwl.units` has the formulas.

Rows are in float64, which holds every sum exactly: exponentials have 16 bits, their products with a
reciprocal 32, and a rounding adds one more. What there is one of for each row is in int64.
Backward, both are what PyTorch does with the forward's own results: softmax y⊙(ḡ − Σ ḡ·y), which is
0 for an element at the clip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lut_opt.dialects.pwl.units import (
    LOG_TWO,
    RECIPROCAL_BITS,
    TABLE_FRACTION,
    LogSoftmax,
    RowExponentials,
    Softmax,
)
from lut_opt.frontends.torch.operator.blocks import Scratch, blocks, is_within, taken
from lut_opt.frontends.torch.operator.integers import BIAS, MANTISSA, power_of_two, steps_
from lut_opt.frontends.torch.operator.rows import RowModule, dense
from lut_opt.frontends.torch.operator.scale import Scale
from lut_opt.frontends.torch.operator.visible import visible_op
from lut_opt.frontends.torch.operator.window import only

_EXACT_BITS = 52
"""Bits of a sum in double precision that leave one for its rounding."""


def _table(exp: Tensor, octave: Tensor) -> Tensor:
    """The exponentials of the scale in use."""
    return exp.index_select(0, octave.reshape(1))[0]


def _look_up(table: Tensor, place: Tensor) -> Tensor:
    return table.index_select(0, place.flatten()).view(place.shape)


def normalized(total: Tensor) -> tuple[Tensor, Tensor]:
    """Of each row's sum, 2^k times its mantissa: k, and the mantissa as a place in a table."""
    bits = total.view(torch.int64)
    half = 1 << (MANTISSA - RECIPROCAL_BITS - 1)
    place = ((bits & ((1 << MANTISSA) - 1)) + half) >> (MANTISSA - RECIPROCAL_BITS)
    return (bits >> MANTISSA) - BIAS, place


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(output, inputs[1])
    ctx.result = inputs[-1]


def _softmax_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    y, _ = ctx.saved_tensors
    return torch.ops.aten._softmax_backward_data(grad, y, -1, y.dtype), *(None,) * 5


@visible_op("softmax", save=_save, backward=_softmax_backward)
def softmax(
    x: Tensor, step: Tensor, octave: Tensor, exp: Tensor, reciprocal: Tensor, result: list[int]
) -> Tensor:
    """
    Softmax along the last axis of x on the grid of `step`.

    `exp` (octaves, distances) ends with the distance 0; it and `reciprocal` are float64; `result`:
    fraction bits, minimum, maximum.
    """
    fraction, low, high = result
    table, y, scratch = _table(exp, octave), torch.empty_like(x), Scratch()
    for part, out in blocks(x, y, rows=True):
        distance = steps_(out.copy_(part), step)
        # Beyond the table's reach an exponential is that at its beginning, 0.
        distance.sub_(distance.amax(-1, keepdim=True) - (len(table) - 1)).clamp_(min=0)
        e = taken(table, scratch.copy(distance, torch.int32), scratch.like(part, torch.float64))
        k, t = normalized(e.sum(-1, keepdim=True))
        e.mul_(_look_up(reciprocal, t).mul_(power_of_two(fraction - TABLE_FRACTION - k)))
        out.copy_(e.add_(0.5).floor_())
        out.clamp_(low, high).mul_(2.0**-fraction)
    return y


def _log_softmax_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    y, _ = ctx.saved_tensors
    fraction, low = ctx.result[:2]
    # As 0 and 1: what is at the least result clamps.
    least = (low + 1) * 2.0**-fraction
    if not is_within(y, least, math.inf):
        grad = y.clamp(min=least).eq_(y).mul_(grad)
    return torch.ops.aten._log_softmax_backward_data(grad, y, -1, y.dtype), *(None,) * 7


@visible_op("log_softmax", save=_save, backward=_log_softmax_backward)
def log_softmax(
    x: Tensor,
    step: Tensor,
    octave: Tensor,
    exp: Tensor,
    log: Tensor,
    fractions: Tensor,
    shifts: Tensor,
    result: list[int],
) -> Tensor:
    """
    Log-softmax along the last axis of x on the grid of `step`.

    Besides softmax's arguments: for each octave, the fraction bits of the exponentials, and how far
    a distance is shifted left to have those of `log`.
    """
    fraction, low, high = result
    table, y, scratch = _table(exp, octave), torch.empty_like(x), Scratch()
    at, unit = octave.reshape(1), 2.0 ** (fraction - TABLE_FRACTION)
    size = power_of_two(shifts.index_select(0, at)) * unit
    for part, out in blocks(x, y, rows=True):
        distance = steps_(out.copy_(part), step)
        distance.sub_(distance.amax(-1, keepdim=True))
        # Beyond the table's reach an exponential is that at its beginning, 0.
        place = scratch.copy(distance, torch.int32).add_(len(table) - 1).clamp_(min=0)
        e = taken(table, place, scratch.like(part, torch.float64))
        k, t = normalized(e.sum(-1, keepdim=True))
        total = _look_up(log, t) + (k - fractions.index_select(0, at)) * LOG_TWO
        exact = scratch.copy(distance, torch.float64).mul_(size).sub_(total.double() * unit - 0.5)
        out.copy_(exact.floor_())
        out.clamp_(low, high).mul_(2.0**-fraction)
    return y


class _Rows(RowModule):
    """What both have: an input's quantizer, the exponentials, and the result."""

    exp: Tensor

    def __init__(self, units: Sequence[RowExponentials], scale: Scale | None, axis: int) -> None:
        super().__init__(units, scale, (axis,))
        self.result = [units[0].result_bits, units[0].result.minimum, units[0].result.maximum]
        reach = max(-unit.clip for unit in units)
        tables = [dense(unit, "exp").astype(np.float64) for unit in units]
        # Below the clip an exponential is 0, as at the clip.
        padded = [np.pad(table, (reach + 1 - len(table), 0)) for table in tables]
        self.register_buffer("exp", torch.as_tensor(np.stack(padded)))


class SoftmaxModule(_Rows):
    """Softmax of reals along an axis; `units` has one for each scale of the window."""

    reciprocal: Tensor

    def __init__(
        self, units: Sequence[Softmax], scale: Scale | None = None, axis: int = -1
    ) -> None:
        super().__init__(units, scale, axis)
        only("table of reciprocals", [unit.reciprocal for unit in units])
        table = dense(units[0], "reciprocal").astype(np.float64)
        self.register_buffer("reciprocal", torch.as_tensor(table))

    def rows(self, x: Tensor, step: Tensor, octave: Tensor) -> Tensor:
        return softmax(x, step, octave, self.exp, self.reciprocal, self.result)


class LogSoftmaxModule(_Rows):
    """Log-softmax of reals along an axis; `units` has one for each scale of the window."""

    log: Tensor
    fractions: Tensor
    shifts: Tensor

    def __init__(
        self, units: Sequence[LogSoftmax], scale: Scale | None = None, axis: int = -1
    ) -> None:
        super().__init__(units, scale, axis)
        only("table of logarithms", [unit.log for unit in units])
        shifts = [unit.distance_shift for unit in units]
        if max(shifts) + 17 > _EXACT_BITS:
            raise ValueError(
                f"distances in steps of {units[0].operand.scale} need more than {_EXACT_BITS} bits "
                "beside a logarithm: use a finer input scale"
            )
        self.register_buffer("log", torch.as_tensor(dense(units[0], "log")))
        self.register_buffer("fractions", torch.tensor([unit.exp_fraction for unit in units]))
        self.register_buffer("shifts", torch.tensor(shifts))

    def rows(self, x: Tensor, step: Tensor, octave: Tensor) -> Tensor:
        tables = self.exp, self.log, self.fractions, self.shifts
        return log_softmax(x, step, octave, *tables, self.result)
