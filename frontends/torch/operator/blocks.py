"""
Many passes over a large tensor, a block of rows at a time, so that a processor's cache holds them.

A compiler fuses passes instead, and an accelerator has no such cache: both get the tensor whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

BLOCK = 1 << 17
"""Elements of a block, 1 MiB in double precision: fewer cost more calls, more leave the cache."""


def blocks(*tensors: Tensor, rows: bool = False) -> Iterator[tuple[Tensor, ...]]:
    """
    The same elements of each tensor, block by block, to be read and written in place.

    With `rows` the last axis stays whole, and may differ between the tensors.
    """
    first = tensors[0]
    if not is_plain(first) or not all(each.is_contiguous() for each in tensors):
        yield tensors
        return
    size = max(BLOCK // max(first.shape[-1], 1), 1) if rows else BLOCK
    flat = [each.view(-1, each.shape[-1] if rows else 1) for each in tensors]
    for start in range(0, flat[0].shape[0], size):
        yield tuple(each[start : start + size] for each in flat)


class Scratch:
    """Memory that one block after another writes to: to ask for new costs more than to fill it."""

    def __init__(self) -> None:
        self._kept: dict[torch.dtype, Tensor] = {}

    def like(self, block: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """What may be written over, of the shape of a block; one for each type."""
        kind = block.dtype if dtype is None else dtype
        if kind not in self._kept:
            self._kept[kind] = torch.empty_like(block, dtype=kind)
        kept = self._kept[kind]
        return kept if kept.shape == block.shape else kept[: block.shape[0]]

    def copy(self, block: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """The same with the block's own numbers."""
        return self.like(block, dtype).copy_(block)


def taken(table: Tensor, place: Tensor, out: Tensor) -> Tensor:
    """`out`, with the elements of a table that stand at these places."""
    if is_plain(place) and out.dtype == table.dtype and out.is_contiguous():
        torch.index_select(table, 0, place.flatten(), out=out.view(-1))
        return out
    return out.copy_(table.index_select(0, place.flatten()).view(place.shape))


def pass_between(grad: Tensor, y: Tensor, low: float, high: float) -> Tensor:
    """A gradient where y is strictly between two numbers, 0 elsewhere."""
    # To look whether there is any such element is less than to get memory for the answer.
    if is_plain(y) and y.numel():
        least, most = y.aminmax()
        if low < float(least) and float(most) < high:
            return grad
    return torch.ops.aten.hardtanh_backward(grad, y, low, high)


def is_plain(x: Tensor) -> bool:
    """Whether a tensor holds numbers in a processor's memory: what a compiler traces does not."""
    return type(x) in (Tensor, nn.Parameter) and x.device.type == "cpu"
