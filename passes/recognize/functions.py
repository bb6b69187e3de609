"""Which ops compute a function that a table can hold, and of which operand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FloatAttr, SymbolRefAttr
from xdsl.ir import Attribute, Operation, SSAValue

from lut_opt.dialects.pwl import FnAttr, NamedFunction
from lut_opt.dialects.pwl.function_body import FunctionBody
from lut_opt.dialects.torch import constant_value, torch_name
from lut_opt.passes.support.diagnostics import OpError

Interval = tuple[float, float]

TableFunction = NamedFunction | FunctionBody
"""A function of the registry, or one that the module writes down."""


@dataclass(frozen=True)
class Declared:
    """What the ops of a chain declare of its operand."""

    interval: Interval
    op: Operation
    """Which of them does."""
    attributes: Mapping[str, Attribute]
    """What the whole declares in their place."""


@dataclass(frozen=True)
class Fused:
    """The ops that compute a function together."""

    ops: tuple[Operation, ...]
    """In program order."""
    symbol: SymbolRefAttr | None
    """The `func.func` that holds the function, None for one of the registry."""
    declared: Declared | None


@dataclass(frozen=True)
class Nonlinear:
    """An op that computes `function` of `operand`, element by element, by itself or with others."""

    op: Operation
    function: TableFunction
    operand: SSAValue
    fused: Fused | None = None

    @property
    def attribute(self) -> FnAttr | SymbolRefAttr:
        """How a `pwl.apply` calls the function."""
        if self.fused is not None and self.fused.symbol is not None:
            return self.fused.symbol
        assert isinstance(self.function, NamedFunction)
        return FnAttr(self.function)


_PLAIN = (
    "silu", "hardswish", "hardsigmoid", "sigmoid", "log_sigmoid", "tanh", "erf", "erfc", "exp",
    "exp2", "expm1", "log", "log2", "log10", "log1p", "mish", "selu", "sin", "cos", "tan", "sinh",
    "cosh", "asin", "acos", "atan", "asinh", "acosh", "atanh", "sqrt", "rsqrt", "reciprocal",
    "square",
)  # fmt: skip
"""Functions that `torch.aten` calls by the registry's name and that have no other operand."""

_PARAMETERS: dict[str, tuple[str, ...]] = {
    "softplus": ("beta", "threshold"),
    "elu": ("alpha", "scale", "input_scale"),
    "celu": ("alpha",),
    "leaky_relu": ("negative_slope",),
    "logit": ("epsilon",),
    "pow.Tensor_Scalar": ("exponent",),
}
"""Functions with constant operands after the input, as `torch.aten` orders them."""

_MATH: dict[type[Operation], str] = {
    math.AcosOp: "acos",
    math.AcoshOp: "acosh",
    math.AsinOp: "asin",
    math.AsinhOp: "asinh",
    math.AtanOp: "atan",
    math.AtanhOp: "atanh",
    math.CosOp: "cos",
    math.CoshOp: "cosh",
    math.ErfOp: "erf",
    math.Exp2Op: "exp2",
    math.ExpM1Op: "expm1",
    math.ExpOp: "exp",
    math.Log10Op: "log10",
    math.Log1pOp: "log1p",
    math.Log2Op: "log2",
    math.LogOp: "log",
    math.RsqrtOp: "rsqrt",
    math.SinOp: "sin",
    math.SinhOp: "sinh",
    math.SqrtOp: "sqrt",
    math.TanOp: "tan",
    math.TanhOp: "tanh",
}


def recognize(op: Operation) -> Nonlinear | None:
    """
    The function that one op computes, or None if it is no function of the registry.

    Raises OpError for an op that is non-linear in a way that no table can hold (a parameter that is
    not constant).
    """
    if (kind := _MATH.get(type(op))) is not None:
        return Nonlinear(op, NamedFunction(kind), op.operands[0])
    if isinstance(op, math.PowFOp):
        exponent = _float_constant(op.rhs)
        if exponent is None:
            raise OpError(op, "math.powf needs a constant exponent to become a table")
        return Nonlinear(op, _power(exponent), op.lhs)
    name = torch_name(op)
    if name is None or not name.startswith("aten."):
        return None
    name = name.removeprefix("aten.")
    if name in _PLAIN:
        return Nonlinear(op, NamedFunction(name), op.operands[0])
    if name == "gelu":
        return Nonlinear(op, _gelu(op), op.operands[0])
    if name in _PARAMETERS:
        return Nonlinear(op, _with_parameters(op, name), op.operands[0])
    if name == "pow.Scalar":
        return Nonlinear(op, _exponential(op), op.operands[1])
    if name == "div.Tensor":
        return _softsign(op)
    return None


def _gelu(op: Operation) -> NamedFunction:
    match constant_value(op.operands[1]):
        case "none":
            return NamedFunction("gelu")
        case "tanh":
            return NamedFunction("gelu_tanh")
        case other:
            raise OpError(op, f"gelu's approximation must be 'none' or 'tanh', got {other!r}")


def _with_parameters(op: Operation, name: str) -> NamedFunction:
    values: list[float] = []
    for parameter, operand in zip(_PARAMETERS[name], op.operands[1:], strict=True):
        value = constant_value(operand)
        if value is None and name == "logit":
            value = 0.0
        if not isinstance(value, int | float):
            raise OpError(op, f"{parameter} of torch.aten.{name} must be a constant number")
        values.append(float(value))
    if name == "pow.Tensor_Scalar":
        return _power(values[0])
    return NamedFunction(name, tuple(values))


def _power(exponent: float) -> NamedFunction:
    names: dict[float, str] = {2.0: "square", 0.5: "sqrt", -0.5: "rsqrt", -1.0: "reciprocal"}
    if (name := names.get(exponent)) is not None:
        return NamedFunction(name)
    return NamedFunction("pow", (exponent,))


def _exponential(op: Operation) -> NamedFunction:
    """A constant to the power of a tensor."""
    base = constant_value(op.operands[0])
    if not isinstance(base, int | float) or base <= 0:
        raise OpError(op, f"the base of torch.aten.pow.Scalar must be a positive constant: {base}")
    return NamedFunction("exp2") if base == 2 else NamedFunction("exponential", (float(base),))


def _float_constant(value: SSAValue) -> float | None:
    match value.owner:
        case arith.ConstantOp(value=FloatAttr() as attribute):
            return attribute.value.data
        case arith.ConstantOp(value=DenseIntOrFPElementsAttr() as dense):
            values = set(np.asarray(dense.get_values(), np.float64).tolist())
            return values.pop() if len(values) == 1 else None
        case _:
            return None


def _softsign(op: Operation) -> Nonlinear | None:
    """softsign(x) = x / (|x| + 1), as PyTorch writes it out."""
    x, denominator = op.operands
    add = denominator.owner
    if not isinstance(add, Operation) or torch_name(add) != "aten.add.Scalar":
        return None
    absolute, one, scale = add.operands
    if constant_value(one) != 1 or constant_value(scale) != 1:
        return None
    inner = absolute.owner
    if not isinstance(inner, Operation) or torch_name(inner) != "aten.abs":
        return None
    return Nonlinear(op, NamedFunction("softsign"), x) if inner.operands[0] is x else None
