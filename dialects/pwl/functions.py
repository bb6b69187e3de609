"""
The functions that a table can approximate, in double precision.

This registry is the only place that knows them: the IR attribute `#pwl.fn`, the lowering, the
search and the certificates all look here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lut_opt.dialects.quantization import Reals

Mask = NDArray[np.bool_]

_vector_erf: Callable[[Reals], Reals] = np.vectorize(math.erf, otypes=[np.float64])
_vector_erfc: Callable[[Reals], Reals] = np.vectorize(math.erfc, otypes=[np.float64])


@dataclass(frozen=True)
class Function:
    """
    A real function of one argument with optional constant parameters.

    `evaluate(x, *parameters)` works on float64 arrays; `defined(x, *parameters)` says where the
    function has a finite value in exact arithmetic (None: everywhere).
    """

    name: str
    evaluate: Callable[..., Reals]
    parameters: tuple[str, ...] = ()
    defined: Callable[..., Mask] | None = None

    def __call__(self, x: Reals, *parameters: float) -> Reals:
        """Values at `x`; what lies outside the domain comes out as NaN or infinity."""
        with np.errstate(all="ignore"):
            return np.asarray(self.evaluate(np.asarray(x, np.float64), *parameters), np.float64)

    def is_defined(self, x: Reals, *parameters: float) -> Mask:
        """Boolean mask: where the function has a value."""
        x = np.asarray(x, np.float64)
        if self.defined is None:
            return np.ones(x.shape, dtype=bool)
        return np.broadcast_to(self.defined(x, *parameters), x.shape)


def _normal_cdf(x: Reals) -> Reals:
    return 0.5 * (1.0 + _vector_erf(x / math.sqrt(2.0)))


def _gelu(x: Reals) -> Reals:
    return x * _normal_cdf(x)


def _gelu_tanh(x: Reals) -> Reals:
    return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


def _sigmoid(x: Reals) -> Reals:
    # exp of a non-positive number on both sides, so that nothing overflows
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0 / (1.0 + e), e / (1.0 + e))


def _softplus(x: Reals, beta: float, threshold: float) -> Reals:
    smooth = np.logaddexp(0.0, beta * x) / beta
    return np.where(beta * x > threshold, x, smooth)


def _hard_sigmoid(x: Reals) -> Reals:
    return np.clip(x + 3.0, 0.0, 6.0) / 6.0


def _elu(x: Reals, alpha: float, scale: float, input_scale: float) -> Reals:
    negative = alpha * np.expm1(np.minimum(x, 0.0) * input_scale)
    return scale * np.where(x > 0, x, negative)


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def _silu(x: Reals) -> Reals:
    return x * _sigmoid(x)


def _quick_gelu(x: Reals) -> Reals:
    return x * _sigmoid(1.702 * x)


def _squared_relu(x: Reals) -> Reals:
    return np.square(np.maximum(x, 0.0))


def _hard_swish(x: Reals) -> Reals:
    return x * _hard_sigmoid(x)


def _mish(x: Reals) -> Reals:
    return x * np.tanh(np.logaddexp(0.0, x))


def _selu(x: Reals) -> Reals:
    return _elu(x, _SELU_ALPHA, _SELU_SCALE, 1.0)


def _celu(x: Reals, alpha: float) -> Reals:
    return _elu(x, alpha, 1.0, 1.0 / alpha)


def _leaky_relu(x: Reals, slope: float) -> Reals:
    return np.where(x > 0, x, slope * x)


def _softsign(x: Reals) -> Reals:
    return x / (1.0 + np.abs(x))


def _cos_turns(x: Reals) -> Reals:
    return np.cos(2.0 * math.pi * x)


def _rsqrt(x: Reals) -> Reals:
    return 1.0 / np.sqrt(x)


def _reciprocal(x: Reals) -> Reals:
    return 1.0 / x


def _log_sigmoid(x: Reals) -> Reals:
    return -np.logaddexp(0.0, -x)


def _logit(x: Reals, epsilon: float) -> Reals:
    inside = np.clip(x, epsilon, 1.0 - epsilon)
    return np.log(inside / (1.0 - inside))


def _exponential(x: Reals, base: float) -> Reals:
    return np.power(base, x)


def _positive(x: Reals) -> Mask:
    return x > 0


def _not_negative(x: Reals) -> Mask:
    return x >= 0


def _not_zero(x: Reals) -> Mask:
    return x != 0


def _above_minus_one(x: Reals) -> Mask:
    return x > -1


def _within_one(x: Reals) -> Mask:
    return np.abs(x) <= 1


def _inside_one(x: Reals) -> Mask:
    return np.abs(x) < 1


def _at_least_one(x: Reals) -> Mask:
    return x >= 1


def _logit_defined(x: Reals, epsilon: float) -> Mask:
    return (x > 0) & (x < 1) | (epsilon > 0)


def _exponential_defined(x: Reals, base: float) -> Mask:
    return np.full(x.shape, base > 0)


def _pow_defined(x: Reals, exponent: float) -> Mask:
    if float(exponent).is_integer():
        return np.ones(x.shape, dtype=bool) if exponent >= 0 else x != 0
    return x >= 0 if exponent > 0 else x > 0


FUNCTIONS: dict[str, Function] = {
    f.name: f
    for f in (
        Function("gelu", _gelu),
        Function("gelu_tanh", _gelu_tanh),
        Function("quick_gelu", _quick_gelu),
        Function("silu", _silu),
        Function("hardswish", _hard_swish),
        Function("hardsigmoid", _hard_sigmoid),
        Function("sigmoid", _sigmoid),
        Function("tanh", np.tanh),
        Function("erf", _vector_erf),
        Function("erfc", _vector_erfc),
        Function("exp", np.exp),
        Function("exp2", np.exp2),
        Function("expm1", np.expm1),
        Function("log", np.log, defined=_positive),
        Function("log2", np.log2, defined=_positive),
        Function("log10", np.log10, defined=_positive),
        Function("log1p", np.log1p, defined=_above_minus_one),
        Function("log_sigmoid", _log_sigmoid),
        Function("logit", _logit, ("epsilon",), defined=_logit_defined),
        Function("softplus", _softplus, ("beta", "threshold")),
        Function("mish", _mish),
        Function("elu", _elu, ("alpha", "scale", "input_scale")),
        Function("selu", _selu),
        Function("celu", _celu, ("alpha",)),
        Function("leaky_relu", _leaky_relu, ("negative_slope",)),
        Function("softsign", _softsign),
        Function("sin", np.sin),
        Function("cos", np.cos),
        Function("cos_turns", _cos_turns),
        Function("tan", np.tan),
        Function("sinh", np.sinh),
        Function("cosh", np.cosh),
        Function("asin", np.arcsin, defined=_within_one),
        Function("acos", np.arccos, defined=_within_one),
        Function("atan", np.arctan),
        Function("asinh", np.arcsinh),
        Function("acosh", np.arccosh, defined=_at_least_one),
        Function("atanh", np.arctanh, defined=_inside_one),
        Function("sqrt", np.sqrt, defined=_not_negative),
        Function("rsqrt", _rsqrt, defined=_positive),
        Function("reciprocal", _reciprocal, defined=_not_zero),
        Function("square", np.square),
        Function("relu2", _squared_relu),
        Function("pow", np.power, ("exponent",), defined=_pow_defined),
        Function("exponential", _exponential, ("base",), defined=_exponential_defined),
    )
}
