"""
MLIR text to module and back: what the driver, the frontends, the backends and the tests share.

Example:

    ctx = context()
    program = parse(text, "model.mlir", ctx)
    ...                              # passes work on program.module
    text = print_program(program)    # weights join again, byte for byte
"""

from lut_opt.dialects.assembly.context import LutContext, context, resources_of
from lut_opt.dialects.assembly.locations import (
    UNKNOWN,
    describe_layer,
    describe_location,
    error_location,
)
from lut_opt.dialects.assembly.parser import AssemblyParser
from lut_opt.dialects.assembly.program import Program, parse, print_program, write_program
from lut_opt.dialects.assembly.resources import Resources, constant_array

__all__ = [
    "UNKNOWN",
    "AssemblyParser",
    "LutContext",
    "Program",
    "Resources",
    "constant_array",
    "context",
    "describe_layer",
    "describe_location",
    "error_location",
    "parse",
    "print_program",
    "resources_of",
    "write_program",
]
