"""Every short row, one after the other: proved against the semantics, and mutants refused."""

from __future__ import annotations

import re
import shutil

import pytest
from rows import verilog
from short_units import parameters, short_units

from lut_opt.backends.formal.clocks import plain
from lut_opt.backends.formal.netlist import read_netlists
from lut_opt.backends.formal.short_rows import ShortRows, WrongRow, prove_rows
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.dialects.quantization import Quantization

pytest.importorskip("pycde")
if shutil.which("yosys") is None:
    pytest.skip("yosys is not installed", allow_module_level=True)

UNITS = short_units(Quantization(3, True, 0.5), Quantization(4, True, 0.5), 3)


def proved(unit: RowUnit, text: str, states: int | None) -> ShortRows:
    netlist = plain(read_netlists(text)[unit.module])
    return prove_rows(netlist, unit, parameters(unit), states)


def test_every_row_after_a_reset() -> None:
    unit = UNITS["softmax"]
    assert proved(unit, verilog(unit), 1) == ShortRows(3, 8 + 8**2 + 8**3, 1, False)


@pytest.mark.hardware
@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_every_row_after_any_others(unit: RowUnit) -> None:
    found = proved(unit, verilog(unit), None)
    assert found.every
    # Where the ring begins, and where the summaries do.
    assert found.states == 19 * 7
    lengths = range(1 if unit.semantics.variable_length else 3, 4)
    assert found.rows == found.states * sum(1 << n * unit.semantics.operand.bits for n in lengths)


@pytest.mark.hardware
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        # A row that sees the one before it, and one that is wrong in a single result.
        (r"(?<=exps_taken \? )\(exps_first \? \d+'h0 : total\)", "total", "is not"),
        (r"(?<=out_y <= out_move \? \()(_GEN_\d+)", r"\1 == 9'h7 ? 4'h6 : \1", "is not"),
        (r"y_last = out_last_2", "y_last = ~out_last_2", "y_last is wrong"),
        (r"x_ready = scores_ready", "x_ready = scores_ready & ~x[0]", "x_ready depends on"),
        (r"y_valid = out_valid_2", "y_valid = 1'h0", "only 0 results of a row of 1"),
    ],
)
def test_what_a_row_should_not_do_is_named(old: str, new: str, said: str) -> None:
    unit = UNITS["softmax"]
    text, count = re.subn(old, new, verilog(unit), count=1)
    assert count == 1
    with pytest.raises(WrongRow, match=said):
        proved(unit, text, 1)
