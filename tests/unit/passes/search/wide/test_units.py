"""Reciprocal and rsqrt of wide integers: semantics, exact maxima, optimality."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lut_opt.dialects.pwl.table import Table
from lut_opt.passes.search.wide.design import design
from lut_opt.passes.search.wide.units import (
    LeadingZero,
    MultiRange,
    Reduction,
    WideUnit,
    exact,
    octave_inputs,
    relative_errors,
    table_2,
)

REDUCTIONS: list[Reduction] = [
    LeadingZero("reciprocal"),
    LeadingZero("rsqrt", 9, 3),
    table_2("reciprocal", complete=True),
    table_2("rsqrt", complete=True),
]


def line(reduction: Reduction) -> WideUnit:
    """T(q) = q: shows the reduction itself."""
    return WideUnit(reduction, Table((), (1,), (0,)), 0)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 2**32 - 1), st.integers(4, 12), st.integers(0, 9), st.booleans())
def test_normalization_in_plain_integers(v: int, bits: int, frac: int, root: bool) -> None:
    reduction = LeadingZero("rsqrt" if root else "reciprocal", bits, frac)
    q, exponent = (int(a) for a in reduction.reduce(np.array(v)))
    power = 2 if root else 1
    place = v.bit_length() - 1 - frac
    place -= place % power
    m = Fraction(v, 2**frac) / Fraction(2) ** place
    assert 1 <= m < 2**power
    assert q == math.floor(m * 2**bits + Fraction(1, 2))
    assert exponent * power == -place
    assert reduction.operand.minimum <= q <= reduction.operand.maximum


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_multi_range_in_plain_integers(v: int, root: bool, complete: bool) -> None:
    reduction = table_2("rsqrt" if root else "reciprocal", complete=complete)
    q, exponent = (int(a) for a in reduction.reduce(np.array(v)))
    x = Fraction(v, 32)
    shift = 0
    for bound, candidate in zip(reduction.bounds, reduction.shifts, strict=True):
        shift = candidate if x >= bound else shift
    rounded = math.floor(x / 2**shift * 32 + Fraction(1, 2))
    assert q == min(max(rounded, int(reduction.low * 32)), 128)
    assert exponent * (2 if root else 1) == -shift


def test_table_2() -> None:
    assert (table_2("reciprocal").bounds, table_2("reciprocal").shifts) == ((4, 32, 256), (3, 6, 6))
    assert (table_2("rsqrt").bounds, table_2("rsqrt").shifts) == ((4, 64, 1024), (4, 8, 12))
    assert table_2("reciprocal").reach == (16, 256 * 32)
    assert table_2("rsqrt").reach == (8, 2**14 * 32)
    for function in ("reciprocal", "rsqrt"):
        assert table_2(function, complete=True).reach[1] == 2**32


@pytest.mark.parametrize("reduction", REDUCTIONS, ids=repr)
def test_the_maximum_is_that_of_every_input(reduction: Reduction) -> None:
    unit = design(reduction, entries=4)
    first = reduction.reach[0]
    v = np.arange(max(first, 2**15), 2**17, dtype=np.int64)
    found = relative_errors(unit, int(v[0]), 2**17)
    error = unit.real(v) / exact(reduction, v) - 1.0
    assert found.max_relative == pytest.approx(np.abs(error).max(), rel=1e-12)
    for place, mse in zip(found.octaves, found.mse, strict=True):
        inside = (v >= 2**place) & (v < 2 ** (place + 1))
        assert mse == pytest.approx(np.mean(error[inside] ** 2), rel=2e-2)


def test_octave_inputs() -> None:
    for place in (0, 5, 13, 14, 31):
        v, weights = octave_inputs(place)
        assert weights.sum() == pytest.approx(1.0)
        assert (v[0], v[-1]) == (2**place, 2 ** (place + 1) - 1)


def test_whole_range() -> None:
    """8-bit parameters; Table 2 as printed saturates, completed or normalized it does not."""
    worst = {
        name: relative_errors(design(reduction, entries=8), reduction.reach[0]).max_relative
        for name, reduction in (
            ("printed", table_2("reciprocal")),
            ("complete", table_2("reciprocal", complete=True)),
            ("normalized", LeadingZero("reciprocal")),
        )
    }
    assert worst["printed"] > 1e5
    assert worst["normalized"] < 0.01 < worst["complete"] < 0.05


@pytest.mark.parametrize("function", ["reciprocal", "rsqrt"])
def test_more_entries_and_bits_help(function: str) -> None:
    def error(bits: int, entries: int, param_bits: int) -> float:
        unit = design(LeadingZero(function, bits), entries=entries, param_bits=param_bits)
        return relative_errors(unit).mean_square

    assert error(6, 16, 8) <= error(6, 8, 8) <= error(6, 4, 8)
    assert error(8, 16, 16) < 0.4 * error(6, 16, 8)


def test_the_table_is_optimal_among_its_neighbours() -> None:
    reduction = LeadingZero("reciprocal", 6)
    unit = design(reduction, entries=3)
    found = relative_errors(unit).mean_square
    table = unit.table
    for name in ("slopes", "intercepts", "breakpoints"):
        for i in range(len(getattr(table, name))):
            for step in (-1, 1):
                values = list(getattr(table, name))
                values[i] += step
                moved = Table(**{**table.__dict__, name: tuple(values)})
                other = relative_errors(WideUnit(reduction, moved, unit.unit)).mean_square
                assert other >= found * (1 - 1e-3)


def test_total_on_32_bits() -> None:
    unit = line(LeadingZero("reciprocal"))
    mantissa, exponent = unit.evaluate(np.array([0, 1, 2**32 - 1]))
    np.testing.assert_array_equal(mantissa, [256, 256, 512])
    np.testing.assert_array_equal(exponent, [0, 0, -31])
    with pytest.raises(ValueError, match="32 bits"):
        unit.evaluate(np.array([2**32]))
    with pytest.raises(ValueError, match="32 bits"):
        unit.evaluate(np.array([-1]))


def test_own_sub_ranges() -> None:
    reduction = MultiRange("reciprocal", (8,), (4,), frac=6)
    q, exponent = reduction.reduce(np.array([64, 8 * 64]))
    np.testing.assert_array_equal(q, [64, 32])
    np.testing.assert_array_equal(exponent, [0, -4])
