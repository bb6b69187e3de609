"""What neural networks apply to each element: GELU and its relatives."""

from __future__ import annotations

import math

import numpy as np

from lut_opt.dialects.pwl.functions.elementary import erfc
from lut_opt.dialects.pwl.functions.function import Function, Mask, Operator
from lut_opt.dialects.pwl.functions.scalar import Scalar
from lut_opt.dialects.quantization import Reals


def _torch(name: str, *constants: str) -> tuple[Operator, ...]:
    return (Operator(f"torch.aten.{name}", constants),)


def _relu(x: Scalar) -> Scalar:
    return x.at_least(0.0)


def _softplus_of(x: Scalar) -> Scalar:
    # log(1 + exp x) without overflow
    return (-x.abs()).exp().log1p() + _relu(x)


# GELU: x·Φ(x), of the normal distribution.


def _normal_cdf(x: Reals) -> Reals:
    # 1 + erf(x/√2) would cancel on the left.
    return 0.5 * erfc(-x / math.sqrt(2.0))


def _normal_density(x: Reals) -> Reals:
    return np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


_GELU = Function(
    "gelu",
    lambda x: x * _normal_cdf(x),
    derivative=lambda x: _normal_cdf(x) + x * _normal_density(x),
    formula=lambda x: x * 0.5 * ((x / math.sqrt(2.0)).erf() + 1.0),
    operators=(Operator("torch.aten.gelu", ("approximate",), when={"approximate": "none"}),),
)

_TANH_SCALE, _TANH_CUBE = math.sqrt(2.0 / math.pi), 0.044715


def _gelu_tanh(x: Reals) -> Reals:
    # ½(1 + tanh u) is the sigmoid of 2u, which does not cancel.
    return x * sigmoid(2.0 * _TANH_SCALE * (x + _TANH_CUBE * x**3))


def _gelu_tanh_slope(x: Reals) -> Reals:
    # Beyond, the function is 0 or x; the cube would overflow.
    x = np.clip(x, -64.0, 64.0)
    u = 2.0 * _TANH_SCALE * (x + _TANH_CUBE * x**3)
    inner = 2.0 * _TANH_SCALE * (1.0 + 3.0 * _TANH_CUBE * x * x)
    return sigmoid(u) + x * inner * _sigmoid_slope(u)


def _gelu_tanh_formula(x: Scalar) -> Scalar:
    inner = (x * x * x * _TANH_CUBE + x) * _TANH_SCALE
    return x * 0.5 * (inner.tanh() + 1.0)


_GELU_TANH = Function(
    "gelu_tanh",
    _gelu_tanh,
    derivative=_gelu_tanh_slope,
    formula=_gelu_tanh_formula,
    operators=(Operator("torch.aten.gelu", ("approximate",), when={"approximate": "tanh"}),),
)


# The sigmoid, and x times it.


def sigmoid(x: Reals) -> Reals:
    """1 / (1 + e^−x)."""
    # exp of a non-positive number on both sides, so that nothing overflows
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0 / (1.0 + e), e / (1.0 + e))


def _sigmoid_slope(x: Reals) -> Reals:
    return sigmoid(x) * sigmoid(-x)


_SIGMOID = Function(
    "sigmoid",
    sigmoid,
    derivative=_sigmoid_slope,
    formula=lambda x: x.number(1.0) / ((-x).exp() + 1.0),
    operators=(*_torch("sigmoid"), Operator("stablehlo.logistic"), Operator("tosa.sigmoid")),
)

_SILU = Function(
    "silu",
    lambda x: x * sigmoid(x),
    derivative=lambda x: sigmoid(x) + x * _sigmoid_slope(x),
    formula=lambda x: x / ((-x).exp() + 1.0),
    operators=_torch("silu"),
)

_QUICK_GELU = Function(
    "quick_gelu",
    lambda x: x * sigmoid(1.702 * x),
    derivative=lambda x: sigmoid(1.702 * x) + 1.702 * x * _sigmoid_slope(1.702 * x),
    formula=lambda x: x / ((x * -1.702).exp() + 1.0),
)


def _log_sigmoid(x: Reals) -> Reals:
    return -np.logaddexp(0.0, -x)


_LOG_SIGMOID = Function(
    "log_sigmoid",
    _log_sigmoid,
    derivative=lambda x: sigmoid(-x),
    formula=lambda x: -_softplus_of(-x),
    operators=_torch("log_sigmoid"),
)


def _softplus(x: Reals, beta: float, threshold: float) -> Reals:
    return np.where(beta * x > threshold, x, np.logaddexp(0.0, beta * x) / beta)


def _softplus_formula(x: Scalar, beta: float, threshold: float) -> Scalar:
    z = x * beta
    return z.compare("ogt", threshold).select(x, _softplus_of(z) / beta)


_SOFTPLUS = Function(
    "softplus",
    _softplus,
    ("beta", "threshold"),
    derivative=lambda x, beta, threshold: np.where(beta * x > threshold, 1.0, sigmoid(beta * x)),
    formula=_softplus_formula,
    operators=_torch("softplus", "beta", "threshold"),
)


def _mish_slope(x: Reals) -> Reals:
    smooth = np.logaddexp(0.0, x)
    return np.tanh(smooth) + x * sigmoid(x) / np.cosh(smooth) ** 2


_MISH = Function(
    "mish",
    lambda x: x * np.tanh(np.logaddexp(0.0, x)),
    derivative=_mish_slope,
    formula=lambda x: x * _softplus_of(x).tanh(),
    operators=_torch("mish"),
)


