"""
Which operators are non-linear, and under which names they travel.

An operator keeps its name from `torch.export` to the `torch` dialect if PyTorch's decomposition
table does not know it and torch-mlir is told that it is legal.
"""

from __future__ import annotations

POINTWISE = (
    "gelu",
    "silu",
    "hardswish",
    "hardsigmoid",
    "sigmoid",
    "tanh",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "softplus",
    "mish",
    "elu",
    "selu",
    "celu",
    "leaky_relu",
    "sin",
    "cos",
    "atan",
    "sqrt",
    "rsqrt",
    "reciprocal",
    "square",
    "pow.Tensor_Scalar",
)
"""Functions of one tensor, by their name in the `torch` dialect (`torch.aten.<name>`)."""

SOFTMAX = ("softmax.int", "_softmax", "log_softmax.int", "_log_softmax")

NORMS = ("layer_norm", "native_layer_norm", "rms_norm")

ATTENTION = "scaled_dot_product_attention"

NON_LINEAR = frozenset((*POINTWISE, *SOFTMAX, *NORMS, ATTENTION))

MADE_BY_LOWERING = frozenset(("square",))
"""Legal only if the model itself uses it: torch-mlir's own variances would use it, too."""
