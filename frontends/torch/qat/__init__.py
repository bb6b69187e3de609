"""
Quantization-aware training with the tables that are deployed.

The trained graph holds the units of `lut_opt.frontends.torch.operator` where the lowering itself
finds them, with a learnt scale each; what was trained is exported as it is, as data on the units.
"""

from lut_opt.frontends.torch.qat.config import Config, QatError
from lut_opt.frontends.torch.qat.deploy import Converted, convert, export
from lut_opt.frontends.torch.qat.prepared import (
    Prepared,
    calibrate,
    freeze,
    parameter_groups,
    prepare,
)

__all__ = [
    "Config",
    "Converted",
    "Prepared",
    "QatError",
    "calibrate",
    "convert",
    "export",
    "freeze",
    "parameter_groups",
    "prepare",
]
