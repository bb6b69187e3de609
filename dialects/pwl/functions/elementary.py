"""Exponentials, logarithms, powers, roots, trigonometric and hyperbolic functions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lut_opt.dialects.pwl.functions.function import Function, Mask, Operator
from lut_opt.dialects.quantization import Reals

_AT_ONCE = 1 << 16
"""Numbers that are Python objects at a time: sixteen million of them would take two gigabytes."""


def _each(function: Callable[[float], float]) -> Callable[[Reals], Reals]:
    """A function of one number, for arrays."""

    def of_arrays(x: Reals) -> Reals:
        given = np.asarray(x, np.float64)
        flat, made = given.reshape(-1), np.empty(given.size)
        for start in range(0, given.size, _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            made[part] = [function(value) for value in flat[part].tolist()]
        return made.reshape(given.shape)

    return of_arrays


_erf = _each(math.erf)
_erfc = _each(math.erfc)


def erfc(x: Reals) -> Reals:
    """1 − erf x, to all its digits."""
    return _erfc(x)


def _by(name: str, dialects: str, **others: str) -> tuple[Operator, ...]:
    """Operators of that name in these dialects, and of other names in others."""
    named = [(dialect, name) for dialect in dialects.split()] + list(others.items())
    prefixes = {"torch": "torch.aten"}
    return tuple(Operator(f"{prefixes.get(dialect, dialect)}.{op}") for dialect, op in named)


_POWER_OPERATORS = ("torch.aten.pow.Tensor_Scalar", "math.powf", "stablehlo.power", "tosa.pow")


def _power(exponent: float) -> tuple[Operator, ...]:
    """Powers with a constant exponent, where it is this one."""
    when = {"exponent": exponent}
    return tuple(Operator(name, ("exponent",), when=when) for name in _POWER_OPERATORS)


def _positive(x: Reals) -> Mask:
    return x > 0


def _within_one(x: Reals) -> Mask:
    return np.abs(x) <= 1


# The error function.


def _bell(x: Reals) -> Reals:
    return 2.0 / math.sqrt(math.pi) * np.exp(-x * x)


_ERROR = (
    Function("erf", _erf, derivative=_bell, operators=_by("erf", "torch math linalg tosa chlo")),
    Function(
        "erfc",
        erfc,
        derivative=lambda x: -_bell(x),
        formula=lambda x: x.number(1.0) - x.erf(),
        operators=(*_by("erfc", "torch chlo"), Operator("math.erfc")),
    ),
)


# Exponentials and logarithms.

_EXPONENTIALS = (
    Function(
        "exp",
        np.exp,
        derivative=np.exp,
        operators=_by("exp", "torch math linalg tosa", stablehlo="exponential"),
    ),
    Function(
        "exp2",
        np.exp2,
        derivative=lambda x: math.log(2.0) * np.exp2(x),
        operators=(
            *_by("exp2", "torch math"),
            Operator("torch.aten.pow.Scalar", ("base",), argument=1, when={"base": 2}),
        ),
    ),
    Function(
        "expm1",
        np.expm1,
        derivative=np.exp,
        operators=_by("expm1", "torch math", stablehlo="exponential_minus_one"),
    ),
    Function(
        "exponential",
        lambda x, base: np.power(base, x),
        ("base",),
        lambda x, base: np.full(x.shape, base > 0),
        lambda x, base: math.log(base) * np.power(base, x),
        lambda x, base: x.number(base).power(x),
        (Operator("torch.aten.pow.Scalar", ("base",), argument=1),),
    ),
)

_LOGARITHMS = (
    Function(
        "log",
        np.log,
        defined=_positive,
        derivative=lambda x: 1.0 / x,
        operators=_by("log", "torch math linalg tosa stablehlo"),
    ),
    Function(
        "log2",
        np.log2,
        defined=_positive,
        derivative=lambda x: 1.0 / (math.log(2.0) * x),
        operators=_by("log2", "torch math"),
    ),
    Function(
        "log10",
        np.log10,
        defined=_positive,
        derivative=lambda x: 1.0 / (math.log(10.0) * x),
        operators=_by("log10", "torch math"),
    ),
    Function(
        "log1p",
        np.log1p,
        defined=lambda x: x > -1,
        derivative=lambda x: 1.0 / (1.0 + x),
        operators=_by("log1p", "torch math", stablehlo="log_plus_one"),
    ),
)


# Trigonometric functions.


def _from_turn(x: Reals) -> Reals:
    """How far x is from the nearest whole number, exactly."""
    return x - np.rint(x)


def _cos_turns(x: Reals) -> Reals:
    turn = np.abs(_from_turn(x))
    # From an eighth on as a sine around a quarter, where the cosine crosses 0.
    sine = np.sin(2.0 * math.pi * (0.25 - turn))
    return np.where(turn < 0.125, np.cos(2.0 * math.pi * turn), sine)


def _cos_turns_slope(x: Reals) -> Reals:
    turn = _from_turn(x)
    half = np.copysign(0.5, turn) - turn
    return -2.0 * math.pi * np.sin(2.0 * math.pi * np.where(np.abs(turn) > 0.25, half, turn))


_TRIGONOMETRIC = (
    Function(
        "sin", np.sin, derivative=np.cos, operators=_by("sin", "torch math tosa", stablehlo="sine")
    ),
    Function(
        "cos",
        np.cos,
        derivative=lambda x: -np.sin(x),
        operators=_by("cos", "torch math tosa", stablehlo="cosine"),
    ),
    Function(
        "cos_turns",
        _cos_turns,
        derivative=_cos_turns_slope,
        formula=lambda x: (x * (2.0 * math.pi)).cos(),
    ),
    Function(
        "tan",
        np.tan,
        derivative=lambda x: 1.0 + np.square(np.tan(x)),
        operators=_by("tan", "torch math stablehlo chlo"),
    ),
    Function(
        "asin",
        np.arcsin,
        defined=_within_one,
        derivative=lambda x: 1.0 / np.sqrt((1.0 - x) * (1.0 + x)),
        operators=_by("asin", "torch math chlo"),
    ),
    Function(
        "acos",
        np.arccos,
        defined=_within_one,
        derivative=lambda x: -1.0 / np.sqrt((1.0 - x) * (1.0 + x)),
        operators=_by("acos", "torch math chlo"),
    ),
    Function(
        "atan",
        np.arctan,
        derivative=lambda x: 1.0 / (1.0 + np.square(x)),
        operators=_by("atan", "torch math chlo"),
    ),
)

_HYPERBOLIC = (
    Function(
        "tanh",
        np.tanh,
        derivative=lambda x: 1.0 / np.square(np.cosh(x)),
        operators=_by("tanh", "torch math linalg tosa stablehlo"),
    ),
    Function("sinh", np.sinh, derivative=np.cosh, operators=_by("sinh", "torch math chlo")),
    Function("cosh", np.cosh, derivative=np.sinh, operators=_by("cosh", "torch math chlo")),
    Function(
        "asinh",
        np.arcsinh,
        derivative=lambda x: 1.0 / np.hypot(1.0, x),
        operators=_by("asinh", "torch math chlo"),
    ),
    Function(
        "acosh",
        np.arccosh,
        defined=lambda x: x >= 1,
        derivative=lambda x: 1.0 / (np.sqrt(x - 1.0) * np.sqrt(x + 1.0)),
        operators=_by("acosh", "torch math chlo"),
    ),
    Function(
        "atanh",
        np.arctanh,
        defined=lambda x: np.abs(x) < 1,
        derivative=lambda x: 1.0 / ((1.0 - x) * (1.0 + x)),
        operators=_by("atanh", "torch math chlo"),
    ),
)


# Powers and roots.


def _pow_defined(x: Reals, exponent: float) -> Mask:
    if float(exponent).is_integer():
        return np.ones(x.shape, dtype=bool) if exponent >= 0 else x != 0
    return x >= 0 if exponent > 0 else x > 0


def _pow_slope(x: Reals, exponent: float) -> Reals:
    return exponent * np.power(x, exponent - 1.0) if exponent else np.zeros(x.shape)


_POWERS = (
    Function(
        "sqrt",
        np.sqrt,
        defined=lambda x: x >= 0,
        derivative=lambda x: 0.5 / np.sqrt(x),
        operators=(*_by("sqrt", "torch math linalg stablehlo"), *_power(0.5)),
    ),
    Function(
        "rsqrt",
        lambda x: 1.0 / np.sqrt(x),
        defined=_positive,
        derivative=lambda x: -0.5 / (x * np.sqrt(x)),
        operators=(*_by("rsqrt", "torch math linalg tosa stablehlo"), *_power(-0.5)),
    ),
    Function(
        "reciprocal",
        lambda x: 1.0 / x,
        defined=lambda x: x != 0,
        derivative=lambda x: -1.0 / np.square(x),
        formula=lambda x: x.number(1.0) / x,
        operators=(*_by("reciprocal", "torch linalg tosa"), *_power(-1.0)),
    ),
    Function(
        "square",
        np.square,
        derivative=lambda x: 2.0 * x,
        formula=lambda x: x * x,
        operators=(*_by("square", "torch linalg chlo"), *_power(2.0)),
    ),
    Function(
        "pow",
        np.power,
        ("exponent",),
        _pow_defined,
        _pow_slope,
        lambda x, exponent: x.power(exponent),
        tuple(Operator(name, ("exponent",)) for name in _POWER_OPERATORS),
    ),
)

ELEMENTARY = (
    *_HYPERBOLIC,
    *_ERROR,
    *_EXPONENTIALS,
    *_LOGARITHMS,
    *_TRIGONOMETRIC,
    *_POWERS,
)
