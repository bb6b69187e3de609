"""What a table of single-precision numbers computes."""

from __future__ import annotations

import numpy as np
import pytest

from lut_opt.dialects.pwl import Table
from lut_opt.dialects.pwl.float_table import FloatTable, bits_of_floats
from lut_opt.dialects.quantization import Quantization

TINY = np.float32(2.0**-126)


def test_a_tie_belongs_to_the_right_segment_and_zeros_are_equal() -> None:
    table = FloatTable((0.0, 1.0), (0.0, 0.0, 0.0), (1.0, 2.0, 3.0))
    x = np.array([-1e-45, -0.0, 0.0, 0.99999994, 1.0], np.float32)
    assert table.evaluate(x).tolist() == [1.0, 2.0, 2.0, 2.0, 3.0]


def test_product_and_sum_are_rounded_each() -> None:
    third = float(np.float32(1 / 3))
    x = np.float32(3.0000002)
    table = FloatTable((), (third,), (-1.0,))
    fused = np.float32(np.float64(np.float32(third)) * np.float64(x) - 1)
    (y,) = table.evaluate(np.array([x]))
    assert y == np.float32(third) * x - np.float32(1)
    assert y != fused


def test_nan_and_infinities() -> None:
    table = FloatTable((0.0,), (0.0, 2.0), (5.0, -np.inf))
    y = table.evaluate(np.array([np.nan, np.inf, -np.inf, 3.0], np.float32))
    assert np.isnan(y[:3]).all()
    assert y[3] == -np.inf


def test_flushed_numbers_are_zeros_of_their_sign() -> None:
    kept = FloatTable((), (0.5,), (0.0,))
    flushed = FloatTable((), (0.5,), (0.0,), flush=True)
    x = np.array([TINY, -TINY, -TINY / 2, 2 * TINY], np.float32)
    assert kept.evaluate(x).tolist() == (x * np.float32(0.5)).tolist()
    # −0 + 0 is 0.
    assert flushed.evaluate(x).tolist() == [0.0, 0.0, 0.0, TINY]
    negative = FloatTable((), (0.5,), (-0.0,), flush=True)
    assert np.signbit(negative.evaluate(x)).tolist() == [False, True, True, False]


def test_a_product_is_tiny_by_its_exact_value() -> None:
    # 2^-126·(1 − 2^-24)² rounds to a subnormal that rounds up to 2^-126, but is below it.
    factor = np.float32(1 - 2.0**-24)
    x = np.array([TINY * np.float32(1.0)], np.float32)
    assert FloatTable((), (float(factor),), (0.0,)).evaluate(x)[0] == np.float32(TINY * factor)
    assert FloatTable((), (float(factor),), (0.0,), flush=True).evaluate(x)[0] == 0


def test_a_sum_below_the_normal_numbers_is_flushed() -> None:
    x = np.array([1.5 * TINY], np.float32)
    assert FloatTable((), (1.0,), (-float(TINY),)).evaluate(x)[0] == TINY / 2
    assert FloatTable((), (1.0,), (-float(TINY),), flush=True).evaluate(x)[0] == 0


def test_an_integer_table_on_reals_is_its_accumulator() -> None:
    operand, result = Quantization(8, True, 2.0**-4), Quantization(8, True, 2.0**-5, 3)
    table = Table((-30, 7), (0, 12, 64), (0, 5, -9), 4, 6)
    q = operand.values
    reals = FloatTable.of(table, operand, result).evaluate(operand.dequantize(q).astype(np.float32))
    unit = result.scale / 64
    assert np.array_equal(reals, (table.accumulate(q) - (3 << 6)) * unit)


def test_numbers_are_stored_in_single_precision() -> None:
    assert FloatTable((), (0.1,), (1e300,)).slopes == (float(np.float32(0.1)),)
    assert bits_of_floats((-0.0, 1.0, np.inf)) == [0x80000000, 0x3F800000, 0x7F800000]


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(ValueError, match="N slopes, N intercepts"):
        FloatTable((0.0,), (1.0,), (1.0,))
    with pytest.raises(ValueError, match="ascend"):
        FloatTable((1.0, 0.0), (1.0,) * 3, (1.0,) * 3)
    with pytest.raises(ValueError, match="ascend"):
        FloatTable((np.nan,), (1.0,) * 2, (1.0,) * 2)
