"""
`pwl.divide` on tensors, in int64; `lut_opt.dialects.pwl.reduction` has the formula.

Backward, 1/b and −y/b with the forward's quotient y, 0 where results clamp or nothing is divided.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from lut_opt.dialects.pwl.reduction import MAX_SHIFT
from lut_opt.dialects.pwl.units import Division
from lut_opt.frontends.torch.operator.integers import round_shift
from lut_opt.frontends.torch.operator.quantizer import Quantizer
from lut_opt.frontends.torch.operator.reductions import described, reduce
from lut_opt.frontends.torch.operator.scale import Scale
from lut_opt.frontends.torch.operator.visible import visible_op
from lut_opt.frontends.torch.operator.wide import stored
from lut_opt.frontends.torch.operator.window import at_scale


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(inputs[1], *output)
    ctx.shape = inputs[0].shape


def _backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor | None, ...]:
    b, y, inside = ctx.saved_tensors
    of_a = (grad / b).masked_fill(~inside, 0.0)
    return of_a.sum_to_size(ctx.shape), (-of_a * y).sum_to_size(b.shape), *(None,) * 10


@visible_op("divide", save=_save, backward=_backward)
def divide(
    a: Tensor,
    b: Tensor,
    step: Tensor,
    below: Tensor,
    constant: Tensor,
    reciprocal: Tensor,
    kind: str,
    numbers: list[int],
    fraction: int,
    numerator: list[int],
    denominator: list[int],
    result: list[float],
) -> tuple[Tensor, Tensor]:
    """
    Quotients of a on the grid of `step` and b on that of `below`, and where they follow them.

    `constant` is C, m and shift; `reciprocal` the results of the narrow table. Of numerator and
    denominator: zero point, minimum, maximum, and the table's least input; of the result: scale,
    zero point, minimum, maximum.
    """
    zero, low, high = numerator
    c = stored(a, step, zero, low, high) - zero
    zero, low, high, least = denominator
    v = stored(b, below, zero, low, high) - zero
    q, k = reduce(v.abs().clamp(min=1), kind, numbers, 1)
    r = reciprocal.index_select(0, (q - least).flatten()).view(q.shape) * constant[0]
    shift = (k + fraction + constant[1]).clamp(0, MAX_SHIFT)
    size, *bounds = result
    zero, low, high = (int(bound) for bound in bounds)
    y = round_shift(r.where(v >= 0, -r) * c, shift) + zero
    inside = (y > low) & (y < high) & (v != 0)
    y = y.clamp(low, high)
    # 0/0 is 0; what else is divided by 0 is the largest or smallest result.
    least_or_most = torch.where(c > 0, high, low)
    nothing = torch.full_like(y, min(max(zero, low), high))
    y = y.where(v != 0, nothing.where(c == 0, least_or_most))
    return (y - zero).float().mul_(size).to(a.dtype), inside


class DivisionModule(nn.Module):
    """
    A division of reals; the scales of numerator and denominator may both be learnt.

    `unit` is that at the start of both windows: its table serves all scales.
    """

    constants: Tensor
    reciprocal: Tensor

    def __init__(
        self, unit: Division, scale: Scale | None = None, below: Scale | None = None
    ) -> None:
        super().__init__()
        unit.check()
        self.unit = unit
        self.quantizer = Quantizer(unit.operand, scale)
        self.below = Quantizer(unit.denominator, below)
        side, made = unit.core.sides
        a, b, y = unit.operand, unit.denominator, unit.result
        self.numerator = [a.zero_point, a.minimum, a.maximum]
        self.denominator = [b.zero_point, b.minimum, b.maximum, side.minimum]
        self.result = [y.scale, float(y.zero_point), float(y.minimum), float(y.maximum)]
        self.reduction, self.fraction = described(unit.reduction), unit.core.fraction
        values = unit.reciprocal.evaluate(side.values, made)
        self.register_buffer("reciprocal", torch.as_tensor(values))
        tops, bottoms = self.quantizer.scale.values, self.below.scale.values
        constants = [_factor(unit, top, bottom) for top in tops for bottom in bottoms]
        self.register_buffer("constants", torch.tensor(constants, dtype=torch.int64))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The quotients; a and b broadcast."""
        top, step = self.quantizer(a)
        bottom, below = self.below(b)
        place = step.octave * len(self.below.scale.values) + below.octave
        constant = self.constants.index_select(0, place.reshape(1))[0]
        table = constant, self.reciprocal, *self.reduction, self.fraction
        sides = self.numerator, self.denominator, self.result
        return divide(top, bottom, step.size, below.size, *table, *sides)[0]


def _factor(unit: Division, top: float, bottom: float) -> tuple[int, int]:
    changed = replace(
        unit,
        operand=at_scale(unit.operand, top),
        denominator=at_scale(unit.denominator, bottom),
    )
    return changed.factor
