"""What the `pwl` dialect is made of."""

from xdsl.ir import Dialect

from lut_opt.dialects.pwl.attributes import FitAttr, FnAttr, TableAttr
from lut_opt.dialects.pwl.divide_op import DivideOp
from lut_opt.dialects.pwl.hardware import (
    UNIT_ATTRIBUTES,
    AxisUnitAttr,
    BlockUnitAttr,
    StreamUnitAttr,
)
from lut_opt.dialects.pwl.norm_ops import LayerNormOp, RMSNormOp
from lut_opt.dialects.pwl.ops import ApplyOp
from lut_opt.dialects.pwl.reduction_attributes import LeadingZeroAttr, MultiRangeAttr, OctavesAttr
from lut_opt.dialects.pwl.unit_ops import LogSoftmaxOp, SoftmaxOp

PWL = Dialect(
    "pwl",
    [ApplyOp, DivideOp, SoftmaxOp, LogSoftmaxOp, LayerNormOp, RMSNormOp],
    [
        FnAttr,
        TableAttr,
        FitAttr,
        LeadingZeroAttr,
        MultiRangeAttr,
        OctavesAttr,
        StreamUnitAttr,
        AxisUnitAttr,
        BlockUnitAttr,
        *UNIT_ATTRIBUTES,
    ],
)
