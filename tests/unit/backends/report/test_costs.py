"""The report names its library, and the driver reaches the synthesizer for `cost=synthesis`."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

import pytest

from lut_opt import cli
from lut_opt.backends.report import costs as cost_report
from lut_opt.backends.synthesis import cost as synthesis_cost
from lut_opt.backends.synthesis.liberty import generic_library

pytest.importorskip("pycde")
if importlib.util.find_spec("pyosys") is None and shutil.which("yosys") is None:
    pytest.skip("Yosys is not installed", allow_module_level=True)

NIBBLE = "!quant.uniform<i4:f32, 5.0e-01>"
TABLE = (
    "#pwl.table<i8, breakpoints = [-2, 3], slopes = [1, 13, 16], intercepts = [0, 3, -3], "
    "intercept_shift = 1, result_shift = 4>"
)


def source(attributes: str = "") -> str:
    """One table on four bits."""
    return (
        f"func.func @f(%x: {NIBBLE}) -> {NIBBLE} {{\n"
        f"  %y = pwl.apply #pwl.fn<gelu> %x table {TABLE} {attributes}: {NIBBLE} -> {NIBBLE}\n"
        f"  func.return %y : {NIBBLE}\n}}\n"
    )


@pytest.fixture(autouse=True)
def no_installed_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's library may or may not be here."""
    monkeypatch.setattr(cost_report, "default_files", lambda: [])


def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, *options: str) -> str:
    """Output of the driver."""
    path = tmp_path / "f.mlir"
    path.write_text(text)
    code = cli.main([str(path), *options])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return captured.out


def test_without_a_library_the_report_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run(tmp_path, capsys, source(), "--convert-pwl-to-hw", "-t", "report")
    assert "gates: Yosys and ABC, generic gates, area in NAND2 equivalents" in out
    assert re.search(r"\d+ cells, area \d+\.\d, critical path \d+\.\d+", out)
    assert "switched gate inputs a cycle" in out
    assert "inputs uniform: no pwl.histogram" in out


@pytest.mark.parametrize(
    ("options", "units", "power"),
    [
        (
            "unit=programmable entries=4 storage=latch",
            ["pwl_programmable_i4_i4_n4: programmable, with programs for gelu, latency 0"],
            r"table of gelu, a random input in every tenth cycle, no writes",
        ),
        (
            "pipeline=1 interface=stream",
            [
                "pwl_clock_gate: part of others",
                "pwl_gelu_i4_i4_s2m1_s2m1: gelu, latency 1",
                "pwl_gelu_i4_i4_s2m1_s2m1_stream: pwl_gelu_i4_i4_s2m1_s2m1 as a stream, latency 1",
            ],
            r"no power figure: power: \w+ is a latch, which this estimate does not simulate",
        ),
        ("unit=multi", ["pwl_multi_i4_i4_t1: gelu by select, latency 0"], "random bits at all"),
    ],
)
def test_every_kind_of_unit_is_listed_with_its_cost(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: str,
    units: list[str],
    power: str,
) -> None:
    given = f"--convert-pwl-to-hw={options}"
    out = run(tmp_path, capsys, source(), given, "-t", "report")
    assert out.startswith("hardware units\n" + "".join(f"  {line}\n" for line in units) + "\n")
    assert "no table" not in out
    assert re.search(rf"\d+ cells, area .*\n    .*{power}", out)


def test_a_named_library_and_a_histogram_are_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = tmp_path / "cells.lib"
    library.write_text(generic_library().mapping_text)
    counts = [9 * (i == 8) for i in range(16)]
    still = f"{{pwl.histogram = dense<{counts}> : tensor<16xi64>}} "
    options = ("--convert-pwl-to-hw", "-t", "report", "--liberty", str(library))
    out = run(tmp_path, capsys, source(still), *options)
    assert "gates: Yosys and ABC, cells, area in µm²" in out
    assert "inputs as calibrated (pwl.histogram)" in out
    assert "power 0 mW" in out  # one value only, and no leakage in this file


def test_cost_synthesis_is_reached_through_the_driver(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesis_cost, "EFFORT", "quick")
    options = "--convert-pwl-to-hw=implementation=auto cost=synthesis allow-exact=true"
    out = run(tmp_path, capsys, source(), options, "-t", "systemverilog")
    assert "area by synthesis: generic gates, NAND2 equivalents, gate delays" in out
    listed = [float(area) for area in re.findall(r"//     \w+: area ([\d.]+)", out)]
    assert len(listed) == 6
    assert listed == sorted(listed)


def test_a_missing_library_is_a_diagnostic(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "f.mlir"
    path.write_text(source())
    none = str(tmp_path / "none.lib")
    assert cli.main([str(path), "--convert-pwl-to-hw", "-t", "report", "--liberty", none]) == 1
    assert "[-t report] cannot read the Liberty file" in capsys.readouterr().err
    asked = f"--convert-pwl-to-hw=implementation=auto cost=synthesis liberty={none}"
    assert cli.main([str(path), asked]) == 1
    assert "[convert-pwl-to-hw] cannot read the Liberty file" in capsys.readouterr().err


STREAM = f"""
func.func @f(%x: tensor<4x{NIBBLE}>) {{
  %0 = pwl.rms_norm %x {{epsilon = 1.0e-05, normalized = 1 : i64,
    rsqrt = #pwl.table<i16, breakpoints = [], slopes = [-20], intercepts = [4500],
                       intercept_shift = 4>}} : tensor<4x{NIBBLE}> -> tensor<4x{NIBBLE}>
  func.return
}}
"""


def test_streaming_units_are_counted_beside_their_memories(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run(tmp_path, capsys, STREAM, "--convert-pwl-to-hw=lanes=2", "-t", "report")
    assert "pwl_rms_norm4x2_i4_i4_s2m1_s2m1: rms_norm of 4 elements, 2 a cycle, latency 14" in out
    assert re.search(r"\d+ cells, area \d+\.\d, critical path \d+\.\d+", out)
    # Two beats and 16 of slack, of two elements and the row's end.
    assert "and memories of 362 bits: row 18 x 9, row_summaries 10 x 20" in out
    found = re.search(r"power [\d.]+ (.+) \([\d.]+ without glitches\), (.*)", out)
    if shutil.which("iverilog"):
        assert found is not None
        assert found[2] == "without the memories, rows of random elements"
