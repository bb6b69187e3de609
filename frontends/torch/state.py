"""What a model overwrites: its exported function has no memory of it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any, cast

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from lut_opt.frontends.torch.notices import ExportError
from lut_opt.frontends.torch.sources import WRAPPER, source


def shared_memory(model: nn.Module) -> str | None:
    """What to do about tensors in the same memory, which torch.export cannot see overwritten."""
    owners: dict[int, str] = {}
    for name, tensor in _state(model):
        other = owners.setdefault(tensor.untyped_storage().data_ptr(), name)
        if other != name and tensor.numel():
            return (
                f"{_kind(model, name)} `{other}` and `{name}` are views of one tensor, and the "
                "model overwrites it: give each its own memory (`.clone()`), or take the state as "
                "an argument and return the new one"
            )
    return None


def _state(model: nn.Module) -> Generator[tuple[str, torch.Tensor]]:
    """Buffers, and tensors that are held in attributes and lists of them."""
    yield from model.named_buffers()
    modules: Iterable[tuple[str, nn.Module]] = cast(Any, model).named_modules()
    for path, module in modules:
        for name, held in vars(module).items():
            if name.startswith("_") or isinstance(held, nn.Module):
                continue
            leaves = pytree.tree_leaves(held)
            for i, leaf in enumerate(leaves):
                if isinstance(leaf, torch.Tensor):
                    own = f"{path}.{name}" if path else name
                    yield (own if leaf is held else f"{own}[{i}]"), leaf


def _kind(model: nn.Module, name: str) -> str:
    return "buffers" if name in dict(model.named_buffers()) else "tensors"


def check_overwrites(program: ExportedProgram, model: nn.Module) -> None:
    """What a model overwrites would have to survive a call; the exported function has no memory."""
    signature = program.graph_signature
    nodes = {node.name: node for node in program.graph.nodes}
    written = {
        **{name: f"buffer `{_own(to)}`" for name, to in signature.buffers_to_mutate.items()},
        **{name: f"parameter `{_own(to)}`" for name, to in signature.parameters_to_mutate.items()},
        **{name: "an input" for name in signature.user_inputs_to_mutate},
    }
    if written and (shared := shared_memory(model)):
        raise ExportError(shared)
    for name, what in written.items():
        place = source(nodes[name])
        at = f"{place[0]}:{place[1]}: " if place else ""
        raise ExportError(
            f"{at}{what} is overwritten; take the state as an argument and return the new one"
        )


def _own(path: str) -> str:
    return path.removeprefix(f"{WRAPPER}.")
