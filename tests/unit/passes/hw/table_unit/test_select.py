"""Units behind a select input equal each of their tables on every input (simulated in Icarus)."""

from __future__ import annotations

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
from lut_opt.dialects.pwl.hardware import SelectUnit, TableUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.hw.datapath.fixed import DIRECT, Style
from lut_opt.passes.hw.modules import unit_of
from lut_opt.passes.hw.table_unit.select import build_multi
from lut_opt.passes.support.diagnostics import OpError

pytest.importorskip("pycde")
if shutil.which("iverilog") is None:
    pytest.skip("iverilog is not installed", allow_module_level=True)

I8, U8, NARROW = (
    Quantization(8, True, 2.0**-4),
    Quantization(8, False, 0.1, 3),
    Quantization(8, True, 1.0, 0, -100, 90),
)


def units(count: int, operand: Quantization, result: Quantization) -> list[TableUnit]:
    """Random tables of different sizes and shifts, the last one a constant."""
    rng = np.random.default_rng(count)
    made: list[TableUnit] = []
    for i in range(count - 1):
        n = int(rng.integers(1, 9))
        points = np.sort(rng.integers(-130, 260, n - 1))
        slopes, intercepts = rng.integers(-128, 128, (2, n))
        columns = [tuple(map(int, column)) for column in (points, slopes, intercepts)]
        shifts = int(rng.integers(0, 8)), int(rng.integers(0, 9))
        made.append(TableUnit("", f"f{i}", Table(*columns, *shifts), operand, result))
    return [*made, TableUnit("", "constant", Table((), (0,), (7,)), operand, result)]


def sweep(op: hw.HWModuleOp, folder: Path, selects: int, latency: int) -> list[list[int]]:
    """Raw results of all 256 inputs for each value of select."""
    bits = max(1, (selects - 1).bit_length())
    clocked = ".clock(clock), .reset(1'b0), " if latency else ""
    (folder / "bench.sv").write_text(
        f"""module bench;
  reg clock = 0; reg [{bits - 1}:0] select = 0; reg [7:0] x = 0; wire [7:0] y; integer n;
  {op.sym_name.data} unit ({clocked}.select(select), .x(x), .y(y));
  initial begin
    for (n = 0; n < {selects * 256 + latency}; n = n + 1) begin
      {{select, x}} = n; #1;
      if (n >= {latency}) $display("%0d", y);
      clock = 1; #1 clock = 0;
    end
    $finish;
  end
endmodule
"""
    )
    (folder / "unit.sv").write_text(systemverilog.emit(ModuleOp([op])))
    command = ["iverilog", "-g2012", "-s", "bench", "-o", "bench", "unit.sv", "bench.sv"]
    subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run(["vvp", "-N", "bench"], cwd=folder, check=True, capture_output=True)
    values = [int(line) for line in done.stdout.split()]
    return [values[i * 256 : (i + 1) * 256] for i in range(selects)]


@pytest.mark.parametrize(
    ("count", "sides", "latency", "style"),
    [
        (2, (I8, I8), 0, Style()),
        (3, (U8, NARROW), 2, Style("binary", "inferred")),
        (5, (I8, U8), 4, Style()),
        (7, (I8, I8), 0, Style(form=DIRECT)),
        (3, (U8, I8), 3, Style(form=DIRECT)),
    ],
    ids=["two", "unsigned", "clamped", "direct", "direct, staged"],
)
def test_each_select_is_its_table(
    count: int,
    sides: tuple[Quantization, Quantization],
    latency: int,
    style: Style,
    tmp_path: Path,
) -> None:
    made = units(count, *sides)
    op = build_multi("unit", made, latency, style)
    q = np.arange(256) if not sides[0].signed else np.r_[0:128, -128:0]
    results = [[int(y) & 0xFF for y in u.table.evaluate(q, u.result)] for u in made]
    selects = 1 << (count - 1).bit_length()
    # Beyond the last table, the last table.
    wanted = results + results[-1:] * (selects - count)
    assert sweep(op, tmp_path, selects, latency) == wanted


def test_a_direct_unit_has_a_limit() -> None:
    with pytest.raises(ValueError, match="takes up to 12 bits, not 5 of select and 8"):
        build_multi("unit", units(32, I8, I8), 0, Style(form=DIRECT))


MODULE = """
!q = !quant.uniform<i8:f32, 6.250000e-02>
!p = !quant.uniform<{type}:f32, 3.125000e-02>
func.func @host(%x: !q, %z: !p) -> (!q, !p, !q) {{
  %0 = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [-30, 7],
    slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !q -> !q
  %1 = pwl.apply #pwl.fn<silu> %z table #pwl.table<i8, breakpoints = [],
    slopes = [64], intercepts = [1], intercept_shift = 6, result_shift = 6> : !p -> !p
  %2 = pwl.apply #pwl.fn<gelu> %0 table #pwl.table<i8, breakpoints = [-30, 7],
    slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !q -> !q
  func.return %0, %1, %2 : !q, !p, !q
}}
"""


def test_the_pass_numbers_distinct_tables_in_program_order() -> None:
    module = parse(MODULE.format(type="i8"), "m.mlir", context()).module
    ConvertPwlToHwPass(unit="multi").apply(Context(), module)
    (op,) = module.ops
    assert isinstance(op, hw.HWModuleOp)
    assert op.sym_name.data == "pwl_multi_i8_i8_t2"
    unit = unit_of(op, {})
    assert isinstance(unit, SelectUnit)
    assert [table.function for table in unit.tables] == ["gelu", "silu"]


def test_other_storage_types_are_refused() -> None:
    module = parse(MODULE.format(type="i16"), "m.mlir", context()).module
    with pytest.raises(OpError, match="silu has other storage types than the first"):
        ConvertPwlToHwPass(unit="multi").apply(Context(), module)
