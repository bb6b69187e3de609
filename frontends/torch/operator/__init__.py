"""
The project's integer units as differentiable operators on tensors: the fifth semantics.

Forward, bit for bit what `lut_opt.dialects.pwl` defines on NumPy; backward, the gradient of the
function that is approximated. Integers are held in floats that hold them exactly, or in int64.
"""

from lut_opt.frontends.torch.operator.apply import Apply
from lut_opt.frontends.torch.operator.division import DivisionModule
from lut_opt.frontends.torch.operator.norm import NormModule
from lut_opt.frontends.torch.operator.quantizer import Quantizer, fake_quantize
from lut_opt.frontends.torch.operator.scale import Scale
from lut_opt.frontends.torch.operator.softmax import LogSoftmaxModule, SoftmaxModule
from lut_opt.frontends.torch.operator.tabulated import Applied, Slope

__all__ = [
    "Applied",
    "Apply",
    "DivisionModule",
    "LogSoftmaxModule",
    "NormModule",
    "Quantizer",
    "Scale",
    "Slope",
    "SoftmaxModule",
    "fake_quantize",
]
