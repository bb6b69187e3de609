"""Tables that several tests need: one written by hand, and those of a program beside a test."""

from __future__ import annotations

from pathlib import Path

from xdsl.ir import Attribute

from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.dialects.pwl import Table
from lut_opt.dialects.quant import UniformQuantizedType, element_type
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.pwl_search import PwlSearchPass

GELU = Table(
    (-50, -35, -18, -9, 3, 12, 28),
    (0, -4, -8, 2, 20, 45, 70, 64),
    (0, -12, -20, -9, 0, -6, -27, 0),
    intercept_shift=4,
    result_shift=6,
)
"""GELU on 8-bit inputs and results of scale 2^-4, in eight segments."""


TWO = """
!q = !quant.uniform<i8:f32, 6.250000e-02>
func.func @f(%x: !q) -> (!q, !q) {
  %y = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [-30, 7],
    slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !q -> !q
  %z = pwl.apply #pwl.fn<silu> %x table #pwl.table<i8, breakpoints = [-31, 7],
    slopes = [0, 12, 60], intercepts = [0, 5, 1], intercept_shift = 4, result_shift = 6> : !q -> !q
  func.return %y, %z : !q, !q
}
"""
"""A program with two tables of the same storage types."""


def searched(path: Path, search: PwlSearchPass) -> Program:
    """A program from a file, verified, with the tables of a search."""
    ctx = context()
    program = parse(path.read_text(), path.name, ctx)
    program.module.verify()
    search.apply(ctx, program.module)
    program.module.verify()
    return program


def quantization(type_: Attribute) -> Quantization:
    """How the elements of a quantized type stand for reals."""
    element = element_type(type_)
    assert isinstance(element, UniformQuantizedType)
    return element.quantization
