"""Every short row among others, whenever either side pauses: proved, and mutants refused."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from rows import verilog

from lut_opt.backends.formal.clocks import plain
from lut_opt.backends.formal.netlist import Netlist, read_netlists
from lut_opt.backends.formal.paused_rows import prove_counters, prove_paused
from lut_opt.backends.formal.short_rows import WrongRow
from lut_opt.dialects.pwl import Table, units
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.dialects.quantization import Integers, Quantization
from lut_opt.passes.hw.row_unit import rows
from lut_opt.passes.hw.row_unit.unit import row_unit

pytest.importorskip("pycde")
if shutil.which("yosys") is None:
    pytest.skip("yosys is not installed", allow_module_level=True)

TWO = Quantization(2, True, 0.5)
PROBABILITY, RESULT = Quantization(4, False, 2.0**-4), Quantization(5, True, 2.0**-2)
EXP = Table((-4,), (1, 4), (7, 16), param_bits=8)
RECIPROCAL = Table((1200,), (-48, -25), (7000, 5200), 4, 0, 16)
LOG = Table((1500,), (54, 37), (-55000, -30000), 0, 0, 17)
RSQRT = Table((900, 1500), (-38, -19, -13), (5300, 4260, 3700), 4, 0, 16)
AFFINE = Quantization(4, True, 2.0**-2), Quantization(6, True, 2.0**-4)

SOFTMAX = units.Softmax(TWO, PROBABILITY, -7, 4, EXP, RECIPROCAL)
FOUR = {
    unit.module: unit
    for unit in (
        row_unit("softmax", SOFTMAX, 4),
        row_unit("log_softmax", units.LogSoftmax(TWO, RESULT, -7, 4, EXP, LOG), 4),
        row_unit("layer_norm", units.LayerNorm(TWO, RESULT, RSQRT, 1e-3, *AFFINE), 4),
        row_unit("rms_norm", units.RMSNorm(TWO, RESULT, RSQRT, 1e-3), 4, 1),
    )
}
PAIRS = row_unit("pairs", SOFTMAX, 2)
LOADED = {"gamma": np.array([3, -7, 5, 1]), "beta": np.array([-9, 0, 17, 4])}


def parameters(unit: RowUnit) -> dict[str, Integers]:
    return {name: LOADED[name] for name in unit.semantics.parameters}


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
    unit = row_unit("softmax", SOFTMAX, 4)
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
