"""Integers on tensors: what `lut_opt.dialects.pwl.fixed_point` is on arrays, on any device."""

from __future__ import annotations

import torch
from torch import Tensor

from lut_opt.frontends.torch.operator.blocks import is_plain

MANTISSA, BIAS = 52, 1023
"""Bits of a double's mantissa, and what its exponent is stored with."""


def leading_one(values: Tensor) -> Tensor:
    """Position of the leading one of positive integers (int64)."""
    # Not frexp, whose exponents PyTorch's compiler for processors does not convert.
    exponent = (values.double().view(torch.int64) >> MANTISSA) - BIAS
    # The conversion to double may round up to the next power of two.
    return exponent - ((values >> exponent) == 0).long()


def round_shift(values: Tensor, shift: Tensor) -> Tensor:
    """⌊values / 2^shift + ½⌋ of int64; nothing is rounded where the shift is 0."""
    half = (torch.ones_like(shift) << shift) >> 1
    return (values + half) >> shift


def power_of_two(exponent: Tensor) -> Tensor:
    """2^exponent in double precision, exactly, for int64 exponents within ±1000."""
    return ((exponent + BIAS) << MANTISSA).view(torch.float64)


def steps_(x: Tensor, step: Tensor) -> Tensor:
    """Reals on the grid of a step become whole numbers of steps, in the precision of `x`."""
    x.div_(step.to(x.dtype))
    # Powers of two divide exactly; other steps are in double precision (see `Scale`).
    return x if step.dtype == torch.float32 else x.round_()


def steps_from(first: Tensor, x: Tensor, step: Tensor, out: Tensor) -> Tensor:
    """`out`: the same in whole numbers of steps, counted from `first`; all in one precision."""
    if is_plain(x) and step.dtype == torch.float32:
        # The inverse of a power of two is as exact, and a product and a sum are one pass.
        return torch.add(first, x, alpha=1.0 / float(step), out=out)
    return steps_(out.copy_(x), step).add_(first)
