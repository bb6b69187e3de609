"""The operators, as the registries have them, and how each is called on a tensor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lut_opt.dialects.pwl.functions import FUNCTIONS, Function, Operator
from lut_opt.dialects.quantization import Reals
from lut_opt.frontends.torch import operators
from lut_opt.passes.decompose.composites import COMPOSITES

PARAMETERS: dict[str, tuple[float, ...]] = {"exponent": (1.7, 3.0), "base": (1.5,)}
"""Values of the parameters that PyTorch has no default for."""

_LAST = "x.shape[-1:]"

CALLS: dict[str, tuple[str, int]] = {
    "softmax.int": ("aten.softmax.int(x, -1)", 0),
    "_softmax": ("aten._softmax.default(x, -1, False)", 0),
    "log_softmax.int": ("aten.log_softmax.int(x, -1)", 0),
    "_log_softmax": ("aten._log_softmax.default(x, -1, False)", 0),
    "layer_norm": (f"aten.layer_norm.default(x, {_LAST})", 1),
    "native_layer_norm": (f"aten.native_layer_norm.default(x, {_LAST}, None, None, 1e-5)[0]", 1),
    "rms_norm": (f"aten.rms_norm.default(x, {_LAST})", 1),
    "group_norm": ("aten.group_norm.default(x, 2)", 2),
    "native_group_norm": (
        "aten.native_group_norm.default(x, None, None, x.shape[0], x.shape[1], "
        "x[0, 0].numel(), 2, 1e-5)[0]",
        3,
    ),
    "linalg_vector_norm": ("aten.linalg_vector_norm.default(x, 2, [-1])", 1),
    "div.Tensor": ("aten.div.Tensor(x, other)", 0),
    "scaled_dot_product_attention": (
        "aten.scaled_dot_product_attention.default(x, other, x)",
        3,
    ),
    "glu": ("aten.glu.default(x, -1)", 1),
    "batch_norm": (
        "torch.nn.functional.batch_norm(x, torch.zeros(x.shape[1], dtype=x.dtype), "
        "torch.ones(x.shape[1], dtype=x.dtype))",
        2,
    ),
}
"""How what is no function of one element is called on `x` and `other`; the least rank of `x`."""

DOMAINS: dict[str, Any] = {
    "x": lambda x: x,
    "|x|": np.abs,
    "1 + |x|": lambda x: 1.0 + np.abs(x),
    "x / max": lambda x: 0.98 * x / np.abs(x).max(),
    "|x| / max": lambda x: 0.98 * np.abs(x) / np.abs(x).max(),
}
"""What inputs are made into where an operator is not defined on all: the first that fits."""


@dataclass(frozen=True)
class Case:
    """An operator with its parameters; `call` is an expression in `x`, and `other` for some."""

    name: str
    call: str
    least_rank: int = 0
    function: Function | None = None
    parameters: tuple[float, ...] = ()

    def domain(self, x: Reals) -> str:
        """The name of what inputs are made into."""
        if self.function is None:
            return "x"
        function = self.function
        defined = (
            name
            for name, make in DOMAINS.items()
            if function.is_defined(make(x), *self.parameters).all()
        )
        return next(defined, "x")


def cases() -> list[Case]:
    """Every operator of PyTorch that the registries know."""
    made = [
        case
        for name in FUNCTIONS.operators("torch.aten")
        for operator, function in FUNCTIONS.called(f"torch.aten.{name}")
        for case in _functions(name, operator, function)
    ]
    units = sorted({*operators.COMPOSED, *COMPOSITES})
    return made + [Case(name, *CALLS[name]) for name in units]


def _functions(name: str, operator: Operator, function: Function) -> Iterator[Case]:
    """An operator with each value of its parameter, where it needs one."""
    needed = [each for each in operator.constants if each in (*operator.when, *PARAMETERS)]
    if not needed:
        yield Case(name, _call(name, {}), function=function, parameters=_defaults(name, operator))
        return
    (parameter,) = needed
    values = (operator.when[parameter],) if operator.when else PARAMETERS[parameter]
    for value in values:
        number = _parameters(function, value)
        yield Case(
            f"{name} {parameter}={value}",
            _call(name, {parameter: value}),
            function=function,
            parameters=number,
        )


def _parameters(function: Function, value: object) -> tuple[float, ...]:
    """The function's own parameters where an operator's constant is one of them."""
    return (float(value),) if function.parameters and isinstance(value, int | float) else ()


def _schema(name: str) -> Any:
    packet, _, overload = name.partition(".")
    return getattr(getattr(torch.ops.aten, packet), overload or "default")._schema


def _call(name: str, constants: dict[str, object]) -> str:
    """The call with `x` for the tensor and a constant for what else has no default."""
    values = iter(constants.values())
    arguments: list[str] = []
    for argument in _schema(name).arguments:
        if str(argument.type) == "Tensor":
            arguments.append("x")
        elif (value := next(values, None)) is not None:
            arguments.append(f"{argument.name}={value!r}" if argument.kwarg_only else repr(value))
        elif not argument.has_default_value():
            raise ValueError(f"{name}: PARAMETERS has no value for {argument.name}")
    packet, _, overload = name.partition(".")
    return f"aten.{packet}.{overload or 'default'}({', '.join(arguments)})"


def _defaults(name: str, operator: Operator) -> tuple[float, ...]:
    """PyTorch's own values of the function's parameters."""
    others = [each for each in _schema(name).arguments if str(each.type) != "Tensor"]
    bound = operator.bind([each.default_value for each in others])
    assert bound is not None, name
    return tuple(float(str(bound[each])) for each in operator.constants)
