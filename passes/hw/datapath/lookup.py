"""
A function of a few input bits as logic: one shared decision diagram for all its output bits.

Every node is a multiplexer of two smaller nodes by one input bit; equal functions, and functions
that are each other's complement, are one node. Bits are tested from the most significant on: where
a function is smooth its upper bits decide most, and though other orders often have fewer nodes,
synthesizers made more area of them (11 % on average over six functions).

A diagram is a far better start for a synthesizer than a `case` of all inputs, and what a plain flow
makes of it is close to what a long search finds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import comb
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from lut_opt.dialects.quantization import Integers
from lut_opt.passes.hw.builder.circuit import Circuit, bits_of

MAX_LOOKUP_BITS = 12
"""Most input bits of a lookup: its diagram can grow as 2^bits, and multipliers then win."""

Row = NDArray[np.uint8]
"""A bit for each input of a subfunction, in ascending order."""


def lookup(circuit: Circuit, bits: SSAValue, values: Integers, width: int) -> SSAValue:
    """`values[bits]` modulo 2^width; there are 2^n values for n bits, n ≤ `MAX_LOOKUP_BITS`."""
    nodes = lookup_bits(circuit, bits, rows_of(values, width))
    if width == 1:
        return nodes[0]
    return circuit.add_op(comb.ConcatOp(nodes[::-1], IntegerType(width)))


def lookup_bits(circuit: Circuit, bits: SSAValue, rows: Sequence[Row]) -> list[SSAValue]:
    """Several functions of the same bits, which share what they can."""
    each = [circuit.extract(bits, bit, 1) for bit in range(bits_of(bits))]
    return lookup_wires(circuit, each, rows)


def lookup_wires(
    circuit: Circuit, wires: Sequence[SSAValue], rows: Sequence[Row]
) -> list[SSAValue]:
    """Several functions of the same single bits, the least significant first."""
    diagram = _Diagram(circuit, wires)
    return [diagram.node(row, len(wires) - 1) for row in rows]


def rows_of(values: Integers, width: int) -> list[Row]:
    """The low `width` bits of values, least significant first."""
    return list(((values[None, :] >> np.arange(width)[:, None]) & 1).astype(np.uint8))


class _Diagram:
    """Builds the nodes of functions, each once."""

    def __init__(self, circuit: Circuit, bits: Sequence[SSAValue]) -> None:
        self._circuit, self._bits = circuit, bits
        self._nodes: dict[bytes, SSAValue] = {}

    def node(self, row: Row, top: int) -> SSAValue:
        """The function of the row over bits `0 … top`."""
        if row.min() == row.max():
            return self._circuit.constant(int(row[0]), 1).value
        key = row.tobytes()
        if key not in self._nodes:
            opposite = self._nodes.get((1 - row).tobytes())
            self._nodes[key] = (
                self._branch(row, top) if opposite is None else self._inverted(opposite)
            )
        return self._nodes[key]

    def _branch(self, row: Row, top: int) -> SSAValue:
        """Test bit `top`: a multiplexer, or less where one side is a constant or the opposite."""
        circuit, bit = self._circuit, self._bits[top]
        low, high = row[: len(row) // 2], row[len(row) // 2 :]
        if np.array_equal(low, high):
            return self.node(low, top - 1)
        if np.array_equal(low, 1 - high):
            if not low.any():
                return bit
            return circuit.add_op(comb.XorOp([bit, self.node(low, top - 1)]))
        if not low.any():
            return circuit.add_op(comb.AndOp([bit, self.node(high, top - 1)]))
        if high.all():
            return circuit.add_op(comb.OrOp([bit, self.node(low, top - 1)]))
        if low.all():
            return circuit.add_op(comb.OrOp([self._inverted(bit), self.node(high, top - 1)]))
        if not high.any():
            return circuit.add_op(comb.AndOp([self._inverted(bit), self.node(low, top - 1)]))
        operands = self.node(high, top - 1), self.node(low, top - 1)
        return circuit.add_op(comb.MuxOp(bit, *operands))

    def _inverted(self, bit: SSAValue) -> SSAValue:
        return self._circuit.add_op(comb.XorOp([bit, self._circuit.constant(1, 1).value]))


__all__ = ["MAX_LOOKUP_BITS", "lookup", "lookup_bits", "lookup_wires", "rows_of"]
