"""The vectorized table against big integers, and the width of its accumulator."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization, storage_range


@st.composite
def tables(draw: st.DrawFn) -> tuple[Table, Quantization, Quantization]:
    operand = Quantization(draw(st.integers(2, 8)), draw(st.booleans()), 0.5)
    result = Quantization(draw(st.integers(2, 12)), draw(st.booleans()), 0.5)
    bits = draw(st.integers(2, 12))
    low, high = storage_range(bits, signed=True)
    entries = draw(st.integers(1, 6))
    edge = st.integers(operand.minimum - 3, operand.maximum + 3)
    breakpoints = sorted(draw(st.lists(edge, min_size=entries - 1, max_size=entries - 1)))
    parameters = st.lists(st.integers(low, high), min_size=entries, max_size=entries)
    table = Table(
        tuple(breakpoints),
        tuple(draw(parameters)),
        tuple(draw(parameters)),
        draw(st.integers(0, 9)),
        draw(st.integers(0, 9)),
        bits,
        draw(st.sampled_from([None, 12, 16])),
    )
    return table, operand, result


def scalar_accumulator(table: Table, q: int) -> int:
    segment = sum(1 for p in table.breakpoints if p <= q)
    return table.slopes[segment] * q + table.intercepts[segment] * 2**table.intercept_shift


def scalar_result(table: Table, q: int, result: Quantization) -> int:
    acc, r = scalar_accumulator(table, q), table.result_shift
    rounded = acc if r == 0 else (2 * acc + 2**r) // 2 ** (r + 1)
    return min(max(rounded, result.minimum), result.maximum)


@given(tables())
def test_evaluate_is_the_scalar_definition(
    case: tuple[Table, Quantization, Quantization],
) -> None:
    table, operand, result = case
    got = table.evaluate(operand.values, result)
    assert got.tolist() == [scalar_result(table, int(q), result) for q in operand.values]


@given(tables())
def test_accumulator_bits_is_enough_and_no_more(
    case: tuple[Table, Quantization, Quantization],
) -> None:
    table, operand, _ = case
    half = 2**table.result_shift // 2
    sums = [scalar_accumulator(table, int(q)) for q in operand.values]
    # zero is counted always, and the rounding addend always to the largest sum
    low, high = min(0, *sums), max(0, *sums) + half
    bits = table.accumulator_bits(operand)
    minimum, maximum = storage_range(bits, signed=True)
    assert minimum <= low
    assert high <= maximum
    narrow_minimum, narrow_maximum = storage_range(bits - 1, signed=True) if bits > 1 else (0, -1)
    assert low < narrow_minimum or high > narrow_maximum


def test_a_tie_belongs_to_the_right_segment() -> None:
    table = Table((3,), (0, 0), (1, 2))
    assert table.segment(np.array([2, 3])).tolist() == [0, 1]


def test_halves_round_up() -> None:
    table = Table((), (1,), (0,), result_shift=1)
    result = Quantization(8, True, 1.0)
    assert table.evaluate(np.array([-3, -1, 1, 3]), result).tolist() == [-1, 0, 1, 2]
