"""What is left in floating point of a module, for reports: see `passes.recognize.without_table`."""

from __future__ import annotations

from lut_opt.passes.recognize.without_table import Kind, Remaining, remaining_nonlinear

__all__ = ["Kind", "Remaining", "remaining_nonlinear"]
