"""
The functions that a table can approximate, in double precision.

This registry is the only place that knows them: the IR attribute `#pwl.fn`, what the lowering
recognizes, what chains are written in, calibration, the search, the certificates and the list of
operators without a table all look here. One more function is one more object:

    FUNCTIONS.add(Function("cube", lambda x: x**3, derivative=lambda x: 3.0 * x**2,
                           formula=lambda x: x * x * x, operators=(Operator("my.cube"),)))
"""

from __future__ import annotations

from lut_opt.dialects.pwl.functions.activations import ACTIVATIONS
from lut_opt.dialects.pwl.functions.elementary import ELEMENTARY
from lut_opt.dialects.pwl.functions.function import Function, Mask, Operator, Registry
from lut_opt.dialects.pwl.functions.scalar import Scalar

FUNCTIONS = Registry((*ACTIVATIONS, *ELEMENTARY))

__all__ = ["FUNCTIONS", "Function", "Mask", "Operator", "Registry", "Scalar"]
