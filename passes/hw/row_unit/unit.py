"""
A streaming unit: one softmax or norm in one `hw.module`.

Ports: `clock`, `reset` (synchronous); `x_valid`, `x`, `x_ready` and, where rows have a variable
length, `x_last`; `y_valid`, `y`, `y_last`, `y_ready`. A beat passes in every cycle in which valid
and ready are both set: one element, or one in each lane, the first in the lowest bits. With more
lanes than one and a variable length there are `x_keep` and `y_keep`, a bit for each lane: lanes
whose bit is not set hold no element, and have the result 0. Parameters (gamma, beta) have `write`,
`index` (of a beat) and a port each to load them before the first row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.dialects import hw, seq
from xdsl.dialects.builtin import (
    ArrayAttr,
    IntegerType,
    StringAttr,
    i1,
)
from xdsl.ir import Block, Region, TypeAttribute

from lut_opt.dialects.pwl import Fit, units
from lut_opt.passes.hw.builder.sequential import Sequential
from lut_opt.passes.hw.datapath.fixed import Style
from lut_opt.passes.hw.row_unit.beats import Shape
from lut_opt.passes.hw.row_unit.ends import RowCircuit, Source, TableStyle, WritePort
from lut_opt.passes.hw.row_unit.norm import NORM
from lut_opt.passes.hw.row_unit.softmax import SOFTMAX
from lut_opt.passes.hw.table_unit.unit import unit_name

CIRCUITS: Mapping[str, RowCircuit] = {
    units.Softmax.name: SOFTMAX,
    units.LayerNorm.name: NORM,
    units.RMSNorm.name: NORM,
}
"""How each unit that has hardware is built, by its name."""


@dataclass(frozen=True)
class RowUnit:
    """What one `hw.module` computes: `semantics.evaluate` of each row of `length` elements."""

    module: str
    semantics: units.Unit
    length: int
    """Elements of a row; of the longest, if its length is variable."""
    steps: int = 0
    """Cycles that each table takes."""
    fits: tuple[tuple[str, Fit], ...] = ()
    """Certificates of the tables, by the tables' names."""
    lanes: int = 1
    """Elements a cycle."""

    @property
    def shape(self) -> Shape:
        """How rows come: those of variable length may end within a beat."""
        return Shape(self.length, self.lanes, self.lanes > 1 and self.semantics.variable_length)

    @property
    def function(self) -> str:
        """The name of what it computes, such as `softmax`."""
        return self.semantics.name

    @property
    def latency(self) -> int:
        """Cycles from a row's first beat to its first result, if nothing holds it up."""
        return CIRCUITS[self.function].latency(self.shape.beats, self.steps)

    @property
    def error_bound(self) -> float:
        """Largest error of any result in output steps, for stored gammas of magnitude up to 1."""
        return self.semantics.error_bound(self.length)

    @property
    def index_bits(self) -> int:
        """Width of a beat's index."""
        return max(1, (self.shape.beats - 1).bit_length())


Port = tuple[str, TypeAttribute, hw.Direction]

_IN, _OUT = hw.Direction.INPUT, hw.Direction.OUTPUT


def ports(unit: RowUnit) -> list[Port]:
    """Every port in order."""
    operand, result = unit.semantics.operand, unit.semantics.result
    parameters, lanes, keeps = unit.semantics.parameters, unit.lanes, unit.shape.keeps
    return [
        ("clock", seq.ClockType(), _IN),
        ("reset", i1, _IN),
        *([("write", i1, _IN), ("index", IntegerType(unit.index_bits), _IN)] * bool(parameters)),
        *((name, IntegerType(lanes * kind.bits), _IN) for name, kind in parameters.items()),
        ("x_valid", i1, _IN),
        ("x", IntegerType(lanes * operand.bits), _IN),
        *([("x_last", i1, _IN)] * unit.semantics.variable_length),
        *([("x_keep", IntegerType(lanes), _IN)] * keeps),
        ("x_ready", i1, _OUT),
        ("y_valid", i1, _OUT),
        ("y", IntegerType(lanes * result.bits), _OUT),
        ("y_last", i1, _OUT),
        *([("y_keep", IntegerType(lanes), _OUT)] * keeps),
        ("y_ready", i1, _IN),
    ]


def build_row_unit(unit: RowUnit, style: Style = Style()) -> hw.HWModuleOp:
    """The module of a streaming unit."""
    listed = ports(unit)
    inputs = [(name, type_) for name, type_, way in listed if way is _IN]
    block = Block(arg_types=[type_ for _, type_ in inputs])
    values = dict(zip((name for name, _ in inputs), block.args, strict=True))
    for name, argument in values.items():
        argument.name_hint = name
    circuit = Sequential(block, values["clock"], values["reset"])
    port = None
    if unit.semantics.parameters:
        loaded = {name: values[name] for name in unit.semantics.parameters}
        port = WritePort(values["write"], values["index"], loaded)
    x, flags = values["x"], (values.get("x_last"), values.get("x_keep"))
    source, how = Source(values["x_valid"], x, *flags, port), TableStyle(unit.steps, style)
    make = CIRCUITS[unit.function].build
    sink = make(circuit, unit.semantics, unit.shape, source, values["y_ready"], how)
    keep = [] if sink.keep is None else [sink.keep]
    circuit.output([sink.ready, sink.valid, sink.data, sink.last, *keep])
    made = [hw.ModulePort(StringAttr(n), t, hw.DirectionAttr(way)) for n, t, way in listed]
    return hw.HWModuleOp(StringAttr(unit.module), hw.ModuleType(ArrayAttr(made)), Region(block))


def row_unit_name(unit: RowUnit) -> str:
    """Such as `pwl_softmax128_i16_u8_s2m4_s2m8`, or `pwl_softmax128x4_…` with four lanes."""
    function = f"{unit.function}{unit.length}" + (f"x{unit.lanes}" if unit.lanes > 1 else "")
    return unit_name(function, unit.semantics.operand, unit.semantics.result)
