"""Range reductions on int64 tensors, and what an operator has to be told of one."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lut_opt.dialects.pwl.range_reduction import (
    ALIGNED,
    LeadingZero,
    MultiRange,
    Octaves,
    Reduction,
)
from lut_opt.frontends.torch.operator.integers import leading_one, round_shift


class Described(NamedTuple):
    """A reduction as an operator's arguments: numbers whose meaning depends on the kind."""

    kind: str
    numbers: list[int]


def described(reduction: Reduction) -> Described:
    """The arguments that say which reduction it is."""
    match reduction:
        case LeadingZero(bits):
            return Described("leading_zero", [bits])
        case Octaves(bits):
            return Described("octaves", [bits])
        case MultiRange():
            ends = [reduction.low, reduction.high]
            return Described("multi_range", [*ends, *reduction.bounds, *reduction.shifts])
        case _:
            raise ValueError(f"{type(reduction).__name__} is no reduction that tensors know")


def reduce(v: Tensor, kind: str, numbers: list[int], period: int) -> tuple[Tensor, Tensor]:
    """Table inputs q and exponents k of positive integers; see `Reduction.reduce`."""
    if kind == "octaves":
        (bits,) = numbers
        return v & ((1 << bits) - 1), v >> bits
    if kind == "leading_zero":
        (bits,) = numbers
        octave = leading_one(v)
        octave = octave - octave % period
        kept = ALIGNED - bits
        return ((v << (ALIGNED - octave)) + (1 << (kept - 1))) >> kept, octave // period
    low, high, *rest = numbers
    ranges = len(rest) // 2
    shift, before = torch.zeros_like(v), 0
    for bound, own in zip(rest[:ranges], rest[ranges:], strict=True):
        shift = shift + (v >= bound).long() * (own - before)
        before = own
    return round_shift(v, shift).clamp(low, high), shift // period
