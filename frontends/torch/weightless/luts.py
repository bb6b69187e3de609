"""A layer of learned look-up tables, with random or learned connections."""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from lut_opt.dialects.lutnet.network import Luts, tuples
from lut_opt.frontends.torch.weightless.gradients import listed, look_up

TEMPERATURE = 0.001
"""Of the softmax that spreads a learned connection's gradient (torch_dwn)."""


def random_connections(inputs: int, count: int, generator: torch.Generator | None) -> Tensor:
    """`count` wires, every input equally often: random permutations one after another (DWN)."""
    rounds = -(-count // inputs)
    each = [torch.randperm(inputs, generator=generator) for _ in range(rounds)]
    return torch.cat(each)[:count]


class LutLayer(nn.Module):
    """
    Bits (LUTs, tokens) of bits (inputs, tokens): 1 where a table's entry is positive.

    Tables are clamped to [−1, 1] before each training step. `start` is `threshold`, random
    threshold neurons, or `uniform` (DWN), whose tables hardly move in short trainings.
    """

    connections: Tensor

    def __init__(
        self,
        inputs: int,
        luts: int,
        arity: int = 6,
        *,
        learned: bool = False,
        start: Literal["threshold", "uniform"] = "threshold",
        share: float = 0.125,
        generator: torch.Generator | None = None,
    ):
        """`learned` connections take their gradient from a `share` of the tokens."""
        super().__init__()
        self.inputs, self.luts, self.arity, self.share = inputs, luts, arity, share
        self.tables = nn.Parameter(_tables(luts, arity, start, generator))
        wires = random_connections(inputs, luts * arity, generator)
        self.register_buffer("connections", wires)
        self.scores = nn.Parameter(torch.zeros(inputs, luts * arity)) if learned else None
        if self.scores is not None:
            with torch.no_grad():
                self.scores.uniform_(0, 1e-3, generator=generator)
                self.scores[wires, torch.arange(len(wires))] = 2e-3

    def wires(self) -> Tensor:
        """The input that each connection reads, LUT by LUT."""
        return self.connections if self.scores is None else self.scores.detach().argmax(0)

    def forward(self, bits: Tensor) -> Tensor:
        """Look up."""
        if self.training:
            with torch.no_grad():
                self.tables.clamp_(-1, 1)
        connections = self.connections
        if self.scores is not None:
            bits = cast(Tensor, cast(Any, _Choose).apply(bits, self.scores, self.share))
            connections = torch.arange(len(bits), device=bits.device)
        return look_up(bits, connections.reshape(self.luts, self.arity), self.tables)

    def network(self) -> Luts:
        """Connections and truth tables."""
        rows = listed(self.wires().reshape(self.luts, self.arity))
        entries: list[list[bool]] = listed(self.tables > 0)
        tables = (sum(int(bit) << at for at, bit in enumerate(row)) for row in entries)
        return Luts(tuples(rows), tuple(tables))


class _Choose(torch.autograd.Function):
    """Learned connections (torch_dwn): the input of the highest score, forward."""

    @staticmethod
    def forward(ctx: Any, bits: Tensor, scores: Tensor, share: float) -> Tensor:
        ctx.save_for_backward(bits, scores)
        ctx.share = share
        return bits.index_select(0, scores.argmax(0))

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Agreement of bits and gradient for the scores, their softmax for the bits."""
        (given,) = upstream
        bits, scores = ctx.saved_tensors
        to_bits = to_scores = None
        if ctx.needs_input_grad[0]:
            to_bits = (scores / TEMPERATURE).softmax(0) @ given
        if ctx.needs_input_grad[1]:
            step = max(1, round(1 / ctx.share))
            to_scores = (2 * bits[:, ::step] - 1) @ given[:, ::step].T
        return to_bits, to_scores, None


def _tables(luts: int, arity: int, start: str, generator: torch.Generator | None) -> Tensor:
    if start == "uniform":
        return torch.rand(luts, 1 << arity, generator=generator) * 2 - 1
    address = torch.arange(1 << arity)[:, None] >> torch.arange(arity) & 1
    weights = torch.randn(luts, arity, generator=generator)
    bias = torch.randn(luts, 1, generator=generator)
    sums = weights @ (2.0 * address.T - 1) + bias
    return (sums / sums.abs().amax(1, keepdim=True)).clamp(-1, 1)
