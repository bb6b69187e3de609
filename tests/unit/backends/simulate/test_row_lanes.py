"""Streaming units of several lanes: bit for bit the integer semantics, whatever stalls."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import verilog
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.formal.check import check
from lut_opt.backends.simulate.row_bench import Stalls, Stimulus, sample
from lut_opt.backends.simulate.rows import RowResult, simulate_rows
from lut_opt.dialects.pwl import Table, units
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.row_unit.unit import build_row_unit, row_unit

pytest.importorskip("pycde")
if shutil.which("iverilog") is None:
    pytest.skip("iverilog is not installed", allow_module_level=True)

EXP = Table((-64, -16), (0, 16, 200), (0, 1152, 4096), param_bits=16)
RECIPROCAL = Table((1200,), (-48, -25), (7000, 5200), 4, 0, 16)
LOG = Table((1500,), (54, 37), (-55000, -30000), 0, 0, 17)
RSQRT = Table((900, 1500), (-38, -19, -13), (5300, 4260, 3700), 4, 0, 16)

BYTE, SHORT = Quantization(8, True, 2.0**-4, -7), Quantization(16, True, 2.0**-4)
FINE, SHARE = Quantization(16, True, 2.0**-10), Quantization(8, False, 2.0**-8)
# No wider than the results: a beta beyond them would hide what was computed.
AFFINE = Quantization(16, True, 2.0**-13), Quantization(16, True, 2.0**-12)
BYTES = units.Softmax(BYTE, SHARE, -255, 12, EXP, RECIPROCAL)
SHORTS = units.Softmax(SHORT, Quantization(16, False, 2.0**-15), -255, 12, EXP, RECIPROCAL)
LOGS = units.LogSoftmax(BYTE, Quantization(8, True, 2.0**-3), -255, 12, EXP, LOG)
LAYER = units.LayerNorm(BYTE, BYTE, RSQRT, 1e-5, *AFFINE)
RMS = units.RMSNorm(FINE, FINE, RSQRT, 1e-5, AFFINE[0])

# Rows that end within a beat, within the first, and with one; a row of one beat.
UNITS = [
    row_unit("softmax_5x2", BYTES, 5, 1, lanes=2),
    row_unit("softmax_8x4", SHORTS, 8, lanes=4),
    row_unit("softmax_3x4", BYTES, 3, lanes=4),
    row_unit("layer_6x2", LAYER, 6, 1, lanes=2),
    row_unit("layer_8x4", LAYER, 8, lanes=4),
    row_unit("wide_8x4", replace(LAYER, operand=Quantization(32, True, 2.0**-20)), 8, lanes=4),
    row_unit("rms_4x4", RMS, 4, 2, lanes=4),
    row_unit("rms_6x2", units.RMSNorm(BYTE, FINE, RSQRT, 1e-5), 6, lanes=2),
    row_unit("log_5x2", LOGS, 5, 1, lanes=2),
    row_unit("log_3x4", LOGS, 3, lanes=4),
]
LONG = [
    row_unit(f"{name}_128x{lanes}", semantics, 128, 2, lanes=lanes)
    for lanes in (2, 4, 8, 16, 64)
    for name, semantics in (("softmax", SHORTS), ("layer", LAYER), ("rms", RMS))
]


@pytest.fixture(scope="module")
def text() -> str:
    return verilog(*UNITS)


@pytest.mark.parametrize("stalls", [Stalls(0.35, 3), Stalls(0.2, 5, shy=True)])
def test_units_compute_their_semantics_whatever_stalls(text: str, stalls: Stalls) -> None:
    for result in simulate_rows(text, [sample(unit) for unit in UNITS], stalls):
        assert result.passed, str(result)


@st.composite
def stimuli(draw: st.DrawFn, unit: RowUnit) -> Stimulus:
    """Any rows that a unit takes, with any gamma and beta."""
    operand, n = unit.semantics.operand, unit.length
    elements = st.integers(operand.minimum, operand.maximum)
    shortest = 1 if unit.semantics.variable_length else n
    row = st.lists(elements, min_size=shortest, max_size=n).map(np.asarray)
    parameters = {
        name: np.asarray(
            draw(st.lists(st.integers(side.minimum, side.maximum), min_size=n, max_size=n))
        )
        for name, side in unit.semantics.parameters.items()
    }
    return Stimulus(unit, draw(st.lists(row, min_size=1, max_size=40)), parameters)


@pytest.mark.parametrize("unit", [UNITS[0], UNITS[1], UNITS[4], UNITS[6]], ids=lambda u: u.module)
@settings(max_examples=8, deadline=None)
@given(data=st.data(), seed=st.integers(0, 99))
def test_any_rows_come_out_right(text: str, unit: RowUnit, data: st.DataObject, seed: int) -> None:
    given = data.draw(stimuli(unit))
    (result,) = simulate_rows(text, [given], Stalls(0.3, seed, shy=seed % 2 == 1))
    assert result.passed, str(result)


def test_latency_and_throughput_are_as_stated() -> None:
    # Rows of many beats, and of two and one.
    shapes = [(UNITS[0], 32, 0), (UNITS[4], 64, 1), (UNITS[2], 8, 4), (UNITS[4], 4, 4)]
    built = [
        row_unit(f"{unit.module}_{length}", unit.semantics, length, steps, lanes=unit.lanes)
        for unit, length, steps in shapes
    ]
    full = [
        replace(stated, rows=[row for row in stated.rows if len(row) == stated.unit.length])
        for stated in map(sample, built)
    ]
    for stated, result in zip(full, simulate_rows(verilog(*built), full), strict=True):
        assert result.passed, str(result)
        assert result.latency == stated.unit.latency, str(result)
        # After the first beat of results, one in every cycle, over all rows.
        assert result.beats == result.elements / stated.unit.lanes
        assert result.cycles == result.latency + result.beats - 1, str(result)


def broken(text: str, unit: RowUnit, old: str, new: str) -> RowResult:
    """What a bench says of a unit with one thing changed in its text."""
    assert text.count(old) == 1, old
    (result,) = simulate_rows(text.replace(old, new), [sample(unit)], Stalls(0.4, shy=True))
    return result


@pytest.mark.parametrize(
    ("unit", "old", "new"),
    [
        (UNITS[0], "x_keep[1] ? x[15:8] : 8'h80", "x[15:8]"),
        (UNITS[0], "x_keep[1] ? x[15:8] : 8'h80", "x_keep[1] ? x[15:8] : 8'h0"),
        (UNITS[0], "x_keep[0] ? x[7:0] : 8'h80", "x_keep[1] ? x[7:0] : 8'h80"),
        (UNITS[0], "y_keep = out_keep_2", "y_keep = out_keep_1"),
        (UNITS[0], "y_keep = out_keep_2", "y_keep = 2'h3"),
        (UNITS[3], "y = {out_y1, out_y0}", "y = {out_y0, out_y1}"),
        (UNITS[3], "+ {{2{sums_c1_1[8]}}, sums_c1_1}", "+ {{2{sums_c1_1[8]}}, sums_c0_1}"),
        (UNITS[3], "gammas[index_1][31:16]", "gammas[index_1][15:0]"),
    ],
)
def test_a_mistake_in_one_lane_is_seen(unit: RowUnit, old: str, new: str) -> None:
    result = broken(verilog(unit), unit, old, new)
    assert not result.passed
    assert "beats equal" in str(result)


def test_the_proof_command_checks_them() -> None:
    op = build_row_unit(UNITS[2])
    rows = sample(UNITS[2]).rows
    results = f"{sum(map(len, rows))} results of {len(rows)} rows"
    assert check(ModuleOp([op])) == [
        "softmax_3x4: proved: a result waits unchanged until it is taken; "
        f"checked: {results}, both sides stalling"
    ]


@pytest.mark.hardware
def test_long_rows_through_up_to_64_lanes() -> None:
    for result in simulate_rows(verilog(*LONG), [sample(unit) for unit in LONG], Stalls(0.25, 9)):
        assert result.passed, str(result)
