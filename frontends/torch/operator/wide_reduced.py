"""
`pwl.apply` with a range reduction on inputs of more than 16 bits, in int64.

`lut_opt.dialects.pwl.reduction` has the formulas. Backward, the slope is the function's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lut_opt.dialects.pwl.reduction import (
    EXPONENTIALS,
    LOG_FRACTION,
    LOGARITHMS,
    MAX_SHIFT,
    Reduced,
    Reducible,
)
from lut_opt.frontends.torch.operator.integers import round_shift
from lut_opt.frontends.torch.operator.reductions import described, reduce
from lut_opt.frontends.torch.operator.tabulated import Applied
from lut_opt.frontends.torch.operator.visible import visible_op
from lut_opt.frontends.torch.operator.wide import stored

_SLOPES: dict[Reducible, Callable[[Tensor], Tensor]] = {
    "reciprocal": lambda x: -(x**-2),
    "rsqrt": lambda x: -0.5 * x**-1.5,
    "sqrt": lambda x: 0.5 * x**-0.5,
    "log": lambda x: 1.0 / x,
    "log2": lambda x: 1.0 / (math.log(2.0) * x),
    "log10": lambda x: 1.0 / (math.log(10.0) * x),
    "exp": torch.exp,
    "exp2": lambda x: math.log(2.0) * torch.exp2(x),
}


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(inputs[0], output[1])
    ctx.function = inputs[6]


def _backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor | None, ...]:
    x, inside = ctx.saved_tensors
    slope = _SLOPES[ctx.function](x)
    return (grad * slope).masked_fill(~inside, 0.0), *(None,) * 12


@visible_op("look_up_reduced", save=_save, backward=_backward)
def look_up_reduced(
    x: Tensor,
    step: Tensor,
    octave: Tensor,
    core: Tensor,
    constants: Tensor,
    sizes: Tensor,
    function: str,
    kind: str,
    numbers: list[int],
    period: int,
    fraction: int,
    operand: list[int],
    result: list[int],
) -> tuple[Tensor, Tensor]:
    """
    Results of x on the grid of `step`, and where they follow x.

    `core` are all results of the narrow table, the least input's first; `constants` (octaves, 6)
    m and shift of C, those of the operand of an exponential, the two terms of a logarithm.
    `operand`: zero point, minimum, maximum, least input of the core; `result`: zero point, minimum,
    maximum, what stands where the function has no value.
    """
    zero, low, high, least = operand
    at = octave.reshape(1)
    m, shift, turn, turn_shift, log_two, offset = constants.index_select(0, at)[0].unbind()
    v = stored(x, step, zero, low, high) - zero
    exponential = function in EXPONENTIALS
    size = v.abs() if function == "reciprocal" else v
    size = round_shift(v * turn, turn_shift) if exponential else size.clamp(min=1)
    q, k = reduce(size, kind, numbers, period)
    r = core.index_select(0, (q - least).flatten()).view(q.shape)
    if function in LOGARITHMS:
        r = (r << (LOG_FRACTION - fraction)) + k * log_two + offset
        y = round_shift(r * m, LOG_FRACTION + shift)
    else:
        k = -k if exponential or function == "sqrt" else k
        r = r.where(v >= 0, -r) if function == "reciprocal" else r
        y = round_shift(r * m, (k + fraction + shift).clamp(0, MAX_SHIFT))
    y = y + result[0]
    inside = (y > result[1]) & (y < result[2])
    y = y.clamp(result[1], result[2])
    if not exponential:
        defined = v != 0 if function == "reciprocal" else v > 0
        y, inside = y.where(defined, torch.full_like(y, result[3])), inside & defined
    y = (y - result[0]).float() * sizes.index_select(0, at)[0]
    return y.to(x.dtype), inside


class WideReduced(nn.Module):
    """The reductions of a window: one table, whose surroundings differ."""

    core: Tensor
    constants: Tensor
    sizes: Tensor

    def __init__(self, applied: Sequence[Applied]) -> None:
        super().__init__()
        reduced = [each.reduced for each in applied if each.reduced is not None]
        first = reduced[0]
        if any(each.core != first.core for each in reduced):
            raise ValueError("the scales of a window share one reduction and one table")
        core = first.core
        self.function, self.period, self.fraction = core.function, core.period, core.fraction
        self.reduction = described(core.reduction)
        side, result = core.sides
        operand = first.operand
        self.operand = [operand.zero_point, operand.minimum, operand.maximum, side.minimum]
        stored_as = first.result
        self.result = [stored_as.zero_point, stored_as.minimum, stored_as.maximum, first.at_zero]
        values = core.table.evaluate(side.values, result)
        self.register_buffer("core", torch.as_tensor(values))
        constants = [_constants(each) for each in reduced]
        self.register_buffer("constants", torch.tensor(constants, dtype=torch.int64))
        self.register_buffer("sizes", torch.tensor([each.result.scale for each in reduced]))

    def forward(self, x: Tensor, step: Tensor, octave: Tensor) -> Tensor:
        """Results of x on the grid of a step."""
        tables = self.core, self.constants, self.sizes
        core = *self.reduction, self.period, self.fraction
        return look_up_reduced(
            x, step, octave, *tables, self.function, *core, self.operand, self.result
        )[0]


def _constants(reduced: Reduced) -> list[int]:
    function = reduced.core.function
    turn = reduced.turn if function in EXPONENTIALS else (0, 0)
    terms = reduced.log_terms if function in LOGARITHMS else (0, 0)
    return [*reduced.factor, *turn, *terms]
