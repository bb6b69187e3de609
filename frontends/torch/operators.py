"""
Which operators are non-linear, and under which names they travel.

An operator keeps its name from `torch.export` to the `torch` dialect if PyTorch's decomposition
table does not know it and torch-mlir is told that it is legal. What PyTorch itself writes out in
operators of these lists (glu, softmin, tanhshrink, logsumexp, …) needs no entry.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from lut_opt.dialects.pwl.functions import FUNCTIONS

POINTWISE = (
    "gelu",
    "silu",
    "hardswish",
    "hardsigmoid",
    "sigmoid",
    "log_sigmoid",
    "tanh",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "logit",
    "softplus",
    "mish",
    "elu",
    "selu",
    "celu",
    "leaky_relu",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "asin",
    "acos",
    "atan",
    "asinh",
    "acosh",
    "atanh",
    "sqrt",
    "rsqrt",
    "reciprocal",
    "square",
    "pow.Tensor_Scalar",
    "pow.Scalar",
)
"""Functions of one tensor, by their name in the `torch` dialect (`torch.aten.<name>`)."""

SOFTMAX = ("softmax.int", "_softmax", "log_softmax.int", "_log_softmax")

NORMS = (
    "layer_norm",
    "native_layer_norm",
    "rms_norm",
    "group_norm",
    "native_group_norm",
    "linalg_vector_norm",
)
"""Their range is that of the elements of their input."""

DIVISION = "div.Tensor"
"""Non-linear where a tensor that depends on the model's input divides."""

ATTENTION = "scaled_dot_product_attention"
"""Opened into matrix products and a softmax, unless it is to stay whole."""

FOLDED = (
    "div.Tensor_mode",
    "floor_divide",
    "fmod.Scalar",
    "fmod.Tensor",
    "remainder.Scalar",
    "remainder.Tensor",
    "pow.Tensor_Tensor",
    "atan2",
)
"""Have no table, but position encodings apply them to constants, and then they are constants."""

NON_LINEAR = frozenset((*POINTWISE, *SOFTMAX, *NORMS, DIVISION, ATTENTION))

BOUNDS = frozenset(("hardtanh", "clamp", "clamp_max"))
"""Linear by pieces: they need a table only as part of a product."""

AFFINE = frozenset(("add.Tensor", "sub.Tensor", "mul.Tensor", "div.Tensor"))

MADE_BY_LOWERING = frozenset(("square",))
"""Legal only if the model itself uses it: torch-mlir's own variances would use it, too."""


def is_called(operator: str, name: str) -> bool:
    """Whether a user's `softmax` means the operator `softmax.int`, or `_softmax`."""
    return name in (operator, operator.partition(".")[0].lstrip("_"))


def is_defined(operator: str, x: NDArray[np.float64], parameter: float | None) -> NDArray[np.bool_]:
    """Where an operator has a finite value; `parameter` is its second argument, if it has one."""
    match operator:
        case "div.Tensor":
            return x != 0
        case "pow.Tensor_Scalar" if parameter is not None:
            return FUNCTIONS["pow"].is_defined(x, parameter)
        case "logit":
            return FUNCTIONS["logit"].is_defined(x, parameter or 0.0)
        case _ if (function := FUNCTIONS.get(operator)) is not None and not function.parameters:
            return function.is_defined(x)
        case _:
            return np.ones(x.shape, dtype=bool)


@functools.cache
def is_restricted(operator: str, parameter: float | None) -> bool:
    """Whether some reals have no finite value, so that a range must say which inputs occur."""
    probes = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    return not bool(is_defined(operator, probes, parameter).all())
