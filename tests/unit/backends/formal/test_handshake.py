"""The handshake of streaming units, for all states and for every pattern of stalls."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.formal.handshake import every_stall, rules
from lut_opt.backends.formal.netlist import Netlist, read_netlists
from lut_opt.backends.simulate.row_bench import Stimulus
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl import Table, units
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.row_unit.unit import build_row_unit, row_unit

pytest.importorskip("pycde")
if shutil.which("yosys") is None:
    pytest.skip("yosys is not installed", allow_module_level=True)

NIBBLE = Quantization(4, True, 0.5)
SOFTMAX = units.Softmax(
    NIBBLE,
    Quantization(4, False, 2.0**-4),
    -15,
    4,
    Table((-8,), (0, 2), (0, 16)),
    Table((1200,), (-48, -25), (7000, 5200), 4, 0, 16),
)
UNIT = row_unit("unit", SOFTMAX, 2)
WIDE = row_unit("wide", SOFTMAX, 4, lanes=2)
LOGS = units.LogSoftmax(
    NIBBLE, NIBBLE, -15, 4, SOFTMAX.exp, Table((1500,), (54, 37), (-55000, -30000), 0, 0, 17)
)
LOG = row_unit("log", LOGS, 3, lanes=2)
MUTANTS = {
    "rude": (
        ("out_move = _GEN | y_ready", "out_move = 1'h1"),
        ("y_valid = out_valid_2", "y_valid = out_valid_2 & y_ready"),
        ("x_ready = scores_ready", "x_ready = scores_ready & x_valid"),
    ),
    "lossy": (("exps_rows < 4'hA", "exps_rows < 4'hC"),),
}


def mutant(text: str, name: str, changes: tuple[tuple[str, str], ...]) -> str:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return re.sub(r"\bmodule unit\b", f"module {name}", text)


@pytest.fixture(scope="module")
def netlists() -> dict[str, Netlist]:
    """The unit, its mutants and one with two lanes, by name."""
    text, *others = (
        systemverilog.emit(ModuleOp([build_row_unit(unit)])) for unit in (UNIT, WIDE, LOG)
    )
    mutants = [mutant(text, name, changes) for name, changes in MUTANTS.items()]
    return read_netlists("".join([text, *others, *mutants]))


@pytest.mark.parametrize("unit", ["unit", "wide", "log"])
def test_a_waiting_result_stays_in_every_state(netlists: dict[str, Netlist], unit: str) -> None:
    assert netlists[unit].problems == []
    assert rules(netlists[unit]) == []


def test_broken_rules_are_named(netlists: dict[str, Netlist]) -> None:
    said = rules(netlists["rude"])
    assert "y_valid depends on an input within the cycle" in said
    assert "x_ready depends on an input within the cycle" in said
    assert "y[0] may change while it waits" in said


def stimulus(unit: RowUnit = UNIT) -> Stimulus:
    """More rows than can enter, of one and two beats."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, unit.length + 1, 150)
    return Stimulus(unit, [rng.integers(-8, 8, int(n)) for n in lengths])


@pytest.mark.parametrize("prefix", [0, 45])
def test_no_pattern_of_stalls_loses_anything(netlists: dict[str, Netlist], prefix: int) -> None:
    """An empty unit, and one whose buffers are full."""
    shown = every_stall(netlists["unit"], stimulus(), prefix, cycles=3)
    assert (shown.patterns, shown.wrong) == (64, 0)
    assert shown.results >= 64


def test_no_pattern_of_stalls_loses_a_beat(netlists: dict[str, Netlist]) -> None:
    shown = every_stall(netlists["wide"], stimulus(WIDE), prefix=45, cycles=2)
    assert (shown.patterns, shown.wrong) == (16, 0)
    assert shown.results >= 16


def test_lost_elements_are_seen(netlists: dict[str, Netlist]) -> None:
    assert every_stall(netlists["lossy"], stimulus(), 45, cycles=1).wrong


@pytest.mark.hardware
@pytest.mark.parametrize("prefix", [0, 8, 20, 45])
def test_no_longer_pattern_of_stalls_loses_anything(
    netlists: dict[str, Netlist], prefix: int
) -> None:
    shown = every_stall(netlists["unit"], stimulus(), prefix, cycles=7)
    assert (shown.patterns, shown.wrong) == (1 << 14, 0)
