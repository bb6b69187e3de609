"""Every short row among others, whenever either side pauses: proved, and mutants refused."""

from __future__ import annotations

import re
import shutil

import pytest
from rows import verilog
from short_units import parameters, short_units, softmax

from lut_opt.backends.formal.clocks import plain
from lut_opt.backends.formal.netlist import Netlist, read_netlists
from lut_opt.backends.formal.paused_rows import prove_counters, prove_paused
from lut_opt.backends.formal.short_rows import WrongRow
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.row_unit import rows
from lut_opt.passes.hw.row_unit.unit import row_unit

pytest.importorskip("pycde")
if shutil.which("yosys") is None:
    pytest.skip("yosys is not installed", allow_module_level=True)

TWO = Quantization(2, True, 0.5)
FOUR = short_units(TWO, TWO, 4)
PAIRS = row_unit("pairs", softmax(TWO), 2)


def netlist(unit: RowUnit, text: str) -> Netlist:
    return plain(read_netlists(text)[unit.module])


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rings of two words more than a row, as words are of two bits: there are fewer places then."""
    monkeypatch.setattr(rows, "SLACK", 2)


def test_every_pair_before_any_others_whoever_pauses() -> None:
    """The ring is as it is, but the pair is the first."""
    assert prove_paused(netlist(PAIRS, verilog(PAIRS)), PAIRS, 2, before=0) > 1000


@pytest.mark.hardware
@pytest.mark.usefixtures("narrow")
def test_every_pair_among_any_others_whoever_pauses() -> None:
    found = netlist(PAIRS, verilog(PAIRS))
    assert prove_paused(found, PAIRS, 2) > prove_counters(found, PAIRS, 2) > 1000


@pytest.mark.hardware
@pytest.mark.parametrize("unit", FOUR.values(), ids=FOUR)
def test_every_row_of_four_before_any_others_whoever_pauses(unit: RowUnit) -> None:
    found = netlist(unit, verilog(unit))
    assert prove_paused(found, unit, 4, parameters(unit), before=0) > 1000


@pytest.mark.hardware
@pytest.mark.usefixtures("narrow")
def test_counters_go_on_for_ever() -> None:
    unit = FOUR["softmax"]
    assert prove_counters(netlist(unit, verilog(unit)), unit, 4) > 10_000


MUTANTS = {
    "an element moves on while it waits": (r"exp_q <= exp_move \? (.*) : exp_q;", r"exp_q <= \1;"),
    "a result changes while it waits": (r"out_y <= out_move \? (.*) : out_y;", r"out_y <= \1;"),
    "a ring that overflows": (r"exps_used < 3'h4 & ", ""),
}


@pytest.mark.hardware
@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("mutant", MUTANTS)
def test_what_pauses_break_is_named(mutant: str) -> None:
    old, new = MUTANTS[mutant]
    text, count = re.subn(old, new, verilog(PAIRS), count=1)
    assert count == 1
    with pytest.raises(WrongRow, match=r"result 0 of the row .* is not"):
        prove_paused(netlist(PAIRS, text), PAIRS, 2)
