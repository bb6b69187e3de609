"""Streaming softmax and norms: bit for bit the integer semantics, whatever stalls."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from rows import verilog

from lut_opt.backends.simulate.row_bench import Stalls, sample
from lut_opt.backends.simulate.rows import RowResult, simulate_rows
from lut_opt.dialects.pwl import Table, units
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.datapath.fixed import Style
from lut_opt.passes.hw.row_unit.unit import row_unit

pytest.importorskip("pycde")
if shutil.which("iverilog") is None:
    pytest.skip("iverilog is not installed", allow_module_level=True)

# Coarse tables serve as well as good ones: hardware and semantics must agree on any.
EXP = Table((-64, -16), (0, 16, 200), (0, 1152, 4096), param_bits=16)
RECIPROCAL = Table((1200,), (-48, -25), (7000, 5200), 4, 0, 16)
LOG = Table((1500,), (54, 37), (-55000, -30000), 0, 0, 17)
RSQRT = Table((900, 1500), (-38, -19, -13), (5300, 4260, 3700), 4, 0, 16)

SHORT, WORD, BYTE = (
    Quantization(16, True, 2.0**-4),
    Quantization(16, False, 2.0**-8),
    Quantization(8, True, 2.0**-4, -7),
)
BETA = Quantization(32, True, 2.0**-14)
AFFINE = Quantization(16, True, 2.0**-13), Quantization(32, True, 2.0**-20)


def softmax(operand: Quantization, result: Quantization) -> units.Softmax:
    return units.Softmax(operand, result, -255, 12, EXP, RECIPROCAL)


def log_softmax(operand: Quantization, result: Quantization) -> units.LogSoftmax:
    return units.LogSoftmax(operand, result, -255, 12, EXP, LOG)


def norm(
    operand: Quantization,
    result: Quantization,
    centred: bool,
    gamma: Quantization | None = None,
    beta: Quantization | None = None,
) -> units.Norm:
    kind = units.LayerNorm if centred else units.RMSNorm
    return kind(operand, result, RSQRT, 1e-5, gamma, beta)


FINE = Quantization(16, True, 2.0**-10)
WIDE = Quantization(32, True, 2.0**-20)

UNITS = [
    row_unit("softmax_1", softmax(SHORT, Quantization(8, False, 2.0**-8)), 1),
    row_unit("softmax_5", softmax(WORD, Quantization(16, False, 2.0**-15)), 5, 2),
    row_unit("softmax_8", softmax(BYTE, Quantization(8, True, 2.0**-7)), 8, 4),
    row_unit("softmax_one", softmax(BYTE, Quantization(4, False, 1.0)), 3, 1),
    row_unit("softmax_128", softmax(SHORT, Quantization(8, False, 2.0**-8)), 128, 1),
    row_unit("log_1", log_softmax(SHORT, Quantization(16, True, 2.0**-8)), 1),
    row_unit("log_5", log_softmax(WORD, Quantization(16, True, 2.0**-7)), 5, 2),
    row_unit("log_8", log_softmax(BYTE, Quantization(8, True, 2.0**-3)), 8, 4),
    row_unit("log_40", log_softmax(SHORT, Quantization(12, True, 1.0)), 40, 1),
    row_unit("layer_1", norm(BYTE, BYTE, True), 1),
    row_unit("layer_6", norm(FINE, FINE, True, *AFFINE), 6, 1),
    row_unit("layer_beta", norm(BYTE, Quantization(8, False, 2.0**-4), True, None, BETA), 7),
    row_unit("layer_128", norm(FINE, FINE, True, *AFFINE), 128, 4),
    row_unit("rms_5", norm(Quantization(16, True, 1.0), BYTE, False), 5, 2),
    row_unit("rms_16", norm(FINE, FINE, False, AFFINE[0]), 16, 3),
    row_unit("layer_wide", norm(WIDE, FINE, True, *AFFINE), 20, 1),
    row_unit("softmax_24", softmax(BYTE, Quantization(8, False, 2.0**-8)), 24, 4),
    row_unit("log_24", log_softmax(BYTE, Quantization(8, True, 2.0**-3)), 24, 3),
    row_unit("rms_wide", norm(Quantization(24, False, 2.0**-12, 9), FINE, False), 20, 2),
]


@pytest.fixture(scope="module")
def text() -> str:
    return verilog(*UNITS)


def test_most_results_show_what_was_computed() -> None:
    """Saturated ones do not."""
    for stimulus in map(sample, UNITS):
        result = stimulus.unit.semantics.result
        y = stimulus.expected()
        saturated = np.isin(y, [result.minimum, result.maximum]).mean()
        if stimulus.unit.function != "softmax" and stimulus.unit.length > 1:
            assert saturated < 0.3, stimulus.unit.module


@pytest.mark.parametrize("stalls", [Stalls(0.35, 3), Stalls(0.2, 5, shy=True)])
def test_units_compute_their_semantics_whatever_stalls(text: str, stalls: Stalls) -> None:
    stimuli = [sample(unit) for unit in UNITS]
    for result in simulate_rows(text, stimuli, stalls):
        assert result.passed, str(result)


def test_latency_and_throughput_are_as_stated(text: str) -> None:
    full = [
        replace(s, rows=[row for row in s.rows if len(row) == s.unit.length])
        for s in map(sample, UNITS)
    ]
    for stated, result in zip(full, simulate_rows(text, full), strict=True):
        assert result.passed, str(result)
        assert result.latency == stated.unit.latency, str(result)
        # After the first result, one in every cycle, over all rows, however short.
        assert result.cycles == result.latency + result.elements - 1, str(result)


@pytest.mark.parametrize("multiplier", ["inferred", "block"])
def test_balanced_trees_and_multipliers_compute_the_same(
    multiplier: Literal["inferred", "block"],
) -> None:
    built = [UNITS[1], UNITS[6], UNITS[10]]
    other = verilog(*built, style=Style("binary", multiplier))
    for result in simulate_rows(other, [sample(unit) for unit in built], Stalls(0.2)):
        assert result.passed, str(result)


@pytest.fixture(scope="module")
def small() -> str:
    return verilog(UNITS[2])


def broken(text: str, old: str, new: str, unit: RowUnit = UNITS[2]) -> RowResult:
    """What a bench says of a unit with one thing changed in its text."""
    assert text.count(old) == 1
    given = sample(unit)
    # Whole rows fill the words of the rings, short ones the queues of their summaries.
    given = replace(given, rows=sorted(given.rows, key=len, reverse=True))
    (result,) = simulate_rows(text.replace(old, new), [given], Stalls(0.4, shy=True))
    return result


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("out_move = _GEN | y_ready", "out_move = 1'h1"),
        ("out_move = _GEN | y_ready", "out_move = y_ready"),
        ("exps_ready = exps_used < 5'h18", "exps_ready = exps_used < 5'h1F"),
        ("scores_ready = scores_used < 5'h18", "scores_ready = scores_used < 5'h1F"),
        ("exps_rows < 3'h4", "exps_rows < 3'h7"),
        ("y_last = out_last_3", "y_last = out_last_2"),
        ("exps_taken = exp_valid_5 & exps_ready", "exps_taken = exp_valid_5"),
        ("x_ready = scores_ready", "x_ready = 1'h1"),
    ],
)
def test_a_broken_handshake_is_seen(small: str, old: str, new: str) -> None:
    result = broken(small, old, new)
    assert not result.passed
    assert str(result)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("* 21'hB172", "* 21'hC172"),
        ("- {out_log[20], out_log}", "- {out_log[20], log_log}"),
        ("(distances_first ? 16'h0 : total)", "(distances_first ? 16'h400 : total)"),
        ("log_log <= {5'h0, y_out_1} + ", "log_log <= {6'h0, y_out_1[15:1]} + "),
        ("out_distance <= out_move", "out_distance <= y_ready"),
        ("= {out_distance, 12'h0}", "= {out_distance, 12'h800}"),
    ],
)
def test_a_broken_log_softmax_is_seen(old: str, new: str) -> None:
    unit = UNITS[7]
    assert not broken(verilog(unit), old, new, unit).passed
