"""
One spelling for every quantization of a whole tensor with a scale that is known.

What quantizers leave (`fake_quantize_per_tensor_affine`, scales in buffers, tensors of type qint8,
modules that fake-quantize) becomes `quantized_decomposed.quantize_per_tensor.default` and its
inverse, whose scale and zero point are numbers: that is what the lowering reads, and what runs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node

_STORAGE: dict[torch.dtype, torch.dtype] = {
    torch.qint8: torch.int8,
    torch.quint8: torch.uint8,
    torch.qint32: torch.int32,
}


_QUANTIZE = "quantized_decomposed::quantize_per_tensor"


class QuantizationError(ValueError):
    """What about a quantization cannot be exported, and what to do about it."""


@dataclass(frozen=True)
class _Affine:
    """A stored q in [minimum, maximum] of type `storage` stands for scale · (q − zero_point)."""

    scale: float
    zero_point: int
    minimum: int
    maximum: int
    storage: torch.dtype

    @property
    def arguments(self) -> tuple[float, int, int, int, torch.dtype]:
        return self.scale, self.zero_point, self.minimum, self.maximum, self.storage


def standardize(program: ExportedProgram) -> None:
    """Rewrite the graph of a program in place; what has no constant scale stays as it is."""
    decomposed = _decomposed()
    for node in list(program.graph.nodes):
        name = _target(node)
        if name == "aten::dequantize.self":
            read = _stored(node.args[0])
            if read is not None:
                _put(program, node, decomposed.dequantize_per_tensor.default, [node.args[0], read])
            continue
        affine = _affine(program, node, name)
        if affine is None:
            continue
        if "fake_quantize" in name:
            _put_pair(program, node, affine)
        elif "dequantize" in name:
            _put(program, node, decomposed.dequantize_per_tensor.default, [node.args[0], affine])
        else:
            _put(program, node, decomposed.quantize_per_tensor.default, [node.args[0], affine])
    program.graph.eliminate_dead_code()
    program.graph_module.recompile()


def _decomposed() -> Any:
    importlib.import_module("torch.ao.quantization.fx._decomposed")
    return torch.ops.quantized_decomposed


def _target(node: Node) -> str:
    name = getattr(node.target, "name", None)
    return str(name()) if node.op == "call_function" and callable(name) else ""


def _affine(program: ExportedProgram, node: Node, name: str) -> _Affine | None:
    """Scale, zero point and storage of a quantizing node of any spelling, if they are known."""
    if "quantize" not in name:  # or every constant of the model would be computed
        return None
    values = [_constant(program, argument) for argument in node.args[1:]]
    match name.split("::")[-1], values:
        case (
            "quantize_per_tensor.tensor"
            | "dequantize_per_tensor.tensor"
            | "quantize_per_tensorquantize_per_tensor.tensor2"
            | "dequantize_per_tensor.tensor2",
            [float() | int() as scale, int() as zero, int() as low, int() as high, storage, *_],
        ) if name.startswith("quantized_decomposed") and isinstance(storage, torch.dtype):
            return _Affine(float(scale), zero, low, high, storage)
        case (
            "quantize_affine" | "dequantize_affine",
            [_, float() | int() as scale, int() as zero, torch.dtype() as storage, low, high, *_],
        ) if isinstance(low, int) and isinstance(high, int):
            # One scale: one block, the whole tensor.
            return _Affine(float(scale), zero, low, high, storage)
        case (
            "fake_quantize_per_tensor_affine" | "fake_quantize_per_tensor_affine.tensor_qparams",
            [float() | int() as scale, float() | int() as zero, int() as low, int() as high],
        ):
            return _Affine(float(scale), int(zero), low, high, _storage(low, high))
        case (
            "quantize_per_tensor" | "quantize_per_tensor.tensor_qparams",
            [float() | int() as scale, float() | int() as zero, torch.dtype() as kind],
        ) if kind in _STORAGE:
            storage = _STORAGE[kind]
            limits = torch.iinfo(storage)
            return _Affine(float(scale), int(zero), limits.min, limits.max, storage)
        case _:
            return None


def _storage(low: int, high: int) -> torch.dtype:
    """The smallest integer type that holds both."""
    for kind in (torch.int8, torch.uint8, torch.int16, torch.uint16):
        limits = torch.iinfo(kind)
        if limits.min <= low and high <= limits.max:
            return kind
    return torch.int32


def _constant(program: ExportedProgram, argument: Any) -> Any:
    """A literal as it is; the number that a node on constants computes; None if it is not one."""
    if not isinstance(argument, Node):
        return argument
    value = _value(program, argument)
    return value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else None


def _value(program: ExportedProgram, node: Node) -> Any:
    if node.op == "placeholder":
        specs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
        spec = specs[node.name]
        if spec.kind is InputKind.USER_INPUT or spec.target is None:
            return None
        held = program.state_dict.get(spec.target)
        return program.constants.get(spec.target) if held is None else held
    values = {argument: _value(program, argument) for argument in node.all_input_nodes}
    if node.op != "call_function" or any(value is None for value in values.values()):
        return None
    arguments, keywords = torch.fx.map_arg((node.args, node.kwargs), values.__getitem__)
    return cast(Callable[..., Any], node.target)(*arguments, **keywords)


def _stored(argument: Any) -> _Affine | None:
    """How the value of a node is stored that was put here for a quantization."""
    if isinstance(argument, Node) and _target(argument) == _QUANTIZE:
        return _Affine(*cast(Any, argument.args[1:]))
    return None


def _put(program: ExportedProgram, node: Node, target: Any, arguments: list[Any]) -> Node:
    """Replace a node by a call with the same location."""
    value, affine = arguments
    with program.graph.inserting_before(node):
        made = program.graph.call_function(target, (value, *affine.arguments))
    made.meta.update(node.meta)
    node.replace_all_uses_with(made)
    program.graph_signature.replace_all_uses(node.name, made.name)
    program.graph.erase_node(node)
    return made


def _put_pair(program: ExportedProgram, node: Node, affine: _Affine) -> None:
    decomposed = _decomposed()
    with program.graph.inserting_before(node):
        stored = program.graph.call_function(
            decomposed.quantize_per_tensor.default, (node.args[0], *affine.arguments)
        )
    stored.meta.update(node.meta)
    if isinstance(shown := node.meta.get("val"), torch.Tensor):
        stored.meta["val"] = shown.to(affine.storage)
    _put(program, node, decomposed.dequantize_per_tensor.default, [stored, affine])


@contextmanager
def fixed_fake_quantizers(model: nn.Module) -> Generator[None]:
    """
    Let modules that fake-quantize compute with the scale they have, so that they can be traced.

    Their own code asks tensors whether to observe. Raises `QuantizationError` for one that does.
    """
    changed: list[nn.Module] = []
    try:
        modules: Iterable[tuple[str, nn.Module]] = cast(Any, model).named_modules()
        for name, module in modules:
            if _is_fake_quantizer(module):
                module.__dict__["forward"] = _fixed(name, module)
                changed.append(module)
        yield
    finally:
        for module in changed:
            del module.__dict__["forward"]


def _is_fake_quantizer(module: nn.Module) -> bool:
    wanted = ("fake_quant_enabled", "observer_enabled", "scale", "zero_point", "quant_min")
    return all(hasattr(module, name) for name in wanted) and "forward" not in module.__dict__


def _fixed(name: str, module: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    if int(module.observer_enabled[0]):
        raise QuantizationError(
            f"fake quantization `{name}` still observes, so that its scale is not final: call "
            "model.apply(torch.ao.quantization.disable_observer) before"
        )
    low, high = int(module.quant_min), int(module.quant_max)
    if not int(module.fake_quant_enabled[0]):
        return lambda x: x
    scale, zero = module.scale.detach(), module.zero_point.detach()
    if scale.numel() == 1:
        number, origin = float(scale), int(zero)
        return lambda x: torch.fake_quantize_per_tensor_affine(x, number, origin, low, high)
    axis = int(module.ch_axis)
    return lambda x: fake_quantize_per_channel(x, scale, zero, axis, low, high)


def fake_quantize_per_channel(
    x: torch.Tensor, scale: torch.Tensor, zero_point: torch.Tensor, axis: int, low: int, high: int
) -> torch.Tensor:
    """`torch.fake_quantize_per_channel_affine` in operators that torch-mlir can lower."""
    shape = [-1 if i == axis else 1 for i in range(x.dim())]
    scale, zero_point = scale.reshape(shape), zero_point.reshape(shape)
    stored = torch.clamp(torch.round(x * (1.0 / scale)) + zero_point, low, high)
    return (stored - zero_point) * scale
