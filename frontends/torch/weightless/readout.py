"""Bits to reals: counts of groups, or sums of learned integer weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lut_opt.dialects.lutnet.network import ConditionalSum, popcount, tuples
from lut_opt.dialects.quantization import Quantization
from lut_opt.frontends.torch.weightless.gradients import listed, straight_through


class Popcount(nn.Module):
    """Reals (tokens, results): scale · (set bits of a group − half its size)."""

    def __init__(self, inputs: int, results: int, scale: float = 0.125):
        """Groups are equal and consecutive. Raises `ValueError` where they cannot be."""
        super().__init__()
        if inputs % results:
            raise ValueError(f"{inputs} LUTs are not {results} equal groups: take a multiple")
        self.inputs, self.results, self.scale = inputs, results, scale
        self.size = inputs // results

    @property
    def quantization(self) -> Quantization:
        """Counts, unsigned; half of the group is the zero point."""
        bits = max(8, self.size.bit_length())
        return Quantization(bits, False, self.scale, self.size // 2)

    def forward(self, bits: Tensor) -> Tensor:
        """Count."""
        counts = bits.reshape(self.results, self.size, -1).sum(1).T
        return (counts - self.size // 2) * self.scale

    def network(self) -> ConditionalSum:
        """The sum that counts."""
        return popcount(self.inputs, self.results)


class Sum(nn.Module):
    """
    Conditional sum, reals (tokens, results): integer weights of the set bits, rounded to 8 bits.

    Dense, each result sees all bits; or grouped, an equal share of them each. Weights are reals
    that training sees rounded: the step is the least power of two that covers them in `bits`.
    `bias` is the result while half of what the bits weigh is there: so weights learn from bits of
    ±1/2, and what all bits have in common does not move all of them at once.
    """

    def __init__(
        self,
        inputs: int,
        results: int,
        *,
        dense: bool = True,
        scale: float = 2.0**-5,
        bits: int = 8,
        generator: torch.Generator | None = None,
    ):
        """`scale`, a power of two, is one step of the result."""
        super().__init__()
        if not dense and inputs % results:
            raise ValueError(f"{inputs} LUTs are not {results} equal groups: take a multiple")
        self.inputs, self.results, self.dense = inputs, results, dense
        self.scale, self.bits = scale, bits
        terms = inputs if dense else inputs // results
        start = torch.randn(results, terms, generator=generator) * (0.3 / math.sqrt(terms))
        self.weight = nn.Parameter(start)
        self.bias = nn.Parameter(torch.zeros(results))

    @property
    def quantization(self) -> Quantization:
        """How results are stored."""
        return Quantization(8, True, self.scale)

    def shift(self) -> int:
        """Bits that the accumulator has below a step of the result."""
        largest = float(self.weight.detach().abs().max())
        most = (1 << (self.bits - 1)) - 1
        step = 2.0 ** math.ceil(math.log2(max(largest / most, 2.0**-30)))
        return min(max(round(math.log2(self.scale / step)), 0), 20)

    def forward(self, bits: Tensor) -> Tensor:
        """Add up integers, held exactly in floats, and round."""
        shift = self.shift()
        step, stored = self.scale / 2.0**shift, self.quantization
        weight, bias = (
            straight_through(exact, real / step)
            for exact, real in zip(self._integers(step), self._reals(), strict=True)
        )
        if self.dense:
            sums = bits.T @ weight.T + bias
        else:
            groups = bits.reshape(self.results, self.inputs // self.results, -1)
            sums = (weight[:, None, :] @ groups)[:, 0, :].T + bias
        scaled = sums / 2.0**shift
        low, high = stored.minimum, stored.maximum
        smooth = scaled.clamp(low, high)
        half = 0.5 if shift else 0.0
        exact = (scaled.detach() + half).floor().clamp(low, high)
        return straight_through(exact, smooth) * self.scale

    def network(self) -> ConditionalSum:
        """The integer weights."""
        shift = self.shift()
        weight, bias = (listed(x.long()) for x in self._integers(self.scale / 2.0**shift))
        size = self.inputs // self.results
        groups = tuple(tuple(range(j * size, (j + 1) * size)) for j in range(self.results))
        return ConditionalSum(tuples(weight), tuple(bias), shift, None if self.dense else groups)

    def _reals(self) -> tuple[Tensor, Tensor]:
        """Weights of set bits, and what there is without any."""
        return self.weight, self.bias - self.weight.sum(1) / 2

    def _integers(self, step: float) -> tuple[Tensor, Tensor]:
        most = (1 << (self.bits - 1)) - 1
        weight, bias = ((real.detach() / step).round() for real in self._reals())
        return weight.clamp(-most - 1, most), bias
