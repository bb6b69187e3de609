"""torch-mlir's Python bindings, which have no type stubs: loaded, walked, and asked for places."""

from __future__ import annotations

import importlib
import re
from typing import Any


def bindings(module: str) -> Any:
    """A module of the bindings (`ir`, `passmanager`, …), or an error that says what to install."""
    try:
        return importlib.import_module(f"torch_mlir.{module}")
    except ImportError as error:
        raise ImportError(
            f"the JIT needs torch-mlir ({error}); install it with `pip install lut-opt[torch]`, "
            "or `pip install lut-opt[jit]` without PyTorch"
        ) from error


def operations(module: Any) -> list[Any]:
    """Every operation, nested ones included, the module first."""
    found: list[Any] = [module.operation]
    for op in found:
        found.extend(
            child.operation
            for region in op.regions
            for block in region.blocks
            for child in block.operations
        )
    return found


def owner(value: Any) -> Any:
    """The operation, or the block, that a value is of."""
    return getattr(value.owner, "operation", value.owner)


def place(op: Any) -> str:
    """Where an operation comes from."""
    return location_text(op.location)


def location_text(location: Any) -> str:
    """`file:line:col` of a location that has it, else its text."""
    text = str(location).removeprefix("loc(").removesuffix(")")
    match = re.search(r'"([^"]+)":(\d+):(\d+)', text)
    return f"{match[1]}:{match[2]}:{match[3]}" if match else text
