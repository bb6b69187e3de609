"""
Power of a streaming unit's gates at work, from its netlist simulated with its memories.

    power = row_power(synthesis, apart.memories, stimulus)

The netlist stands in the unit's own bench, so that every result is checked on the way. Each cell
takes one step of time, as for `power_of`: what toggles more than once in a cycle counts as often.
Memories cost nothing here, and neither do wires and a clock tree; clock pins do.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lut_opt.backends.errors import BackendError
from lut_opt.backends.simulate.row_bench import Stalls, Stimulus, bench, sample, vectors
from lut_opt.backends.synthesis.cell_models import CellModel, cell_model
from lut_opt.backends.synthesis.memories import MEMORIES
from lut_opt.backends.synthesis.power import Activity, Net, Power, power_of_activity
from lut_opt.backends.synthesis.synthesize import Port, Synthesis, Wiring
from lut_opt.backends.tools import icarus
from lut_opt.dialects.pwl.hardware import RowUnit

WATCHED = 64, 128
"""Cycles, at least, from the first result to the last elements: a row's, within these limits."""

_BENCH, _DUMP = "lut_opt_power_bench", "activity.vcd"
_CYCLE = 2000
"""Steps of time in a cycle of the bench: many more than cells in a path."""


def random_rows(unit: RowUnit) -> Stimulus:
    """Full rows of uniformly random elements (a fixed seed), and random gamma and beta."""
    operand = unit.semantics.operand
    rng = np.random.default_rng(0)
    watched = int(np.clip(unit.beats, *WATCHED))
    count = -(-(unit.latency + watched) // unit.beats)
    drawn = rng.integers(operand.minimum, operand.maximum + 1, (count, unit.length))
    selects = rng.integers(0, len(unit.choices), count).tolist() if unit.others else ()
    return replace(sample(unit), rows=list(drawn), selects=selects)


def row_power(
    synthesis: Synthesis, memories: str, stimulus: Stimulus, frequency: float = 500e6
) -> Power:
    """
    The gates' mean power while elements go in and results come, all without a pause.

    `synthesis` is of the unit without its memories, `memories` Verilog of these. Raises
    `BackendError` without Icarus Verilog, for cells whose function is not known, for rows that end
    before the first result comes, and for a netlist whose results are not the unit's.
    """
    models = {name: cell_model(synthesis.library, name) for name in synthesis.cells}
    if any(model.latch for model in models.values()):
        raise BackendError("power: a latch in a streaming unit, which this does not simulate")
    unit = stimulus.unit
    with tempfile.TemporaryDirectory(prefix="lut-opt-") as folder:
        directory = Path(folder)
        files = {
            **vectors(stimulus),
            "bench.sv": bench(stimulus, _BENCH, Stalls()),
            "gates.v": _gates(unit.module, synthesis.wiring, models, len(stimulus.beats)),
            "memories.v": memories,
        }
        for name, text in files.items():
            (directory / name).write_text(text)
        # The bench first: the steps of time that the others state are not its own.
        sources = ["bench.sv", "gates.v", "memories.v"]
        if "PASS:" not in (said := icarus.run(directory, _BENCH, sources, may_fail=True)):
            raise BackendError(f"{unit.module}: the netlist is not the unit: {said[-200:]}")
        with (directory / _DUMP).open() as lines:
            activity = _activity(lines)
    clocks = {
        one.pins[clock]
        for one in synthesis.wiring.instances
        if (clock := models[one.cell].clock) is not None
    }
    return power_of_activity(synthesis, replace(activity, clocks=frozenset(clocks)), frequency)


def _gates(top: str, wiring: Wiring, models: Mapping[str, CellModel], beats: int) -> str:
    """Verilog of the netlist with its memories, one wire a net, which dumps what toggles."""
    outside = {name: port for name, port in wiring.ports.items() if "." not in name}
    inside = {name: port for name, port in wiring.ports.items() if "." in name}
    lines = ["`timescale 1ms/1ms", f"module {top}({', '.join(outside)});"]
    for name, port in outside.items():
        lines.append(f"  {'input' if port.is_input else 'output'} [{len(port.bits) - 1}:0] {name};")
    held = {
        net
        for one in wiring.instances
        if models[one.cell].state is not None
        for pin, net in one.pins.items()
        if pin in models[one.cell].functions
    }
    nets = {net for one in wiring.instances for net in one.pins.values()}
    nets |= {net for port in wiring.ports.values() for net in port.bits}
    lines += [
        f"  {'reg' if net in held else 'wire'} n{net}{' = 0' if net in held else ''};"
        for net in sorted(net for net in nets if isinstance(net, int))
    ]
    lines += [_connected(name, port) for name, port in outside.items()]
    connections: list[str] = []
    for name, port in inside.items():
        own = name.removeprefix(f"{MEMORIES}.")
        lines += [f"  wire [{len(port.bits) - 1}:0] m_{own};", _connected(f"m_{own}", port)]
        connections.append(f".{own}(m_{own})")
    lines.append(f"  {MEMORIES} memories ({', '.join(connections)});")
    for one in wiring.instances:
        lines += _cell(models[one.cell], one.pins)
    return "\n".join((*lines, _dumping(beats), "endmodule\n"))


def _connected(name: str, port: Port) -> str:
    if port.is_input:
        # Constants have no wire that could be assigned.
        pairs = [(f"{name}[{i}]", _net(net)) for i, net in enumerate(port.bits)]
        return "\n".join(f"  assign {net} = {bit};" for bit, net in pairs)
    return f"  assign {name} = {{{', '.join(map(_net, reversed(port.bits)))}}};"


def _net(net: Net) -> str:
    return f"n{net}" if isinstance(net, int) else f"1'b{net if net in '01' else 0}"


def _cell(model: CellModel, pins: Mapping[str, Net]) -> Iterator[str]:
    """A cell's outputs, a step after its inputs or, of a flip-flop, after its clock."""
    for pin, expression in model.expressions.items():
        if pin not in pins:
            continue
        value = re.sub(r"[A-Za-z_]\w*", lambda found: _net(pins[found[0]]), expression)
        if model.clock is None:
            yield f"  assign #1 {_net(pins[pin])} = {value};"
        else:
            yield f"  always @(posedge {_net(pins[model.clock])}) {_net(pins[pin])} <= #1 {value};"


def _dumping(beats: int) -> str:
    """From the first result that comes to the last elements that go in."""
    return f"""  integer taken = 0;
  initial begin
    $dumpfile("{_DUMP}");
    $dumpvars(1, {_BENCH}.unit);
    $dumpoff;
    @(posedge y_valid) $dumpon;
    wait (taken == {beats}) $dumpoff;
  end
  always @(posedge clock) if (x_valid && x_ready) taken <= taken + 1;"""


def _activity(lines: Iterator[str] | Sequence[str]) -> Activity:
    """Toggles of the nets of a dump in a cycle, on average; what is undefined does not toggle."""
    nets: dict[str, int] = {}
    values: dict[str, str] = {}
    toggles, settled, now = Counter[int](), Counter[int](), Counter[int]()
    begin, cycle, time = 0, 0, 0
    for line in lines:
        if line.startswith("$var"):
            _, _, _, code, name, *_ = line.split()
            if re.fullmatch(r"n\d+", name):
                nets[code] = int(name[1:])
        elif line.startswith("$dumpon"):
            begin = time
        elif line.startswith("#"):
            time = int(line[1:])
            if (time + _CYCLE // 2) // _CYCLE != cycle:
                cycle = (time + _CYCLE // 2) // _CYCLE
                settled.update(net for net, count in now.items() if count % 2)
                now.clear()
        elif line[0] in "01" and (code := line[1:].rstrip()) in nets:
            if values.get(code, line[0]) != line[0]:
                toggles[nets[code]] += 1
                now[nets[code]] += 1
            values[code] = line[0]
    if time - begin < _CYCLE:
        raise BackendError("power: the rows end before the first result comes")
    cycles = (time - begin) / _CYCLE
    return Activity(
        {net: toggles[net] / cycles for net in nets.values()},
        {net: settled[net] / cycles for net in nets.values()},
    )


__all__ = ["random_rows", "row_power"]
