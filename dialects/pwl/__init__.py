"""The `pwl` dialect: piecewise-linear tables that stand for non-linear functions."""

from xdsl.ir import Dialect

from lut_opt.dialects.pwl.attributes import (
    Fit,
    FitAttr,
    FnAttr,
    NamedFunction,
    TableAttr,
)
from lut_opt.dialects.pwl.divide_op import DivideOp
from lut_opt.dialects.pwl.hardware import UNIT_ATTRIBUTES, StreamUnitAttr
from lut_opt.dialects.pwl.norm_ops import LayerNormOp, NormOp, RMSNormOp
from lut_opt.dialects.pwl.ops import ApplyOp
from lut_opt.dialects.pwl.reduction_attributes import (
    LeadingZeroAttr,
    MultiRangeAttr,
    ReductionAttr,
)
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.pwl.unit_ops import LogSoftmaxOp, Lookup, RowExponentialsOp, SoftmaxOp, UnitOp

PWL = Dialect(
    "pwl",
    [ApplyOp, DivideOp, SoftmaxOp, LogSoftmaxOp, LayerNormOp, RMSNormOp],
    [FnAttr, TableAttr, FitAttr, LeadingZeroAttr, MultiRangeAttr, StreamUnitAttr, *UNIT_ATTRIBUTES],
)

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
    "RMSNormOp",
    "ReductionAttr",
    "RowExponentialsOp",
    "SoftmaxOp",
    "Table",
    "TableAttr",
    "UnitOp",
]
