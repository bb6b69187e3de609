"""
Constants chosen by the segment of an input, however the segment is found.

`chain`, `binary` and `onehot` compare the input with every breakpoint. `decode` has no comparators:
each bit of each constant is a decision diagram of the input bits that tell segments apart, which
are few where breakpoints lie on a coarse grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from xdsl.dialects import comb
from xdsl.dialects.builtin import IntegerType

from lut_opt.passes.hw.builder.circuit import Circuit, Wire, width_of
from lut_opt.passes.hw.datapath.lookup import MAX_LOOKUP_BITS, lookup_bits, rows_of
from lut_opt.passes.hw.datapath.segments import Segment, Select, choose, thermometer


def select_constants(
    circuit: Circuit,
    x: Wire,
    used: Sequence[Segment],
    constants: Mapping[str, Sequence[int]],
    select: Select,
) -> dict[str, Wire]:
    """For each name the constant of the segment that x lies in."""
    if select == "decode" and len(used) > 1:
        return _decode(circuit, x, used, constants)
    reached = thermometer(circuit, x, used)
    return {name: choose(circuit, row, reached, select, name) for name, row in constants.items()}


def deciding_bits(used: Sequence[Segment], width: int) -> int:
    """How many of the upper input bits tell the segments apart."""
    lowest = min(
        ((s.first & -s.first).bit_length() - 1 for s in used[1:] if s.first), default=width
    )
    return width - min(lowest, width - 1)


def _decode(
    circuit: Circuit, x: Wire, used: Sequence[Segment], constants: Mapping[str, Sequence[int]]
) -> dict[str, Wire]:
    bits = deciding_bits(used, x.width)
    assert bits <= MAX_LOOKUP_BITS
    unread = x.width - bits
    patterns = np.arange(1 << bits)
    upper = np.where(patterns >> (bits - 1), patterns - (1 << bits), patterns)
    q = (upper if x.signed else patterns) << unread
    firsts = np.array([segment.first for segment in used[1:]])
    segment = np.searchsorted(firsts, q, side="right")
    rows = {
        name: rows_of(np.array(values)[segment], width_of(min(values), max(values)))
        for name, values in constants.items()
    }
    found = lookup_bits(
        circuit,
        circuit.extract(x.value, unread, bits),
        [row for part in rows.values() for row in part],
    )
    chosen: dict[str, Wire] = {}
    for name, values in constants.items():
        low, high = min(values), max(values)
        nodes, found = found[: len(rows[name])], found[len(rows[name]) :]
        if low == high:
            chosen[name] = circuit.constant(low)
            continue
        value = nodes[0]
        if len(nodes) > 1:
            value = circuit.add_op(comb.ConcatOp(nodes[::-1], IntegerType(len(nodes))), name)
        chosen[name] = Wire(value, low, high)
    return chosen


__all__ = ["deciding_bits", "select_constants"]
