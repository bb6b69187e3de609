"""
A model as one decomposed FX graph, whose non-linear operators are still whole.

Calibration and export both start here, so that the n-th non-linear node of the one is the n-th of
the other.
"""

from __future__ import annotations

import inspect
import traceback
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import GraphModule, Node
from torch.utils import _pytree as pytree

from lut_opt.frontends.torch import operators
from lut_opt.frontends.torch.decompositions import decompositions, overload_name
from lut_opt.frontends.torch.dynamic import SizeWatch, check_sizes
from lut_opt.frontends.torch.notices import ExportError, ExportWarning, quiet
from lut_opt.frontends.torch.quantized_ops import (
    QuantizationError,
    fixed_fake_quantizers,
    standardize,
)
from lut_opt.frontends.torch.rewrites import (
    RewriteError,
    reshaped,
    standard_functions,
    without_dropout,
)
from lut_opt.frontends.torch.sources import is_model_code, restore_origins
from lut_opt.frontends.torch.state import check_overwrites, shared_memory


@dataclass(frozen=True)
class Inputs:
    """What the model is called with: positional and keyword arguments."""

    positional: tuple[Any, ...]
    keyword: Mapping[str, Any]

    @staticmethod
    def of(batch: Any) -> Inputs:
        """A batch is a tensor or array, a mapping of keyword arguments, or a sequence of them."""
        if isinstance(batch, Inputs):
            return batch
        batch = pytree.tree_map_only(np.ndarray, torch.as_tensor, batch)
        if isinstance(batch, Mapping):
            return Inputs((), dict(cast(Mapping[str, Any], batch)))
        if isinstance(batch, list | tuple):
            return Inputs(tuple(cast(Sequence[Any], batch)), {})
        return Inputs((batch,), {})

    def apart(self) -> Inputs:
        """The same without two tensors in the same memory, which a trace takes for one."""
        leaves, tree = pytree.tree_flatten((self.positional, dict(self.keyword)))
        seen: set[int] = set()
        for i, leaf in enumerate(leaves):
            if isinstance(leaf, torch.Tensor):
                place = leaf.untyped_storage().data_ptr()
                leaves[i] = leaf.clone() if place in seen else leaf
                seen.add(place)
        positional, keyword = pytree.tree_unflatten(leaves, tree)
        return Inputs(positional, keyword)

    @property
    def leaves(self) -> list[Any]:
        """The tensors and numbers in them, in the order in which a graph takes them."""
        return pytree.tree_leaves((self.positional, dict(self.keyword)))

    @property
    def structure(self) -> str:
        """Equal for inputs that differ in their tensors alone."""
        leaves, tree = pytree.tree_flatten((self.positional, dict(self.keyword)))
        return f"{[None if isinstance(x, torch.Tensor) else x for x in leaves]} {tree}"


@dataclass(frozen=True)
class Graph:
    """A decomposed program; `non_linear` holds the nodes in execution order."""

    program: ExportedProgram
    non_linear: tuple[Node, ...]
    constant: frozenset[Node]
    """Nodes that no input of the model reaches."""

    @property
    def names(self) -> tuple[str, ...]:
        """The `torch` dialect's name of each non-linear node."""
        return tuple(operator_name(node) for node in self.non_linear)

    def takes(self, inputs: Inputs) -> bool:
        """Whether the graph can run on inputs of the same structure: of equal types and sizes."""
        taken = {name for name in self.program.graph_signature.user_inputs if isinstance(name, str)}
        shown = [
            node.meta["val"]
            for node in self.program.graph.nodes
            if node.op == "placeholder" and node.name in taken
        ]
        tensors = [leaf for leaf in inputs.leaves if isinstance(leaf, torch.Tensor)]
        shown = [each for each in shown if isinstance(each, torch.Tensor)]
        return len(shown) == len(tensors) and all(map(_fits, shown, tensors))

    def bind(self, inputs: Inputs) -> list[Any]:
        """Values of the graph's placeholders: lifted weights and the flattened inputs."""
        program = self.program
        given = iter(inputs.leaves)
        values: list[Any] = []
        for spec in program.graph_signature.input_specs:
            target = spec.target
            if spec.kind is InputKind.USER_INPUT or target is None:
                values.append(next(given))
            elif target in program.state_dict:
                values.append(program.state_dict[target])
            else:
                values.append(program.constants[target])
        return values


def _fits(shown: torch.Tensor, given: torch.Tensor) -> bool:
    sizes = zip(shown.shape, given.shape, strict=False)
    return (
        shown.dtype == given.dtype
        and shown.dim() == given.dim()
        and all(isinstance(size, torch.SymInt) or size == actual for size, actual in sizes)
    )


