"""
Softmax and log-softmax of rows on tensors; `lut_opt.dialects.pwl.units` has the formulas.

Exponentials, of 16 bits, and their sums are in int32, their products with a reciprocal, of 32, in
float64; the distances and results of a log-softmax are in the input's own precision, which holds
them (see `_to_nearest`). Of what each row has one of, those of all rows are computed at once, in
int64. Backward, both are what PyTorch does with the forward's own results: softmax y⊙(ḡ − Σ ḡ·y),
which is 0 for an element at the clip.
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
from lut_opt.frontends.torch.operator.blocks import Scratch, blocks, is_plain, pass_between, taken
from lut_opt.frontends.torch.operator.integers import (
    BIAS,
    MANTISSA,
    power_of_two,
    steps_,
    steps_from,
)
from lut_opt.frontends.torch.operator.rows import RowModule, dense
from lut_opt.frontends.torch.operator.scale import Scale
from lut_opt.frontends.torch.operator.visible import visible_op
from lut_opt.frontends.torch.operator.window import only

_HALVES_UP = 1.0 + 2.0**-35
"""
A product below 2^32 times this lies strictly between it and the next whole number.

So the nearest whole number of 2^k is what the semantics have, which take the upper of two.
"""


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

    `exp` (octaves, distances), int32, ends with the distance 0; `reciprocal` is float64; `result`:
    fraction bits, minimum, maximum.
    """
    fraction, low, high = result
    y = torch.empty_like(x)
    _, e, k, t = _summed(x, step, _table(exp, octave), y)
    r = _look_up(reciprocal, t).mul_(power_of_two(-TABLE_FRACTION - k)).mul_(_HALVES_UP)
    # A sum with `shifted` has the unit as its last digit: it rounds there.
    unit, shifted = 2.0**-fraction, 1.5 * 2.0 ** (MANTISSA - fraction)
    scratch = Scratch()
    for part, out, r_of in blocks(e, y, r, rows=True):
        exact = scratch.copy(part, torch.float64).mul_(r_of)
        out.copy_(exact.add_(shifted).sub_(shifted)).clamp_(low * unit, high * unit)
    return y


def _summed(
    x: Tensor, step: Tensor, table: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """
    Largest elements, exponentials, and of each row's sum k and the place of the mantissa.

    Exponentials are in `memory` where that is in single precision: to get new memory takes longer
    than to fill it.
    """
    largest = x.amax(-1, keepdim=True)
    first = (len(table) - 1) - steps_(largest.clone(), step)
    is_reused = is_plain(x) and x.dtype == torch.float32
    e = memory.view(torch.int32) if is_reused else torch.empty_like(x, dtype=torch.int32)
    total = torch.empty_like(largest, dtype=torch.int32)
    scratch = Scratch()
    for part, start, e_of, total_of in blocks(x, first, e, total, rows=True):
        # Beyond the table's reach an exponential is that at its beginning, 0.
        steps = steps_from(start, part, step, scratch.like(part)).clamp_(min=0)
        taken(table, scratch.copy(steps, torch.int32), e_of)
        total_of.copy_(e_of.sum(-1, keepdim=True, dtype=torch.int32))
    return largest, e, *normalized(total.double())


def _log_softmax_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    y, _ = ctx.saved_tensors
    fraction, low = ctx.result[:2]
    # What is at the least result clamps.
    grad = pass_between(grad, y, low * 2.0**-fraction, math.inf)
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

    Besides softmax's arguments: for each octave, the fraction bits of the
    exponentials, and how far a distance is shifted left to have those of `log`.
    """
    fraction, low, high = result
    y = torch.empty_like(x)
    largest, _, k, t = _summed(x, step, _table(exp, octave), y)
    at, unit = octave.reshape(1), 2.0**-fraction
    total = _look_up(log, t) + (k - fractions.index_select(0, at)) * LOG_TWO
    offset = _to_nearest(total, shifts.index_select(0, at), fraction).to(x.dtype)
    # A sum with `shifted` has the unit as its last digit: it rounds there.
    shifted = 1.5 * unit / torch.finfo(x.dtype).eps
    for part, out, most, more in blocks(x, y, largest, offset, rows=True):
        torch.sub(part, most, out=out).add_(more).add_(shifted).sub_(shifted)
        out.clamp_(low * unit, high * unit)
    return y


def _to_nearest(total: Tensor, shift: Tensor, fraction: int) -> Tensor:
    """
    What is added to distances D, so that to round to the nearest result is what the semantics do.

    In steps of 2^−16 they take ⌊(D − total + 2^(s−1))/2^s⌋. D is a multiple of 2^shift, so that the
    rest of the numerator may be rounded down to a multiple of L = 2^min(s, shift): and L/2 more
    than that is nowhere half way. Single precision holds the sum: in steps of L/2, D has 18 bits
    where shift ≤ s, and the rest is less than 2^22; where shift > s, it is off only when it is more
    than 2^24 results below the largest, where all clamp.
    """
    coarse = TABLE_FRACTION - fraction
    common = shift.clamp(max=coarse)
    multiple = (((1 << coarse >> 1) - total) >> common) << common
    exact = multiple.double() + 0.5 * power_of_two(common) - 0.5 * 2.0**coarse
    return exact.mul_(2.0**-TABLE_FRACTION)


class _Rows(RowModule):
    """What both have: an input's quantizer, the exponentials, and the result."""

    exp: Tensor

    def __init__(self, units: Sequence[RowExponentials], scale: Scale | None, axis: int) -> None:
        super().__init__(units, scale, (axis,))
        self.result = [units[0].result_bits, units[0].result.minimum, units[0].result.maximum]
        reach = max(-unit.clip for unit in units)
        tables = [dense(unit, "exp").astype(np.int32) for unit in units]
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
        self.register_buffer("log", torch.as_tensor(dense(units[0], "log")))
        self.register_buffer("fractions", torch.tensor([unit.exp_fraction for unit in units]))
        self.register_buffer("shifts", torch.tensor(shifts))

    def rows(self, x: Tensor, step: Tensor, octave: Tensor) -> Tensor:
        tables = self.exp, self.log, self.fractions, self.shifts
        return log_softmax(x, step, octave, *tables, self.result)
