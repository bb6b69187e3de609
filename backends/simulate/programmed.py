"""
Programmable units in a simulator (Icarus Verilog): write tables through the port, then compute.

    y = drive(verilog, Ports.of(module), [
        *function.program(table), *(Input(q) for q in range(256))])
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xdsl.dialects import hw

from lut_opt.backends.simulate.tables import BENCH
from lut_opt.backends.tools import icarus
from lut_opt.dialects.pwl.hardware import Write
from lut_opt.passes.hw.modules import unit_of


@dataclass(frozen=True)
class Input:
    """A cycle in which raw bits enter at x."""

    x: int


@dataclass(frozen=True)
class Idle:
    """A cycle in which nothing is asked for."""


@dataclass(frozen=True)
class Ports:
    """A programmable unit from outside: its name, the widths of its ports, and its latency."""

    module: str
    address: int
    data: int
    x: int
    y: int
    latency: int

    @classmethod
    def of(cls, op: hw.HWModuleOp) -> Ports:
        """The ports of a module that `build_programmable` made."""
        unit = unit_of(op, {})
        assert unit is not None
        address, data, x, y = (unit.widths[name] for name in ("address", "data", "x", "y"))
        return cls(unit.module, address, data, x, y, unit.latency)


def drive(verilog: str, ports: Ports, steps: Sequence[Write | Input]) -> list[int | None]:
    """
    Raw bits of y for every `Input`, in order; None where a bit is undefined.

    One step a cycle; writes wait until the inputs before them have left the unit, since an input
    meets the table in the middle of its way.
    """
    idle = [Idle()] * ports.latency
    spaced: list[Write | Input | Idle] = []
    for before, step in zip([None, *steps[:-1]], steps, strict=True):
        spaced += idle if isinstance(before, Input) and isinstance(step, Write) else []
        spaced.append(step)
    with tempfile.TemporaryDirectory(prefix="lut-opt-") as folder:
        directory = Path(folder)
        (directory / "steps.hex").write_text(
            "".join(f"{_pack(step, ports):x}\n" for step in spaced)
        )
        (directory / "units.sv").write_text(verilog)
        (directory / "bench.sv").write_text(_bench(ports, len(spaced)))
        icarus.run(directory, BENCH, ["units.sv", "bench.sv"])
        lines = (directory / "y.hex").read_text().split()
    chosen = [i for i, step in enumerate(spaced) if isinstance(step, Input)]
    return [_parse(lines[i + ports.latency]) for i in chosen]


def _pack(step: Write | Input | Idle, ports: Ports) -> int:
    """x, data, address, write_enable, from the high bits to the low ones."""
    if isinstance(step, Write):
        return (step.data << ports.address | step.address) << 1 | 1
    if isinstance(step, Idle):
        return 0
    return (step.x & ((1 << ports.x) - 1)) << (ports.data + ports.address + 1)


def _bench(ports: Ports, count: int) -> str:
    """A test bench that takes one step a cycle and records y in every cycle."""
    bits = ports.x + ports.data + ports.address + 1
    return f"""\
module {BENCH};
  reg clock = 0;
  reg [{bits - 1}:0] steps [0:{count - 1}];
  reg [{bits - 1}:0] step = 0;
  wire [{ports.y - 1}:0] y;
  {ports.module} unit (
    .clock(clock), .write_enable(step[0]), .address(step[{ports.address}:1]),
    .data(step[{ports.data + ports.address}:{ports.address + 1}]),
    .x(step[{bits - 1}:{bits - ports.x}]), .y(y));
  integer file, n;
  initial begin
    $readmemh("steps.hex", steps);
    file = $fopen("y.hex");
    for (n = 0; n < {count + ports.latency}; n = n + 1) begin
      step = n < {count} ? steps[n] : 0;
      #1 $fdisplay(file, "%h", y);
      clock = 1; #1 clock = 0;
    end
    $fclose(file);
    $finish;
  end
endmodule
"""


def _parse(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None