class _Tensors(nn.Module):
    """Calls a model and returns the tensors of whatever it returns, in order."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.sizes = SizeWatch()

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        with self.sizes.of(arguments, keywords):
            returned = self.model(*arguments, **keywords)
        tensors = tuple(tensor for _, tensor in outputs(returned))
        if not tensors:
            raise ExportError("the model returns no tensor; return at least one")
        return tensors[0] if len(tensors) == 1 else tensors


def outputs(returned: Any, name: str = "") -> Generator[tuple[str, torch.Tensor]]:
    """
    The tensors in what a model returns, in order, by name: `logits`, `hidden_states.0`.

    Numbers and strings in tuples, lists, mappings and dataclasses are left out. A tensor that is
    returned alone is called `result`. Raises `ExportError` for anything else.
    """
    match returned:
        case torch.Tensor():
            yield name or "result", returned
            return
        case Mapping():
            parts = [(str(key), part) for key, part in cast(Mapping[Any, Any], returned).items()]
        case tuple() if hasattr(cast(Any, returned), "_fields"):
            parts = list(zip(cast(Any, returned)._fields, cast(Any, returned), strict=True))
        case list() | tuple():
            parts = [(str(i), part) for i, part in enumerate(cast(Sequence[Any], returned))]
        case _ if is_dataclass(returned) and not isinstance(returned, type):
            parts = [(field.name, getattr(returned, field.name)) for field in fields(returned)]
        case _:
            leaves = pytree.tree_leaves(returned)
            if leaves and leaves[0] is returned:
                _check_leaf(returned)
                return
            parts = [(str(i), leaf) for i, leaf in enumerate(leaves)]
    for key, part in parts:
        yield from outputs(part, f"{name}.{key}" if name else key)


def _check_leaf(returned: Any) -> None:
    if not isinstance(returned, int | float | str | None):
        raise ExportError(
            f"the model returns a {type(returned).__name__}; return tensors, in tuples, lists, "
            "dictionaries or dataclasses"
        )


def build(
    model: nn.Module,
    inputs: Inputs,
    *,
    dynamic_shapes: Any = None,
    decompose: Sequence[str] = (),
    keep: Sequence[str] = (),
    linear: bool = False,
) -> Graph:
    """
    Export a model in evaluation mode and decompose everything except its non-linear operators.

    `decompose` names non-linear operators to open all the same; `keep` names operators to leave
    whole that are opened otherwise: `"scaled_dot_product_attention"`; with `linear`, linear layers
    stay whole. Raises `ExportError`.
    """
    if unknown := set(keep) - {operators.ATTENTION}:
        raise ExportError(
            f"keep names {sorted(unknown)}; only `{operators.ATTENTION}` is opened by default"
        )
    table = decompositions(decompose, keep, linear=linear)
    modes = {module: module.training for module in model.modules()}
    # What was exported already (as PT2E quantization leaves it) is in its mode for good.
    if not isinstance(model, GraphModule):
        model.eval()
    wrapper = _Tensors(model)
    try:
        with (
            torch.no_grad(),
            quiet(),
            slow_paths(),
            fixed_fake_quantizers(model),
            _own_forms(model),
        ):
            apart = inputs.apart()
            program = torch.export.export(
                wrapper,
                apart.positional,
                dict(apart.keyword),
                dynamic_shapes=_wrapped(dynamic_shapes, inputs, model),
                strict=False,
            )
            standardize(program)
            restore_origins(program.graph.nodes, model)
            reshaped(program)
            notes = without_dropout(program)
            whole = _quantized_upsampling(program)
            table = {to: rule for to, rule in table.items() if overload_name(to) not in whole}
            decomposed: ExportedProgram = cast(Any, program).run_decompositions(table)
            notes += standard_functions(decomposed)
    except ExportError:
        raise
    except (QuantizationError, RewriteError) as error:
        raise ExportError(str(error)) from error
    except Exception as error:
        frames = _frames(error)
        # What fails without a line of the model is torch.export's own view of it.
        known = wrapper.sizes.explain(error) or (None if frames else shared_memory(model))
        raise ExportError(known or _explain(error, frames)) from error
    finally:
        for module, training in modes.items():
            module.training = training
    check_overwrites(decomposed, model)
    check_sizes(program, decomposed)
    for note in notes:
        warnings.warn(note, ExportWarning, stacklevel=2)
    return _graph(decomposed)


def _quantized_upsampling(program: ExportedProgram) -> set[str]:
    """Upsampling of what was just dequantized: `convert-quantized-to-integer` reads it whole."""
    found: set[str] = set()
    for node in program.graph.nodes:
        source = node.args[0] if node.args else None
        if operator_name(node) in operators.UPSAMPLING and isinstance(source, Node):
            if "dequantize" in str(source.target):
                found.add(operator_name(node))
    return found


@contextmanager
def _own_forms(model: nn.Module) -> Generator[None]:
    """Modules that have a form of their own for exports, `exporting()`, take it."""
    with ExitStack() as stack:
        for module in model.modules():
            if (exporting := getattr(module, "exporting", None)) is not None:
                stack.enter_context(exporting())
        yield


@contextmanager
def slow_paths() -> Generator[None]:
    """Without the fused attention of PyTorch's own layers, which nested tensors break."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


