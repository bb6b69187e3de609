"""The one call: from a model to integers that were measured, a report, and files for hardware."""

from lut_opt.compiling.compiled import Compiled
from lut_opt.compiling.one_call import CompileError, compile

__all__ = ["CompileError", "Compiled", "compile"]
