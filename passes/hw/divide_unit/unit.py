"""A division in one `hw.module`: ports `x`, `denominator` and `y`, clocked if it has registers."""

from __future__ import annotations

from xdsl.dialects import hw

from lut_opt.dialects.pwl.hardware import UNIT, DivideUnit, unit_attribute
from lut_opt.dialects.pwl.reduction_attributes import reduction_attribute
from lut_opt.passes.hw.builder.arithmetic import Arithmetic
from lut_opt.passes.hw.builder.module import domain_of, hardware_module
from lut_opt.passes.hw.builder.timing import describe_timing
from lut_opt.passes.hw.datapath.divided import build_division
from lut_opt.passes.hw.datapath.fixed import Style
from lut_opt.passes.hw.table_unit.unit import describe_side, digest, unit_name


def build_divide(unit: DivideUnit, style: Style = Style()) -> hw.HWModuleOp:
    """The module of a division."""
    op, block, ports = hardware_module(unit.module, unit.ports, comment(unit))
    circuit = Arithmetic(block, domain_of(ports), style.blocks)
    pair = ports["x"], ports["denominator"]
    circuit.output([build_division(circuit, pair, unit.semantics, unit.latency, style)])
    op.attributes[UNIT] = unit_attribute(unit)
    return op


def divide_name(unit: DivideUnit) -> str:
    """Such as `pwl_divide_i16_u32_i16_s2m10_s2m20_s2m10`: numerator, denominator, quotient."""
    return unit_name(unit.semantics.name, *unit.sides.values())


def comment(unit: DivideUnit) -> str:
    """The header of the module in SystemVerilog."""
    semantics = unit.semantics
    table = semantics.reciprocal
    entries = f"{table.entries} entr{'y' if table.entries == 1 else 'ies'}"
    sides = (f"  {name + ':':<12} {describe_side(name, side)}" for name, side in unit.sides.items())
    return "\n".join(
        (
            f"{unit.module}: x / denominator, through a table of reciprocals",
            f"  table:       {entries}, digest {digest(table)}",
            *sides,
            f"  latency:     {describe_timing(unit.latency)}",
            f"  reduction:   {reduction_attribute(semantics.reduction)}",
            f"  max error:   {semantics.error_bound():.6g} output steps, of any denominator but 0",
        )
    )
