"""Several units with AXI4-Streams in one module: every pair of streams at the same time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from lut_opt import cli
from lut_opt.backends.errors import BackendError
from lut_opt.backends.formal.check import check
from lut_opt.backends.simulate.benches import bench_files
from lut_opt.backends.simulate.block_bench import read_results
from lut_opt.backends.simulate.row_bench import Stalls
from lut_opt.backends.tools import icarus, verilator
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.assembly import parse
from lut_opt.dialects.assembly.context import context
from lut_opt.dialects.pwl.hardware import BlockUnit
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.hw.modules import modules_of, units_of
from lut_opt.passes.support.diagnostics import OpError
from lut_opt.passes.support.options import from_text

pytest.importorskip("pycde")
if shutil.which("iverilog") is None:
    pytest.skip("iverilog is not installed", allow_module_level=True)

BLOCK = """
!s = !quant.uniform<i12:f32, 6.250000e-02>
!p = !quant.uniform<u9:f32, 1.953125e-03>
!x = !quant.uniform<i8:f32, 6.250000e-02>
!g = !quant.uniform<i8:f32, 1.5625e-02>
func.func @f(%s: tensor<2x5x!s>, %a: tensor<2x4x!x>, %g: tensor<4x!g>, %h: !x) {
  %0 = pwl.softmax %s {axis = 1 : i64, clip = -255 : i64, exp_fraction = 12 : i64,
    exp = #pwl.table<i16, breakpoints = [-64, -16], slopes = [0, 16, 200],
      intercepts = [0, 1152, 4096]>,
    reciprocal = #pwl.table<i16, breakpoints = [], slopes = [-32], intercepts = [12288],
      intercept_shift = 3>} : tensor<2x5x!s> -> tensor<2x5x!p>
  %1 = pwl.layer_norm %a gamma %g : tensor<4x!g> {epsilon = 1.0e-05, normalized = 1 : i64,
    rsqrt = #pwl.table<i16, breakpoints = [900], slopes = [-38, -16], intercepts = [5300, 4000],
      intercept_shift = 4>} : tensor<2x4x!x> -> tensor<2x4x!x>
  %2 = pwl.apply #pwl.fn<gelu> %h table #pwl.table<i8, breakpoints = [-30, 7],
    slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !x -> !x
  %3 = pwl.apply #pwl.fn<gelu> %h table #pwl.table<i8, breakpoints = [-30, 7],
    slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !x -> !x
  func.return
}
"""


def converted(options: str = "") -> ModuleOp:
    module = parse(BLOCK, "block.mlir", context()).module
    options = f"interface=axis pipeline=1 top=encoder {options}"
    from_text(ConvertPwlToHwPass, options).apply(Context(), module)
    module.verify()
    return module


def block_of(module: ModuleOp) -> BlockUnit:
    unit = units_of(modules_of(module))["encoder"]
    assert isinstance(unit, BlockUnit)
    return unit


def simulated(module: ModuleOp, folder: Path, verilog: str, stalls: Stalls) -> str:
    files = bench_files(block_of(module), "bench", stalls) | {"units.sv": verilog}
    for name, text in files.items():
        (folder / name).write_text(text)
    return icarus.run(folder, "bench", ["bench.sv", "units.sv"], may_fail=True)


def test_equal_operators_share_a_unit_and_each_unit_has_its_streams() -> None:
    block = block_of(converted())
    assert [name for name, _ in block.units] == ["gelu", "softmax", "layer_norm"]
    names = [port.name for port in block.ports]
    assert names[:3] == ["aclk", "aresetn", "s_axis_gelu_tdata"]
    assert {"m_axis_softmax_tlast", "s_axis_layer_norm_tready", "layer_norm_write"} <= {*names}
    assert len({*names}) == len(names)


@pytest.mark.parametrize("options", ["", "lanes=2 target=fpga"])
def test_all_streams_are_right_at_the_same_time(options: str, tmp_path: Path) -> None:
    module = converted(options)
    printed = simulated(module, tmp_path, systemverilog.emit(module), Stalls(0.25, 3))
    assert "PASS: all" in printed
    results = read_results(printed)
    assert results.keys() == {"gelu", "softmax", "layer_norm"}
    assert all(found.beats >= 256 and found.cycles > found.beats for found in results.values())


def test_a_beat_a_cycle_where_nobody_pauses(tmp_path: Path) -> None:
    module = converted()
    printed = simulated(module, tmp_path, systemverilog.emit(module), Stalls())
    for name, unit in block_of(module).units:
        found = read_results(printed)[name]
        assert found.latency == unit.latency
        assert found.beats <= found.cycles + 1 <= found.beats + 2 * unit.latency


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (".m_axis_tdata  (m_axis_softmax_tdata)", ".m_axis_tdata  ()"),
        (".gamma         (layer_norm_gamma)", ".gamma         (s_axis_layer_norm_tdata)"),
        (".s_axis_tlast  (s_axis_softmax_tlast)", ".s_axis_tlast  (s_axis_gelu_tlast)"),
        (".m_axis_tready (m_axis_gelu_tready)", ".m_axis_tready (m_axis_softmax_tready)"),
    ],
)
def test_wires_of_another_stream_are_found(old: str, new: str, tmp_path: Path) -> None:
    module = converted()
    verilog = systemverilog.emit(module)
    assert old in verilog
    assert "FAIL: " in simulated(module, tmp_path, verilog.replace(old, new), Stalls(0.25))


def test_what_a_block_says_of_itself_is_checked() -> None:
    module = converted()
    text = str(module)
    assert str(parse(text, "block.mlir", context()).module) == text
    for old, new, said in (
        ("softmax = @pwl_softmax5", "softmax = @gone5", "is no unit with ports of AXI4-Stream"),
        ("<gelu = @", "<softmax = @", "two of the same name"),
        ("<gelu = @", "<silu = @", "s_axis_silu_tdata"),
    ):
        start = text.index("#pwl.block_unit")
        assert old in text[start:]
        changed = text[:start] + text[start:].replace(old, new, 1)
        with pytest.raises(OpError, match=said):
            units_of(modules_of(parse(changed, "block.mlir", context()).module))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("top=a interface=stream", "add interface=axis"),
        ("top=2a interface=axis", "got '2a'"),
        ("top=a interface=axis unit=programmable", "has no ports that write tables"),
    ],
)
def test_options_that_no_block_has(options: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_text(ConvertPwlToHwPass, options)


def test_tools_read_and_deliver_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "block.mlir"
    source.write_text(BLOCK)
    options = "--convert-pwl-to-hw=interface=axis pipeline=1 target=fpga top=encoder"
    assert cli.main([str(source), options, "-t", "json"]) == 0
    assert '"part": "softmax"' in capsys.readouterr().out
    made = tmp_path / "made"
    assert cli.main([str(source), options, "-t", "bundle", "-o", str(made)]) == 0
    files = {file.name for file in (made / "encoder").iterdir()}
    assert {"encoder.sv", "encoder_bench.sv", "softmax_sent.hex", "layer_norm_gamma.hex"} <= files


@pytest.mark.hardware
def test_the_handshake_of_each_pair_is_proved() -> None:
    pytest.importorskip("pyosys")
    module = converted()
    text = systemverilog.emit(module)
    line = check(module)[-1]
    assert line.startswith("encoder: proved: a beat waits unchanged until it is taken")
    old, new = ".m_axis_tvalid (m_axis_gelu_tvalid)", ".m_axis_tvalid ()"
    assert old in text
    with pytest.raises(BackendError, match="encoder: wrong"):
        check(module, text.replace(old, new))


@pytest.mark.hardware
def test_verilator_runs_the_bench(tmp_path: Path) -> None:
    if shutil.which("verilator") is None or shutil.which("g++") is None:
        pytest.skip("verilator is not installed")
    module = converted()
    simulated(module, tmp_path, systemverilog.emit(module), Stalls(0.25))
    assert "PASS: " in verilator.run(tmp_path, "bench", ["bench.sv", "units.sv"])
