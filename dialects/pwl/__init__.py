"""The `pwl` dialect: piecewise-linear tables that stand for non-linear functions."""

from xdsl.ir import Dialect

from lut_opt.dialects.pwl.attributes import (
    Fit,
    FitAttr,
    FnAttr,
    NamedFunction,
    TableAttr,
)
from lut_opt.dialects.pwl.ops import ApplyOp
from lut_opt.dialects.pwl.table import Table

PWL = Dialect("pwl", [ApplyOp], [FnAttr, TableAttr, FitAttr])

__all__ = [
    "PWL",
    "ApplyOp",
    "Fit",
    "FitAttr",
    "FnAttr",
    "NamedFunction",
    "Table",
    "TableAttr",
]
