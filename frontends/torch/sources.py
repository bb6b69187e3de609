"""Where in the model a node of its graph comes from: source line and layer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.fx import GraphModule, Node

TORCH = str(Path(torch.__file__).parent)
"""Frames of files below this folder are PyTorch's own."""

WRAPPER = "model"
"""The name under which the exported wrapper holds the user's model."""

_GENERATED = "<eval_with_key>"

_OWN = str(Path(__file__).parent)


def is_model_code(file: str) -> bool:
    """Whether a traceback's file is neither PyTorch's, nor generated, nor ours."""
    return not file.startswith((TORCH, "<", _OWN))


def layer_name(node: Node) -> str:
    """The path of the module that a node comes from, `encoder.layer.0.act`; empty for the model."""
    stack = cast(dict[str, Any], node.meta.get("nn_module_stack") or {})
    if not stack:
        return ""
    path = str(list(stack.values())[-1][0])
    return re.sub(rf"^{WRAPPER}\.?", "", path.removeprefix("L['self']").lstrip("."))


def source(node: Node) -> tuple[str, int] | None:
    """File and line of a node: the innermost frame that is not PyTorch's own, or its innermost."""
    frames = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    frames = [frame for frame in frames if not frame[0].startswith(("<", _OWN))]
    if not frames:
        return None
    own = [frame for frame in frames if is_model_code(frame[0])]
    file, line = (own or frames)[-1]
    return file, int(line)


def restore_origins(nodes: Iterable[Node], model: nn.Module) -> None:
    """
    Give nodes traced from generated code the source lines and layers of that code's own nodes.

    A graph module, such as PT2E quantization leaves, runs as Python text of a file `<eval_…>`, one
    line a node, and only its nodes know the model that they once came from.
    """
    made = {
        type(module).forward.__code__.co_filename: {node.name: node for node in module.graph.nodes}
        for module in model.modules()
        if isinstance(module, GraphModule)
    }
    if not made:
        return
    for node in nodes:
        origin = _origin(node, made)
        if origin is None:
            continue
        node.meta["stack_trace"] = _trace(origin)
        stack = cast(dict[str, Any], origin.meta.get("nn_module_stack") or {})
        node.meta["nn_module_stack"] = {
            key: (f"{WRAPPER}.{path}", kind) for key, (path, kind) in stack.items()
        }


def _origin(node: Node, made: dict[str, dict[str, Node]]) -> Node | None:
    pattern = rf'File "({_GENERATED}[^"]*)", line \d+, in \w+\n\s*(\w+)'
    for file, name in reversed(re.findall(pattern, node.meta.get("stack_trace") or "")):
        if file in made and name in made[file]:
            return made[file][name]
    return None


def _trace(node: Node) -> str | None:
    """A node's trace; that of its input for one that a quantizer added."""
    while not (trace := node.meta.get("stack_trace")) and node.all_input_nodes:
        node = node.all_input_nodes[0]
    return trace
