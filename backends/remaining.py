"""What is left in floating point of a module, for reports: see `passes.recognize.without_table`."""

from __future__ import annotations

from lut_opt.passes.recognize.floats import float_operators, has_integer_products
from lut_opt.passes.recognize.names import operator_name
from lut_opt.passes.recognize.without_table import (
    Kind,
    Remaining,
    remaining_nonlinear,
    unused_ranges,
)

__all__ = [
    "Kind",
    "Remaining",
    "float_operators",
    "has_integer_products",
    "operator_name",
    "remaining_nonlinear",
    "unused_ranges",
]
