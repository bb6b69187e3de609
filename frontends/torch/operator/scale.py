"""
Scales that are learnt: S = 2^round(p), within a window of exponents that is tabulated ahead.

A step to another octave is another index: nothing is read back from the device, nothing built anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lut_opt.dialects.quantization import exact_log2


class Step(NamedTuple):
    """A scale while a model runs."""

    size: Tensor
    """S, without axes; its gradient is ln 2 · S times that of p, the rounding passed straight."""
    octave: Tensor
    """Its place in the window, int64 without axes."""


class Scale(nn.Module):
    """
    A window of scales, and which of them is used.

    `exponent` is p, the logarithm of the scale to base 2; learnt only if there is a choice. Raises
    ValueError where a window is not of ascending neighbouring powers of two. A single scale may be
    any positive number: it is given, and stays.
    """

    sizes: Tensor

    def __init__(self, sizes: Sequence[float], chosen: int = 0) -> None:
        super().__init__()
        exponents = [exact_log2(size) for size in sizes]
        whole = None not in exponents
        first = exponents[0] or 0
        if len(sizes) > 1 and exponents != list(range(first, first + len(sizes))):
            raise ValueError(f"a window holds neighbouring powers of two, ascending: {list(sizes)}")
        if not 0 <= chosen < len(sizes):
            raise ValueError(f"scale number {chosen} is none of the {len(sizes)} of the window")
        self.first = first if whole else 0
        self.values = tuple(sizes)
        # What is no power of two needs more digits to divide as the semantics do.
        kind = torch.float32 if whole else torch.float64
        self.register_buffer("sizes", torch.tensor(list(sizes), dtype=kind))
        p = torch.tensor(float(self.first + chosen))
        self.exponent = nn.Parameter(p, requires_grad=len(sizes) > 1)

    @staticmethod
    def window(first: int, last: int, start: int) -> Scale:
        """The powers of two from 2^first to 2^last, 2^start chosen."""
        return Scale([math.ldexp(1.0, e) for e in range(first, last + 1)], start - first)

    def forward(self) -> Step:
        """The scale in use."""
        last = len(self.values) - 1
        if not last:
            return Step(self.sizes.reshape(()), self.sizes.new_zeros((), dtype=torch.int64))
        octave = (self.exponent.detach().round() - self.first).clamp(0, last).long()
        size = self.sizes.index_select(0, octave.reshape(1)).reshape(())
        if not self.exponent.requires_grad:
            return Step(size, octave)
        # Nothing is added but the gradient.
        straight = self.exponent - self.exponent.detach()
        return Step(size + size * (math.log(2.0) * straight), octave)

    @property
    def octave(self) -> int:
        """The place in the window, as a number: this waits for the device."""
        return int(self().octave)

    @property
    def at_edge(self) -> bool:
        """Whether a window ends at the scale in use: training might have gone on."""
        return len(self.values) > 1 and self.octave in (0, len(self.values) - 1)

    def freeze(self, octave: int | None = None) -> None:
        """Keep the scale as it is, or another of the window."""
        chosen = self.octave if octave is None else octave
        with torch.no_grad():
            self.exponent.fill_(float(self.first + chosen))
        self.exponent.requires_grad_(False)
