"""
Which operators are non-linear, and under which names they travel: the registry's, and units.

An operator keeps its name from `torch.export` to the `torch` dialect if PyTorch's decomposition
table does not know it and torch-mlir is told that it is legal. What PyTorch itself writes out in
operators of these lists (glu, softmin, tanhshrink, logsumexp, …) needs no entry.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.passes.lower.units import KINDS

SPELLED_OUT = frozenset(("erfc",))
"""What torch-mlir has no operator for: it travels in others, and a chain of them is recognized."""

SOFTMAX = tuple(n for kind in KINDS.values() for n in kind.torch_names if kind.distances)
"""Their range is that of the distances to the row's maximum."""

NORMS = (
    *(n for kind in KINDS.values() for n in kind.torch_names if not kind.distances),
    *("group_norm", "native_group_norm", "linalg_vector_norm"),
)
"""Their range is that of the elements of their input; the last are opened."""

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

COMPOSED = frozenset((*SOFTMAX, *NORMS, DIVISION, ATTENTION))
"""Non-linear operators that are no function of one element."""

BOUNDS = frozenset(("hardtanh", "clamp", "clamp_max"))
"""Linear by pieces: they need a table only as part of a product."""

UPSAMPLING = frozenset(("upsample_bilinear2d.vec", "upsample_nearest2d.vec"))
"""Opened into gathers of floats, but whole where their input is quantized: integers do them."""

AFFINE = frozenset(("add.Tensor", "sub.Tensor", "mul.Tensor", "div.Tensor"))

MADE_BY_LOWERING = frozenset(("square",))
"""Legal only if the model itself uses it: torch-mlir's own variances would use it, too."""


def is_called(operator: str, name: str) -> bool:
    """Whether a user's `softmax` means the operator `softmax.int`, or `_softmax`."""
    return name in (operator, operator.partition(".")[0].lstrip("_"))


def is_non_linear(operator: str) -> bool:
    """Whether an operator is to reach the passes whole, with a range."""
    if operator in SPELLED_OUT:
        return False
    return operator in COMPOSED or bool(FUNCTIONS.called(f"torch.aten.{operator}"))


def non_linear() -> frozenset[str]:
    """All of these, as the `torch` dialect calls them (`torch.aten.<name>`)."""
    return (COMPOSED | set(FUNCTIONS.operators("torch.aten"))) - SPELLED_OUT


def is_pointwise(operator: str) -> bool:
    """Whether an operator is a function of each element by itself."""
    return operator not in COMPOSED and is_non_linear(operator)


def argument(operator: str) -> int:
    """Which operand of a function of one tensor that tensor is."""
    calls = FUNCTIONS.called(f"torch.aten.{operator}")
    return calls[0][0].argument if calls else 0


def is_defined(operator: str, x: NDArray[np.float64], parameter: float | None) -> NDArray[np.bool_]:
    """Where an operator has a finite value; `parameter` is its second argument, if it has one."""
    if operator == DIVISION:
        return x != 0
    for called, function in FUNCTIONS.called(f"torch.aten.{operator}"):
        bound = called.bind([parameter])
        if function.defined is None or bound is None:
            continue
        values = [bound.get(name) for name in function.parameters]
        numbers = [value for value in values if isinstance(value, float)]
        if len(numbers) == len(values):
            return function.is_defined(x, *numbers)
    return np.ones(x.shape, dtype=bool)


def is_restricted(operator: str, parameter: float | None) -> bool:
    """Whether some reals have no finite value, so that a range must say which inputs occur."""
    probes = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    return not bool(is_defined(operator, probes, parameter).all())
