"""A delivered unit is checked by its own files, with a simulator and nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tables import TWO
from xdsl.dialects.builtin import ModuleOp

from lut_opt import cli
from lut_opt.backends.bundle import bundle, write
from lut_opt.dialects.pwl import Table, units
from lut_opt.dialects.pwl.hardware import DivideUnit, TableUnit
from lut_opt.dialects.pwl.range_reduction import LeadingZero
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.divide_unit.unit import build_divide
from lut_opt.passes.hw.row_unit.unit import build_row_unit, row_unit
from lut_opt.passes.hw.table_unit.unit import build_unit

pytest.importorskip("pycde")
if shutil.which("iverilog") is None:
    pytest.skip("iverilog is not installed", allow_module_level=True)

BYTE = Quantization(8, True, 2.0**-4)
GELU = Table((-30, 7), (0, 12, 64), (0, 5, 0), intercept_shift=4, result_shift=6)
RSQRT = Table((900,), (-38, -16), (5300, 4000), 4, 0, 16)
GAMMA = Quantization(8, True, 2.0**-6)
NORM = row_unit("norm", units.LayerNorm(BYTE, BYTE, RSQRT, 1e-5, GAMMA), 6, 1)
EXP = Table((-64, -16), (0, 16, 200), (0, 1152, 4096), param_bits=16)
RECIPROCAL = Table((1200,), (-48, -25), (7000, 5200), 4, 0, 16)
SOFTMAX = units.Softmax(BYTE, Quantization(8, False, 2.0**-8), -255, 12, EXP, RECIPROCAL)
QUOTIENT = units.Division(
    BYTE, BYTE, BYTE, LeadingZero(7), Table((176,), (-46, -26), (11000, 8000), param_bits=16)
)
WIDE = row_unit("wide", SOFTMAX, 7, 1, lanes=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Table units with registers and without, a division, a streaming one, and one of 4 lanes."""
    plain = TableUnit("plain", "gelu", GELU, BYTE, BYTE)
    staged = TableUnit("staged", "gelu", GELU, BYTE, BYTE, latency=3)
    rows = {unit: build_row_unit(unit) for unit in (NORM, WIDE)}
    divided = build_divide(DivideUnit("divided", QUOTIENT, latency=2))
    made = tmp_path_factory.mktemp("bundle") / "units"
    write(bundle(ModuleOp([build_unit(plain), build_unit(staged), divided, *rows.values()])), made)
    return made


SHARED = {
    "unit=fixed interface=stream pipeline=2": "pwl_gelu_i8_i8_s2m4_s2m4_stream",
    "unit=fixed interface=stream": "pwl_silu_i8_i8_s2m4_s2m4_stream",
    "unit=multi": "pwl_multi_i8_i8_t2",
    "unit=multi pipeline=4 interface=stream": "pwl_multi_i8_i8_t2_stream",
    "unit=programmable storage=gated": "pwl_programmable_i8_i8_n8",
    "unit=programmable storage=latch pipeline=1 interface=stream entries=4": (
        "pwl_programmable_i8_i8_n4_stream"
    ),
    "unit=programmable number-format=float32 entries=4 pipeline=3": "pwl_programmable_f32_n4",
}
"""Options, and a module that is delivered."""


SLOW = {"unit=programmable number-format=float32 entries=4 pipeline=3"}


@pytest.mark.parametrize(
    "options",
    [pytest.param(each, marks=[pytest.mark.hardware] * (each in SLOW)) for each in SHARED],
)
def test_every_kind_of_unit_is_delivered(options: str, tmp_path: Path) -> None:
    name, made = SHARED[options], tmp_path / "units"
    (tmp_path / "two.mlir").write_text(TWO)
    arguments = [str(tmp_path / "two.mlir"), f"--convert-pwl-to-hw={options}", "-t", "bundle"]
    assert cli.main([*arguments, "-o", str(made)]) == 0
    done = icarus(made / name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"^PASS: all \d+ results of {name} are right$", done.stdout, re.MULTILINE)
    if shutil.which("verilator") is not None:
        assert warnings(made / name) == ""
    rows = json.loads((made / name / f"{name}.json").read_text())
    assert {row["module"] for row in rows} == {name}
    assert {"x", "y"} <= {port["name"] for port in rows[0]["ports"]}
    text = (made / name / f"{name}.sv").read_text()
    changed = re.sub(r"(?<=\) |\w )>=?(?= )", "<", text)
    assert changed != text
    (made / name / f"{name}.sv").write_text(changed)
    done = icarus(made / name)
    assert done.returncode != 0
    assert "FAIL" in done.stdout


