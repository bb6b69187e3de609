"""
One module around several units: the non-linear path of a transformer's block, for example.

    s_axis_softmax_…, s_axis_layer_norm_…, s_axis_gelu_… → m_axis_softmax_…, …

Units stand side by side, since linear operators are between them: each has its own pair of streams,
and works while the others do. Equal operators of the program share one unit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from xdsl.dialects import hw
from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.hardware import (
    UNIT,
    AxisUnit,
    BlockUnit,
    BlockUnitAttr,
    RowUnit,
    StreamUnit,
)
from lut_opt.dialects.pwl.hardware.block_unit import port_under
from lut_opt.passes.hw.builder.circuit import Circuit
from lut_opt.passes.hw.builder.module import hardware_module, type_of
from lut_opt.passes.hw.builder.timing import cycles
from lut_opt.passes.hw.modules import by_name, unit_of
from lut_opt.passes.support.names import unique_names


def build_block(made: Sequence[hw.HWModuleOp], name: str) -> hw.HWModuleOp:
    """A module which instantiates every unit with ports of AXI4-Stream."""
    known, unique = by_name(made), unique_names(set())
    found = [unit for op in made if isinstance(unit := unit_of(op, known), AxisUnit)]
    block_unit = BlockUnit.around(name, [(unique(_short_name(unit)), unit) for unit in found])
    op, block, values = hardware_module(name, block_unit.ports, _comment(block_unit))
    circuit = Circuit(block)
    circuit.output([y for part in block_unit.units for y in _instance(circuit, values, part)])
    op.attributes[UNIT] = BlockUnitAttr(
        tuple((part, unit.module) for part, unit in block_unit.units)
    )
    op.location = made[0].location
    return op


def _instance(
    circuit: Circuit, values: dict[str, SSAValue], part: tuple[str, AxisUnit]
) -> Sequence[SSAValue]:
    """One unit between its ports; its outputs in order."""
    name, unit = part
    inputs = [(p.name, values[port_under(name, p.name)]) for p in unit.ports if not p.output]
    outputs = [(p.name, type_of(p)) for p in unit.ports if p.output]
    instance = hw.InstanceOp(name, SymbolRefAttr(unit.module), inputs, outputs)
    circuit.block.add_op(instance)
    return instance.results


def _short_name(unit: AxisUnit) -> str:
    """What a unit is called inside: the first word of what it computes."""
    inner = unit.unit
    while isinstance(inner, StreamUnit):
        inner = inner.unit
    said = inner.function if isinstance(inner, RowUnit) else inner.summary()
    word = re.search(r"[a-z]\w*", said, re.ASCII | re.IGNORECASE)
    return "unit" if word is None else word[0]


def _comment(unit: BlockUnit) -> str:
    lines = [f"{unit.module}: {unit.summary()}, each with a pair of AXI4-Streams"]
    for name, part in unit.units:
        lines.append(f"  {name + ':':<12} {part.unit.module}, {cycles(part.latency)}")
        if part.passed:
            loaded = ", ".join(port_under(name, port.name) for port in part.passed)
            lines.append(f"  {'':<12} set before its first row: {loaded}")
    lines.append("  streams are independent: units work at the same time, none waits for another")
    return "\n".join(lines)


__all__ = ["build_block"]
