"""What the hardware benchmarks share: gates in another order, results that are remembered."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

pytest.importorskip("pycde")
if shutil.which("yosys") is None:
    pytest.importorskip("pyosys")
sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))

import synthesized
from synthesized import gates, reordered

from lut_opt.backends.synthesis.liberty import generic_library
from lut_opt.dialects.pwl import Table
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.table_unit.unit import build_unit

SMALL = Quantization(4, True, 0.25)
UNIT = build_unit(TableUnit("unit", "f", Table((-2, 3), (0, 3, 1), (1, 0, 2)), SMALL, SMALL))
VERILOG = "module top(input [3:0] x, output y); assign y = x[0] & x[1] ^ (x[2] | ~x[3]); endmodule"


def test_another_order_holds_the_same_gates() -> None:
    first, again, other = (reordered(VERILOG, "top", seed) for seed in (1, 1, 2))
    assert first == again != other
    assert sorted(first.splitlines()) == sorted(other.splitlines())


def test_every_order_is_remembered_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesized, "CACHE", tmp_path)
    found = [gates(UNIT, generic_library(), "quick", False, order) for order in (0, 1)]
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr(synthesized.synthesize, "run_yosys", None)
    assert found == [gates(UNIT, generic_library(), "quick", False, order) for order in (0, 1)]


def test_who_asks_for_power_gets_it_after_one_who_did_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesized, "CACHE", tmp_path)
    assert gates(UNIT, generic_library(), "quick", power=False).power is None
    power = gates(UNIT, generic_library(), "quick").power
    assert power is not None
    assert power > 0
    assert gates(UNIT, generic_library(), "quick", power=False).power == power
