"""
PyTorch's decompositions as torch-mlir wants them, without those of non-linear operators.

What torch-mlir itself would open after the import, into operators that calibration has not seen,
is opened here: both see the same non-linear operators.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from torch import Tensor

from lut_opt.frontends.torch import operators
from lut_opt.frontends.torch.quantized_ops import fake_quantize_per_channel

Rule = Callable[..., Any]

_PAIRS_BY_PRODUCT = 25
"""More points than this, and PyTorch takes their distances from a matrix product."""


LINEAR = frozenset(
    (
        *("linear", "addmm", "matmul", "convolution", "conv1d", "conv2d", "conv3d"),
        *("conv1d.padding", "conv2d.padding", "conv3d.padding"),
        *("conv_transpose1d", "conv_transpose2d.input", "conv_transpose3d.input"),
    )
)
"""Layers that quantizers look for by these names."""


def decompositions(
    decompose: Iterable[str], keep: Iterable[str], *, linear: bool = False
) -> dict[Any, Rule]:
    """
    The rule of each overload; `decompose` are opened all the same, `keep` stay whole.

    With `linear`, linear layers stay whole, too.
    """
    stock: Any = importlib.import_module("torch_mlir.extras.fx_decomp_util")
    full: dict[Any, Rule] = dict(stock.get_decomposition_table())
    opened = set(decompose) | ({operators.ATTENTION} - set(keep))
    whole = operators.non_linear() | LINEAR if linear else operators.non_linear()
    kept = whole - opened
    table = {target: rule for target, rule in full.items() if overload_name(target) not in kept}
    return table | _own()


def overload_name(target: Any) -> str:
    """The name in the `torch` dialect, without `torch.aten.`; empty for what is no operator."""
    name = getattr(target, "name", None)
    qualified = str(name()) if callable(name) else ""
    return qualified.removeprefix("aten::") if qualified.startswith("aten::") else ""


def _own() -> dict[Any, Rule]:
    aten: Any = torch.ops.aten
    return {
        aten.fake_quantize_per_channel_affine.default: fake_quantize_per_channel,
        aten.erfc.default: _erfc,
        aten.logaddexp.default: _logaddexp,
        aten.logaddexp2.default: _logaddexp2,
        aten.logcumsumexp.default: _logcumsumexp,
        aten.hypot.default: _hypot,
        aten.dist.default: _dist,
        aten.pairwise_distance.default: _pairwise_distance,
        aten._cdist_forward.default: _cdist,
        aten.linalg_vector_norm.default: _vector_norm,
    }


def _erfc(x: Tensor) -> Tensor:
    return 1.0 - torch.erf(x)


def _logaddexp(a: Tensor, b: Tensor) -> Tensor:
    """The greater one, and what the other adds: a bounded function of their distance."""
    # Two equal infinities are at no distance, although their difference is not a number.
    distance = torch.where(a == b, 0.0, (a - b).abs())
    return torch.maximum(a, b) + torch.nn.functional.softplus(-distance)


def _logaddexp2(a: Tensor, b: Tensor) -> Tensor:
    return _logaddexp(a * math.log(2), b * math.log(2)) * (1 / math.log(2))


def _logcumsumexp(x: Tensor, dim: int) -> Tensor:
    """Sums of 2, 4, 8, … neighbours, each in relation to its greater part."""
    length, reach = x.shape[dim] if x.dim() else 1, 1
    while reach < length:
        first = x.narrow(dim, 0, reach)
        later, earlier = x.narrow(dim, reach, length - reach), x.narrow(dim, 0, length - reach)
        x = torch.cat([first, _logaddexp(later, earlier)], dim)
        reach *= 2
    return x


def _hypot(a: Tensor, b: Tensor) -> Tensor:
    return torch.sqrt(a * a + b * b)


def _dist(a: Tensor, b: Tensor, p: float = 2.0) -> Tensor:
    return _norm(a - b, p)


def _pairwise_distance(
    a: Tensor, b: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    return _norm(a - b + eps, p, -1, keepdim)


def _cdist(a: Tensor, b: Tensor, p: float, compute_mode: int | None) -> Tensor:
    product = compute_mode == 1 or max(a.shape[-2], b.shape[-2]) > _PAIRS_BY_PRODUCT
    if p == 2.0 and product and compute_mode != 2:
        squares = (a * a).sum(-1, keepdim=True) + (b * b).sum(-1).unsqueeze(-2)
        return torch.sqrt((squares - 2.0 * (a @ b.transpose(-2, -1))).clamp_min(0.0))
    return _norm(a.unsqueeze(-2) - b.unsqueeze(-3), p, -1)


def _norm(
    x: Tensor, order: float, dim: int | list[int] | None = None, keep: bool = False
) -> Tensor:
    return cast(Any, torch.linalg).vector_norm(x, order, dim, keep)


def _vector_norm(
    x: Tensor,
    ord: float = 2.0,
    dim: list[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Any:
    """The Euclidean norm stays whole, for it may be part of a normalization."""
    if ord == 2 and dtype in (None, x.dtype):
        return NotImplemented
    if dtype is not None:
        x = x.to(dtype)
    if ord == 2:
        return _norm(x, 2.0, dim, keepdim)
    axes = list(range(x.dim())) if dim is None else dim
    match ord:
        case 0:
            return (x != 0).to(x.dtype).sum(axes, keepdim)
        case 1:
            return x.abs().sum(axes, keepdim)
        case math.inf:
            return x.abs().amax(axes, keepdim)
        case _ if ord == -math.inf:
            return x.abs().amin(axes, keepdim)
        case _:
            return (x.abs() ** ord).sum(axes, keepdim) ** (1.0 / ord)
