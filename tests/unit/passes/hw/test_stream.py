"""Streams keep every value in order under any stalls (simulated in Icarus)."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.assembly import parse
from lut_opt.dialects.assembly.context import context
from lut_opt.dialects.pwl import Table
from lut_opt.dialects.pwl.hardware import ProgrammableUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.hw.modules import modules_of, units_of
from lut_opt.passes.support.options import from_text

pytest.importorskip("pycde")
if shutil.which("iverilog") is None:
    pytest.skip("iverilog is not installed", allow_module_level=True)

I8 = Quantization(8, True, 2.0**-4)
TABLE = Table((-30, 7), (0, 12, 64), (0, 5, 0), intercept_shift=4, result_shift=6)
MODULE = """
!q = !quant.uniform<i8:f32, 6.250000e-02>
func.func @host(%x: !q) -> !q {
  %0 = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [-30, 7],
    slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !q -> !q
  func.return %0 : !q
}
"""
COUNT = 256

BENCH = """
module bench;
  reg clock = 0, reset = 1, y_ready = 0, x_valid = 0;
  reg [7:0] x;
  reg [{word}:0] steps [0:{last}];
  reg [{word}:0] step = 0;
  wire [7:0] y;
  wire x_ready, y_valid;
  integer seed = {seed}, sent = 0, received = 0, n, file, first = -1, cycle = 0, bad = 0;
  reg waiting = 0; reg [7:0] held;
  {module} unit ({clocked}{writes}.x(x), .x_valid(x_valid), .x_ready(x_ready),
    .y(y), .y_valid(y_valid), .y_ready(y_ready));
  initial begin
    $readmemh("steps.hex", steps);
    file = $fopen("y.txt");
    #1 clock = 1; #1 clock = 0; reset = 0;
    for (n = 0; n <= {last}; n = n + 1) begin
      step = steps[n]; #1 clock = 1; #1 clock = 0;
    end
    step = 0;
    while (received < {count} && cycle < 10000) begin
      // A valid that is not taken stays, with its value, as the protocol asks for.
      if (!x_valid || moved) x_valid = sent < {count} && ($random(seed) & 7) >= {idle};
      x = x_valid ? sent : 8'hxx;
      y_ready = ($random(seed) & 7) >= {stall};
      #1;
      if (waiting && !(y_valid && y === held)) bad = bad + 1;
      waiting = y_valid && !y_ready; held = y;
      if (y_valid && y_ready) begin
        if (first < 0) first = cycle;
        $fdisplay(file, "%h", y); received = received + 1;
      end
      moved = x_valid && x_ready;
      if (moved) sent = sent + 1;
      clock = 1; #1 clock = 0; cycle = cycle + 1;
    end
    $display("%0d %0d %0d", bad, first, cycle);
    $finish;
  end
  reg moved = 0;
endmodule
"""


def run(options: str, folder: Path, idle: int, stall: int) -> tuple[list[int], int, int, int]:
    """Results, broken promises, cycle of the first result, cycles in all."""
    module = parse(MODULE, "m.mlir", context()).module
    from_text(ConvertPwlToHwPass, f"interface=stream {options}").apply(Context(), module)
    module.verify()
    modules = [op for op in module.ops if isinstance(op, hw.HWModuleOp)]
    ports = [port.port_name.data for port in modules[-1].module_type.ports]
    units = units_of(modules_of(module)).values()
    written = next((unit for unit in units if isinstance(unit, ProgrammableUnit)), None)
    writes = () if written is None else written.programs[0].writes
    # address, data, write_enable, from the high bits to the low ones
    packed = [w.address << 9 | w.data << 1 | 1 for w in writes] or [0]
    (folder / "steps.hex").write_text("".join(f"{word:x}\n" for word in packed))
    clocked = "".join(f".{name}({name}), " for name in ("clock", "reset") if name in ports)
    named = ".write_enable(step[0]), .data(step[8:1]), .address(step[13:9]), " if writes else ""
    (folder / "units.sv").write_text(systemverilog.emit(module))
    (folder / "bench.sv").write_text(
        BENCH.format(
            word=13, last=len(packed) - 1, seed=7, module=modules[-1].sym_name.data,
            clocked=clocked, writes=named, count=COUNT, idle=idle, stall=stall,
        )
    )  # fmt: skip
    command = ["iverilog", "-g2012", "-s", "bench", "-o", "bench", "units.sv", "bench.sv"]
    subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run(["vvp", "-N", "bench"], cwd=folder, check=True, capture_output=True)
    bad, first, cycles = (int(word) for word in done.stdout.split()[:3])
    results = [int(line, 16) for line in (folder / "y.txt").read_text().split()]
    return results, bad, first, cycles


UNITS = {
    "combinational": "",
    "one stage": "pipeline=1",
    "four stages": "pipeline=4",
    "programmable": "unit=programmable pipeline=2 storage=latch",
    "programmable, combinational": "unit=programmable storage=gated",
    "by enables": "pipeline=4 target=fpga",
    "programmable, by enables": "unit=programmable pipeline=2 target=fpga",
}


@pytest.mark.parametrize("stall", [0, 4, 7], ids=["never", "half", "mostly"])
@pytest.mark.parametrize("unit", UNITS)
def test_every_value_arrives_once_and_in_order(unit: str, stall: int, tmp_path: Path) -> None:
    results, bad, _, _ = run(UNITS[unit], tmp_path, idle=stall // 2, stall=stall)
    assert results == [int(y) & 0xFF for y in TABLE.evaluate(np.r_[0:128, -128:0], I8)]
    assert bad == 0, "a waiting result changed or went"


@pytest.mark.parametrize(("unit", "latency"), [("combinational", 0), ("four stages", 4)])
def test_one_input_a_cycle_where_nothing_stalls(unit: str, latency: int, tmp_path: Path) -> None:
    _, _, first, cycles = run(UNITS[unit], tmp_path, idle=0, stall=0)
    assert (first, cycles) == (latency, COUNT + latency)


@pytest.mark.parametrize("unit", ["fixed", "multi", "programmable"])
def test_no_clock_is_gated_on_an_fpga(unit: str) -> None:
    module = parse(MODULE, "m.mlir", context()).module
    options = f"interface=stream pipeline=2 target=fpga unit={unit}"
    from_text(ConvertPwlToHwPass, options).apply(Context(), module)
    inner, stream = (op for op in module.ops if isinstance(op, hw.HWModuleOp))
    assert "x_enable" in {port.port_name.data for port in inner.module_type.ports}
    assert "x_enable" not in {port.port_name.data for port in stream.module_type.ports}
    text = systemverilog.emit(module)
    assert "always_latch" not in text
    assert re.search(r"\.x_enable +\(moves\)", text)


def test_the_module_keeps_its_clock_gate_once() -> None:
    module = parse(MODULE, "m.mlir", context()).module
    from_text(ConvertPwlToHwPass, "interface=stream pipeline=1").apply(Context(), module)
    names = [op.sym_name.data for op in module.ops if isinstance(op, hw.HWModuleOp)]
    unit = "pwl_gelu_i8_i8_s2m4_s2m4"
    assert names == ["pwl_clock_gate", unit, f"{unit}_stream"]
    assert isinstance(module, ModuleOp)
