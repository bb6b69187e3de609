"""
Functions that grow like an exponential over many octaves, as the exponentials they are made of.

    b^x = 2^(x·log2 b)    expm1 x = exp x − 1    sinh x = (exp x − exp −x)/2    cosh x = (… + …)/2

A plain table answers in equal steps: of what grows over many octaves it keeps the largest alone.
The exponentials have a range reduction (`quantize/wide.py`), which keeps all to the same relative
precision; what is around them is linear.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, TensorType, f64
from xdsl.ir import Attribute, Operation

from lut_opt.dialects.pwl import NamedFunction
from lut_opt.dialects.torch import VTensorType
from lut_opt.passes.quantize.functions import Defaults, input_range, quantiles
from lut_opt.passes.quantize.wide import exponential
from lut_opt.passes.recognize.functions import Nonlinear
from lut_opt.passes.support.declarations import QUANTILES, RANGE, interval
from lut_opt.passes.support.torch_builder import TorchBuilder, shape_of

LARGE = ("expm1", "sinh", "cosh")
"""Functions that are the exponential of |x| where that is large, but for a factor."""


def exponentials(found: Nonlinear, defaults: Defaults) -> tuple[Nonlinear, ...] | None:
    """
    Write a function of a `torch` tensor out, and return the exponentials, which need tables.

    None where a plain table serves, or the function is none of these.
    """
    function, declared = found.function, input_range(found)
    if not isinstance(function, NamedFunction) or declared is None:
        return None
    if not isinstance(found.op.results[0].type, VTensorType):
        return None
    if function.name == "exponential":
        return _power(found, math.log2(function.parameters[0]), declared, defaults)
    if function.name not in LARGE:
        return None
    reach = declared[1] if function.name == "expm1" else max(map(abs, declared))
    if exponential(found, "exp", (0.0, reach), defaults) is None:
        return None
    x, build = found.operand, TorchBuilder(found.op)
    shape = shape_of(found.op, x)
    e = build.tensor("exp", [x], shape, attributes=_scaled(found, declared, 1.0))
    made = [e]
    if function.name == "expm1":
        y = build.tensor("sub.Scalar", [e, 1.0, 1], shape)
    else:
        opposite = build.tensor("neg", [x], shape)
        declarations = _scaled(found, declared, -1.0)
        made.append(build.tensor("exp", [opposite], shape, attributes=declarations))
        name = "sub.Tensor" if function.name == "sinh" else "add.Tensor"
        y = build.tensor("mul.Scalar", [build.tensor(name, [*made, 1], shape), 0.5], shape)
    found.op.results[0].replace_all_uses_with(y)
    named = NamedFunction("exp")
    return tuple(Nonlinear(_owner(e), named, _owner(e).operands[0]) for e in made)


def _power(
    found: Nonlinear, factor: float, declared: tuple[float, float], defaults: Defaults
) -> tuple[Nonlinear, ...] | None:
    """A power of a constant base as one of 2."""
    low, high = sorted(factor * end for end in declared)
    if exponential(found, "exp2", (low, high), defaults) is None:
        return None
    build, shape = TorchBuilder(found.op), shape_of(found.op, found.operand)
    turned = build.tensor("mul.Scalar", [found.operand, factor], shape)
    y = build.tensor("exp2", [turned], shape, attributes=_scaled(found, declared, factor))
    found.op.results[0].replace_all_uses_with(y)
    return (Nonlinear(_owner(y), NamedFunction("exp2"), turned),)


def _scaled(
    found: Nonlinear, declared: tuple[float, float], factor: float
) -> Mapping[str, Attribute]:
    """What is declared of x, of x·factor."""
    low, high = sorted(factor * end for end in declared)
    made: dict[str, Attribute] = {RANGE: interval(low, high)}
    if (counted := quantiles(found)) is not None:
        values = np.sort(counted * factor)
        made[QUANTILES] = DenseIntOrFPElementsAttr.from_list(
            TensorType(f64, [len(values)]), values.tolist()
        )
    return made


def _owner(value: object) -> Operation:
    owner = getattr(value, "owner", None)
    assert isinstance(owner, Operation)
    return owner
