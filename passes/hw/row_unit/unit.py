"""
A streaming unit: one softmax or norm in one `hw.module`.

Ports: `clock`, `reset` (synchronous); `x_valid`, `x`, `x_ready` and, where rows have a variable
length, `x_last`; `y_valid`, `y`, `y_last`, `y_ready`. A beat passes in every cycle in which valid
and ready are both set: one element, or one in each lane, the first in the lowest bits. With more
lanes than one and a variable length there are `x_keep` and `y_keep`, a bit for each lane: lanes
whose bit is not set hold no element, and have the result 0. Parameters (gamma, beta) have `write`,
`index` (of a beat) and a port each to load them before the first row. One module of several norms
has `select`, the same for all beats of a row: for which of them a row is.
"""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects import hw

from lut_opt.dialects.pwl import Fit, units
from lut_opt.dialects.pwl.hardware import UNIT, RowUnit, unit_attribute
from lut_opt.passes.hw.builder.module import hardware_module
from lut_opt.passes.hw.builder.sequential import Sequential
from lut_opt.passes.hw.datapath.fixed import Style
from lut_opt.passes.hw.row_unit.beats import Shape
from lut_opt.passes.hw.row_unit.ends import Choice, RowCircuit, Source, TableStyle, WritePort
from lut_opt.passes.hw.row_unit.log_softmax import LOG_SOFTMAX
from lut_opt.passes.hw.row_unit.norm import NORM
from lut_opt.passes.hw.row_unit.softmax import SOFTMAX
from lut_opt.passes.hw.table_unit.unit import describe_side, digest, unit_name

CIRCUITS: Mapping[str, RowCircuit] = {
    units.Softmax.name: SOFTMAX,
    units.LogSoftmax.name: LOG_SOFTMAX,
    units.LayerNorm.name: NORM,
    units.RMSNorm.name: NORM,
}
"""How each unit that has hardware is built, by its name."""


def row_unit(
    module: str,
    semantics: units.Unit,
    length: int,
    steps: int = 0,
    fits: tuple[tuple[str, Fit], ...] = (),
    lanes: int = 1,
    others: tuple[units.Unit, ...] = (),
) -> RowUnit:
    """A unit with the latency that it has as it is built here."""
    latency = latency_of(semantics, length, lanes, steps)
    return RowUnit(module, semantics, length, steps, fits, lanes, others, latency=latency)


def latency_of(semantics: units.Unit, length: int, lanes: int, steps: int) -> int:
    """Cycles from a row's first beat to its first result, if nothing holds it up."""
    beats = Shape(length, lanes).beats
    return CIRCUITS[semantics.name].latency(semantics, beats, steps)


def build_row_unit(unit: RowUnit, style: Style = Style()) -> hw.HWModuleOp:
    """The module of a streaming unit."""
    op, block, values = hardware_module(unit.module, unit.ports, comment(unit))
    circuit = Sequential(block, values["clock"], values["reset"], style.blocks)
    port = None
    if unit.semantics.parameters:
        loaded = {name: values[name] for name in unit.semantics.parameters}
        port = WritePort(values["write"], values["index"], loaded)
    x, flags = values["x"], (values.get("x_last"), values.get("x_keep"))
    norms = [each for each in unit.choices if isinstance(each, units.Norm)]
    choice = Choice(values["select"], norms) if unit.others else None
    source, how = Source(values["x_valid"], x, *flags, port, choice), TableStyle(unit.steps, style)
    shape = Shape(unit.length, unit.lanes, unit.keeps)
    make = CIRCUITS[unit.function].build
    sink = make(circuit, unit.semantics, shape, source, values["y_ready"], how)
    keep = [] if sink.keep is None else [sink.keep]
    circuit.output([sink.ready, sink.valid, sink.data, sink.last, *keep])
    op.attributes[UNIT] = unit_attribute(unit)
    return op


def row_unit_name(unit: RowUnit) -> str:
    """Such as `pwl_softmax128_i16_u8_s2m4_s2m8`, or `pwl_softmax128x4_…` with four lanes."""
    function = f"{unit.function}{unit.length}" + (f"x{unit.lanes}" if unit.lanes > 1 else "")
    named = unit_name(function, unit.semantics.operand, unit.semantics.result)
    return f"{named}_n{len(unit.choices)}" if unit.others else named


def comment(unit: RowUnit) -> str:
    """The header of the module in SystemVerilog."""
    lanes, semantics = unit.lanes, unit.semantics
    digests = ", ".join(
        f"{name} {table.entries} entries {digest(table)}"
        for name, table in semantics.tables.items()
    )
    rows = f"{unit.length} elements"
    if semantics.variable_length:
        rows = f"1 to {rows}, ended by x_last"
    lines = [
        f"{unit.module}: {unit.function}, row by row, in integers",
        f"  rows:      {rows}",
        f"  tables:    {digests}",
        f"  x:         {describe_side('x', semantics.operand)}",
        f"  y:         {describe_side('y', semantics.result)}",
    ]
    for i, other in enumerate(unit.others, 1):
        lines.append(f"  select={i}:  {describe_side('x', other.operand)}")
        lines.append(f"             {describe_side('y', other.result)}")
    if unit.others:
        lines.append("             the same for all beats of a row; x and y above: select=0")
    for name, kind in semantics.parameters.items():
        lines.append(f"  {name + ':':<11}{describe_side(name, kind)}")
    if semantics.parameters and unit.others:
        lines.append(f"             those of select=i from index i * {unit.beats} on")
    if semantics.parameters:
        lines.append("             written at [index] while write is set, before the first row")
    if lanes > 1:
        lines.append(f"  lanes:     {lanes} elements side by side, the first in the lowest bits")
    if unit.keeps:
        lines.append(
            "             x_keep[i], y_keep[i]: lane i holds an element; else y is 0 there"
        )
    each = "one element" if lanes == 1 else f"{lanes} elements"
    lines += [
        f"  latency:   {unit.latency} cycles from first x to first y of a row of {unit.length}",
        f"  rate:      {each} a cycle, row after row; valid and ready on both sides",
        f"  max error: {unit.error_bound:.6g} output steps on any row"
        + (", for |gamma| up to 1" if "gamma" in semantics.parameters else ""),
    ]
    return "\n".join(lines)
