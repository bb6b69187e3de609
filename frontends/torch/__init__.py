"""From a PyTorch model to the `torch` dialect, with the scales of its non-linear operators."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lut_opt.frontends.torch.calibration import (
        Calibration,
        CalibrationError,
        Observation,
        calibrate,
    )
    from lut_opt.frontends.torch.exporting import export, export_text
    from lut_opt.frontends.torch.graph import ExportError
    from lut_opt.frontends.torch.integer_quantizer import IntegerQuantizer
    from lut_opt.frontends.torch.quantizer import NonlinearQuantizer

__all__ = [
    "Calibration",
    "CalibrationError",
    "ExportError",
    "IntegerQuantizer",
    "NonlinearQuantizer",
    "Observation",
    "calibrate",
    "export",
    "export_text",
]

_HOMES = {
    "Calibration": "calibration",
    "CalibrationError": "calibration",
    "Observation": "calibration",
    "calibrate": "calibration",
    "export": "exporting",
    "export_text": "exporting",
    "ExportError": "graph",
    "IntegerQuantizer": "integer_quantizer",
    "NonlinearQuantizer": "quantizer",
}


def __getattr__(name: str) -> object:
    """Import torch when something of it is used: `lut-export --help` must not wait for it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
