"""A program of the `torch` dialect as a PyTorch module, one node of its graph an operator."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from operator import getitem
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import Graph, GraphModule, Node, map_arg
from torch.utils import _pytree as pytree
from xdsl.dialects.builtin import FloatAttr, IntegerAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from lut_opt.dialects.assembly import Program, Resources, describe_layer
from lut_opt.dialects.torch import NOT_CONSTANT, VTensorType, torch_name
from lut_opt.frontends import aten
from lut_opt.frontends.onnx.importing import RMS_NORM
from lut_opt.frontends.onnx.reading import OnnxError
from lut_opt.passes.support.diagnostics import OpError

_COMMUTE = ("aten.add.Tensor", "aten.mul.Tensor")
_WITH_NUMBERS: Mapping[str, Any] = {
    "aten.add.Tensor": torch.ops.aten.add.Tensor,
    "aten.mul.Tensor": torch.ops.aten.mul.Tensor,
    "aten.sub.Tensor": torch.ops.aten.sub.Tensor,
    "aten.div.Tensor": torch.ops.aten.div.Tensor,
    "aten.pow.Tensor_Tensor": torch.ops.aten.pow.Tensor_Scalar,
    "aten.clamp.Tensor": torch.ops.aten.clamp.default,
}
"""What PyTorch's own models call with numbers where ONNX has tensors of one element."""


