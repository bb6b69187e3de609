"""Every short row, one after the other: proved against the semantics, and mutants refused."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from rows import verilog

from lut_opt.backends.formal.clocks import plain
from lut_opt.backends.formal.netlist import read_netlists
from lut_opt.backends.formal.short_rows import ShortRows, WrongRow, prove_rows
from lut_opt.dialects.pwl import Table, units
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.dialects.quantization import Integers, Quantization
from lut_opt.passes.hw.row_unit.unit import row_unit

pytest.importorskip("pycde")
if shutil.which("yosys") is None:
    pytest.skip("yosys is not installed", allow_module_level=True)

THREE, FOUR = Quantization(3, True, 0.5), Quantization(4, True, 0.5)
RESULT = Quantization(5, True, 2.0**-2)
EXP = Table((-4,), (1, 4), (7, 16), param_bits=8)
RECIPROCAL = Table((1200,), (-48, -25), (7000, 5200), 4, 0, 16)
LOG = Table((1500,), (54, 37), (-55000, -30000), 0, 0, 17)
RSQRT = Table((900, 1500), (-38, -19, -13), (5300, 4260, 3700), 4, 0, 16)
AFFINE = Quantization(4, True, 2.0**-2), Quantization(6, True, 2.0**-4)

SOFTMAX = units.Softmax(THREE, Quantization(4, False, 2.0**-4), -7, 4, EXP, RECIPROCAL)
UNITS = {
    unit.module: unit
    for unit in (
        row_unit("softmax", SOFTMAX, 3),
        row_unit("log_softmax", units.LogSoftmax(THREE, RESULT, -7, 4, EXP, LOG), 3),
        row_unit("layer_norm", units.LayerNorm(FOUR, RESULT, RSQRT, 1e-3, *AFFINE), 3),
        row_unit("rms_norm", units.RMSNorm(FOUR, RESULT, RSQRT, 1e-3), 3, 1),
    )
}
LOADED = {"gamma": np.array([3, -7, 5]), "beta": np.array([-9, 0, 17])}


def proved(unit: RowUnit, text: str, states: int | None) -> ShortRows:
    parameters: dict[str, Integers] = {name: LOADED[name] for name in unit.semantics.parameters}
    return prove_rows(plain(read_netlists(text)[unit.module]), unit, parameters, states)


def test_every_row_after_a_reset() -> None:
    unit = UNITS["softmax"]
    assert proved(unit, verilog(unit), 1) == ShortRows(3, 8 + 8**2 + 8**3, 1, False)


@pytest.mark.hardware
@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_every_row_after_any_others(unit: RowUnit) -> None:
    found = proved(unit, verilog(unit), None)
    assert found.every
    # Where the ring begins, and where the summaries do.
    assert found.states == 19 * 4
    lengths = range(1 if unit.semantics.variable_length else 3, 4)
    assert found.rows == found.states * sum(1 << n * unit.semantics.operand.bits for n in lengths)


@pytest.mark.hardware
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        # A row that sees the one before it, and one that is wrong in a single result.
        (r"(?<=exps_taken \? )\(exps_first \? \d+'h0 : total\)", "total", "is not"),
        (r"(?<=out_y <= out_move \? )", "_GEN_23 == 9'h7 ? 4'h6 : ", "is not"),
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
