"""
`pwl.divide` on tensors; `lut_opt.dialects.pwl.reduction` has the formula.

It is in double precision where that holds every product, as it does for scales that are powers of
two behind a leading-zero reduction, and in int64 elsewhere.
Backward, 1/b and −y/b with the forward's quotient y, 0 where results clamp or nothing is divided.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from lut_opt.dialects.pwl.range_reduction import LeadingZero
from lut_opt.dialects.pwl.reduction import MAX_SHIFT
from lut_opt.dialects.pwl.units import Division
from lut_opt.dialects.quantization import Integers
from lut_opt.frontends.torch.operator.blocks import Scratch, blocks, pass_between
from lut_opt.frontends.torch.operator.integers import MANTISSA, power_of_two, round_shift, steps_
from lut_opt.frontends.torch.operator.quantizer import Quantizer
from lut_opt.frontends.torch.operator.reductions import described, reduce
from lut_opt.frontends.torch.operator.scale import Scale
from lut_opt.frontends.torch.operator.visible import visible_op
from lut_opt.frontends.torch.operator.wide import stored
from lut_opt.frontends.torch.operator.window import at_scale

_EXACT = 1 << 52
"""Double precision holds whole numbers below this, and what is half way between two."""


_Side = tuple[Tensor, int, int, int]
"""Step, zero point, minimum and maximum of a numerator or denominator."""


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[1], output)
    ctx.shape, ctx.result = inputs[0].shape, inputs[-1]


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    b, y = ctx.saved_tensors
    size, zero, low, high = ctx.result
    # What is at an end of the storage clamps.
    inside = pass_between(grad, y, (low - zero) * size, (high - zero) * size)
    of_a = inside * b.reciprocal().masked_fill_(b == 0, 0.0)
    of_b = (of_a * y).neg_().sum_to_size(b.shape)
    return of_a.sum_to_size(ctx.shape), of_b, *(None,) * 11


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
    double: bool,
    numerator: list[int],
    denominator: list[int],
    result: list[float],
) -> Tensor:
    """
    Quotients of a on the grid of `step` and b on that of `below`.

    `constant` is C, m and shift; `reciprocal` the results of the narrow table; `double` says that
    double precision holds all products. Of numerator and denominator: zero point, minimum, maximum,
    and the table's least input; of the result: scale, zero point, minimum, maximum.
    """
    aten: Any = torch
    shape = aten.broadcast_shapes(a.shape, b.shape)
    if a.dim() != b.dim() or a.shape[:-1] != b.shape[:-1]:
        a, b = a.expand(shape).contiguous(), b.expand(shape).contiguous()
    y = a.new_empty(shape)
    size, *bounds = result
    ends = [int(bound) for bound in bounds]
    of_a: _Side = step, numerator[0], numerator[1], numerator[2]
    of_b: _Side = below, denominator[0], denominator[1], denominator[2]
    table = constant, reciprocal, kind, numbers, fraction, denominator[3]
    top, bottom = Scratch(), Scratch()
    scaled = (reciprocal * constant[0]).double() * power_of_two(-(constant[1] + fraction))
    # A row of one tensor goes with a row, or with the one element, of the other.
    for out, c, v in blocks(y, a, b, rows=bool(y.dim() and y.numel())):
        if double:
            exact = _whole(c, of_a, top)
            inverse = _inverse(_whole(v, of_b, bottom), scaled, numbers[0])
            exact = exact.mul_(inverse) if c.shape == out.shape else exact * inverse
            # 0/0 is 0; what else is divided by 0 is the largest or smallest result.
            exact.nan_to_num_(nan=0.0).add_(0.5).floor_()
            out.copy_(exact).clamp_(*(end - ends[0] for end in ends[1:]))
        else:
            out.copy_(_quotients(_stored(c, of_a), _stored(v, of_b), *table, ends))
        out.mul_(size)
    return y


def _whole(x: Tensor, side: _Side, scratch: Scratch) -> Tensor:
    """Stored integers less the zero point, in double precision."""
    step, zero, low, high = side
    whole = steps_(scratch.copy(x, torch.float64), step)
    # What float32 rounds up is clamped.
    return whole if high - low < 1 << 24 else whole.clamp_(low - zero, high - zero)


def _stored(x: Tensor, side: _Side) -> Tensor:
    """The same in int64."""
    return stored(x, *side) - side[1]


def _inverse(v: Tensor, scaled: Tensor, table_bits: int) -> Tensor:
    """What numerators are multiplied by: C/v as a leading-zero reduction has it, ∞ of 0."""
    bits = v.add_(0.0).view(torch.int64)  # there is no −0 then
    digits, kept = (1 << MANTISSA) - 1, MANTISSA - table_bits
    place = (bits & digits).add_(1 << (kept - 1)).bitwise_right_shift_(kept)
    # Less its digits, v is a power of two with its sign, or 0.
    power = bits.bitwise_and_(~digits).view(torch.float64)
    return scaled.index_select(0, place.flatten()).view(v.shape).div_(power)


def _quotients(
    c: Tensor,
    v: Tensor,
    constant: Tensor,
    reciprocal: Tensor,
    kind: str,
    numbers: list[int],
    fraction: int,
    least: int,
    result: list[int],
) -> Tensor:
    """Quotients of integers, less the result's zero point, int64."""
    zero, low, high = result
    q, k = reduce(v.abs().clamp(min=1), kind, numbers, 1)
    r = reciprocal.index_select(0, (q - least).flatten()).view(q.shape) * constant[0]
    shift = (k + fraction + constant[1]).clamp(0, MAX_SHIFT)
    y = (round_shift(r.where(v >= 0, -r) * c, shift) + zero).clamp(low, high)
    # 0/0 is 0; what else is divided by 0 is the largest or smallest result.
    least_or_most = torch.where(c > 0, high, low)
    nothing = torch.full_like(y, min(max(zero, low), high))
    return y.where(v != 0, nothing.where(c == 0, least_or_most)) - zero


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
        self.is_double = isinstance(unit.reduction, LeadingZero) and all(
            _is_held(unit, values, self.fraction + shift, m) for m, shift in constants
        )

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The quotients; a and b broadcast."""
        top, step = self.quantizer(a)
        bottom, below = self.below(b)
        place = step.octave * len(self.below.scale.values) + below.octave
        constant = self.constants.index_select(0, place.reshape(1))[0]
        table = constant, self.reciprocal, *self.reduction, self.fraction, self.is_double
        sides = self.numerator, self.denominator, self.result
        return divide(top, bottom, step.size, below.size, *table, *sides)


def _is_held(unit: Division, reciprocals: Integers, shift: int, m: int) -> bool:
    """Whether double precision holds products with a mantissa m, which are never shifted left."""
    storage = unit.operand
    largest = max(storage.maximum - storage.zero_point, storage.zero_point - storage.minimum)
    odd = m // (m & -m)
    return shift >= 0 and reciprocals.min() > 0 and int(reciprocals.max()) * odd * largest < _EXACT


def _factor(unit: Division, top: float, bottom: float) -> tuple[int, int]:
    changed = replace(
        unit,
        operand=at_scale(unit.operand, top),
        denominator=at_scale(unit.denominator, bottom),
    )
    return changed.factor
