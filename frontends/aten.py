"""
Operators of the `torch` dialect as PyTorch has them: which overload, called with which arguments.

    made = computation(op, resources)(operands) # tensors and Python scalars in and out
    known = immediate(op, operands, resources)  # of a constant or a list; else NOT_CONSTANT
    target, arguments, keywords = called(op, operands)
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, cast

import torch
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, DenseResourceAttr
from xdsl.ir import Attribute, Operation

from lut_opt.dialects.assembly import Resources
from lut_opt.dialects.quant import element_type
from lut_opt.dialects.torch import (
    NOT_CONSTANT,
    ConstantDeviceOp,
    VTensorLiteralOp,
    VTensorType,
    constant_value,
    torch_name,
)
from lut_opt.passes.support.diagnostics import OpError

_DTYPES: Mapping[str, torch.dtype] = {
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "f32": torch.float32,
    "f64": torch.float64,
    "i1": torch.bool,
    "ui8": torch.uint8,
    **{f"{sign}{n}": getattr(torch, f"int{n}") for sign in ("i", "si") for n in (8, 16, 32, 64)},
}

Computation = Callable[[Sequence[Any]], Any]
"""From operands to the result of an op, of several a sequence."""

_WITHOUT_EFFECT = ("symbolic_int", "bind_symbolic_shape", "runtime.assert", "aten._assert_scalar")


class Call(NamedTuple):
    """An operator of PyTorch, and what it is called with."""

    target: Any
    arguments: list[Any]
    keywords: dict[str, Any]


def has_effect(op: Operation) -> bool:
    """Whether an op computes something; assertions and names of sizes do not."""
    return bool(op.results) and torch_name(op) not in _WITHOUT_EFFECT


def dtype_of(op: Operation, kind: Attribute) -> torch.dtype:
    """PyTorch's type for the elements of a tensor type. `OpError` where it has none."""
    element = kind.dtype if isinstance(kind, VTensorType) else element_type(kind)
    if (dtype := _DTYPES.get(str(element))) is None:
        raise OpError(op, f"{kind} has elements that PyTorch cannot hold here")
    return dtype


def literal(op: VTensorLiteralOp, resources: Resources) -> torch.Tensor:
    """The value of a tensor constant."""
    kind = op.results[0].type
    assert isinstance(kind, VTensorType)
    assert kind.shape is not None
    dtype = dtype_of(op, kind)
    match op.value:
        case DenseResourceAttr() as held:
            data = resources[held.resource_handle.data.strip('"')]
            return torch.as_tensor(data).view(dtype).reshape(kind.shape)
        case DenseIntOrFPElementsAttr() as dense:
            exact = torch.float64 if dtype.is_floating_point else torch.int64
            numbers = torch.tensor(list(dense.get_values()), dtype=exact).to(dtype)
            splat = numbers.numel() == 1
            return numbers.reshape(()).expand(kind.shape) if splat else numbers.reshape(kind.shape)
        case value:
            raise OpError(op, f"the value of {op.name} is {value}, which cannot be read")


def computation(op: Operation, resources: Resources) -> Computation:
    """What computes an op from its operands, found once. `OpError` where PyTorch has none."""
    if (known := _immediate(op, resources)) is not None:
        return known
    target = _target(op)

    def compute(operands: Sequence[Any]) -> Any:
        return run(op, _call(target, operands))

    return compute


def immediate(op: Operation, operands: Sequence[Any], resources: Resources) -> Any:
    """The result of an op that needs no operator: constants, lists, casts of the type alone."""
    known = _immediate(op, resources)
    return NOT_CONSTANT if known is None else known(operands)


def _immediate(op: Operation, resources: Resources) -> Computation | None:
    match torch_name(op) or op.name:
        case "prim.ListConstruct" | "prim.TupleConstruct":
            return list
        case "prim.ListUnpack" | "prim.TupleUnpack":
            return lambda operands: tuple(operands[0])
        case name if name.startswith("torch_c."):
            return lambda operands: operands[0]
        case _:
            value = NOT_CONSTANT if op.operands else _constant(op, resources)
            return None if value is NOT_CONSTANT else lambda _: value


def _constant(op: Operation, resources: Resources) -> Any:
    """The value of an op without operands, NOT_CONSTANT where it has none."""
    if isinstance(op, VTensorLiteralOp):
        return literal(op, resources)
    if isinstance(op, ConstantDeviceOp):
        return torch.device(str(constant_value(op.results[0])))
    return constant_value(op.results[0])


def called(op: Operation, operands: Sequence[Any]) -> Call:
    """The operator that an op stands for. `OpError` for one that PyTorch does not have."""
    return _call(_target(op), operands)


def _target(op: Operation) -> Any:
    name = torch_name(op) or op.name
    if name == "aten.view":  # values have no strides
        return torch.ops.aten.reshape.default
    target = _operator(name)
    if target is None:
        raise OpError(op, f"`{name}` has no operator of PyTorch to evaluate it with")
    return target


def _call(target: Any, operands: Sequence[Any]) -> Call:
    made = Call(target, [], {})
    for (keyword, is_dtype), value in zip(_parameters(target), operands, strict=False):
        if is_dtype and isinstance(value, int):
            value = _dtypes_by_number()[value]
        if keyword:
            made.keywords[keyword] = value
        else:
            made.arguments.append(value)
    return made


@cache
def _parameters(target: Any) -> tuple[tuple[str, bool], ...]:
    """Of each parameter its name if it is by keyword only, and whether it is an element type."""
    return tuple(
        (each.name if each.kwarg_only else "", each.name.endswith("dtype"))
        for each in target._schema.arguments
    )


def run(op: Operation, call: Call) -> Any:
    """What a call returns. `OpError` where PyTorch refuses it."""
    try:
        return call.target(*call.arguments, **call.keywords)
    except (RuntimeError, TypeError, NotImplementedError, IndexError, ValueError) as error:
        name, first = torch_name(op) or op.name, str(error).strip().partition("\n")[0]
        raise OpError(op, f"`{name}` cannot be evaluated by PyTorch: {first}") from error


@cache
def _operator(name: str) -> Any:
    """The overload of `aten.mul.Scalar`, or of `aten.gelu`; None if PyTorch has none."""
    library, _, rest = name.partition(".")
    if library == "quantized_decomposed":
        importlib.import_module("torch.ao.quantization.fx._decomposed")
    packet, _, overload = rest.partition(".")
    found = getattr(getattr(cast(Any, torch.ops), library), packet, None)
    return None if found is None else getattr(found, overload or "default", None)


@cache
def _dtypes_by_number() -> Mapping[int, torch.dtype]:
    """The types by the numbers that the `torch` dialect has for them."""
    importer: Any = importlib.import_module("torch_mlir.extras.fx_importer")
    return {number: dtype for dtype, number in importer.TORCH_DTYPE_TO_INT.items()}
