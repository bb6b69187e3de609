"""Requantization against exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lut_opt.dialects.quantization import Quantization
from lut_opt.dialects.requantization import MULTIPLIER_BITS, Choice, Requantization, Scaled


def exact(q: Requantization, scales: list[float], xs: list[int], constant: float) -> int:
    """The correctly rounded result: halves to even, saturated."""
    total = sum((Fraction(s) * x for s, x in zip(scales, xs, strict=True)), Fraction(constant))
    nearest = round(total / Fraction(q.result.scale))  # Python rounds halves to even
    return min(max(nearest + q.result.zero_point, q.minimum), q.maximum)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_powers_of_two_are_exact(data: st.DataObject) -> None:
    exponents = data.draw(st.lists(st.integers(-20, 0), min_size=1, max_size=4))
    bounds = [data.draw(st.sampled_from([127, 255, 32767, 1 << 22])) for _ in exponents]
    result = Quantization(
        data.draw(st.sampled_from([8, 16])),
        True,
        2.0 ** data.draw(st.integers(-8, 2)),
        data.draw(st.integers(-100, 100)),
    )
    constant = math.ldexp(data.draw(st.integers(-1000, 1000)), -6)
    scales = [2.0**e for e in exponents]
    operands = [Scaled(np.array(s), b) for s, b in zip(scales, bounds, strict=True)]
    q = Requantization.of(operands, result, constant=constant)
    xs = [data.draw(st.integers(-b, b)) for b in bounds]
    assert q.evaluate(*map(np.array, xs)) == exact(q, scales, xs, constant)


@given(st.floats(1e-6, 1.0), st.floats(1e-3, 1.0), st.integers(-(1 << 20), 1 << 20))
@settings(max_examples=300, deadline=None)
def test_any_scale_is_exact_but_for_ties(scale: float, to: float, x: int) -> None:
    q = Requantization.of([Scaled(np.array(scale), 1 << 20)], Quantization(16, True, to))
    got, ratio = int(q.evaluate(np.array(x))), Fraction(scale) / Fraction(to) * x
    if abs(ratio) < 1 << 15:
        assert abs(Fraction(got) - ratio) <= Fraction(1, 2) + Fraction(abs(ratio), 1 << 30)


def test_halves_go_to_the_even_neighbour() -> None:
    q = Requantization.of([Scaled(np.array(0.5), 100)], Quantization(8, True, 1.0, 3))
    assert q.evaluate(np.array([-3, -1, 1, 3, 5])).tolist() == [1, 3, 3, 5, 5]
    assert (q.multipliers[0], q.shift, q.bits) == (1, 1, 32)


@given(st.integers(20, 36), st.integers(-24, 8), st.data())
@settings(max_examples=200, deadline=None)
def test_masks_leave_what_they_mask_exact(bits: int, exponent: int, data: st.DataObject) -> None:
    """However far an accumulator might reach, a mask beside it takes none of its bits."""
    scale, to = 2.0**exponent, Quantization(16, True, 2.0**-8)
    operand = Scaled(np.array(scale), 1 << bits)
    q = Requantization.of([operand], to, choices=[Choice(0.0, -math.inf)])
    x = data.draw(st.integers(-(1 << bits), 1 << bits))
    assert q.evaluate(np.array(x), np.array(1)) == exact(q, [scale], [x], 0.0)
    assert q.evaluate(np.array(x), np.array(0)) == to.minimum


@given(st.floats(1e-9, 1e-6), st.floats(1e-2, 10.0), st.data())
@settings(max_examples=200, deadline=None)
def test_a_fine_operand_beside_a_coarse_one(
    fine: float, coarse: float, data: st.DataObject
) -> None:
    bounds = 1 << 31, 1 << 15
    operands = [Scaled(np.array(s), b) for s, b in zip((fine, coarse), bounds, strict=True)]
    q = Requantization.of(operands, Quantization(16, True, 0.01))
    xs = [data.draw(st.integers(-b, b)) for b in bounds]
    assert abs(int(q.evaluate(*map(np.array, xs))) - exact(q, [fine, coarse], xs, 0.0)) <= 1


def test_operands_too_far_apart() -> None:
    fine, coarse = Scaled(np.array(3e-12), 1 << 50), Scaled(np.array(1e3), 1 << 40)
    with pytest.raises(ValueError, match="too far apart"):
        Requantization.of([fine, coarse], Quantization(8, True, 1.0))


def test_channels_clamps_and_masks() -> None:
    scales = np.array([0.5, 0.25])
    to = Quantization(8, True, 0.5)
    q = Requantization.of([Scaled(scales, 127)], to, low=0.0, high=10.0)
    assert q.evaluate(np.array([[-9, 9], [50, 50]])).tolist() == [[0, 4], [20, 20]]
    masked = Requantization.of(
        [Scaled(np.array(0.5), 127)], to, choices=[Choice(0.0, -math.inf)], constant=1.0
    )
    assert masked.evaluate(np.array([4, 127]), np.array([1, 0])).tolist() == [6, -128]


def test_widths() -> None:
    fine = Scaled(np.array(2.0**-12), (1 << 31) - 1)
    assert Requantization.of([fine], Quantization(8, True, 1.0)).bits == 64
    small = Requantization.of([Scaled(np.array(2.0**-12), 1 << 24)], Quantization(8, True, 1.0))
    assert (small.bits, small.shift) == (32, 12)
    odd = Requantization.of([Scaled(np.array(0.3), 1 << 24)], Quantization(8, True, 1.0))
    assert int(odd.multipliers[0]).bit_length() == MULTIPLIER_BITS
    with pytest.raises(ValueError, match="too fine"):
        Requantization.of([Scaled(np.array(1.0), 127)], Quantization(8, True, 1e-12))
