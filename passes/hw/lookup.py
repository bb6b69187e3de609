"""
A function of a few input bits as logic: one shared decision diagram for all its output bits.

Every node is a multiplexer of two smaller nodes by one input bit; equal functions, and functions
that are each other's complement, are one node. The order of the input bits is the best one for up
to `EXACT_ORDER_BITS` bits (dynamic programming over sets of bits: the nodes that test a bit depend
only on which bits were tested before, Friedman and Supowit 1990), and sifted beyond (Rudell 1993).

Synthesizers take the diagram as a start that is far better than a `case` of all inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import comb
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from lut_opt.dialects.quantization import Integers
from lut_opt.passes.hw.circuit import Circuit, bits_of

MAX_LOOKUP_BITS = 12
"""Most input bits of a lookup: its diagram can grow as 2^bits, and multipliers then win."""

EXACT_ORDER_BITS = 8
"""Most input bits for which the best order is found; 2^bits · bits trials."""

Truth = NDArray[np.uint8]
"""Values of output bits, one row each, by the input read as an unsigned number."""


def truth_of(values: Integers, width: int) -> Truth:
    """The low `width` bits of each value, least significant first."""
    return ((values[None, :] >> np.arange(width)[:, None]) & 1).astype(np.uint8)


def lookup(circuit: Circuit, bits: SSAValue, values: Integers, width: int) -> SSAValue:
    """`values[bits]` modulo 2^width; there are 2^n values for n bits."""
    truth = truth_of(values, width)
    order = best_order(truth)
    diagram = _Diagram(circuit, bits, order)
    n = len(order)
    cube = truth.reshape(width, *(2,) * n)
    # Axis 1 + i is bit n−1−i of the input; the first bit of the order becomes the outermost.
    turned = cube.transpose(0, *(n - bit for bit in order)).reshape(width, -1)
    nodes = [diagram.node(turned[j], 0) for j in range(width)]
    if width == 1:
        return nodes[0]
    return circuit.add_op(comb.ConcatOp(nodes[::-1], IntegerType(width)))


def best_order(truth: Truth) -> list[int]:
    """The order in which input bits are tested, first to last, for a small diagram."""
    n = truth.shape[1].bit_length() - 1
    sizes = _Sizes(truth, n)
    return sizes.exact() if n <= EXACT_ORDER_BITS else sizes.sifted()


def diagram_size(truth: Truth) -> int:
    """Nodes of the diagram that `lookup` builds."""
    order = best_order(truth)
    sizes = _Sizes(truth, len(order))
    return sizes.of_order(order)


@dataclass
class _Sizes:
    """How many nodes test a bit, given the set of bits tested before it."""

    truth: Truth
    n: int
    known: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])

    def nodes(self, before: int, bit: int) -> int:
        """Nodes that test `bit` after all bits of the mask `before`."""
        if (before, bit) not in self.known:
            self.known[before, bit] = self._count(before, bit)
        return self.known[before, bit]

    def _count(self, before: int, bit: int) -> int:
        cube = self.truth.reshape(-1, *(2,) * self.n)
        above = [b for b in range(self.n) if before >> b & 1]
        below = [b for b in range(self.n) if not before >> b & 1 and b != bit]
        axes = [0, *(self.n - b for b in (*above, bit, *below))]
        rows = cube.transpose(axes).reshape(len(self.truth) << len(above), -1)
        half = rows.shape[1] // 2
        rows = rows[(rows[:, :half] != rows[:, half:]).any(axis=1)]
        packed = np.packbits(rows ^ rows[:, :1], axis=1)
        return len({row.tobytes() for row in packed})

    def of_order(self, order: Sequence[int]) -> int:
        """Nodes of the whole diagram."""
        before = [sum(1 << bit for bit in order[:at]) for at in range(len(order))]
        return sum(map(self.nodes, before, order))

    def exact(self) -> list[int]:
        """The order with the fewest nodes."""
        best: dict[int, tuple[int, list[int]]] = {0: (0, [])}
        for before in range(1 << self.n):
            size, order = best[before]
            for bit in range(self.n):
                after = before | 1 << bit
                if after == before:
                    continue
                total = size + self.nodes(before, bit)
                if after not in best or total < best[after][0]:
                    best[after] = total, [*order, bit]
        return best[(1 << self.n) - 1][1]

    def sifted(self) -> list[int]:
        """Each bit in turn at its best place, until none moves (most significant bits first)."""
        order, moved = list(range(self.n))[::-1], True
        while moved:
            moved = False
            for bit in list(order):
                rest = [b for b in order if b != bit]
                places = [[*rest[:at], bit, *rest[at:]] for at in range(self.n)]
                found = min(places, key=self.of_order)
                if self.of_order(found) < self.of_order(order):
                    order, moved = found, True
        return order


class _Diagram:
    """Builds nodes from rows of a truth table whose index starts with the first bit in order."""

    def __init__(self, circuit: Circuit, bits: SSAValue, order: Sequence[int]) -> None:
        self._circuit = circuit
        single = bits_of(bits) == 1
        self._bits = [bits if single else circuit.extract(bits, bit, 1) for bit in order]
        self._nodes: dict[bytes, SSAValue] = {}

    def node(self, row: Truth, level: int) -> SSAValue:
        """The function of the row over the bits from `level` on."""
        if row.min() == row.max():
            return self._circuit.constant(int(row[0]), 1).value
        key = row.tobytes()
        if key not in self._nodes:
            opposite = self._nodes.get((1 - row).tobytes())
            self._nodes[key] = (
                self._branch(row, level) if opposite is None else self._inverted(opposite)
            )
        return self._nodes[key]

    def _branch(self, row: Truth, level: int) -> SSAValue:
        circuit, half = self._circuit, len(row) // 2
        low, high = row[:half], row[half:]
        if np.array_equal(low, high):
            return self.node(low, level + 1)
        bit = self._bits[level]
        if np.array_equal(low, 1 - high):
            if not low.any():
                return bit
            return circuit.add_op(comb.XorOp([bit, self.node(low, level + 1)]))
        if not low.any():
            return circuit.add_op(comb.AndOp([bit, self.node(high, level + 1)]))
        if high.all():
            return circuit.add_op(comb.OrOp([bit, self.node(low, level + 1)]))
        if low.all():
            return circuit.add_op(comb.OrOp([self._inverted(bit), self.node(high, level + 1)]))
        if not high.any():
            return circuit.add_op(comb.AndOp([self._inverted(bit), self.node(low, level + 1)]))
        operands = self.node(high, level + 1), self.node(low, level + 1)
        return circuit.add_op(comb.MuxOp(bit, *operands))

    def _inverted(self, bit: SSAValue) -> SSAValue:
        return self._circuit.add_op(comb.XorOp([bit, self._circuit.constant(1, 1).value]))


__all__ = ["MAX_LOOKUP_BITS", "best_order", "diagram_size", "lookup", "truth_of"]
