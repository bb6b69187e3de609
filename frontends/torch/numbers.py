"""Numbers that a program holds as tensors: parameters, buffers, and what is computed of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node, map_arg


def number_of(program: ExportedProgram, node: object) -> float | None:
    """The one number that a node holds or computes without any input of the model, or None."""
    if not isinstance(node, Node):
        return None
    shown = node.meta.get("val")
    if not isinstance(shown, torch.Tensor) or shown.numel() != 1 or shown.is_complex():
        return None
    try:
        return float(_value(program, node, _held(program)))
    except _NotHeld:
        return None


class _NotHeld(Exception):
    """A value depends on an input."""


def _held(program: ExportedProgram) -> Mapping[str, torch.Tensor]:
    """Parameters, buffers and constants by the names of their placeholders."""
    signature = program.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    constants = signature.inputs_to_lifted_tensor_constants
    known: dict[str, Any] = {**program.constants, **program.state_dict}
    found = {**names, **constants}
    return {name: known[target] for name, target in found.items() if target in known}


def _value(program: ExportedProgram, node: Node, held: Mapping[str, torch.Tensor]) -> torch.Tensor:
    if node.op == "placeholder":
        if node.name not in held:
            raise _NotHeld
        return held[node.name].detach()
    target: Any = node.target
    tags = getattr(target, "tags", None)
    # Functions of PyTorch's own; a random one gives another number each time.
    if node.op != "call_function" or tags is None or torch.Tag.nondeterministic_seeded in tags:
        raise _NotHeld
    arguments = map_arg(node.args, lambda each: _value(program, each, held))
    keywords = map_arg(node.kwargs, lambda each: _value(program, each, held))
    with torch.no_grad():
        result: torch.Tensor = target(*arguments, **keywords)
    return result


__all__ = ["number_of"]
