"""`lut-opt --prove`: a line for each unit, and a failure if one is wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tables import TWO
from xdsl.dialects import hw
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr
from xdsl.ir import Block, Region

from lut_opt import cli
from lut_opt.backends.errors import BackendError
from lut_opt.backends.formal.check import check
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl import Table, units
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.row_unit.unit import build_row_unit, row_unit

pytest.importorskip("pycde")
if shutil.which("iverilog") is None or shutil.which("yosys") is None:
    pytest.skip("iverilog or yosys is not installed", allow_module_level=True)

GELU = """
!q = !quant.uniform<i8:f32, 6.250000e-02>
func.func @f(%x: !q) -> !q {
  %y = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [-30, 7],
    slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !q -> !q
  func.return %y : !q
}
"""


@pytest.fixture
def converted(tmp_path: Path) -> Path:
    (tmp_path / "gelu.mlir").write_text(GELU)
    hardware = tmp_path / "hw.mlir"
    arguments = [str(tmp_path / "gelu.mlir"), "--convert-pwl-to-hw=pipeline=1", "-o", str(hardware)]
    assert cli.main(arguments) == 0
    return hardware


def test_prove_says_what_is_known(converted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(converted), "--prove", "-t", "systemverilog"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "pwl_gelu_i8_i8_s2m4_s2m4: proved: all 256 inputs\n"
    assert "module pwl_gelu_i8_i8_s2m4_s2m4(" in printed.out


def test_a_changed_text_fails_and_writes_nothing(
    converted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, output = tmp_path / "units.sv", tmp_path / "out.mlir"
    assert cli.main([str(converted), "-t", "systemverilog", "-o", str(text)]) == 0
    right = text.read_text()
    assert right.count("8'sh6") == 1
    text.write_text(right.replace("8'sh6", "8'sh7"))
    assert cli.main([str(converted), f"--prove={text}", "-o", str(output)]) == 1
    error = capsys.readouterr().err
    assert f"{converted}: error: [--prove] pwl_gelu_i8_i8_s2m4_s2m4: wrong: x = 7 gives" in error
    assert not output.exists()
    assert cli.main([str(converted), f"--prove={tmp_path / 'none.sv'}"]) == 1
    assert "none.sv: error: cannot read" in capsys.readouterr().err


def test_there_must_be_hardware(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gelu.mlir").write_text(GELU)
    assert cli.main([str(tmp_path / "gelu.mlir"), "--prove"]) == 1
    assert "no hardware to prove: run --convert-pwl-to-hw first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("unit=multi pipeline=1", "pwl_multi_i8_i8_t2: proved: all 512 inputs of 2 tables\n"),
        pytest.param(
            "unit=programmable number-format=float32 entries=4",
            "pwl_programmable_f32_n4: proved: what an input selects in every table of 4 entries; "
            "checked: 262144 random slopes, intercepts and inputs\n",
            marks=pytest.mark.hardware,
        ),
        (
            "unit=multi interface=stream pipeline=1",
            "pwl_clock_gate: part of pwl_multi_i8_i8_t2_stream\n"
            "pwl_multi_i8_i8_t2: proved: all 512 inputs of 2 tables\n"
            "pwl_multi_i8_i8_t2_stream: proved: all 512 inputs of 2 tables, "
            "whenever either side pauses\n",
        ),
        pytest.param(
            "unit=programmable interface=stream pipeline=1",
            "pwl_clock_gate: part of pwl_programmable_i8_i8_n8_stream\n"
            "pwl_programmable_i8_i8_n8: proved: every table of 8 entries, all 256 inputs\n"
            "pwl_programmable_i8_i8_n8_stream: proved: every table of 8 entries, "
            "all 256 inputs, whenever either side pauses\n",
            marks=pytest.mark.hardware,
        ),
    ],
    ids=["multi", "float32", "stream", "programmable"],
)
def test_units_that_tables_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, said: str
) -> None:
    source, hardware = tmp_path / "two.mlir", tmp_path / "hw.mlir"
    source.write_text(TWO)
    command = [str(source), f"--convert-pwl-to-hw={options}", "--prove", "-o", str(hardware)]
    assert cli.main(command) == 0
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("options", "old", "new", "said"),
    [
        ("unit=multi", "slopes = [0, 12, 60]", "slopes = [0, 12, 61]", "wrong: select = 1, x = "),
        ("unit=programmable", "slopes = [0, 12, 60]", "slopes = [0, 12, 61]", "wrong: silu: x = "),
    ],
    ids=["multi", "programmable"],
)
def test_shared_units_that_say_something_else_are_wrong(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: str,
    old: str,
    new: str,
    said: str,
) -> None:
    source, hardware = tmp_path / "two.mlir", tmp_path / "hw.mlir"
    source.write_text(TWO)
    assert cli.main([str(source), f"--convert-pwl-to-hw={options}", "-o", str(hardware)]) == 0
    text = hardware.read_text()
    assert old in text
    hardware.write_text(text.replace(old, new))
    assert cli.main([str(hardware), "--prove"]) == 1
    assert said in capsys.readouterr().err


def test_streaming_units_are_checked_and_others_only_named() -> None:
    table = Table((900,), (-38, -16), (5300, 4000), 4, 0, 16)
    byte = Quantization(8, True, 2.0**-4)
    unit = row_unit("norm", units.RMSNorm(byte, byte, table, 1e-5), 4)
    op = build_row_unit(unit)
    block = Block([hw.OutputOp([])])
    other = hw.HWModuleOp(StringAttr("other"), hw.ModuleType(ArrayAttr([])), Region(block))
    assert check(ModuleOp([op, other])) == [
        "norm: proved: a result waits unchanged until it is taken; "
        "checked: 1156 results of 289 rows, both sides stalling",
        "other: not checked: not a unit with a check",
    ]
    text = systemverilog.emit(ModuleOp([op.clone()]))
    assert text.count(" | y_ready;") == 1
    with pytest.raises(BackendError, match=r"norm: wrong: .*y\[0\] may change while it waits"):
        check(ModuleOp([op.clone()]), text.replace(" | y_ready;", " | 1'b1;"))
