"""
The cost of a hardware module by synthesis: what `convert-pwl-to-hw` asks with `cost=synthesis`.

Passes may not import backends, so the driver registers `synthesis_cost` with them.
"""

from __future__ import annotations

from functools import lru_cache

from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.synthesis.fpga import resources
from lut_opt.backends.synthesis.liberty import Library, read_library
from lut_opt.backends.synthesis.power import power_of
from lut_opt.backends.synthesis.synthesize import Effort, Synthesis, synthesize
from lut_opt.backends.verilog import systemverilog
from lut_opt.passes.hw.cost.model import Family, Figures

EFFORT: Effort = "normal"
"""Without restructuring, which takes ten times as long and seldom changes which way is cheapest."""


def synthesis_cost(module: hw.HWModuleOp, liberty: tuple[str, ...]) -> Figures:
    """Area, delay, and power with random inputs at 500 MHz, in the library's units."""
    found = gates(systemverilog.emit(ModuleOp([module.clone()])), module.sym_name.data, liberty)
    library = found.library
    source = f"synthesis: {library.name}, {library.area_unit}, {library.time_unit}"
    power = power_of(found)
    return Figures(found.area, found.delay or 0.0, power.total, f"{source}, {power.unit}")


def fpga_cost(module: hw.HWModuleOp, family: Family) -> Figures:
    """LUTs, as Yosys maps them; it knows no delays of placed logic, and no power."""
    text = systemverilog.emit(ModuleOp([module.clone()]))
    found = resources(text, module.sym_name.data, family)
    return Figures(found.lut, None, None, f"synthesis: LUTs of {family}")


@lru_cache(maxsize=256)
def gates(verilog: str, top: str, liberty: tuple[str, ...]) -> Synthesis:
    """Synthesize a text once."""
    return synthesize(verilog, top, _library(liberty), effort=EFFORT)


@lru_cache(maxsize=8)
def _library(liberty: tuple[str, ...]) -> Library:
    return read_library(liberty)


__all__ = ["fpga_cost", "synthesis_cost"]