class Builder:
    """
    What is known of each value while a program becomes a graph.

    Whatever no input reaches is computed at once, and so are sizes, for all are known: what is left
    are operators on data. `origins` are names and operators of the file's nodes.
    """

    def __init__(self, path: str, program: Program, origins: Sequence[tuple[str, str]]) -> None:
        self._path, self._origins = path, origins
        self._resources = Resources(program.resources)
        self._main = next(op for op in program.module.ops if isinstance(op, FuncOp))
        self._graph = Graph()
        self._root = nn.Module()
        self._values: dict[SSAValue, Any] = {}
        self._shown: dict[Node, Any] = {}
        """Types and sizes: results of nodes, as PyTorch's tensors without data."""
        self._held: dict[int, tuple[torch.Tensor, str]] = {}
        """Constants and their names, by identity."""
        self._mode = FakeTensorMode(allow_non_fake_inputs=True)

    def built(
        self,
        inputs: Mapping[str, torch.Tensor],
        weights: Mapping[str, torch.Tensor],
        outputs: Sequence[str],
    ) -> GraphModule:
        """The module; it returns a tensor, or several by name. Raises `OnnxError`."""
        arguments = iter(self._main.body.block.args)
        for name, tensor in inputs.items():
            node = self._graph.placeholder(name)
            self._values[next(arguments)] = node
            self._shown[node] = self._mode.from_tensor(tensor)
        for name, tensor in weights.items():
            held = nn.Parameter(tensor)
            self._values[next(arguments)] = held
            self._hold(held, name)
        with torch.no_grad():
            for op in self._main.body.block.ops:
                try:
                    self._add(op, outputs)
                except OpError as error:
                    raise OnnxError(self._about(op, str(error))) from error
        self._graph.eliminate_dead_code()
        return GraphModule(self._root, self._graph)

    def _add(self, op: Operation, outputs: Sequence[str]) -> None:
        operands = [self._values[operand] for operand in op.operands]
        if isinstance(op, ReturnOp):
            made = [self._argument(value) for value in operands]
            self._graph.output(dict(zip(outputs, made, strict=True)) if len(made) > 1 else made[0])
        elif aten.has_effect(op):
            made = aten.immediate(op, operands, self._resources)
            if made is NOT_CONSTANT:
                is_rms_norm = torch_name(op) == RMS_NORM
                call = self._rms_norm(op, operands) if is_rms_norm else aten.called(op, operands)
                made = self._called(op, call)
            self._values.update(
                zip(op.results, made if len(op.results) > 1 else (made,), strict=True)
            )

    def _called(self, op: Operation, call: aten.Call) -> Any:
        """A node for a call on data; the result itself where that is known already."""
        name = torch_name(op) or op.name
        if name == "aten.slice.Tensor" and call.arguments[4:] and call.arguments[4] < 0:
            call = self._backwards(call)
        if name.startswith("aten.__interpolate") and call.arguments[3] == "nearest":
            call.arguments[4] = None  # corners have no meaning there, says PyTorch
        leaves = pytree.tree_leaves((call.arguments, call.keywords))
        nodes = [leaf for leaf in leaves if isinstance(leaf, Node)]
        if not nodes:
            # A weight that `Identity` hands on is still that weight.
            return call.arguments[0] if name == "aten.clone" else _declared(op, aten.run(op, call))
        if name == "aten._shape_as_tensor":
            return torch.tensor(self._shown[nodes[0]].shape)
        if name == "aten.item":
            raise OpError(op, "a size or a choice depends on the data; nothing here can compile it")
        known = map_arg((call.arguments, call.keywords), self._shown.__getitem__)
        with self._mode:
            shown = aten.run(op, aten.Call(call.target, *known))
        if not any(isinstance(leaf, torch.Tensor) for leaf in pytree.tree_leaves(shown)):
            return shown
        call = self._with_numbers(name, call)
        arguments, keywords = pytree.tree_map_only(
            torch.Tensor, self._argument, (tuple(call.arguments), call.keywords)
        )
        node = self._graph.call_function(call.target, arguments, keywords)
        return self._results(op, node, shown)

    def _rms_norm(self, op: Operation, operands: Sequence[Any]) -> aten.Call:
        x, scale, *_ = operands
        sizes = (self._shown[x] if isinstance(x, Node) else x).shape
        axis = _attribute(op, "axis", -1)
        epsilon = _attribute(op, "epsilon", 1e-5)
        arguments = [x, list(sizes[int(axis) :]), scale, epsilon]
        return aten.Call(torch.ops.aten.rms_norm.default, arguments, {})

    def _backwards(self, call: aten.Call) -> aten.Call:
        """A slice with a negative step, which PyTorch does not have, as a choice of elements."""
        operand, axis, *bounds = call.arguments
        size = (self._shown[operand] if isinstance(operand, Node) else operand).shape[axis]
        chosen = torch.arange(size)[list(range(*slice(*bounds).indices(size)))]
        return aten.Call(torch.ops.aten.index_select.default, [operand, axis, chosen], {})

    def _results(self, op: Operation, node: Node, shown: Any) -> Any:
        """The node of a call, or those of its results, with the place in the file."""
        number = _number(op)
        name, operator = self._origins[number - 1]
        node.meta["stack_trace"] = f'  File "{self._path}", line {number}, in {operator}'
        node.meta["nn_module_stack"] = {name: (name, operator)}
        self._shown[node] = shown
        if isinstance(shown, torch.Tensor):
            return node
        parts = [self._graph.call_function(getitem, (node, i)) for i in range(len(shown))]
        self._shown.update(zip(parts, shown, strict=True))
        return tuple(parts)

    def _with_numbers(self, name: str, call: aten.Call) -> aten.Call:
        """`x * 0.5` of a tensor of one element and x, as a model in PyTorch has it."""
        if name not in _WITH_NUMBERS:
            return call
        given = list(call.arguments)
        if name in _COMMUTE and not isinstance(given[0], Node) and given[2:] in ([], [1]):
            given[:2] = given[1::-1]
        if isinstance(given[0], Node):
            given[1:] = [self._number_in(value, given[0]) for value in given[1:]]
        if any(isinstance(value, torch.Tensor | Node) for value in given[1:]):
            return call
        return aten.Call(_WITH_NUMBERS[name], given, call.keywords)

    def _number_in(self, value: Any, node: Node) -> Any:
        """The number for a tensor of one element that neither type nor size of a result needs."""
        if isinstance(value, torch.Tensor) and value.numel() == 1:
            like = self._shown[node]
            if value.dim() <= like.dim() and value.dtype == like.dtype:
                return value.item()
        return value

    def _argument(self, value: Any) -> Any:
        """A node for a tensor that is known."""
        if not isinstance(value, torch.Tensor):
            return value
        if id(value) not in self._held:
            self._hold(value, f"constant_{len(self._held)}")
        return self._graph.get_attr(self._held[id(value)][1])

    def _hold(self, tensor: torch.Tensor, name: str) -> None:
        attribute = re.sub(r"\W", "_", f"_{name}")
        while hasattr(self._root, attribute):
            attribute += "_"
        if isinstance(tensor, nn.Parameter):
            self._root.register_parameter(attribute, tensor)
        else:
            self._root.register_buffer(attribute, tensor.contiguous())
        self._held[id(tensor)] = tensor, attribute

    def _about(self, op: Operation, message: str) -> str:
        number = _number(op)
        return f"{self._path}:{number}: node `{self._origins[number - 1][0]}`: {message}"


def _attribute(op: Operation, name: str, default: float) -> float:
    """A number that a node of ONNX has for an attribute."""
    held = op.attributes.get(f"torch.onnx.{name}")
    return held.value.data if isinstance(held, FloatAttr | IntegerAttr) else default


def _declared(op: Operation, made: Any) -> Any:
    """A tensor of the type that is declared: torch-mlir makes integers with `ones` and no dtype."""
    kind = op.results[0].type
    if isinstance(made, torch.Tensor) and isinstance(kind, VTensorType) and kind.dtype is not None:
        return made.to(aten.dtype_of(op, kind))
    return made


def _number(op: Operation) -> int:
    """Of the file's node that an op comes from, the first for what belongs to none."""
    layer = describe_layer(op)
    return int(layer) if layer.isdecimal() else 1
