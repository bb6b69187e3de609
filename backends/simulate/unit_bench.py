"""
A self-checking test bench for a unit of tables: fixed, behind a select, written, or a stream.

It needs nothing but its files and the unit: `iverilog -g2012` or Verilator compiles it. A line of
every file is one step: a table unit is asked for the result of x; a write goes into the table of a
programmable unit, after what was asked before is out. In front of a stream the producer pauses now
and then, and so does the consumer behind it; a result that waits must stay as it is.

    asked = questions(unit)
    files = asked.vectors() | {"bench.sv": asked.bench("bench", Stalls(0.25))}
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lut_opt.backends.simulate.row_bench import Stalls
from lut_opt.backends.tools.icarus import hexadecimal
from lut_opt.dialects.pwl.hardware import ENABLE, ElementUnit
from lut_opt.dialects.quantization import Integers


@dataclass(frozen=True)
class Questions:
    """
    What a unit is asked, and what it must answer: one value a step for each input port and for y.

    `y` does not count in steps that write.
    """

    module: str
    ports: dict[str, int]
    """Width of every port."""
    latency: int
    steps: dict[str, Integers]

    @property
    def count(self) -> int:
        """Number of steps."""
        return len(self.steps["y"])

    @property
    def asked(self) -> int:
        """Number of results."""
        writes = self.steps.get("write_enable")
        return self.count if writes is None else int(np.count_nonzero(writes == 0))

    def vectors(self) -> dict[str, str]:
        """A file for each port, a line for each step."""
        return {
            f"{name}.hex": hexadecimal(values, self.ports[name])
            for name, values in self.steps.items()
        }

    def bench(self, name: str, stalls: Stalls) -> str:
        """The module `name`: it ends with the line `PASS: …`, or with `FAIL: …` and an error."""
        declared, loaded, driven = self._inputs()
        stream = "x_valid" in self.ports
        count, latency, bits = self.count, self.latency, self.ports["y"]
        writes = "write_enables[at]" if "write_enable" in self.ports else "1'b0"
        # One side or the other pauses where there is a handshake.
        goes = f"{{16'd0, dice[31:16]}} % 100 >= {round(100 * stalls.share)}" if stream else "1'b1"
        return f"""// Self-checking bench of {self.module}: {self.asked} results.
module {name};
  reg clock = 0, reset = 1, offered = 0, taken = 0, held = 0, writing = 0;
  wire x_ready, y_valid;
  reg y_ready = 0;
  wire [{bits - 1}:0] y;
  reg [{bits - 1}:0] ys [0:{count - 1}], waiting = 0;
{declared}  reg [31:0] dice = {stalls.seed};
  integer due [0:{count}];
  integer at = 0, head = 0, tail = 0, cycle = 0, wrong = 0, broken = 0;
  {self.module} unit ({self._connections()});
{"" if stream else _plain(latency)}  task roll;
    dice = dice * 32'd1664525 + 32'd1013904223;
  endtask
  initial begin
{loaded}    $readmemh("y.hex", ys);
    #1 clock = 1; #1 clock = 0; reset = 0;
    while ((at < {count} || head < tail) && cycle < {20 * (count + latency) + 1000}) begin
      // What is offered stays until it is taken; a write waits until nothing is on its way.
      writing = at < {count} && {writes} && head == tail && !(offered && !taken);
      roll;
      if (!offered || taken)
        offered = at < {count} && !{writes} && {goes};
      roll; y_ready = {goes};
{driven}      #1 taken = offered && x_ready;
      if (taken) begin due[tail] = at; tail = tail + 1; end
      if (y_valid && y_ready) begin
        if (head == tail || y !== ys[due[head]]) begin
          if (wrong < 10 && head < tail)
            $display("step %0d gives %h, not %h", due[head], y, ys[due[head]]);
          wrong = wrong + 1;
        end
        head = head + 1;
      end
      if (held && !(y_valid === 1 && y === waiting)) broken = broken + 1;
      if (y_valid !== 0 && y_valid !== 1) broken = broken + 1;
      held = y_valid && !y_ready; waiting = y;
      if (taken || writing) at = at + 1;
      clock = 1; #1 clock = 0; cycle = cycle + 1;
    end
    if (at == {count} && head == {self.asked} && head == tail && wrong == 0 && broken == 0) begin
      $display("PASS: all {self.asked} results of {self.module} are right");
      $finish;
    end else begin
      $display("FAIL: {self.module}: %0d of {self.asked} results, %0d wrong, broken %0d times",
               head, wrong, broken);
      $fatal(1);
    end
  end
endmodule
"""

    def _inputs(self) -> tuple[str, str, str]:
        """Declarations, statements that load the steps, and those that drive the inputs."""
        declared = loaded = driven = ""
        for name in sorted(self.steps.keys() - {"y"}):
            width = f"[{self.ports[name] - 1}:0] " if self.ports[name] > 1 else ""
            declared += f"  reg {width}{name} = 0, {name}s [0:{self.count - 1}];\n"
            loaded += f'    $readmemh("{name}.hex", {name}s);\n'
            moves = "writing" if name in ("write_enable", "address", "data") else "offered"
            driven += f"      {name} = {moves} ? {name}s[at] : 0;\n"
        return declared, loaded, driven

    def _connections(self) -> str:
        """The ports of the unit."""
        other = {"x_clock": "clock", ENABLE: "1'b1", "x_valid": "offered"}
        return ", ".join(f".{name}({other.get(name, name)})" for name in self.ports)


def questions(unit: ElementUnit) -> Questions:
    """What a unit is asked."""
    return Questions(unit.module, unit.widths, unit.latency, unit.steps())


def _plain(latency: int) -> str:
    """A unit that never waits: an input enters in every cycle."""
    if not latency:
        return "  assign x_ready = 1, y_valid = offered;\n"
    moved = f"{{passed[{latency - 2}:0], offered}}" if latency > 1 else "offered"
    return (
        f"  reg [{latency - 1}:0] passed = 0;\n"
        f"  assign x_ready = 1, y_valid = passed[{latency - 1}];\n"
        f"  always @(posedge clock) passed <= {moved};\n"
    )
