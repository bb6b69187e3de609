"""
A network of gates in which every function is made once: roughly what a synthesizer arrives at.

A wire is known by its *pattern*, its values on every input, a bit each. So constants vanish, and
wires that are equal, or each other's complement, are one however they were built: what remains is a
network that has been swept for equivalences (as by FRAIG: A. Mishchenko et al., "FRAIGs: a unifying
representation for logic synthesis and verification", 2005), except that no solver is needed where
all inputs can be listed. Inverters count nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lut_opt.dialects.quantization import Integers

Kind = Literal["and", "xor", "mux", "register"]
"""And-gates, exclusive-ors, multiplexers and majorities (which cost alike), bits of registers."""

LISTED_BITS = 16
"""Up to so many input bits every input is listed; beyond, 2^16 random ones."""

Pattern = int
Bits = list[Pattern]
"""The wires of a value, the lowest bit first."""


@dataclass(frozen=True)
class GateCount:
    """
    How many gates of each kind, and `switching`, how many of them change in a cycle.

    That is for inputs that are all equally likely and independent, gates that are infinitely fast.
    """

    kinds: dict[Kind, int]
    switching: float


class Gates:
    """A network in which a function, or its complement, has one gate only."""

    def __init__(self, input_bits: int) -> None:
        values = np.arange(1 << min(input_bits, LISTED_BITS))
        if input_bits > LISTED_BITS:
            # Of every magnitude: breakpoints are near 0 as well as far from it.
            source = np.random.default_rng(0)
            far = source.integers(-(1 << (input_bits - 1)), 1 << (input_bits - 1), len(values))
            values = far >> source.integers(0, input_bits, len(values))
        self.inputs = [_pattern(values >> i & 1) for i in range(input_bits)]
        self.true: Pattern = (1 << len(values)) - 1
        self._made: dict[Pattern, tuple[Kind, tuple[Pattern, ...]]] = {}
        self._known = {0, *map(self._positive, self.inputs)}

    def needed(self, outputs: Sequence[Pattern]) -> GateCount:
        """The gates that lie behind some wires."""
        counts: dict[Kind, int] = dict.fromkeys(get_args(Kind), 0)
        switching = 0.0
        seen, waiting = set[Pattern](), list(outputs)
        while waiting:
            wire = self._positive(waiting.pop())
            if wire in self._made and wire not in seen:
                kind, sources = self._made[wire]
                counts[kind] += 1
                ones = wire.bit_count() / self.true.bit_count()
                switching += 2 * ones * (1 - ones)
                waiting += sources
            seen.add(wire)
        return GateCount(counts, switching)

    def both(self, a: Pattern, b: Pattern) -> Pattern:
        """a and b."""
        return self._gate("and", a & b, a, b)

    def either(self, a: Pattern, b: Pattern) -> Pattern:
        """a or b."""
        return self._gate("and", a | b, a, b)

    def differ(self, a: Pattern, b: Pattern) -> Pattern:
        """a exclusive-or b."""
        return self._gate("xor", a ^ b, a, b)

    def choose(self, condition: Pattern, a: Pattern, b: Pattern) -> Pattern:
        """a where the condition holds, else b."""
        kind: Kind = "mux"
        if {a, b} & {0, self.true}:
            kind = "and"
        elif a == b ^ self.true:
            kind = "xor"
        return self._gate(kind, condition & a | ~condition & b & self.true, condition, a, b)

    def majority(self, a: Pattern, b: Pattern, c: Pattern) -> Pattern:
        """What two of three wires are at least: the carry of a full adder."""
        kind: Kind = "and" if {a, b, c} & {0, self.true} else "mux"
        return self._gate(kind, a & b | a & c | b & c, a, b, c)

    def add(self, rows: Sequence[Bits]) -> Bits:
        """The sum modulo 2^width: carry-save rows, then one chain of full adders."""
        width = len(rows[0])
        constant = sum(sum(1 << i for i, bit in enumerate(row) if bit == self.true) for row in rows)
        columns = [[row[i] for row in rows if row[i] not in (0, self.true)] for i in range(width)]
        for i, column in enumerate(columns):
            column += [self.true] * (constant >> i & 1)
        while max(map(len, columns)) > 2:
            columns = self._compressed(columns)
        total: Bits = []
        carry = 0
        for column in columns:
            a, b = (*column, 0, 0)[:2]
            total.append(self.differ(self.differ(a, b), carry))
            carry = self.majority(a, b, carry)
        return total

    def less(self, a: Bits, b: Bits) -> Pattern:
        """Whether a < b, both unsigned: the borrow of a − b."""
        borrow = 0
        for left, right in zip(a, b, strict=True):
            borrow = self.majority(left ^ self.true, right, borrow)
        return borrow

    def _compressed(self, columns: Sequence[Bits]) -> list[Bits]:
        """Three bits of a column become one there and one in the next."""
        found: list[Bits] = [[] for _ in range(len(columns) + 1)]
        for i, column in enumerate(columns):
            whole = len(column) - len(column) % 3
            for a, b, c in zip(*(column[j:whole:3] for j in range(3)), strict=True):
                found[i].append(self.differ(self.differ(a, b), c))
                found[i + 1].append(self.majority(a, b, c))
            found[i] += column[whole:]
        return found[:-1]

    def _gate(self, kind: Kind, result: Pattern, *sources: Pattern) -> Pattern:
        key = self._positive(result)
        if key not in self._known:
            self._known.add(key)
            self._made[key] = kind, sources
        return result

    def _positive(self, wire: Pattern) -> Pattern:
        """Of a wire and its complement the one that is 0 for the first input."""
        return wire ^ self.true if wire & 1 else wire


def _pattern(values: Integers) -> Pattern:
    """A bit for each value, the first one lowest."""
    return int.from_bytes(
        np.packbits(values.astype(np.uint8), bitorder="little").tobytes(), "little"
    )


__all__ = ["Bits", "GateCount", "Gates", "Kind", "Pattern"]
