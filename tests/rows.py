"""Streaming units as SystemVerilog, for tests that simulate them."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.passes.hw.datapath.fixed import Style
from lut_opt.passes.hw.modules import unit_of
from lut_opt.passes.hw.row_unit.unit import build_row_unit


def verilog(*built: RowUnit, style: Style = Style()) -> str:
    """The text of some units, whose attributes say what they are."""
    ops = [build_row_unit(unit, style) for unit in built]
    for op, unit in zip(ops, built, strict=True):
        assert unit_of(op, {}) == unit
    module = ModuleOp(ops)
    module.verify()
    return systemverilog.emit(module)
