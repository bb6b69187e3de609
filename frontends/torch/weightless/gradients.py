"""
What stands for the derivative of steps and look-ups.

Tables: extended finite differences (Bacellar et al., ICML 2024, arXiv:2410.11112). At address a the
derivative by input l is, in the authors' released code (torch_dwn 1.1.1),

    Σ_k s_l(k) · α · β^H_l(k, a) · table[k],   α = 0.5 · 0.75^(n−1), β = 1/3,

s_l(k) = ±1 by bit l of k, H_l the Hamming distance without bit l. α·β^H is half the product over
the other bits of 0.75 where they agree and 0.25 where not: half the difference by bit l of the
table smoothed by [[.75, .25], [.25, .75]] on every other bit. So it is linear in the table and
does not depend on bit l of a: one product of all tables with a constant, then look-ups, where the
sum takes 2^n terms for each token.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor

from lut_opt.frontends.torch.weightless import kernel

NEAR = 0.75
"""Weight of an equal bit; 1 − `NEAR` that of another. β = (1 − NEAR) / NEAR."""


def slopes(tables: Tensor) -> Tensor:
    """The derivative (LUTs, n, 2^(n−1)) of tables (LUTs, 2^n) by each input, at the others."""
    bits = tables.shape[1].bit_length() - 1
    rule = _rule(bits).to(tables)
    return (tables @ rule.T).reshape(len(tables), bits, -1)


@lru_cache(maxsize=16)
def _rule(bits: int) -> Tensor:
    """What each entry weighs: (n · 2^(n−1), 2^n), the address' highest bit first in products."""
    others = torch.tensor([[NEAR, 1 - NEAR], [1 - NEAR, NEAR]], dtype=torch.float64)
    own = torch.tensor([[-0.5, 0.5]], dtype=torch.float64)
    rows: list[Tensor] = []
    for place in range(bits):
        product = torch.ones(1, 1, dtype=torch.float64)
        for bit in reversed(range(bits)):
            product = torch.kron(product, own if bit == place else others)
        rows.append(product)
    return torch.cat(rows)


def differences(tables: Tensor) -> Tensor:
    """The derivative (LUTs, n, 2^n) by each input at each whole address."""
    address = torch.arange(tables.shape[1], device=tables.device)
    found: list[Tensor] = []
    for place, halves in enumerate(slopes(tables).unbind(1)):
        low = (1 << place) - 1
        found.append(halves[:, address & low | address >> 1 & ~low])
    return torch.stack(found, 1)


def addresses(bits: Tensor, connections: Tensor) -> Tensor:
    """Addresses (LUTs, tokens), in bytes: there is nothing to compute with, only to move."""
    narrow = (bits > 0).byte()
    found = torch.zeros(len(connections), bits.shape[1], dtype=torch.uint8, device=bits.device)
    for place, wires in enumerate(connections.T):
        found |= narrow.index_select(0, wires) << place
    return found


class LookUp(torch.autograd.Function):
    """
    Bits (LUTs, tokens) of bits (inputs, tokens): 1 where the entry at the address is > 0.

    `connections` (LUTs, n) are the inputs of each LUT, the least significant bit first. The
    threshold has the straight-through gradient; the entry at the address takes the table's.
    """

    @staticmethod
    def forward(ctx: Any, bits: Tensor, connections: Tensor, tables: Tensor) -> Tensor:
        """Look every token up."""
        if kernel.suits(tables):
            address, found = kernel.look_up(bits, connections, tables)
        else:
            address = addresses(bits, connections)
            found = (tables > 0).to(tables.dtype).gather(1, address.long())
        ctx.save_for_backward(address, connections, tables)
        ctx.inputs = bits.shape[0]
        return found

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        """Extended finite differences for the wires, one input of all LUTs after another."""
        (given,) = upstream
        address, connections, tables = ctx.saved_tensors
        if kernel.suits(tables):
            found = kernel.gradients(address, connections, slopes(tables), given, ctx.inputs)
            to_bits, to_tables = found
            return to_bits, None, to_tables
        address = address.long()
        to_bits = to_tables = None
        if ctx.needs_input_grad[0]:
            to_bits = given.new_zeros(ctx.inputs, given.shape[1])
            for each, wires in zip(differences(tables).unbind(1), connections.T, strict=True):
                to_bits.index_add_(0, wires, each.gather(1, address) * given)
        if ctx.needs_input_grad[2]:
            to_tables = torch.zeros_like(tables).scatter_add_(1, address, given)
        return to_bits, None, to_tables


class Step(torch.autograd.Function):
    """1 where x > threshold; the derivative is a triangle around the threshold of some width."""

    @staticmethod
    def forward(ctx: Any, bits: Tensor, distance: Tensor, width: float) -> Tensor:
        """`bits` is what was decided on integers, `distance` x − threshold in reals."""
        ctx.save_for_backward(distance)
        ctx.width = width
        return bits

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[None, Tensor, None]:
        """Of height 1/width, so that its area is 1."""
        (given,) = upstream
        (distance,) = ctx.saved_tensors
        triangle = (1 - distance.abs() / ctx.width).clamp(min=0) / ctx.width
        return None, given * triangle, None


def straight_through(exact: Tensor, smooth: Tensor) -> Tensor:
    """The value of `exact`, the gradient of `smooth`."""
    return cast(Any, _StraightThrough).apply(exact, smooth)


def look_up(bits: Tensor, connections: Tensor, tables: Tensor) -> Tensor:
    """`LookUp`, with its type."""
    return cast(Any, LookUp).apply(bits, connections, tables)


def step(bits: Tensor, distance: Tensor, width: float) -> Tensor:
    """`Step`, with its type."""
    return cast(Any, Step).apply(bits, distance, width)


def listed(values: Tensor) -> Any:
    """Numbers as nested lists; torch has no type for them."""
    return cast(Any, values.detach()).tolist()


class _StraightThrough(torch.autograd.Function):
    """`smooth + (exact − smooth).detach()` rounds; this does not."""

    @staticmethod
    def forward(ctx: Any, exact: Tensor, smooth: Tensor) -> Tensor:
        return exact.view_as(exact)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[None, Tensor]:
        return None, upstream[0]
