"""
An exported graph in the form that the lowering expects.

No dropout; functions of floats only; a softmax that has an axis; no complex number in a non-linear
operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch.export import ExportedProgram
from torch.fx import Node

from lut_opt.frontends.torch import operators
from lut_opt.frontends.torch.decompositions import overload_name
from lut_opt.frontends.torch.numbers import number_of
from lut_opt.frontends.torch.sources import source
from lut_opt.passes.recognize.unsupported import ADVICE


class RewriteError(ValueError):
    """What of a graph has no form that the lowering takes."""


def reshaped(program: ExportedProgram) -> None:
    """
    Write views as reshapes.

    A tensor could be viewed where its elements lay as the traced operator left them. What is opened
    (attention on several rows of a batch) may leave them otherwise, and then the view is a copy.
    """
    for node in program.graph.nodes:
        if _name(node) == "view":
            node.target = torch.ops.aten.reshape.default


def without_dropout(program: ExportedProgram) -> list[str]:
    """Take dropout that the model asks for in evaluation mode out; a note on each that was."""
    notes: list[str] = []
    for node in program.graph.nodes:
        match _name(node):
            case operators.ATTENTION if _argument(node, 4, "dropout_p") not in (None, 0):
                _drop(node, 4, "dropout_p", 0.0)
            case "dropout" | "feature_dropout" | "alpha_dropout" | "feature_alpha_dropout" if (
                _argument(node, 2, "train") is True
            ):
                _drop(node, 2, "train", False)
            case _:
                continue
        notes.append(
            f"{_at(node)}`{_name(node)}` drops at random although the model is in evaluation mode; "
            "the exported program does not: give it `training=self.training`, or no dropout"
        )
    return notes


def _argument(node: Node, position: int, name: str) -> Any:
    return node.args[position] if len(node.args) > position else node.kwargs.get(name)


def _drop(node: Node, position: int, name: str, value: Any) -> None:
    if len(node.args) > position:
        node.update_arg(position, value)
    else:
        node.update_kwarg(name, value)


def standard_functions(program: ExportedProgram) -> list[str]:
    """Rewrite what non-linear operators take; a note on each that no table can replace."""
    notes: list[str] = []
    reached = {node for node in program.graph.nodes if _is_input(program, node)}
    for node in list(program.graph.nodes):
        if not any(argument in reached for argument in node.all_input_nodes):
            continue
        reached.add(node)
        _refuse_complex(node)
        _known_exponent(program, node)
        name = _name(node)
        if name in operators.SOFTMAX:
            _softmax(program, node)
        elif operators.is_non_linear(name) and _is_float(node):
            _cast_integers(program, node, _dtype(node))
        elif (advice := _advice(name)) and _is_float(node):
            notes.append(
                f"{_at(node)}`{name}` has no table, and lut-opt will stop at it: {advice}, or "
                f"leave it in floating point with keep={name}"
            )
    program.graph_module.recompile()
    return notes


def _advice(name: str) -> str | None:
    plain = name.removeprefix("special_").lstrip("_")
    return ADVICE.get(plain) or ADVICE.get(plain.partition(".")[0])


def _is_input(program: ExportedProgram, node: Node) -> bool:
    return node.op == "placeholder" and node.name in program.graph_signature.user_inputs


_COMPLEX = frozenset(
    """
    abs angle sgn exp log log2 log10 log1p sqrt rsqrt reciprocal div sin cos tan sinh cosh tanh asin
    acos atan asinh acosh atanh sigmoid pow square polar linalg_vector_norm norm
    """.split()
)
"""Non-linear on complex numbers; sums, products and Fourier transforms are linear."""


def _refuse_complex(node: Node) -> None:
    values = [_value(each) for each in (node, *node.all_input_nodes)]
    if not any(value is not None and value.is_complex() for value in values):
        return
    name = _name(node)
    if name.partition(".")[0] in _COMPLEX:
        raise RewriteError(
            f"{_at(node)}`{name}` of complex numbers has no table; write it with real and "
            "imaginary parts (`torch.view_as_real`), of which functions can be taken"
        )


def _known_exponent(program: ExportedProgram, node: Node) -> None:
    """
    A power whose exponent is a number that the model learnt (generalized-mean pooling).

    torch-mlir would fold it, but only after a calibration has passed it by.
    """
    if _name(node) != "pow.Tensor_Tensor":
        return
    if (exponent := number_of(program, node.args[1])) is not None:
        node.target = torch.ops.aten.pow.Tensor_Scalar
        node.update_arg(1, exponent)


def _softmax(program: ExportedProgram, node: Node) -> None:
    """Cast what its `dtype` asks to cast; of one number, without an axis, it is known."""
    operand = cast(Node, node.args[0])
    dtype = _dtype(node)
    if dtype != _dtype(operand) and dtype is not None:
        _cast(program, node, operand, dtype)
    value = _value(node)
    if value is not None and value.dim() == 0:
        one = 0.0 if "log" in _name(node) else 1.0
        with program.graph.inserting_before(node):
            made = program.graph.call_function(
                torch.ops.aten.scalar_tensor.default, (one,), {"dtype": dtype}
            )
        made.meta.update(node.meta)
        node.replace_all_uses_with(made)
        program.graph_signature.replace_all_uses(node.name, made.name)
        program.graph.erase_node(node)


def _cast_integers(program: ExportedProgram, node: Node, dtype: torch.dtype | None) -> None:
    for operand in node.all_input_nodes:
        value = _value(operand)
        if value is None or dtype is None or value.is_floating_point() or value.is_complex():
            continue
        if operand in node.args[: 2 if _name(node) == operators.DIVISION else 1]:
            _cast(program, node, operand, dtype)


def _cast(program: ExportedProgram, node: Node, operand: Node, dtype: torch.dtype) -> None:
    """PyTorch computes a function of integers in floats; the cast becomes an operator."""
    with program.graph.inserting_before(node):
        made = program.graph.call_function(
            torch.ops.prims.convert_element_type.default, (operand, dtype)
        )
    made.meta.update({key: node.meta.get(key) for key in ("stack_trace", "nn_module_stack")})
    made.meta["val"] = cast(torch.Tensor, _value(operand)).to(dtype)
    node.replace_input_with(operand, made)


def _name(node: Node) -> str:
    return overload_name(node.target) if node.op == "call_function" else ""


def _at(node: Node) -> str:
    place = source(node)
    return f"{place[0]}:{place[1]}: " if place else ""


def _value(node: Node) -> torch.Tensor | None:
    """What a node makes, the first of several, if that is a tensor."""
    made: Any = node.meta.get("val")
    first: Any = (
        next(iter(cast(Sequence[Any], made)), None) if isinstance(made, tuple | list) else made
    )
    return first if isinstance(first, torch.Tensor) else None


def _dtype(node: Node) -> torch.dtype | None:
    value = _value(node)
    return None if value is None else value.dtype


def _is_float(node: Node) -> bool:
    value = _value(node)
    return value is not None and value.is_floating_point()
