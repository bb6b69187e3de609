"""
The `pwl` dialect: piecewise-linear tables that stand for non-linear functions.

Names are imported when they are first asked for: the numerics of a table need no operations.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lut_opt.dialects.pwl.attributes import Fit, FitAttr, FnAttr, NamedFunction, TableAttr
    from lut_opt.dialects.pwl.dialect import PWL
    from lut_opt.dialects.pwl.divide_op import DivideOp
    from lut_opt.dialects.pwl.norm_ops import LayerNormOp, NormOp, RMSNormOp
    from lut_opt.dialects.pwl.ops import ApplyOp
    from lut_opt.dialects.pwl.reduction_attributes import (
        LeadingZeroAttr,
        MultiRangeAttr,
        OctavesAttr,
        ReductionAttr,
    )
    from lut_opt.dialects.pwl.table import Table
    from lut_opt.dialects.pwl.unit_ops import (
        LogSoftmaxOp,
        Lookup,
        RowExponentialsOp,
        SoftmaxOp,
        UnitOp,
    )

_FILES = {
    "attributes": ("Fit", "FitAttr", "FnAttr", "NamedFunction", "TableAttr"),
    "dialect": ("PWL",),
    "divide_op": ("DivideOp",),
    "norm_ops": ("LayerNormOp", "NormOp", "RMSNormOp"),
    "ops": ("ApplyOp",),
    "reduction_attributes": (
        "LeadingZeroAttr",
        "MultiRangeAttr",
        "OctavesAttr",
        "ReductionAttr",
    ),
    "table": ("Table",),
    "unit_ops": ("LogSoftmaxOp", "Lookup", "RowExponentialsOp", "SoftmaxOp", "UnitOp"),
}


def __getattr__(name: str) -> Any:
    for file, names in _FILES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{file}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


__all__ = [
    "PWL",
    "ApplyOp",
    "DivideOp",
    "Fit",
    "FitAttr",
    "FnAttr",
    "LayerNormOp",
    "LeadingZeroAttr",
    "LogSoftmaxOp",
    "Lookup",
    "MultiRangeAttr",
    "NamedFunction",
    "NormOp",
    "OctavesAttr",
    "RMSNormOp",
    "ReductionAttr",
    "RowExponentialsOp",
    "SoftmaxOp",
    "Table",
    "TableAttr",
    "UnitOp",
]
