"""
What stands for the derivative of steps and look-ups.

Tables: extended finite differences (Bacellar et al., ICML 2024, arXiv:2410.11112). At address a the
derivative by input l is, in the authors' released code (torch_dwn 1.1.1),

    Σ_k s_l(k) · α · β^H_l(k, a) · table[k],   α = 0.5 · 0.75^(n−1), β = 1/3,

s_l(k) = ±1 by bit l of k, H_l the Hamming distance without bit l. Since α·β^H is half the product
over the other bits of 0.75 where they agree and 0.25 where not, the sum is S[a | 1<<l] −
S[a & ~(1<<l)] of the table S smoothed by [[.75, .25], [.25, .75]] on every bit. One smoothed table
a LUT and step, then look-ups; the sum takes 2^n terms for each token.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

NEAR = 0.75
"""Weight of an equal bit; 1 − `NEAR` that of another. β = (1 − NEAR) / NEAR."""


def smoothed(tables: Tensor) -> Tensor:
    """Tables (LUTs, 2^n), mixed along every address bit."""
    luts, entries = tables.shape
    bits = entries.bit_length() - 1
    shaped = tables.reshape(luts, *([2] * bits))
    for axis in range(1, bits + 1):
        shaped = NEAR * shaped + (1 - NEAR) * shaped.flip(axis)
    return shaped.reshape(luts, entries)


def differences(tables: Tensor) -> Tensor:
    """The derivative (LUTs, n, 2^n) by each input at each address."""
    mixed = smoothed(tables)
    entries = tables.shape[1]
    address = torch.arange(entries, device=tables.device)
    bits = 1 << torch.arange(entries.bit_length() - 1, device=tables.device)
    above, below = address | bits[:, None], address & ~bits[:, None]
    # A table smoothed on bit l, too, has half of the difference: 0.75 − 0.25.
    return (mixed[:, above] - mixed[:, below]) * (0.5 / (2 * NEAR - 1))


class LookUp(torch.autograd.Function):
    """
    Bits (LUTs, tokens) of bits (inputs, tokens): 1 where the entry at the address is > 0.

    `connections` (LUTs, n) are the inputs of each LUT, the least significant bit first. The
    threshold has the straight-through gradient; the entry at the address takes the table's.
    """

    @staticmethod
    def forward(ctx: Any, bits: Tensor, connections: Tensor, tables: Tensor) -> Tensor:
        """Look every token up."""
        # Bytes: there is nothing to compute with, only to move.
        narrow = (bits > 0).byte()
        address = torch.zeros(len(tables), bits.shape[1], dtype=torch.uint8, device=bits.device)
        for place, wires in enumerate(connections.T):
            address |= narrow.index_select(0, wires) << place
        address = address.long()
        ctx.save_for_backward(address, connections, tables)
        ctx.inputs = bits.shape[0]
        return (tables > 0).to(tables.dtype).gather(1, address)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        """Extended finite differences for the wires, one input of all LUTs after another."""
        (given,) = upstream
        address, connections, tables = ctx.saved_tensors
        to_bits = to_tables = None
        if ctx.needs_input_grad[0]:
            to_bits = given.new_zeros(ctx.inputs, given.shape[1])
            for slopes, wires in zip(differences(tables).unbind(1), connections.T, strict=True):
                to_bits.index_add_(0, wires, slopes.gather(1, address) * given)
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
