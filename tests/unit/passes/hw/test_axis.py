"""AXI4-Stream around every kind of unit: bits, order and protocol, under stalls and a monitor."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from lut_opt import cli
from lut_opt.backends.errors import BackendError
from lut_opt.backends.formal.check import check
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.assembly import parse
from lut_opt.dialects.assembly.context import context
from lut_opt.dialects.pwl.hardware import AxisUnit
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.hw.modules import modules_of, units_of
from lut_opt.passes.support.options import from_text

pytest.importorskip("pycde")
pytest.importorskip("pyosys")
if shutil.which("iverilog") is None:
    pytest.skip("iverilog is not installed", allow_module_level=True)

TABLE = """#pwl.table<i8, breakpoints = [-30, 7], slopes = [0, 12, 64], intercepts = [0, 5, 0],
  intercept_shift = 4, result_shift = 6>"""
TABLES = f"""
!q = !quant.uniform<i8:f32, 6.250000e-02>
!n = !quant.uniform<i5:f32, 5.000000e-01>
func.func @f(%x: !q, %n: !n) {{
  %y = pwl.apply #pwl.fn<gelu> %x table {TABLE} : !q -> !q
  %z = pwl.apply #pwl.fn<silu> %n table {TABLE.replace("-30", "-10")} : !n -> !n
  func.return
}}
"""
SELECTED = f"""
!q = !quant.uniform<i8:f32, 6.250000e-02>
func.func @f(%x: !q) {{
  %y = pwl.apply #pwl.fn<gelu> %x table {TABLE} : !q -> !q
  %z = pwl.apply #pwl.fn<silu> %x table {TABLE.replace("12", "20")} : !q -> !q
  func.return
}}
"""
SOFTMAX = """
!x = !quant.uniform<i12:f32, 6.250000e-02>
!y = !quant.uniform<u9:f32, 1.953125e-03>
func.func @f(%a: tensor<2x4x!x>) {
  %0 = pwl.softmax %a {axis = 1 : i64, clip = -255 : i64, exp_fraction = 12 : i64,
    exp = #pwl.table<i16, breakpoints = [-64, -16], slopes = [0, 16, 200],
      intercepts = [0, 1152, 4096]>,
    reciprocal = #pwl.table<i16, breakpoints = [], slopes = [-32], intercepts = [12288],
      intercept_shift = 3>} : tensor<2x4x!x> -> tensor<2x4x!y>
  func.return
}
"""
NORM = """
!x = !quant.uniform<i16:f32, 6.250000e-02>
!g = !quant.uniform<i16:f32, 1.220703125e-04>
func.func @f(%a: tensor<2x4x!x>, %g: tensor<4x!g>) {
  %y = pwl.layer_norm %a gamma %g : tensor<4x!g> {epsilon = 1.0e-05, normalized = 1 : i64,
    rsqrt = #pwl.table<i16, breakpoints = [900], slopes = [-38, -16], intercepts = [5300, 4000],
      intercept_shift = 4>} : tensor<2x4x!x> -> tensor<2x4x!x>
  func.return
}
"""

DIVISION = """
!a = !quant.uniform<i7:f32, 6.250000e-02>
!b = !quant.uniform<u5:f32, 1.250000e-01>
func.func @f(%a: !a, %b: !b) -> !a {
  %y = pwl.divide %a, %b reduce #pwl.leading_zero<table_bits = 5>
    {reciprocal = #pwl.table<i8, breakpoints = [44], slopes = [-46, -26], intercepts = [95, 68],
      intercept_shift = 5, result_shift = 0>} : !a, !b -> !a
  func.return %y : !a
}
"""

UNITS = {
    "tables": (TABLES, "pipeline=1 target=fpga"),
    "gated": (TABLES, "pipeline=3"),
    "programmable": (SELECTED, "unit=programmable pipeline=2 target=fpga entries=4"),
    "select": (SELECTED, "unit=multi pipeline=2 target=fpga"),
    "division": (DIVISION, "pipeline=2 target=fpga"),
    "softmax": (SOFTMAX, ""),
    "lanes": (SOFTMAX, "lanes=2"),
    "norm": (NORM, "lanes=2"),
}


def converted(kind: str) -> ModuleOp:
    text, options = UNITS[kind]
    module = parse(text, f"{kind}.mlir", context()).module
    from_text(ConvertPwlToHwPass, f"interface=axis {options}").apply(Context(), module)
    module.verify()
    return module


SLOW = {"programmable", "norm"}
EVERY = [pytest.param(k, marks=[pytest.mark.hardware] * (k in SLOW)) for k in UNITS]


@pytest.mark.parametrize("kind", EVERY)
def test_bits_order_and_protocol(kind: str) -> None:
    module = converted(kind)
    units = units_of(modules_of(module))
    said = dict(line.split(": ", 1) for line in check(module))
    made = [unit for unit in units.values() if isinstance(unit, AxisUnit)]
    assert made
    for unit in made:
        assert said[unit.module].startswith("proved: a beat waits unchanged until it is taken")
        assert {port.name for port in unit.ports} >= {"aclk", "aresetn", "m_axis_tlast"}
        assert all(p.bits and p.bits % 8 == 0 for p in unit.ports if p.name.endswith("_tdata"))


@pytest.mark.parametrize(
    ("kind", "old", "new", "said"),
    [
        ("tables", "assign s_axis_tready = ~skid_full", "assign s_axis_tready = 1'h1", "FAIL: "),
        (
            "tables",
            "assign m_axis_tlast = last",
            "assign m_axis_tlast = s_axis_tlast",
            "may change",
        ),
        ("tables", ".y_ready (m_axis_tready)", ".y_ready (1'h1)", "FAIL: "),
    ],
)
def test_what_breaks_the_protocol_is_named(kind: str, old: str, new: str, said: str) -> None:
    module = converted(kind)
    text = systemverilog.emit(module)
    assert old in text
    with pytest.raises(BackendError, match=said):
        check(module, text.replace(old, new))


def test_a_path_through_a_unit_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "units.mlir"
    source.write_text(TABLES)
    assert cli.main([str(source), "--convert-pwl-to-hw=interface=axis"]) == 1
    assert "interface=axis needs pipeline=1 or more for tables" in capsys.readouterr().err


def test_json_has_the_ports_and_what_is_inside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "units.mlir"
    source.write_text(TABLES)
    options = "--convert-pwl-to-hw=interface=axis pipeline=1 target=fpga"
    assert cli.main([str(source), options, "-t", "json"]) == 0
    printed = capsys.readouterr().out
    assert '"axis_of": "pwl_gelu_i8_i8_s2m4_s2m4_stream"' in printed
    assert '"name": "s_axis_tdata"' in printed
