"""The semantics, against its definition bit by bit, and what has no meaning."""

from __future__ import annotations

import networks
import numpy as np
import pytest

from lut_opt.dialects.lutnet.network import (
    Block,
    ConditionalSum,
    Luts,
    Thermometer,
    popcount,
    tuples,
)
from lut_opt.dialects.quantization import Quantization


def by_hand(block: Block, q: list[int]) -> list[int]:
    """One token, in Python's integers, as the definition reads."""
    bits = [int(q[f] > t) for f, row in enumerate(block.thermometer.thresholds) for t in row]
    for luts in block.layers:
        addresses = [
            sum(bits[wire] << place for place, wire in enumerate(row)) for row in luts.connections
        ]
        bits = [table >> address & 1 for table, address in zip(luts.tables, addresses, strict=True)]
    found: list[int] = []
    for result in range(block.readout.results):
        total = block.readout.bias[result]
        total += sum(weight for wire, weight in block.readout.terms(result) if bits[wire])
        rounded = (total + (1 << block.readout.shift) // 2) >> block.readout.shift
        found.append(max(block.result.minimum, min(block.result.maximum, rounded)))
    return found


@pytest.mark.parametrize("readout", ["popcount", "grouped", "dense"])
@pytest.mark.parametrize("layers", [(12,), (9, 6), ()])
def test_the_definition(readout: str, layers: tuple[int, ...]):
    block = networks.block(1, readout=readout, layers=layers)
    block.check()
    q = networks.stored(block, (50,))
    assert block.evaluate(q).tolist() == [by_hand(block, row) for row in q.tolist()]


def test_bit_0_of_an_address_is_the_first_wire():
    luts = Luts(((2, 0),), (0b0100,))
    bits = np.array([[False, False, True], [True, False, False]])
    # Address 2: wire 0 is set, wire 2 is not.
    assert luts.evaluate(bits).tolist() == [[False], [True]]


def test_a_threshold_itself_is_below():
    assert Thermometer(((3,),)).evaluate(np.array([[2], [3], [4]])).tolist() == [
        [False],
        [False],
        [True],
    ]


def test_popcount_counts_consecutive_groups():
    bits = np.array([[True, True, False, True]])
    stored = Quantization(8, False, 1.0)
    assert popcount(4, 2).evaluate(bits, stored).tolist() == [[2, 1]]


def test_a_sum_rounds_half_up_and_saturates():
    total = ConditionalSum(((6, -6, 400),), (0,), 2)
    stored = Quantization(8, True, 1.0)
    bits = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.bool_)
    assert total.evaluate(bits, stored)[:, 0].tolist() == [2, -1, 100]
    assert total.evaluate(bits, Quantization(4, True, 1.0))[:, 0].tolist() == [2, -1, 7]


def test_a_bit_named_twice_weighs_twice():
    total = ConditionalSum(((2, 3),), (0,), 0, ((0, 0),))
    assert total.accumulate(np.array([[True]])).tolist() == [[5]]


def test_sums_are_exact_at_the_limit():
    total = ConditionalSum(((1 << 30, (1 << 30) - 1),), (0,))
    total.check()
    assert total.accumulate(np.array([[True, True]])).tolist() == [[(1 << 31) - 1]]
    with pytest.raises(ValueError, match="more than 32 bits"):
        ConditionalSum(((1 << 30, 1 << 30),), (0,)).check()
    with pytest.raises(ValueError, match="more than 32 bits"):
        # Rounding, too, must not overflow.
        ConditionalSum(((1 << 30, (1 << 30) - 1),), (0,), 1).check()


def test_blocks_whose_parts_do_not_fit():
    good = networks.block(0)
    wires = Luts(((good.thermometer.bits,),), (1,))
    apart = Block(good.operand, good.thermometer, (wires,), good.readout, good.result)
    with pytest.raises(ValueError, match="layer 0 asks for bit 12 of 12"):
        apart.check()
    short = ConditionalSum(tuples([[1, 2]]), (0,))
    narrow = Block(good.operand, good.thermometer, good.layers, short, good.result)
    with pytest.raises(ValueError, match="a sum over 2 bits is given 12"):
        narrow.check()
