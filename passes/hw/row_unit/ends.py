"""The ends of a stream, and what the streaming units have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.units import Norm, Unit
from lut_opt.passes.hw.builder.circuit import Wire
from lut_opt.passes.hw.builder.pipeline import Pipeline
from lut_opt.passes.hw.builder.sequential import Sequential
from lut_opt.passes.hw.datapath.fixed import Style, build_datapath
from lut_opt.passes.hw.row_unit.beats import Shape
from lut_opt.passes.hw.row_unit.rows import Accepted


@dataclass(frozen=True)
class WritePort:
    """Where parameters are loaded: beat `index` of those that the unit has."""

    write: SSAValue
    index: SSAValue
    values: Mapping[str, SSAValue]


@dataclass(frozen=True)
class Choice:
    """For which of several norms a row is: `select` is its number, the last's beyond the end."""

    select: SSAValue
    norms: Sequence[Norm]

    @property
    def wire(self) -> Wire:
        """The number."""
        return Wire(self.select, 0, len(self.norms) - 1)


@dataclass(frozen=True)
class Source:
    """What comes in: `last` ends a row early, None where all rows have the same length."""

    valid: SSAValue
    data: SSAValue
    last: SSAValue | None
    keep: SSAValue | None = None
    port: WritePort | None = None
    choice: Choice | None = None


@dataclass(frozen=True)
class Sink:
    """What goes out, and whether the unit takes a beat."""

    ready: SSAValue
    valid: SSAValue
    last: SSAValue
    data: SSAValue
    keep: SSAValue | None = None


FINE = 3
"""From so many steps of a table on, what surrounds tables is cut finer, too."""


@dataclass(frozen=True)
class TableStyle:
    """How the tables inside a unit are built: each takes `steps` cycles, 0 to 4."""

    steps: int
    style: Style

    @property
    def fine(self) -> bool:
        """Whether stages outside of tables are short."""
        return self.steps >= FINE


@dataclass(frozen=True)
class RowCircuit:
    """How the hardware of one kind of unit is made."""

    build: Callable[[Sequential, Any, Shape, Source, SSAValue, TableStyle], Sink]
    """From the unit's semantics; the last value is whether results are taken."""
    latency: Callable[[Any, int, int], int]
    """Cycles from a row's first beat to its first result, by the unit, the row's beats and a
    table's steps, if nothing holds it up."""


def choose(circuit: Sequential, select: Wire | None, each: Sequence[Wire]) -> Wire:
    """The wire of the norm that a row is for; the only one where there is no choice."""
    *others, found = each
    for number, wire in reversed(list(enumerate(others))):
        assert select is not None
        found = circuit.mux(circuit.equals(select, number), wire, found)
    return found


def row_ends(circuit: Sequential, arrival: Accepted, name: str) -> SSAValue:
    """Set in the cycle after a row's last beat has been taken."""
    state = circuit.state(name, 0, 1, initial=0)
    circuit.drive(state, Wire(circuit.all_of(arrival.taken, arrival.last), 0, 1))
    return state.wire.value


def look_up(
    pipeline: Pipeline,
    wires: Mapping[str, Wire],
    names: Sequence[str],
    unit: Unit,
    table: str,
    how: TableStyle,
) -> dict[str, Wire]:
    """Replace each wire of `names` by what a table has for it; the others wait for them."""
    circuit, part = pipeline.circuit, unit.parts[table]
    operand, result = part.operand, part.result
    found: dict[str, Wire] = {}
    for name in names:
        port = circuit.resize(wires[name], operand.bits)
        with pipeline.held():
            value = build_datapath(
                circuit, port, unit.tables[table], operand, result, how.steps, how.style
            )
        found[name] = Wire(value, result.minimum, result.maximum)
    waiting = {key: wire for key, wire in wires.items() if key not in found}
    return {**pipeline.delay(waiting, how.steps), **found}
