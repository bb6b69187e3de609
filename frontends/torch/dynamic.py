"""Sizes that are known at run time only: which operator fixes one, and which depend on data."""

from __future__ import annotations

import re
import traceback
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch.export import ExportedProgram
from torch.fx import Node
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from lut_opt.frontends.torch.decompositions import overload_name
from lut_opt.frontends.torch.notices import ExportError
from lut_opt.frontends.torch.sources import is_model_code, source

_FIXED = re.compile(r"You marked (\w+) as dynamic but your code specialized it .*?\((\d+)\)")
_BOUNDED = re.compile(r"Not all values of (\w+) = .*? satisfy the generated guard (.*)")
_SIZE = re.compile(r"L\['[^']*'\](\[[^\]]*\])*\.size\(\)\[\d+\]")


@dataclass
class SizeWatch:
    """Looks, while a model is traced, for the operator at which a dynamic size becomes a number."""

    found: str = ""
    """Place and code of the first one, `model.py:12: \\`pos\\` in …`."""

    @contextmanager
    def of(self, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Generator[None]:
        """Watch the sizes of these inputs."""
        sizes = [
            size
            for leaf in pytree.tree_leaves((arguments, dict(keywords)))
            if isinstance(leaf, torch.Tensor)
            for size in leaf.shape
            if isinstance(size, torch.SymInt)
        ]
        if not sizes:
            yield
            return
        with _Mode(self, sizes):
            yield

    def explain(self, error: Exception) -> str | None:
        """What to do about sizes that `torch.export` says cannot be dynamic; None for others."""
        text = str(error)
        if (fixed := _FIXED.search(text)) is not None:
            name, value = fixed.groups()
            place, _, code = self.found.partition(" ")
            at = f"{place} " if place else ""
            small = (
                "; torch.export takes sizes 0 and 1 for constants: give a larger example"
                if int(value) < 2
                else f": the model's code works for {value} alone; mend it, or leave the size out"
            )
            return (
                f"{at}size `{name}` cannot be dynamic, it is {value}{code and f' in {code}'}{small}"
            )
        if (bounded := _BOUNDED.search(text)) is not None:
            name, guard = bounded.groups()
            needed = _SIZE.sub(name, guard).replace("IntInfinity()", "∞")
            return (
                f"size `{name}` cannot be any number: the model's code chooses by it, and this "
                f"path needs {needed}; say so in its bounds"
            )
        return None


class _Mode(TorchFunctionMode):
    """Asks after every operator whether all sizes are still open."""

    def __init__(self, watch: SizeWatch, sizes: Sequence[torch.SymInt]) -> None:
        super().__init__()
        self._watch, self._sizes = watch, sizes

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operator, and look."""
        try:
            return func(*args, **(kwargs or {}))
        finally:
            if not self._watch.found and any(map(_is_number, self._sizes)):
                self._watch.found = _here()


def _is_number(size: torch.SymInt) -> bool:
    return cast(Any, size).node.maybe_as_int() is not None


def _here() -> str:
    frames = [f for f in traceback.extract_stack() if is_model_code(f.filename)]
    return f"{frames[-1].filename}:{frames[-1].lineno}: `{frames[-1].line}`" if frames else ""


def check_sizes(exported: ExportedProgram, decomposed: ExportedProgram) -> None:
    """
    Raise `ExportError` for sizes that depend on data, or that opening an operator has fixed.

    torch.export checks what the model's own code asks of sizes; nobody checks decompositions.
    """
    for node in decomposed.graph.nodes:
        if _depends_on_data(node):
            raise ExportError(
                f"{_at(node)}`{overload_name(node.target)}` makes a tensor whose size depends on "
                "the data, which nothing here can compile: keep all elements, and put zeros where "
                "there is nothing (`torch.where(mask, x, 0.0)`)"
            )
    for node in exported.graph.nodes:
        if overload_name(node.target) == "logcumsumexp" and _is_dynamic(node, int(node.args[1])):
            raise ExportError(
                f"{_at(node)}`logcumsumexp` along an axis of dynamic size has no form without a "
                "loop: leave the size out, or take it along another axis"
            )
    before, after = (_bounds(program) for program in (exported, decomposed))
    for symbol, bounds in before.items():
        if after.get(symbol, bounds) != bounds:
            raise ExportError(
                f"an operator of the model has a form for some sizes only ({after[symbol]}, not "
                f"{bounds}): give the dynamic size these bounds, or leave it out"
            )


def _bounds(program: ExportedProgram) -> dict[str, str]:
    constraints = cast(Mapping[Any, Any], cast(Any, program).range_constraints)
    return {str(symbol): str(bounds) for symbol, bounds in constraints.items()}


def _depends_on_data(node: Node) -> bool:
    from torch.fx.experimental.symbolic_shapes import free_unbacked_symbols

    value = node.meta.get("val")
    if overload_name(node.target) == "nonzero" or not isinstance(value, torch.Tensor):
        return False  # to count what is not zero is possible
    return bool(free_unbacked_symbols(value.shape))


def _is_dynamic(node: Node, axis: int) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and isinstance(value.shape[axis], torch.SymInt)


def _at(node: Node) -> str:
    place = source(node)
    return f"{place[0]}:{place[1]}: " if place else ""
