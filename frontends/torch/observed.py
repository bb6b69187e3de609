"""What a non-linear operator's range is about: which of the values that it receives count."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.fx import Node

from lut_opt.frontends.torch import operators
from lut_opt.frontends.torch.graph import operator_name

_MASKED = -1e4
"""Softmax arguments this far below their maximum are masked out, and say nothing about the data."""

_NEGLIGIBLE = 2.0**-9
"""Half a step of eight bits."""

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """
    The values that one execution of an operator shows.

    `values` is what the operator's range is about. `numerator` is what a division divides. `raw`
    are a softmax's own scores. `at_limit` are infinities at which the operator has a limit.
    """

    values: Reals
    numerator: Reals | None = None
    raw: Reals | None = None
    at_limit: frozenset[float] = frozenset()


def seen(node: Node, arguments: Sequence[Any], keywords: Mapping[str, Any], returned: Any) -> Seen:
    """
    The values that count, in float64.

    Elements of the input; for softmax and attention the distances to the row's maximum, without
    masked elements; for a division the denominators. Values at which the operator is infinite or
    undefined do not count: a model that makes them does not use the result. Nor do infinities that
    a mask made, where the operator `returned` a number.
    """
    name = operator_name(node)
    if name == operators.ATTENTION:
        return _of_softmax(scores(*arguments, **keywords), -1)
    if name in operators.SOFTMAX:
        return _of_softmax(arguments[0], arguments[1])
    if name == operators.DIVISION:
        denominator = torch.as_tensor(arguments[1])
        return Seen(_defined(node, _array(denominator)), _array(torch.as_tensor(arguments[0])))
    operand = _array(arguments[operators.argument(name)])
    if operators.is_pointwise(name) and np.isinf(operand).any():
        limit = np.isinf(operand) & np.isfinite(_array(returned))
        at_limit = frozenset(operand[limit].tolist())
        return Seen(_defined(node, operand[~limit]), at_limit=at_limit)
    return Seen(_defined(node, operand))


def _of_softmax(x: torch.Tensor, dim: int) -> Seen:
    distance, unmasked = _below_maximum(x, dim)
    return Seen(_array(distance[unmasked]), raw=_array(x[unmasked]))


def limit_reached(node: Node, arguments: Sequence[Any], found: Seen) -> list[float]:
    """For each infinity the nearest number at which the operator is all but at its limit."""
    if not found.at_limit or not found.values.size:
        return []
    # In the form of the operator's own arguments, for its parameters.
    position = operators.argument(operator_name(node))

    def at(x: Reals) -> Reals:
        given = list(arguments)
        given[position] = torch.as_tensor(x)
        return _array(cast(Any, node.target)(*given, **node.kwargs))

    ends: list[float] = []
    largest = np.abs(at(found.values)).max()
    for infinity in found.at_limit:
        start = found.values.min() if infinity < 0 else found.values.max()
        tried = start + math.copysign(1.0, infinity) * np.exp2(np.arange(-4.0, 7.0))
        near = np.abs(at(tried) - at(np.array([infinity]))) <= _NEGLIGIBLE * largest
        ends += tried[near][:1].tolist()
    return ends


def results(node: Node, arguments: Sequence[Any], returned: Any) -> Reals | None:
    """What the operator made; of a group norm before gamma and beta, which become products."""
    made = cast(Sequence[Any], returned)[0] if isinstance(returned, tuple | list) else returned
    match operator_name(node):
        case operators.ATTENTION:
            return None
        case "group_norm":
            x, groups, *rest = arguments
            made = torch.group_norm(x, groups, None, None, *rest[2:])
        case "native_group_norm":
            x, _, _, *rest = arguments
            made = torch.native_group_norm(x, None, None, *rest)[0]
        case _:
            pass
    return _array(made)


def row_sizes(node: Node, arguments: Sequence[Any]) -> Reals | None:
    """
    Root mean squares of a norm's rows, of a layer or group norm's less their means.

    None for other operators. Rows of nothing but one number have no size, and do not count.
    """
    name, x = operator_name(node), arguments[0]
    match name:
        case "layer_norm" | "native_layer_norm" | "rms_norm":
            rows = _array(x).reshape(-1, math.prod(arguments[1]))
        case "group_norm":
            rows = _array(x).reshape(x.shape[0] * arguments[1], -1)
        case "native_group_norm":
            rows = _array(x).reshape(x.shape[0] * arguments[6], -1)
        case _:
            return None
    sizes = np.sqrt(np.square(rows).mean(-1)) if name == "rms_norm" else rows.std(-1)
    return sizes[np.isfinite(sizes) & (sizes > 0)]


_INVERSES = ("rsqrt", "reciprocal", "pow.Tensor_Scalar")
_REPEATED = ("expand", "expand_as", "broadcast_to")


def scaled_by(node: Node) -> list[Node]:
    """The inverses that a product has for factors: it is what a written-out norm gives."""
    if operator_name(node) != "mul.Tensor":
        return []
    factors = [arg for arg in node.args if isinstance(arg, Node)]
    bare = [f.args[0] if operator_name(f) in _REPEATED else f for f in factors]
    return [f for f in bare if isinstance(f, Node) and operator_name(f) in _INVERSES]


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


def _below_maximum(x: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The distances to the maximum, and which of them are no masked elements'."""
    distance = x - x.amax(dim, keepdim=True)
    unmasked = (x > torch.finfo(x.dtype).min) & (distance > _MASKED) | distance.isnan()
    # A row that is masked altogether has no maximum to be below.
    return distance, unmasked & (x != -math.inf)


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
