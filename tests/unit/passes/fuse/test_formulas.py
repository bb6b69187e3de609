"""The registry written out in `arith` and `math` computes what the registry does."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, f64
from xdsl.ir import Block, Region

from lut_opt.dialects.pwl.function_body import FunctionBody
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.passes.fuse.terms import Term

PARAMETERS = {
    "softplus": (1.5, 8.0),
    "elu": (0.75, 1.25, 2.0),
    "celu": (1.5,),
    "leaky_relu": (0.125,),
    "logit": (0.0625,),
    "exponential": (3.0,),
    "pow": (3.0,),
}


def body_of(name: str, parameters: tuple[float, ...]) -> FunctionBody:
    block = Block(arg_types=[f64])
    result = FUNCTIONS[name].write(Term.argument(block), *parameters)
    block.add_op(func.ReturnOp(result.value))
    op = func.FuncOp(name, FunctionType.from_lists([f64], [f64]), Region(block))
    op.verify()
    return FunctionBody(op)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_formula_equals_the_registry(name: str) -> None:
    parameters = PARAMETERS.get(name, ())
    assert len(parameters) == len(FUNCTIONS[name].parameters)
    x = np.concatenate((np.linspace(-20, 20, 1281), [-1000.0, 1000.0]))
    x = x[FUNCTIONS[name].is_defined(x, *parameters)]
    wanted = FUNCTIONS[name](x, *parameters)
    got = body_of(name, parameters)(x)
    finite = np.isfinite(wanted)
    np.testing.assert_allclose(got[finite], wanted[finite], rtol=1e-13, atol=1e-13)
    assert np.array_equal(got[~finite], wanted[~finite])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_slope_of_the_formula_is_the_derivative(name: str) -> None:
    """Central differences, which are good for six digits; at a bend they take the middle."""
    function, parameters = FUNCTIONS[name], PARAMETERS.get(name, ())
    body, h = body_of(name, parameters), 1e-5
    x = np.linspace(-5.0, 5.0, 401) + 3e-3
    inside = function.is_defined(x - 0.1, *parameters) & function.is_defined(x + 0.1, *parameters)
    # Not across the pole of a tangent or a reciprocal.
    inside &= np.abs(function(x, *parameters)) < 50
    x = x[inside & ~((x < 0.1) & (x > -0.1))]
    assert len(x) > 30 or name in ("asin", "acos", "atanh")
    wanted = (body(x + h) - body(x - h)) / (2 * h)
    np.testing.assert_allclose(function.slope(x, *parameters), wanted, rtol=1e-5, atol=1e-6)
