"""What a non-linear operator's range is about: which of the values that it receives count."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.fx import Node

from lut_opt.frontends.torch import operators
from lut_opt.frontends.torch.graph import operator_name

_MASKED = -1e4
"""Softmax arguments this far below their maximum are masked out, and say nothing about the data."""

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """
    The values that one execution of an operator shows.

    `values` is what the operator's range is about. `numerator` is what a division divides.
    """

    values: Reals
    numerator: Reals | None = None


def seen(node: Node, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Seen:
    """
    The values that count, in float64.

    Elements of the input; for softmax and attention the distances to the row's maximum, without
    masked elements; for a division the denominators. Values at which the operator is infinite or
    undefined do not count: a model that makes them does not use the result.
    """
    name = operator_name(node)
    if name == operators.ATTENTION:
        return Seen(_array(_below_maximum(scores(*arguments, **keywords), -1)))
    if name in operators.SOFTMAX:
        return Seen(_array(_below_maximum(arguments[0], arguments[1])))
    if name == operators.DIVISION:
        denominator = torch.as_tensor(arguments[1])
        return Seen(_defined(node, _array(denominator)), _array(torch.as_tensor(arguments[0])))
    return Seen(_defined(node, _array(arguments[operators.argument(name)])))


def parameter(node: Node) -> float | None:
    """The second argument of an operator, where that is a number."""
    second = node.args[1] if len(node.args) > 1 else None
    return float(second) if isinstance(second, int | float) else None


def _defined(node: Node, values: Reals) -> Reals:
    defined = operators.is_defined(operator_name(node), values, parameter(node))
    return values[defined | ~np.isfinite(values)]


def _array(values: torch.Tensor) -> Reals:
    return values.detach().to(torch.float64).cpu().numpy()


def is_masked(x: torch.Tensor) -> torch.Tensor:
    """Scores so low that only a mask makes them."""
    return x <= _MASKED


def _below_maximum(x: torch.Tensor, dim: int) -> torch.Tensor:
    """The distances to the maximum, without those of masked elements."""
    distance = x - x.amax(dim, keepdim=True)
    unmasked = (x > torch.finfo(x.dtype).min) & (distance > _MASKED) | distance.isnan()
    # A row that is masked altogether has no maximum to be below.
    return distance[unmasked & (x != -math.inf)]


def scores(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """What `scaled_dot_product_attention` takes the softmax of."""
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
    products = query @ key.transpose(-2, -1)
    products = products * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        kept = torch.ones(products.shape[-2:], dtype=torch.bool, device=query.device).tril()
        products = products.masked_fill(~kept, -math.inf)
    if attn_mask is None:
        return products
    if attn_mask.dtype == torch.bool:
        return products.masked_fill(~attn_mask, -math.inf)
    return products + attn_mask
