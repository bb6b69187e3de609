"""The registry against fifty digits, over the whole range of a double, and its derivatives."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mp

from lut_opt.dialects.pwl.functions import FUNCTIONS, Function, Operator, Registry
from lut_opt.dialects.quantization import Reals

PARAMETERS: dict[str, tuple[float, ...]] = {
    "softplus": (1.5, 8.0),
    "elu": (0.75, 1.25, 2.0),
    "celu": (1.5,),
    "leaky_relu": (0.125,),
    "logit": (0.0625,),
    "exponential": (3.0,),
    "pow": (3.0,),
}

OTHERS = [("logit", (0.0,)), ("pow", (0.5,)), ("pow", (-3.0,)), ("pow", (0.0,)),
          ("exponential", (0.75,)), ("softplus", (1.0, 20.0))]  # fmt: skip

KINKS = {
    "hardsigmoid": (-3.0, 3.0),
    "hardswish": (-3.0, 3.0),
    "leaky_relu": (0.0,),
    "elu": (0.0,),
    "selu": (0.0,),
    "softplus": (8.0 / 1.5, 20.0),
    "logit": (0.0625, 0.9375),
}

HALF = mpmath.mpf("0.5")


def _softplus(x: Any, beta: float = 1.0, threshold: float = math.inf) -> Any:
    return x if beta * x > threshold else mp.log1p(mp.exp(beta * x)) / beta


def _elu(x: Any, alpha: float, scale: float, input_scale: float) -> Any:
    return scale * (x if x > 0 else alpha * mp.expm1(x * input_scale))


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _erfc(x: Any) -> Any:
    # mpmath takes no huge numbers here, where the value is 0 or 2.
    return mp.erfc(x) if abs(x) < 1e5 else 1 - mp.sign(x)


def _hard_sigmoid(x: Any) -> Any:
    return min(max(x + 3, 0), 6) / mpmath.mpf(6)


def _log1p(x: Any) -> Any:
    return mp.log1p(x)


def _logit(x: Any, epsilon: float) -> Any:
    x = min(max(x, epsilon), 1 - mpmath.mpf(epsilon))
    return mp.log(x) - mp.log1p(-x)


def _gelu_tanh(x: Any) -> Any:
    u = mp.sqrt(2 / mp.pi) * (x + mpmath.mpf("0.044715") * x**3)
    return x * _sigmoid(2 * u)


EXACT: dict[str, Callable[..., Any]] = {
    "gelu": lambda x: x * HALF * _erfc(-x / mp.sqrt(2)),
    "gelu_tanh": _gelu_tanh,
    "quick_gelu": lambda x: x * _sigmoid(mpmath.mpf("1.702") * x),
    "silu": lambda x: x * _sigmoid(x),
    "hardswish": lambda x: x * _hard_sigmoid(x),
    "hardsigmoid": _hard_sigmoid,
    "sigmoid": _sigmoid,
    "log_sigmoid": lambda x: -_softplus(-x),
    "logit": _logit,
    "softplus": _softplus,
    "mish": lambda x: x * mp.tanh(_softplus(x)),
    "elu": _elu,
    "selu": lambda x: _elu(x, 1.6732632423543772848, 1.0507009873554804934, 1.0),
    "celu": lambda x, alpha: x if x > 0 else alpha * mp.expm1(x / alpha),
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "softsign": lambda x: x / (1 + abs(x)),
    "relu2": lambda x: max(x, 0) ** 2,
    "tanh": mp.tanh,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "asinh": mp.asinh,
    "acosh": mp.acosh,
    "atanh": mp.atanh,
    "erf": mp.erf,
    "erfc": _erfc,
    "exp": mp.exp,
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "expm1": mp.expm1,
    "exponential": lambda x, base: mpmath.mpf(base) ** x,
    "log": mp.log,
    "log2": lambda x: mp.log(x) / mp.log(2),
    "log10": lambda x: mp.log(x) / mp.log(10),
    "log1p": _log1p,
    "sin": mp.sin,
    "cos": mp.cos,
    "cos_turns": lambda x: mp.cospi(2 * x),
    "tan": mp.tan,
    "asin": mp.asin,
    "acos": mp.acos,
    "atan": mp.atan,
    "sqrt": mp.sqrt,
    "rsqrt": lambda x: 1 / mp.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x**2,
    "pow": lambda x, exponent: x ** mpmath.mpf(exponent),
}
"""In fifty digits; nothing cancels that many."""

CASES = [(name, PARAMETERS.get(name, ())) for name in FUNCTIONS] + OTHERS
SUBNORMAL = 2.0**-1022
"""Below, a double has fewer digits."""


def inputs(name: str, parameters: tuple[float, ...]) -> Reals:
    """Inputs from one end of the doubles to the other, dense where functions bend."""
    rng = np.random.default_rng(0)
    ends = np.ldexp(rng.uniform(1, 2, 60), rng.integers(-1022, 1023, 60))
    middle = np.concatenate((np.geomspace(2.0**-30, 800.0, 120), rng.uniform(0, 10, 60)))
    near_one = 1.0 + np.ldexp(rng.uniform(-1, 1, 30), rng.integers(-50, -1, 30))
    x = np.concatenate((ends, middle, near_one, [0.5, 1.0, 2.0, 3.0, 5.0, 1.7976931348623157e308]))
    x = np.concatenate((x, -x, [0.0]))
    return x[FUNCTIONS[name].is_defined(x, *parameters)]


def exact(name: str, parameters: tuple[float, ...], x: float) -> Any:
    """The value in fifty digits."""
    return EXACT[name](mpmath.mpf(x), *parameters)


@pytest.fixture(autouse=True)
def digits() -> Any:
    with mp.workdps(50):
        yield


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_values_are_right_over_the_whole_range(name: str, parameters: tuple[float, ...]) -> None:
    x = inputs(name, parameters)
    for x_, y in zip(x.tolist(), FUNCTIONS[name](x, *parameters).tolist(), strict=True):
        with mp.workdps(400 if name in ("log1p", "acosh", "asinh", "logit") else 50):
            wanted = exact(name, parameters, x_)
        if abs(wanted) > 1.7976931348623157e308:
            assert abs(y) >= 1.797e308, (x_, y)
            assert (y > 0) == (wanted > 0), (x_, y)
        else:
            error = abs(y - wanted)
            assert error <= 1e-12 * abs(wanted) + 2 * SUBNORMAL, (x_, y, float(wanted))


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_derivatives_are_right(name: str, parameters: tuple[float, ...]) -> None:
    x = inputs(name, parameters)[::7]
    x = x[(np.abs(x) < 700) & (np.abs(x) > 1e-9) & ~np.isin(x, KINKS.get(name, ()))]
    slopes = FUNCTIONS[name].slope(x, *parameters)
    finite = np.isfinite(slopes)
    assert finite.sum() > 10
    for x_, slope in zip(x[finite].tolist(), slopes[finite].tolist(), strict=True):
        # Enough digits for a difference of values that are all but 1.
        with mp.workdps(500):
            step = abs(mpmath.mpf(x_)) * mpmath.mpf(10) ** -80
            high, low = (EXACT[name](x_ + s, *parameters) for s in (step, -step))
            wanted = (high - low) / (2 * step)
        # Next to where a slope is 0, its terms cancel.
        scale = abs(wanted) + (1.0 if 1e-6 < abs(wanted) < 1 else 0.0)
        assert abs(slope - wanted) <= 1e-9 * scale + 1e-290, (x_, slope, float(wanted))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_are_those_of_what_is_evaluated(name: str) -> None:
    """Central differences of `evaluate`, which are good for eight digits."""
    function, parameters = FUNCTIONS[name], PARAMETERS.get(name, ())
    x = np.linspace(-6.0, 6.0, 1171) + 1e-4
    h = 1e-5
    inside = function.is_defined(x - h, *parameters) & function.is_defined(x + h, *parameters)
    for kink in KINKS.get(name, ()):
        inside &= np.abs(x - kink) > 2 * h
    x = x[inside]
    wanted = (function(x + h, *parameters) - function(x - h, *parameters)) / (2 * h)
    got = function.slope(x, *parameters)
    # Next to a pole the step is too large.
    beside = function.slope(x - h, *parameters), function.slope(x + h, *parameters)
    smooth = np.abs(beside[0] + beside[1] - 2 * got) < 1e-6 * np.maximum(1.0, np.abs(got))
    assert smooth.mean() > 0.9
    np.testing.assert_allclose(got[smooth], wanted[smooth], rtol=2e-6, atol=2e-6)


def test_slopes_at_a_kink_are_those_of_pytorch() -> None:
    def at(name: str, *x: float, parameters: tuple[float, ...] = ()) -> list[float]:
        return FUNCTIONS[name].slope(np.array(x), *parameters).tolist()

    assert at("hardsigmoid", -3.0, 3.0) == [0.0, 0.0]
    assert at("hardswish", -3.0, 3.0) == [0.0, 1.0]
    assert at("leaky_relu", 0.0, parameters=(0.125,)) == [0.125]
    assert at("elu", 0.0, parameters=(0.75, 1.25, 2.0)) == [0.75 * 1.25 * 2.0]
    assert at("relu2", 0.0) == [0.0]
    inside = 1 / (0.0625 * 0.9375)
    assert at("logit", 0.0625, 0.9375, parameters=(0.0625,)) == pytest.approx([inside, inside])


CUBE = Function(
    "cube",
    lambda x: x**3,
    formula=lambda x: x * x * x,
    operators=(Operator("my.cube"), Operator("my.pow", ("exponent",), when={"exponent": 3})),
)


def test_a_registry_knows_who_calls_what() -> None:
    registry = Registry([CUBE])
    assert registry.called("my.cube") == [(CUBE.operators[0], CUBE)]
    with pytest.raises(ValueError, match="there is a function 'cube' already"):
        registry.add(CUBE)
    with pytest.raises(ValueError, match=r"my\.cube is the function 'cube' already"):
        registry.add(Function("other", np.abs, formula=abs, operators=(Operator("my.cube"),)))
    registry.remove("cube")
    assert not registry
    assert registry.operators("my") == []


def test_what_is_registered_can_be_written_out() -> None:
    with pytest.raises(ValueError, match="needs a formula, or an operator of `math`"):
        Registry([Function("cube", lambda x: x**3)])
    with pytest.raises(ValueError, match="'cube' has no derivative"):
        CUBE.slope(np.zeros(1))


def test_every_function_has_a_derivative() -> None:
    assert [f.name for f in FUNCTIONS.values() if f.derivative is None] == []


def test_error_functions_of_many_numbers_take_little_memory() -> None:
    x = np.linspace(-6.0, 6.0, 1 << 20)
    tracemalloc.start()
    y = FUNCTIONS["erf"](x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * x.nbytes
    assert y[::4096].tolist() == [math.erf(value) for value in x[::4096].tolist()]