def _logit(x: Reals, epsilon: float) -> Reals:
    x = np.clip(x, epsilon, 1.0 - epsilon)
    # Near ½ the quotient is near 1: its distance from there keeps its digits.
    near = np.abs(x - 0.5) < 0.25
    return np.where(near, np.log1p((2.0 * x - 1.0) / (1.0 - x)), np.log(x / (1.0 - x)))


def _logit_slope(x: Reals, epsilon: float) -> Reals:
    return np.where((x < epsilon) | (x > 1.0 - epsilon), 0.0, 1.0 / (x * (1.0 - x)))


def _logit_formula(x: Scalar, epsilon: float) -> Scalar:
    inside = x.at_least(epsilon).at_most(1.0 - epsilon) if epsilon else x
    return (inside / (x.number(1.0) - inside)).log()


def _logit_defined(x: Reals, epsilon: float) -> Mask:
    return (x > 0) & (x < 1) | (epsilon > 0)


_LOGIT = Function(
    "logit",
    _logit,
    ("epsilon",),
    _logit_defined,
    _logit_slope,
    _logit_formula,
    (Operator("torch.aten.logit", ("epsilon",), absent={"epsilon": 0.0}),),
)


# Linear by pieces, or with a bend at 0. At a bend the slope is PyTorch's.


def _hard_sigmoid(x: Reals) -> Reals:
    return np.clip(x + 3.0, 0.0, 6.0) / 6.0


def _hard_sigmoid_formula(x: Scalar) -> Scalar:
    return _relu(x + 3.0).at_most(6.0) / 6.0


_HARD_SIGMOID = Function(
    "hardsigmoid",
    _hard_sigmoid,
    derivative=lambda x: np.where(np.abs(x) < 3.0, 1.0 / 6.0, 0.0),
    formula=_hard_sigmoid_formula,
    operators=_torch("hardsigmoid"),
)

_HARD_SWISH = Function(
    "hardswish",
    lambda x: x * _hard_sigmoid(x),
    derivative=lambda x: np.where(x <= -3.0, 0.0, np.where(x < 3.0, x / 3.0 + 0.5, 1.0)),
    formula=lambda x: x * _hard_sigmoid_formula(x),
    operators=_torch("hardswish"),
)

_LEAKY_RELU = Function(
    "leaky_relu",
    lambda x, slope: np.where(x > 0, x, slope * x),
    ("negative_slope",),
    derivative=lambda x, slope: np.where(x > 0, 1.0, slope),
    formula=lambda x, slope: x.compare("ogt", 0.0).select(x, x * slope),
    operators=_torch("leaky_relu", "negative_slope"),
)

_SQUARED_RELU = Function(
    "relu2",
    lambda x: np.square(np.maximum(x, 0.0)),
    derivative=lambda x: 2.0 * np.maximum(x, 0.0),
    formula=lambda x: _relu(x) * _relu(x),
)

_SOFTSIGN = Function(
    "softsign",
    lambda x: x / (1.0 + np.abs(x)),
    derivative=lambda x: 1.0 / np.square(1.0 + np.abs(x)),
    formula=lambda x: x / (x.abs() + 1.0),
)


def _elu(x: Reals, alpha: float, scale: float, input_scale: float) -> Reals:
    negative = alpha * np.expm1(np.minimum(x, 0.0) * input_scale)
    return scale * np.where(x > 0, x, negative)


def _elu_slope(x: Reals, alpha: float, scale: float, input_scale: float) -> Reals:
    negative = alpha * input_scale * np.exp(np.minimum(x, 0.0) * input_scale)
    return scale * np.where(x > 0, 1.0, negative)


def _elu_formula(x: Scalar, alpha: float, scale: float, input_scale: float) -> Scalar:
    negative = (x.at_most(0.0) * input_scale).expm1() * alpha
    return x.compare("ogt", 0.0).select(x, negative) * scale


_ELU = Function(
    "elu",
    _elu,
    ("alpha", "scale", "input_scale"),
    derivative=_elu_slope,
    formula=_elu_formula,
    operators=_torch("elu", "alpha", "scale", "input_scale"),
)

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946

_SELU = Function(
    "selu",
    lambda x: _elu(x, _SELU_ALPHA, _SELU_SCALE, 1.0),
    derivative=lambda x: _elu_slope(x, _SELU_ALPHA, _SELU_SCALE, 1.0),
    formula=lambda x: _elu_formula(x, _SELU_ALPHA, _SELU_SCALE, 1.0),
    operators=_torch("selu"),
)

_CELU = Function(
    "celu",
    lambda x, alpha: _elu(x, alpha, 1.0, 1.0 / alpha),
    ("alpha",),
    derivative=lambda x, alpha: _elu_slope(x, alpha, 1.0, 1.0 / alpha),
    formula=lambda x, alpha: _elu_formula(x, alpha, 1.0, 1.0 / alpha),
    operators=_torch("celu", "alpha"),
)

ACTIVATIONS = (
    *(_GELU, _GELU_TANH, _QUICK_GELU, _SILU, _HARD_SWISH, _HARD_SIGMOID, _SIGMOID),
    *(_LOG_SIGMOID, _LOGIT, _SOFTPLUS, _MISH, _ELU, _SELU, _CELU, _LEAKY_RELU, _SOFTSIGN),
    _SQUARED_RELU,
)
