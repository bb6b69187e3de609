"""Synthesis counts the gates of a known circuit, keeps its function, and names what is missing."""

from __future__ import annotations

import gzip
import importlib.util
import shutil
import time
from pathlib import Path

import pytest

from lut_opt.backends.errors import BackendError
from lut_opt.backends.synthesis import synthesize as synthesis
from lut_opt.backends.synthesis.liberty import GENERIC_FLIP_FLOP_AREA, generic_library, read_library
from lut_opt.backends.synthesis.synthesize import synthesize

if importlib.util.find_spec("pyosys") is None and shutil.which("yosys") is None:
    pytest.skip("Yosys is not installed", allow_module_level=True)

MAJORITY = """module majority(input a, b, c, output y);
  assign y = (a & b) | (b & c) | (a & c);
endmodule
"""
COUNTER = """module counter(input clock, input reset, output reg [2:0] count);
  always @(posedge clock) if (reset) count <= 0; else count <= count + 1;
endmodule
"""


@pytest.fixture
def library_file(tmp_path: Path) -> Path:
    """The generic gates as a user's file."""
    path = tmp_path / "cells.lib"
    path.write_text(generic_library().mapping_text)
    return path


def test_a_majority_is_a_few_gates() -> None:
    result = synthesize(MAJORITY, "majority")
    assert 3.0 <= result.area <= 4.0  # three NAND2-sized gates and change
    assert result.gates == sum(result.cells.values()) <= 4
    assert result.delay is not None
    assert 1.0 < result.delay < 6.0
    assert "module majority" in result.netlist


def test_registers_are_counted() -> None:
    result = synthesize(COUNTER, "counter", effort="quick")
    assert result.cells["DFF"] == 3
    assert result.area > 3 * GENERIC_FLIP_FLOP_AREA


def test_a_wire_costs_nothing() -> None:
    result = synthesize("module wire_(input a, output y); assign y = a; endmodule", "wire_")
    assert (result.area, result.delay, result.gates) == (0.0, None, 0)


def test_the_same_text_gives_the_same_gates() -> None:
    assert synthesize(MAJORITY, "majority") == synthesize(MAJORITY, "majority")


def test_a_clock_that_cannot_be_met_is_said() -> None:
    result = synthesize(MAJORITY, "majority", clock_ns=0.5)
    assert not result.meets_clock
    assert synthesize(MAJORITY, "majority", clock_ns=100.0).meets_clock
    quick = synthesize(MAJORITY, "majority", clock_ns=100.0, effort="quick")
    assert (quick.meets_clock, quick.recipe) == (True, "improved, delay")


def test_files_plain_and_compressed_give_the_same(library_file: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.lib.gz"
    packed.write_bytes(gzip.compress(library_file.read_bytes()))
    plain = synthesize(MAJORITY, "majority", read_library([library_file]))
    assert synthesize(MAJORITY, "majority", read_library([packed])).cells == plain.cells


def test_two_files_are_one_library(library_file: Path, tmp_path: Path) -> None:
    head, _, flip_flop = library_file.read_text().rpartition("  cell (DFF)")
    (tmp_path / "gates.lib").write_text(head + "}\n")
    header = head[: head.index("  cell (")]
    (tmp_path / "flip_flops.lib").write_text(header + "  cell (DFF)" + flip_flop)
    files = [tmp_path / "gates.lib", tmp_path / "flip_flops.lib"]
    both = read_library(files)
    assert both.areas == read_library([library_file]).areas
    assert synthesize(COUNTER, "counter", both, effort="quick").cells["DFF"] == 3
    with pytest.raises(BackendError, match="D flip-flops are not supported"):
        synthesize(COUNTER, "counter", read_library(files[:1]), effort="quick")


def test_bad_files_are_named(library_file: Path, tmp_path: Path) -> None:
    text = library_file.read_text()
    with pytest.raises(BackendError, match=r"cannot read the Liberty file .*none\.lib: No such"):
        read_library([tmp_path / "none.lib"])
    (tmp_path / "short.lib").write_text(text[: len(text) // 2])
    with pytest.raises(BackendError, match=r"short\.lib: cell \w+ never ends: .*cut short"):
        read_library([tmp_path / "short.lib"])
    (tmp_path / "short.lib.gz").write_bytes(gzip.compress(text.encode())[:200])
    with pytest.raises(BackendError, match="compressed file is cut short"):
        read_library([tmp_path / "short.lib.gz"])
    (tmp_path / "other.lib").write_text("not a library")
    with pytest.raises(BackendError, match="not a Liberty file"):
        read_library([tmp_path / "other.lib"])
    (tmp_path / "units.lib").write_text(text.replace('"1ns"', '"1ps"'))
    with pytest.raises(BackendError, match="units differ"):
        read_library([library_file, tmp_path / "units.lib"])


def test_what_yosys_refuses_is_reported() -> None:
    with pytest.raises(BackendError, match=r"Yosys cannot synthesize.*syntax error"):
        synthesize("module broken(", "broken")
    with pytest.raises(BackendError, match="Module `other' not found"):
        synthesize(MAJORITY, "other")


def test_missing_yosys_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BackendError, match=r"pip install 'lut-opt\[synth\]'"):
        synthesize(MAJORITY, "majority")


def test_what_takes_too_long_leaves_nothing_running(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(synthesis, "_yosys", lambda: ["sh", "-c", "sleep 60 & echo $! >abc; wait"])
    monkeypatch.setattr(synthesis, "TIMEOUT", 1)
    with pytest.raises(BackendError, match="took more than 1 s"):
        synthesis.run_yosys([], tmp_path)
    status = Path("/proc", (tmp_path / "abc").read_text().strip(), "stat")
    for _ in range(100):
        # Whoever takes over orphans may not have heard of this one's end yet.
        if not status.exists() or ") Z " in status.read_text():
            return
        time.sleep(0.1)
    pytest.fail("abc goes on")
