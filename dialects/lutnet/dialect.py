"""What the `lutnet` dialect is made of."""

from xdsl.ir import Dialect

from lut_opt.dialects.lutnet.attributes import LutsAttr, ThresholdsAttr, WeightsAttr
from lut_opt.dialects.lutnet.hardware import NetworkUnitAttr
from lut_opt.dialects.lutnet.ops import EncodeOp, LayerOp, PopcountOp, SumOp

LUTNET = Dialect(
    "lutnet",
    [EncodeOp, LayerOp, PopcountOp, SumOp],
    [ThresholdsAttr, LutsAttr, WeightsAttr, NetworkUnitAttr],
)
