"""Floating-point units equal NumPy's float32, bit for bit (simulated in Icarus)."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.simulate.programmed import Input, Ports, drive
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl.float_table import Floats, FloatTable
from lut_opt.passes.hw.datapath.fixed import Style
from lut_opt.passes.hw.programmable.float_datapath import FloatFunction
from lut_opt.passes.hw.programmable.program import Write
from lut_opt.passes.hw.programmable.unit import build_programmable

pytest.importorskip("pycde")
if shutil.which("iverilog") is None:
    pytest.skip("iverilog is not installed", allow_module_level=True)

SPECIAL = np.array(
    [
        *(0x00000000, 0x00000001, 0x00400000, 0x007FFFFF),  # zero and subnormal numbers
        *(0x00800000, 0x00800001, 0x00FFFFFF, 0x01000000),  # the smallest normal ones
        *(0x33800000, 0x34000000, 0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x3FC00000),  # around one
        *(0x1FFFFFFF, 0x20000000, 0x4B000001, 0x4B800000, 0x5F7FFFFF),
        *(0x7F000000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00000),  # largest, infinite, NaN
    ],
    np.uint32,
)
SPECIALS: Floats = np.concatenate([SPECIAL, SPECIAL | np.uint32(1 << 31)]).view(np.float32)


def answers(
    function: FloatFunction, loads: list[tuple[FloatTable, Floats]]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Results of the inputs that follow each table, from the hardware and as they should be."""
    unit = build_programmable("unit", function, "flipflop")
    steps: list[Write | Input] = []
    for table, inputs in loads:
        steps += [*function.program(table), *map(Input, inputs.view(np.uint32).tolist())]
    got = drive(systemverilog.emit(ModuleOp([unit])), Ports.of(unit), steps)
    assert None not in got
    wanted = [table.evaluate(inputs) for table, inputs in loads]
    return np.array(got, np.uint32), np.concatenate(wanted).view(np.uint32)


def assert_same(got: NDArray[np.uint32], wanted: NDArray[np.uint32]) -> None:
    """Equal bits; every NaN is the quiet one."""
    nan = np.isnan(wanted.view(np.float32))
    assert np.array_equal(got, np.where(nan, np.uint32(0x7FC00000), wanted))


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("flush", [True, False], ids=["flush", "keep"])
def test_special_numbers_with_special_numbers(flush: bool) -> None:
    # Every product of two, each with an addend of its own; then every sum of two.
    rng = np.random.default_rng(0)
    addends = rng.choice(SPECIALS, len(SPECIALS))
    pairs = [
        *((k, b) for k, b in zip(SPECIALS, addends, strict=True)),
        *((1.0, b) for b in SPECIALS),
    ]
    loads = [
        (FloatTable((np.inf,), (float(k), 0.0), (float(b), 0.0), flush), SPECIALS) for k, b in pairs
    ]
    assert_same(*answers(FloatFunction(2, flush), loads))


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize(
    ("flush", "style", "latency"),
    [
        (True, Style("binary", "recoded"), 8),
        (True, Style("chain", "inferred"), 7),
        (False, Style("chain", "inferred"), 0),
    ],
    ids=["flush", "halves", "keep"],
)
def test_random_numbers(flush: bool, style: Style, latency: int) -> None:
    rng = np.random.default_rng(1)
    loads: list[tuple[FloatTable, Floats]] = []
    for spread in (0, 8, 40, 100):

        def numbers(count: int, spread: int = spread) -> Floats:
            exponents = rng.integers(-spread, spread + 1, count)
            return (rng.normal(size=count) * 2.0**exponents).astype(np.float32)

        for _ in range(5):
            points = np.sort(numbers(3))
            # Half of the inputs nearly cancel against the intercept, or lie on a breakpoint.
            slopes, intercepts = numbers(4), numbers(4)
            with np.errstate(all="ignore"):
                near = -intercepts[rng.integers(4, size=300)] / slopes[rng.integers(4, size=300)]
            x = np.concatenate([numbers(250), near, points, -points])
            columns = (tuple(map(float, column)) for column in (points, slopes, intercepts))
            loads.append((FloatTable(*columns, flush), x.astype(np.float32)))
    assert_same(*answers(FloatFunction(4, flush, latency, style), loads))


def test_any_bits() -> None:
    rng = np.random.default_rng(2)
    bits = rng.integers(0, 1 << 32, (9, 4), np.uint64).astype(np.uint32).view(np.float32)
    points = np.sort(np.nan_to_num(rng.choice(SPECIALS, (3, 3))), axis=1)
    loads = [
        (
            FloatTable(*(tuple(map(float, r)) for r in (points[i], bits[i], bits[i + 3]))),
            rng.integers(0, 1 << 32, 700, np.uint64).astype(np.uint32).view(np.float32),
        )
        for i in range(3)
    ]
    with np.errstate(invalid="ignore"):
        assert_same(*answers(FloatFunction(4), loads))


def test_a_table_that_does_not_fit_is_refused() -> None:
    function = FloatFunction(2)
    with pytest.raises(ValueError, match="has 3 entries, the unit has 2"):
        function.program(FloatTable((0.0, 1.0), (1.0,) * 3, (1.0,) * 3))
    with pytest.raises(ValueError, match="alike"):
        function.program(FloatTable((), (1.0,), (1.0,), flush=True))
