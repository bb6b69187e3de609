"""Which ops compute a function that a table can hold, and of which operand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.ir import Attribute, Operation, SSAValue

from lut_opt.dialects.pwl import FnAttr, NamedFunction
from lut_opt.dialects.pwl.function_body import FunctionBody
from lut_opt.dialects.pwl.functions import FUNCTIONS, Function
from lut_opt.dialects.torch import constant_value, is_float, torch_name
from lut_opt.passes.recognize.names import operand_constant, operator_name
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


def recognize(op: Operation) -> Nonlinear | None:
    """
    The function that one op computes, or None if it is no function of the registry.

    Raises OpError for an op that is non-linear in a way that no table can hold (a parameter that is
    not constant).
    """
    name = operator_name(op)
    calls = FUNCTIONS.called(name)
    if not calls:
        return _WRITTEN_OUT[name](op) if name in _WRITTEN_OUT else None
    if len(op.results) != 1 or len(op.operands) <= calls[0][0].argument:
        return None
    for operator, function in calls:
        others = [v for i, v in enumerate(op.operands) if i != operator.argument]
        bound = operator.bind([operand_constant(value) for value in others])
        if bound is not None:
            named = _named(op, function, bound)
            return Nonlinear(op, named, op.operands[operator.argument])
    wanted = " or ".join(f"{k} = {v!r}" for operator, _ in calls for k, v in operator.when.items())
    raise OpError(op, f"{name} needs {wanted} to become a table")


def _named(op: Operation, function: Function, constants: Mapping[str, object]) -> NamedFunction:
    """The function with its parameters. OpError if one is not a number, or none can be."""
    values: list[float] = []
    for parameter in function.parameters:
        value = constants.get(parameter)
        if not isinstance(value, int | float):
            raise OpError(op, f"{operator_name(op)} needs a constant {parameter} to become a table")
        values.append(float(value))
    if not function.has_values(*values):
        given = ", ".join(f"{k} = {v}" for k, v in zip(function.parameters, values, strict=True))
        raise OpError(op, f"{operator_name(op)} has no finite value anywhere with {given}")
    return NamedFunction(function.name, tuple(values))


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


def _power(op: Operation) -> Nonlinear | None:
    """x^p and b^x where p or b is a tensor of one number: a parameter of the model, say."""
    if len(op.operands) != 2 or len(op.results) != 1:
        return None
    base, exponent = op.operands
    if not is_float(base.type) or not is_float(exponent.type):
        return None
    for x, parameter, function in ((base, exponent, "pow"), (exponent, base, "exponential")):
        number = operand_constant(parameter)
        if isinstance(number, int | float) and x.type == op.results[0].type:
            same = (
                f for f, (name, value) in _SPECIAL.items() if (name, value) == (function, number)
            )
            named = NamedFunction(function, (float(number),))
            return Nonlinear(op, next((NamedFunction(f) for f in same), named), x)
    return None


_SPECIAL = {
    "square": ("pow", 2.0),
    "sqrt": ("pow", 0.5),
    "rsqrt": ("pow", -0.5),
    "reciprocal": ("pow", -1.0),
    "exp2": ("exponential", 2.0),
}
"""Powers that have names."""

_WRITTEN_OUT = {"torch.aten.div.Tensor": _softsign, "torch.aten.pow.Tensor_Tensor": _power}