def _wrapped(shapes: Any, inputs: Inputs, model: nn.Module) -> Any:
    """The wrapper takes `*arguments, **keywords`, which is how dynamic shapes must be spelled."""
    if shapes is None:
        return None
    if isinstance(shapes, Mapping):
        given = dict(cast(Mapping[str, Any], shapes))
        names = list(inspect.signature(model.forward).parameters)[: len(inputs.positional)]
        # `*arguments` have no names of their own: what is left stands for them, in order.
        rest = iter([given[n] for n in given if n not in names and n not in inputs.keyword])
        positional = tuple(given[n] if n in given else next(rest, None) for n in names)
        keyword = {name: given.get(name) for name in inputs.keyword}
    else:
        positional, keyword = tuple(cast(Sequence[Any], shapes)), {}
    wrapped: dict[str, Any] = {"arguments": positional} if inputs.positional else {}
    if inputs.keyword:
        wrapped["keywords"] = {name: keyword.get(name) for name in inputs.keyword}
    return wrapped


def _graph(program: ExportedProgram) -> Graph:
    kinds = [spec.kind for spec in program.graph_signature.input_specs]
    reached: set[Node] = set()
    non_linear: list[Node] = []
    placeholders = iter(kinds)
    for node in program.graph.nodes:
        if node.op == "placeholder":
            if next(placeholders) is InputKind.USER_INPUT:
                reached.add(node)
        elif any(argument in reached for argument in node.all_input_nodes):
            reached.add(node)
        if is_non_linear(node, reached) or _is_gate(node):
            non_linear.append(node)
    return Graph(program, tuple(non_linear), frozenset(program.graph.nodes) - reached)


def is_non_linear(node: Node, reached: set[Node]) -> bool:
    """Whether a node computes a non-linear function of floats; `reached`: what inputs reach."""
    name = operator_name(node)
    if name == operators.DIVISION:
        # By a number or by constants: a multiplication.
        return node.args[1] in reached and _is_float(node)
    if name in operators.FOLDED:
        return node not in reached and _is_float(node)
    return operators.is_non_linear(name) and _is_float(node)


def _is_gate(node: Node) -> bool:
    """
    Whether a bound of x, or of a·x + b, is multiplied with x: hardswish, written out.

    By itself a bound needs no table; a product of the two does, and the range of its input.
    """
    if operator_name(node) not in operators.BOUNDS or not _is_float(node):
        return False
    origin = node.args[0]
    while isinstance(origin, Node) and operator_name(origin) in (*operators.AFFINE, "relu"):
        if len(origin.all_input_nodes) != 1:
            break
        origin = origin.all_input_nodes[0]
    users = list(node.users)
    for user in users:
        if operator_name(user) not in operators.AFFINE:
            continue
        if len(user.all_input_nodes) == 1:
            users += user.users
        elif operator_name(user) == "mul.Tensor" and origin in user.all_input_nodes:
            return True
    return False


def _is_float(node: Node) -> bool:
    """Integers that are squared or divided are positions and sizes, not data."""
    made: Any = node.meta.get("val")
    first: Any = cast(Sequence[Any], made)[0] if isinstance(made, tuple | list) else made
    return not isinstance(first, torch.Tensor) or first.is_floating_point()


def operator_name(node: Node) -> str:
    """`gelu`, `softmax.int`, …: the name in the `torch` dialect, without `torch.aten.`."""
    return overload_name(node.target) if node.op == "call_function" else ""


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The lines of the model's code that an error came through."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if is_model_code(frame.filename)]


def _explain(error: BaseException, frames: Sequence[traceback.FrameSummary]) -> str:
    place = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""
    code = f" in `{frames[-1].line}`" if frames and frames[-1].line else ""
    first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return (
        f"{place}{type(error).__name__}: {first}{code}; torch.export must be able to trace the "
        "model with these inputs: replace what depends on data by tensor operations"
    )
