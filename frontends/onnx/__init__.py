"""From an ONNX file to a PyTorch module, which goes the way of any other: `load`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lut_opt.frontends.onnx.loading import load
    from lut_opt.frontends.onnx.reading import OnnxError

__all__ = ["OnnxError", "load"]

_HOMES = {"load": "loading", "OnnxError": "reading"}


def __getattr__(name: str) -> object:
    """Import onnx and torch when something of them is used: `lut-compile --help` must not wait."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
