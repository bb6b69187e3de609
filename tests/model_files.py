"""Models that stand in a file of their own, as a user's do, and batches for them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import torch


def network(path: Path, name: str) -> Any:
    """A model of a file, its weights from one seed."""
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_networks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    return getattr(module, name)()


def batches(count: int = 8) -> list[Any]:
    """Normal inputs of shape (4, 3, 8)."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(4, 3, 8, generator=generator) for _ in range(count)]
