"""Range reductions and division, in plain Python numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lut_opt.dialects.pwl.range_reduction import LeadingZero, MultiRange, Reduction
from lut_opt.dialects.pwl.reduction import PERIOD, REDUCIBLE, Core, Reduced, Reducible, table_sides
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.pwl.units import Division
from lut_opt.dialects.quantization import Quantization

SEED_RANGES = MultiRange((128, 1024, 8192), (3, 6, 9), 16, 128, 5)
"""GQA-LUT's Table 2 for DIV, continued; λ = 5."""

RECIPROCAL_16 = Table((), (-32,), (96,), intercept_shift=9)
"""1.5 − t/2, the chord of 1/t over [1, 2]."""


def nearest(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 2**32), st.integers(2, 14), st.sampled_from([1, 2]))
def test_leading_zeros(v: int, bits: int, period: int) -> None:
    reduction = LeadingZero(bits)
    q, k = (int(a) for a in reduction.reduce(np.array(v), period))
    octave = v.bit_length() - 1
    assert k == octave // period
    t = Fraction(v, 2 ** (period * k))
    assert 1 <= t < 2**period
    assert q == nearest(t * 2**bits)
    operand = reduction.operand(period)
    assert operand.minimum <= q <= operand.maximum


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 2**32 - 1))
def test_multi_range(v: int) -> None:
    q, k = (int(a) for a in SEED_RANGES.reduce(np.array(v), 1))
    shift = max(
        [0, *(s for b, s in zip(SEED_RANGES.bounds, SEED_RANGES.shifts, strict=True) if v >= b)]
    )
    assert k == shift
    assert q == min(max(nearest(Fraction(v, 2**shift)), 16), 128)


@pytest.mark.parametrize("reduction", [LeadingZero(3), SEED_RANGES], ids=["leading", "ranges"])
@pytest.mark.parametrize("period", [1, 2])
def test_occurrence_counts_every_octave_alike(reduction: Reduction, period: int) -> None:
    if isinstance(reduction, MultiRange):
        reduction = MultiRange((128, 2048, 32768), (4, 8, 12), 8, 128, 5)
    # far above the table's resolution, or where the reduction saturates nowhere
    least, octaves = (12, 12) if isinstance(reduction, LeadingZero) else (3, 16)
    counted = np.zeros(len(reduction.operand(period).values))
    for octave in range(least, least + octaves):
        v = np.arange(1 << octave, 2 << octave, max(1, (1 << octave) >> 14))
        q, _ = reduction.reduce(v, period)
        offset = reduction.operand(period).minimum
        counted += np.bincount(q - offset, minlength=len(counted)) / len(v)
    wanted = reduction.occurrence(period)
    ratio = (counted / counted.sum()) / (wanted / wanted.sum())
    if isinstance(reduction, MultiRange):
        # Where octaves and sub-ranges meet, only half of a cell counts.
        q = reduction.operand(period).values
        ratio = ratio[(q & (q - 1)) > 0]
    assert np.all(np.abs(ratio - 1) < 0.01)


@pytest.mark.parametrize("function", REDUCIBLE)
def test_sides_hold_the_function(function: Reducible) -> None:
    operand, result = table_sides(function, LeadingZero(9 if PERIOD[function] == 1 else 8))
    assert operand.dequantize(operand.values[[0, -1]]).tolist() == [1, 2 ** PERIOD[function]]
    assert result.scale >= 2.0**-16
    assert result.maximum.bit_length() + result.signed <= result.bits


def test_sixteen_bits_reach_the_units_own_tables() -> None:
    """At ten bits the reciprocal's table has the sides of softmax's."""
    from lut_opt.dialects.pwl import units

    sides = units.RECIPROCAL_OPERAND, units.INVERSE_RESULT
    assert table_sides("reciprocal", LeadingZero(units.RECIPROCAL_BITS)) == sides
    sides = units.RSQRT_OPERAND, units.INVERSE_RESULT
    assert table_sides("rsqrt", LeadingZero(units.RSQRT_BITS)) == sides


quantizations = st.builds(
    Quantization,
    st.just(16),
    st.booleans(),
    st.sampled_from([2.0**-12, 2.0**-3, 0.01, 3.0]),
    st.integers(-50, 50),
)


@settings(max_examples=200, deadline=None)
@given(quantizations, quantizations, quantizations, st.data())
def test_division_in_fractions(
    a: Quantization, b: Quantization, y: Quantization, data: st.DataObject
) -> None:
    """Every step of the definition, in exact arithmetic."""
    unit = Division(a, y, b, LeadingZero(9), RECIPROCAL_16)
    p = data.draw(st.integers(a.minimum, a.maximum))
    q = data.draw(st.integers(b.minimum, b.maximum))
    c, v = p - a.zero_point, q - b.zero_point
    found = int(unit.evaluate(np.array(p), np.array(q)))
    if v == 0:
        zero = min(max(y.zero_point, y.minimum), y.maximum)
        assert found == (zero if c == 0 else y.maximum if c > 0 else y.minimum)
        return
    k = abs(v).bit_length() - 1
    t = nearest(Fraction(abs(v), 2**k) * 512)
    r = Fraction(-32 * t + (96 << 9), 2**15)
    m, shift = unit.factor
    constant = Fraction(m, 2**shift) if shift >= 0 else Fraction(m * 2**-shift)
    real = Fraction(a.scale) / Fraction(b.scale) / Fraction(y.scale)
    assert abs(constant / real - 1) <= Fraction(1, 2**24) + Fraction(1, 2**50)
    exact = c * (1 if v > 0 else -1) * r * constant / 2**k
    assert found == min(max(nearest(exact) + y.zero_point, y.minimum), y.maximum)


def test_powers_of_two_are_exact() -> None:
    """1/2^n has no error but that of the table at 1."""
    wide, result = Quantization(32, False, 1.0), Quantization(32, True, 2.0**-31)
    unit = Reduced(Core("reciprocal", LeadingZero(9), RECIPROCAL_16), wide, result)
    v = 1 << np.arange(1, 32)
    assert unit.evaluate(v).tolist() == [1 << (31 - n) for n in range(1, 32)]


def test_scales_too_far_apart() -> None:
    wide, tiny = Quantization(32, False, 1e300), Quantization(16, True, 1e300)
    unit = Reduced(Core("reciprocal", LeadingZero(9), RECIPROCAL_16), wide, tiny)
    with pytest.raises(ValueError, match="the scales are too far apart"):
        unit.check()
