"""The functions of the registry written out in `arith` and `math`, on scalars."""

from __future__ import annotations

import math as numbers
from collections.abc import Callable, Sequence

from xdsl.dialects import math
from xdsl.ir import Operation

from lut_opt.passes.fuse.terms import Term

Formula = Callable[[Term, Sequence[float]], Term]
"""Of x and the parameters."""


def _op(kind: type[Operation]) -> Formula:
    return lambda x, _: x.emit(kind)


def _relu(x: Term) -> Term:
    return x.at_least(0.0)


def _gelu(x: Term) -> Term:
    return x * 0.5 * ((x / numbers.sqrt(2.0)).emit(math.ErfOp) + 1.0)


def _gelu_tanh(x: Term) -> Term:
    inner = (x * x * x * 0.044715 + x) * numbers.sqrt(2.0 / numbers.pi)
    return x * 0.5 * (inner.emit(math.TanhOp) + 1.0)


def _sigmoid(x: Term) -> Term:
    return x.number(1.0) / ((-x).emit(math.ExpOp) + 1.0)


def _silu(x: Term) -> Term:
    return x / ((-x).emit(math.ExpOp) + 1.0)


def _smooth_relu(x: Term) -> Term:
    # log(1 + exp x) without overflow
    return (-x.emit(math.AbsFOp)).emit(math.ExpOp).emit(math.Log1pOp) + _relu(x)


def _softplus(x: Term, beta: float, threshold: float) -> Term:
    z = x * beta
    return z.compare("ogt", threshold).select(x, _smooth_relu(z) / beta)


def _hard_sigmoid(x: Term) -> Term:
    return _relu(x + 3.0).at_most(6.0) / 6.0


def _elu(x: Term, alpha: float, scale: float, input_scale: float) -> Term:
    negative = (x.at_most(0.0) * input_scale).emit(math.ExpM1Op) * alpha
    return x.compare("ogt", 0.0).select(x, negative) * scale


def _logit(x: Term, epsilon: float) -> Term:
    inside = x.at_least(epsilon).at_most(1.0 - epsilon) if epsilon else x
    return (inside / (x.number(1.0) - inside)).emit(math.LogOp)


FORMULAS: dict[str, Formula] = {
    "gelu": lambda x, _: _gelu(x),
    "gelu_tanh": lambda x, _: _gelu_tanh(x),
    "quick_gelu": lambda x, _: x / ((x * -1.702).emit(math.ExpOp) + 1.0),
    "silu": lambda x, _: _silu(x),
    "hardswish": lambda x, _: x * _hard_sigmoid(x),
    "hardsigmoid": lambda x, _: _hard_sigmoid(x),
    "sigmoid": lambda x, _: _sigmoid(x),
    "tanh": _op(math.TanhOp),
    "erf": _op(math.ErfOp),
    "erfc": lambda x, _: x.number(1.0) - x.emit(math.ErfOp),
    "exp": _op(math.ExpOp),
    "exp2": _op(math.Exp2Op),
    "expm1": _op(math.ExpM1Op),
    "log": _op(math.LogOp),
    "log2": _op(math.Log2Op),
    "log10": _op(math.Log10Op),
    "log1p": _op(math.Log1pOp),
    "log_sigmoid": lambda x, _: -_smooth_relu(-x),
    "logit": lambda x, p: _logit(x, p[0]),
    "exponential": lambda x, p: x.number(p[0]).emit(math.PowFOp, x),
    "softplus": lambda x, p: _softplus(x, p[0], p[1]),
    "mish": lambda x, _: x * _smooth_relu(x).emit(math.TanhOp),
    "elu": lambda x, p: _elu(x, p[0], p[1], p[2]),
    "selu": lambda x, _: _elu(x, 1.6732632423543772, 1.0507009873554805, 1.0),
    "celu": lambda x, p: _elu(x, p[0], 1.0, 1.0 / p[0]),
    "leaky_relu": lambda x, p: x.compare("ogt", 0.0).select(x, x * p[0]),
    "softsign": lambda x, _: x / (x.emit(math.AbsFOp) + 1.0),
    "sin": _op(math.SinOp),
    "cos": _op(math.CosOp),
    "cos_turns": lambda x, _: (x * (2.0 * numbers.pi)).emit(math.CosOp),
    "tan": _op(math.TanOp),
    "sinh": _op(math.SinhOp),
    "cosh": _op(math.CoshOp),
    "asin": _op(math.AsinOp),
    "acos": _op(math.AcosOp),
    "atan": _op(math.AtanOp),
    "asinh": _op(math.AsinhOp),
    "acosh": _op(math.AcoshOp),
    "atanh": _op(math.AtanhOp),
    "sqrt": _op(math.SqrtOp),
    "rsqrt": _op(math.RsqrtOp),
    "reciprocal": lambda x, _: x.number(1.0) / x,
    "square": lambda x, _: x * x,
    "relu2": lambda x, _: _relu(x) * _relu(x),
    "pow": lambda x, p: x.emit(math.PowFOp, p[0]),
}
"""By the registry's names, of x and the parameters; equal to the registry up to rounding."""
