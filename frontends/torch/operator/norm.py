"""
Layer norm and RMS norm of rows on tensors; `lut_opt.dialects.pwl.units` has the formulas.

Rows are in float64, which holds every sum exactly (see `Norm`): a·r has 46 bits, and x̂·γ + β, to be
checked, no more than 53. Of what each row has one of, those of all rows are computed at once, in
int64. Backward, it is the gradient in floats with the forward's own inverse root, 0 where results
clamp.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lut_opt.dialects.pwl.units import (
    MAX_CENTRED_BITS,
    MAX_EPSILON_SHIFT,
    NORM_FRACTION,
    RSQRT_BITS,
    RSQRT_OPERAND,
    TABLE_FRACTION,
    LayerNorm,
    Norm,
)
from lut_opt.dialects.quantization import Quantization
from lut_opt.frontends.torch.operator.blocks import Scratch, blocks, pass_between
from lut_opt.frontends.torch.operator.integers import leading_one, power_of_two, steps_
from lut_opt.frontends.torch.operator.quantizer import Quantizer
from lut_opt.frontends.torch.operator.rows import RowModule, dense
from lut_opt.frontends.torch.operator.scale import Scale
from lut_opt.frontends.torch.operator.visible import visible_op
from lut_opt.frontends.torch.operator.window import only

_NORMALIZED_BITS = 21
"""|x̂| is below 2^21, in steps of 2^−14."""

_EXACT_BITS = 53
"""Bits of a whole number in double precision."""


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    x, _, _, _, _, weight, bias, *_, ctx.result, ctx.centred = inputs
    ctx.has_bias = bias is not None
    ctx.save_for_backward(x, weight, *output)


def _backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    x, weight, y, mean, inverse = ctx.saved_tensors
    fraction, zero, low, high = ctx.result
    unit = 2.0**-fraction
    # What is at an end of the storage clamps.
    grad = pass_between(grad, y, (low - zero) * unit, (high - zero) * unit)
    if ctx.centred:
        sides = [x.shape[-1]], mean, inverse, weight, weight
        wanted = [True, weight is not None, ctx.has_bias]
        gradients = torch.ops.aten.native_layer_norm_backward(grad, x, *sides, wanted)
        of_x, of_weight, of_bias = gradients
    else:
        of_x, of_weight, of_bias = *_rms_backward(grad, x, inverse, weight), None
    return of_x, *(None,) * 4, of_weight, of_bias, *(None,) * 4


def _rms_backward(
    grad: Tensor, x: Tensor, inverse: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    normalized = x * inverse
    of_normalized, of_weight = grad, None
    if weight is not None:
        of_weight = (grad * normalized).flatten(0, -2).sum(0)
        of_normalized = grad * weight
    along = (of_normalized * normalized).sum(-1, keepdim=True) / x.shape[-1]
    return (of_normalized - normalized.mul_(along)).mul_(inverse), of_weight


@visible_op("normalize", save=_save, backward=_backward)
def normalize(
    x: Tensor,
    step: Tensor,
    octave: Tensor,
    rsqrt: Tensor,
    epsilon: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    square_fraction: int,
    wide: bool,
    result: list[int],
    centred: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """
    A norm along the last axis of x on the grid of `step`; mean and inverse root of each row.

    `rsqrt` is the table's results, float64; `epsilon` (octaves, 2) mantissa and shift; `weight` and
    `bias` the reals that γ and β are stored as; `wide` says that rows are narrowed by their leading
    zeros; `result`: fraction bits, zero point, minimum, maximum.
    """
    fraction, zero, low, high = result
    n, unit = x.shape[-1], 2.0 ** (fraction - NORM_FRACTION)
    nothing = x.new_zeros(n, dtype=torch.float64)
    gamma = nothing + unit if weight is None else weight.double() * unit
    beta = nothing + 0.5 if bias is None else bias.double() * 2.0**fraction + 0.5
    held = _held(x, step, wide=wide, centred=centred)
    total, root = _sums(x, held, centred=centred)
    epsilon_parts = epsilon.index_select(0, octave.reshape(1))[0]
    v = _variance(n, held, total, root, epsilon_parts, square_fraction)
    r = _inverse_root(v, rsqrt, square_fraction) * (n / held.one)
    # (n·c − Σc)·r in steps of 2^−14, halves up.
    below = total * (r / n) - 0.5
    y, scratch = torch.empty_like(x), Scratch()
    for part, out, middle, narrowing, r_of, below_of in blocks(
        x, y, held.middle, held.narrowing, r, below, rows=True
    ):
        c = held.rows(part, middle, narrowing, scratch)
        c.mul_(r_of).sub_(below_of).floor_()
        out.copy_(torch.addcmul(beta, c, gamma, out=c).floor_())
        out.clamp_(low - zero, high - zero).mul_(2.0**-fraction)
    size = held.size / held.one
    mean = total * (size / n) + held.middle * step.double()
    inverse = r * (2.0**-NORM_FRACTION / size)
    return y, mean.to(x.dtype), inverse.to(x.dtype)


@dataclass(frozen=True)
class _Held:
    """How rows are held in double precision."""

    step: Tensor
    wide: bool
    middle: Tensor
    """What is subtracted from each row, in steps."""
    narrowing: Tensor
    """log2 of what the whole numbers of a row are in steps."""

    @property
    def whole(self) -> bool:
        """Whether as whole numbers; else reals: a power of two changes no digit of theirs."""
        return self.wide or self.step.dtype != torch.float32

    @property
    def size(self) -> Tensor:
        """The real that a whole number stands for."""
        return self.step.double() * power_of_two(self.narrowing)

    @property
    def one(self) -> Tensor:
        """What one step is held as."""
        return torch.ones_like(self.step).double() if self.whole else self.step.double()

    def rows(self, x: Tensor, middle: Tensor, narrowing: Tensor, scratch: Scratch) -> Tensor:
        """Some of the rows, which may be written over."""
        c = scratch.copy(x, torch.float64)
        if self.whole:
            c = steps_(c, self.step)
        if self.wide:
            c.sub_(middle).mul_(power_of_two(-narrowing)).add_(0.5).floor_()
        return c


def _held(x: Tensor, step: Tensor, *, wide: bool, centred: bool) -> _Held:
    """How the rows of x are held, so that their squares are exact."""
    nothing = torch.zeros_like(x[..., :1], dtype=torch.float64)
    if not wide:
        return _Held(step, wide, nothing, nothing.long())
    low, high = (steps_(end(-1, keepdim=True).double(), step) for end in (x.amin, x.amax))
    middle = ((low + high) / 2).floor() if centred else nothing
    largest = torch.maximum(high - middle, middle - low).clamp(min=1).long()
    return _Held(step, wide, middle, (leading_one(largest) - (MAX_CENTRED_BITS - 1)).clamp(min=0))


def _sums(x: Tensor, held: _Held, *, centred: bool) -> tuple[Tensor, Tensor]:
    """Of each row, the sum (0 where it is not subtracted) and the root of that of its squares."""
    total, root = (torch.zeros_like(held.middle) for _ in range(2))
    scratch = Scratch()
    for part, middle, narrowing, total_of, root_of in blocks(
        x, held.middle, held.narrowing, total, root, rows=True
    ):
        c = held.rows(part, middle, narrowing, scratch)
        if centred:
            total_of.copy_(c.sum(-1, keepdim=True))
        root_of.copy_(torch.ops.aten.linalg_vector_norm(c, 2, [-1], True))
    return total, root


def _variance(
    n: int, held: _Held, total: Tensor, root: Tensor, epsilon: Tensor, fraction: int
) -> Tensor:
    """n²·(σ² + ε) of each row in squared steps, with `fraction` bits behind the point; int64."""
    whole = (total / held.one).long()
    # The root of a whole number below 2^50, rounded to 53 bits, is that of no other.
    square = (root / held.one).square_().round_().long()
    mantissa, shift = epsilon.unbind()
    if held.wide:
        shift = (shift + 2 * held.narrowing).clamp(max=MAX_EPSILON_SHIFT)
    v = ((n * square - whole * whole) << fraction) + ((n * n * mantissa) >> shift)
    return v.clamp(min=1 << fraction)


def _inverse_root(v: Tensor, rsqrt: Tensor, fraction: int) -> Tensor:
    """1/√v as the table has it, such that (n·c − Σc)·r is in steps of 2^−14."""
    k = leading_one(v) >> 1
    t = ((v << (60 - 2 * k)) + (1 << (59 - RSQRT_BITS))) >> (60 - RSQRT_BITS)
    place = t - RSQRT_OPERAND.minimum
    r = rsqrt.index_select(0, place.flatten()).view(place.shape)
    return r * power_of_two(NORM_FRACTION - TABLE_FRACTION - k + fraction // 2)


class NormModule(RowModule):
    """
    A layer or RMS norm of reals over the last axes.

    `units` has one for each scale of the window; `weight` and `bias`, of the shape of a row, are
    learnt as they are there, and stored as the units say. Raises ValueError where they are missing.
    """

    rsqrt: Tensor
    epsilon: Tensor

    def __init__(
        self,
        units: Sequence[Norm],
        scale: Scale | None = None,
        normalized: int = 1,
        weight: nn.Parameter | None = None,
        bias: nn.Parameter | None = None,
    ) -> None:
        super().__init__(units, scale, tuple(range(-normalized, 0)))
        first = units[0]
        for name in ("rsqrt", "gamma", "beta"):
            only(name, [getattr(unit, name) for unit in units])
        _check_sums(first)
        self.weight, self.weight_quantizer = _parameter("gamma", weight, first.gamma)
        self.bias, self.bias_quantizer = _parameter("beta", bias, first.beta)
        self.centred = isinstance(first, LayerNorm)
        self.square_fraction, self.wide = first.square_fraction, first.is_wide
        kind = first.result
        fraction = first.product_bits - first.result_shift
        self.result = [fraction, kind.zero_point, kind.minimum, kind.maximum]
        table = dense(first, "rsqrt").astype(np.float64)
        self.register_buffer("rsqrt", torch.as_tensor(table))
        self.register_buffer("epsilon", torch.tensor([unit.epsilon_parts for unit in units]))

    def rows(self, x: Tensor, step: Tensor, octave: Tensor) -> Tensor:
        weight = _stored(self.weight, self.weight_quantizer)
        bias = _stored(self.bias, self.bias_quantizer)
        tables = self.rsqrt, self.epsilon, weight, bias
        numbers = self.square_fraction, self.wide, self.result, self.centred
        return normalize(x, step, octave, *tables, *numbers)[0]


def _parameter(
    name: str, value: nn.Parameter | None, storage: Quantization | None
) -> tuple[nn.Parameter | None, Quantizer | None]:
    if (value is None) != (storage is None):
        raise ValueError(f"{name} and how it is stored come together or not at all")
    return value, None if storage is None else Quantizer(storage)


def _stored(value: Tensor | None, quantizer: Quantizer | None) -> Tensor | None:
    """The reals that a parameter is stored as, in one row."""
    if value is None or quantizer is None:
        return None
    return quantizer(value.flatten())[0]


def _check_sums(unit: Norm) -> None:
    """Raise ValueError where a sum of the affine part does not fit double precision."""

    def largest(storage: Quantization | None, otherwise: int) -> int:
        return otherwise if storage is None else max(-storage.minimum, storage.maximum)

    most = largest(unit.gamma, 1) << _NORMALIZED_BITS
    most += largest(unit.beta, 0) << unit.beta_shift
    most += 1 << unit.result_shift
    if most >= 1 << _EXACT_BITS:
        raise ValueError(
            f"gamma and beta of pwl.{unit.name} need sums of {math.ceil(math.log2(most))} bits, "
            f"more than the {_EXACT_BITS} of double precision: store them in fewer bits"
        )