def run(folder: Path, commands: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        commands, shell=True, cwd=folder, capture_output=True, text=True, check=False
    )


def icarus(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command that README.txt gives for Icarus."""
    commands = re.findall(r"^    (iverilog .*)$", (folder / "README.txt").read_text(), re.MULTILINE)
    return run(folder, commands[0])


def warnings(folder: Path) -> str:
    """What Verilator says where it only reads what README.txt has it build; needs no C++."""
    commands = re.findall(r"^    (verilator .*) &&", (folder / "README.txt").read_text(), re.M)
    assert " --binary " in commands[0]
    done = run(folder, commands[0].replace("--binary", "--lint-only"))
    return done.stdout + done.stderr


needs_verilator = pytest.mark.skipif(
    shutil.which("verilator") is None, reason="verilator is not installed"
)

UNITS = ["plain", "staged", "divided", "norm", "wide"]


@needs_verilator
@pytest.mark.parametrize("unit", UNITS)
def test_verilator_reads_unit_and_bench_without_a_word(folder: Path, unit: str) -> None:
    assert warnings(folder / unit) == ""


@pytest.mark.parametrize("unit", UNITS)
def test_the_bench_passes_anywhere(folder: Path, tmp_path: Path, unit: str) -> None:
    shutil.copytree(folder / unit, tmp_path / "elsewhere")
    done = icarus(tmp_path / "elsewhere")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^PASS: all \d+ (results|beats) of \w+ are right$", done.stdout, re.MULTILINE)
    for file in (folder / unit).iterdir():
        assert str(folder) not in file.read_text()


@pytest.mark.parametrize("unit", UNITS)
def test_the_bench_catches_a_changed_unit(folder: Path, tmp_path: Path, unit: str) -> None:
    shutil.copytree(folder / unit, tmp_path / "changed")
    source = tmp_path / "changed" / f"{unit}.sv"
    text = source.read_text()
    compares = unit in ("divided", "norm", "wide")
    changed = text.replace(" > ", " < ", 1) if compares else re.sub(r"8'sh6\b", "8'sh9", text)
    assert changed != text
    source.write_text(changed)
    done = icarus(tmp_path / "changed")
    assert done.returncode != 0
    assert "FAIL" in done.stdout


def test_json_and_header_describe_the_unit(folder: Path) -> None:
    (row,) = json.loads((folder / "staged" / "staged.json").read_text())
    assert (row["module"], row["latency"], row["breakpoints"]) == ("staged", 3, [-30, 7])
    (row,) = json.loads((folder / "norm" / "norm.json").read_text())
    assert (row["unit"], row["row_length"]) == ("layer_norm", 6)
    assert "// staged: gelu, piecewise linear" in (folder / "staged" / "staged.sv").read_text()


@pytest.mark.hardware
@pytest.mark.parametrize("unit", UNITS)
def test_verilator_runs_the_bench_too(folder: Path, tmp_path: Path, unit: str) -> None:
    if shutil.which("verilator") is None or shutil.which("g++") is None:
        pytest.skip("verilator is not installed")
    shutil.copytree(folder / unit, tmp_path / "elsewhere")
    text = (folder / unit / "README.txt").read_text()
    command = re.findall(r"^    (verilator .*)$", text, re.MULTILINE)[0]
    done = run(tmp_path / "elsewhere", command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS" in done.stdout


MLIR = """
!q = !quant.uniform<i8:f32, 6.250000e-02>
func.func @f(%x: !q) -> !q {
  %y = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [-30, 7],
    slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !q -> !q
  func.return %y : !q
}
"""


def test_the_driver_writes_a_new_folder_or_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "gelu.mlir", tmp_path / "out"
    source.write_text(MLIR)
    arguments = [str(source), "-t", "bundle"]
    assert cli.main([*arguments, "--convert-pwl-to-hw"]) == 2
    assert "name it with -o DIR" in capsys.readouterr().err
    assert cli.main([*arguments, "-o", str(output)]) == 1
    assert "no hardware to deliver: run --convert-pwl-to-hw first" in capsys.readouterr().err
    assert not output.exists()
    assert cli.main([*arguments, "--convert-pwl-to-hw", "-o", str(output)]) == 0
    (made,) = output.iterdir()
    name = "pwl_gelu_i8_i8_s2m4_s2m4"
    files = {f"{name}.sv", f"{name}_bench.sv", f"{name}.json", "x.hex", "y.hex", "README.txt"}
    assert {file.name for file in made.iterdir()} == files
    assert cli.main([*arguments, "--convert-pwl-to-hw", "-o", str(output)]) == 1
    assert "exists and is not an empty folder" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"gelu.mlir", "out"}
