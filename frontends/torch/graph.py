"""
A model as one decomposed FX graph, whose non-linear operators are still whole.

Calibration and export both start here, so that the n-th non-linear node of the one is the n-th of
the other.
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, cast

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import GraphModule, Node
from torch.utils import _pytree as pytree

from lut_opt.frontends.torch import operators
from lut_opt.frontends.torch.decompositions import decompositions, overload_name
from lut_opt.frontends.torch.notices import ExportWarning, quiet
from lut_opt.frontends.torch.quantized_ops import (
    QuantizationError,
    fixed_fake_quantizers,
    standardize,
)
from lut_opt.frontends.torch.rewrites import (
    RewriteError,
    standard_functions,
    without_dropout,
)
from lut_opt.frontends.torch.sources import WRAPPER, is_model_code, restore_origins, source


class ExportError(ValueError):
    """What in the model cannot be exported, on which source line, and what to do about it."""


@dataclass(frozen=True)
class Inputs:
    """What the model is called with: positional and keyword arguments."""

    positional: tuple[Any, ...]
    keyword: Mapping[str, Any]

    @staticmethod
    def of(batch: Any) -> Inputs:
        """A batch is a tensor, a mapping of keyword arguments, or a sequence of arguments."""
        if isinstance(batch, Inputs):
            return batch
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
    def shape_key(self) -> str:
        """Equal for inputs that one exported graph can run."""
        leaves, tree = pytree.tree_flatten((self.positional, self.keyword))
        kinds = [
            (tuple(x.shape), str(x.dtype)) if isinstance(x, torch.Tensor) else x for x in leaves
        ]
        return f"{kinds} {tree}"


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

    def bind(self, inputs: Inputs) -> list[Any]:
        """Values of the graph's placeholders: lifted weights and the flattened inputs."""
        program = self.program
        given = iter(pytree.tree_leaves((inputs.positional, dict(inputs.keyword))))
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


class _Tensors(nn.Module):
    """Calls a model and returns the tensors of whatever it returns, in order."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        tensors = tuple(_tensors(self.model(*arguments, **keywords)))
        if not tensors:
            raise ExportError("the model returns no tensor; return at least one")
        return tensors[0] if len(tensors) == 1 else tensors


def _tensors(returned: Any) -> Generator[torch.Tensor]:
    """The tensors in tuples, lists, mappings and dataclasses; numbers and strings are left out."""
    for leaf in pytree.tree_leaves(returned):
        if isinstance(leaf, torch.Tensor):
            yield leaf
        elif is_dataclass(leaf) and not isinstance(leaf, type):
            for field in fields(leaf):
                yield from _tensors(getattr(leaf, field.name))
        elif not isinstance(leaf, int | float | str | None):
            raise ExportError(
                f"the model returns a {type(leaf).__name__}; return tensors, in tuples, lists, "
                "dictionaries or dataclasses"
            )


def build(
    model: nn.Module,
    inputs: Inputs,
    *,
    dynamic_shapes: Any = None,
    decompose: Sequence[str] = (),
    keep: Sequence[str] = (),
) -> Graph:
    """
    Export a model in evaluation mode and decompose everything except its non-linear operators.

    `decompose` names non-linear operators to open all the same; `keep` names operators to leave
    whole that are opened otherwise: `"scaled_dot_product_attention"`. Raises `ExportError`.
    """
    if unknown := set(keep) - {operators.ATTENTION}:
        raise ExportError(
            f"keep names {sorted(unknown)}; only `{operators.ATTENTION}` is opened by default"
        )
    table = decompositions(decompose, keep)
    modes = {module: module.training for module in model.modules()}
    # What was exported already (as PT2E quantization leaves it) is in its mode for good.
    if not isinstance(model, GraphModule):
        model.eval()
    try:
        with (
            torch.no_grad(),
            quiet(),
            _slow_paths(),
            fixed_fake_quantizers(model),
            _own_forms(model),
        ):
            apart = inputs.apart()
            program = torch.export.export(
                _Tensors(model),
                apart.positional,
                dict(apart.keyword),
                dynamic_shapes=_wrapped(dynamic_shapes, inputs),
                strict=False,
            )
            standardize(program)
            restore_origins(program.graph.nodes, model)
            notes = without_dropout(program)
            decomposed: ExportedProgram = cast(Any, program).run_decompositions(table)
            notes += standard_functions(decomposed)
    except ExportError:
        raise
    except (QuantizationError, RewriteError) as error:
        raise ExportError(str(error)) from error
    except Exception as error:
        raise ExportError(_shared_buffers(model) or _explain(error)) from error
    finally:
        for module, training in modes.items():
            module.training = training
    _check_mutations(decomposed)
    for note in notes:
        warnings.warn(note, ExportWarning, stacklevel=2)
    return _graph(decomposed)


@contextmanager
def _own_forms(model: nn.Module) -> Generator[None]:
    """Modules that have a form of their own for exports, `exporting()`, take it."""
    with ExitStack() as stack:
        for module in model.modules():
            if (exporting := getattr(module, "exporting", None)) is not None:
                stack.enter_context(exporting())
        yield


@contextmanager
def _slow_paths() -> Generator[None]:
    """Without the fused attention of PyTorch's own layers, which nested tensors break."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


def _shared_buffers(model: nn.Module) -> str | None:
    """What to do about buffers in the same memory, which torch.export cannot see overwritten."""
    owners: dict[int, str] = {}
    for name, buffer in model.named_buffers():
        other = owners.setdefault(buffer.untyped_storage().data_ptr(), name)
        if other != name and buffer.numel():
            return (
                f"buffers `{other}` and `{name}` are views of one tensor, and the model overwrites "
                "it: give each its own memory (`.clone()`), or take the state as an argument and "
                "return the new one"
            )
    return None


def _check_mutations(program: ExportedProgram) -> None:
    """What a model overwrites would have to survive a call; the exported function has no memory."""
    signature = program.graph_signature
    nodes = {node.name: node for node in program.graph.nodes}
    written = {
        **{name: f"buffer `{_own(to)}`" for name, to in signature.buffers_to_mutate.items()},
        **{name: f"parameter `{_own(to)}`" for name, to in signature.parameters_to_mutate.items()},
        **{name: "an input" for name in signature.user_inputs_to_mutate},
    }
    for name, what in written.items():
        place = source(nodes[name])
        at = f"{place[0]}:{place[1]}: " if place else ""
        raise ExportError(
            f"{at}{what} is overwritten; take the state as an argument and return the new one"
        )


def _own(path: str) -> str:
    return path.removeprefix(f"{WRAPPER}.")


def _wrapped(shapes: Any, inputs: Inputs) -> Any:
    """The wrapper takes `*arguments, **keywords`, which is how dynamic shapes must be spelled."""
    if shapes is None:
        return None
    if isinstance(shapes, Mapping):
        given = cast(Mapping[str, Any], shapes)
        keyword = {name: given[name] for name in inputs.keyword if name in given}
        positional = tuple(shape for name, shape in given.items() if name not in keyword)
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


def _explain(error: BaseException) -> str:
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if is_model_code(frame.filename)
    ]
    place = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""
    code = f" in `{frames[-1].line}`" if frames and frames[-1].line else ""
    first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return (
        f"{place}{type(error).__name__}: {first}{code}; torch.export must be able to trace the "
        "model with these inputs: replace what depends on data by tensor operations"
    )
