"""
Many passes over a large tensor, a block of rows at a time, so that a processor's cache holds them.

A compiler fuses passes instead, and an accelerator has no such cache: both get the tensor whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

_linalg: Any = torch.linalg

BLOCK = 1 << 17
"""Elements of a block: 1 MiB in double precision."""


def in_blocks(function: Callable[..., Any], rows: tuple[Tensor, ...], *others: Any) -> Any:
    """
    `function(*rows, *others)`, where each row of the results comes from that of the arguments.

    `rows` are tensors of the same leading axes; the function gives a tensor or a tuple of them.
    """
    first = rows[0]
    size = max(BLOCK // max(first.shape[-1], 1), 1) if first.dim() > 1 else 0
    whole = first.shape[:-1].numel() if first.dim() > 1 else 0
    if not _is_plain(first) or first.device.type != "cpu" or whole <= 2 * size:
        return function(*rows, *others)
    flat = [each.reshape(whole, each.shape[-1]) for each in rows]
    made: list[Tensor] = []
    single = False
    for start in range(0, whole, size):
        part = function(*(each[start : start + size] for each in flat), *others)
        single = isinstance(part, Tensor)
        parts: tuple[Tensor, ...] = (part,) if single else part
        if not made:
            made = [each.new_empty(whole, each.shape[-1]) for each in parts]
        for whole_one, each in zip(made, parts, strict=True):
            whole_one[start : start + size] = each
    shaped = tuple(each.view(*first.shape[:-1], each.shape[-1]) for each in made)
    return shaped[0] if single else shaped


def row_product(a: Tensor, b: Tensor) -> Tensor:
    """Sums of products along the last axis, which stays: exact, if every partial sum is."""
    if _is_plain(a):
        return _linalg.vecdot(a, b).unsqueeze(-1)
    return (a * b).sum(-1, keepdim=True)


def _is_plain(x: Tensor) -> bool:
    """Whether a tensor holds numbers: what a compiler traces does not, and is fused."""
    return type(x) in (Tensor, nn.Parameter)
