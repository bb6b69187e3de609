"""
Slope times x plus bias, two ways.

`recoded` writes every slope in radix 4, slope = Σ d_j·4^j with d_j in −2 … 2, when the circuit is
built (Booth's multiplication with the recoding done beforehand). Three constant bits a digit,
chosen by the segment, make a row of 0, x or 2x, inverted where the digit is negative; the missing
+1 of the inversion is part of the bias. An 8-bit slope makes four rows to add, where a plain
multiplier adds eight.

`inferred` leaves the multiplication to the synthesizer: what an FPGA's multiplier blocks want.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from xdsl.dialects import comb

from lut_opt.passes.hw.circuit import Circuit, Wire, width_of
from lut_opt.passes.hw.segments import Segment

Multiplier = Literal["recoded", "inferred"]


class MultiplyAdd(Protocol):
    """A way to compute slope·x + bias from constants that the segment chooses."""

    @property
    def constants(self) -> Mapping[str, Sequence[int]]:
        """By name, the constant of every segment."""
        ...

    def accumulate(self, circuit: Circuit, x: Wire, chosen: Mapping[str, Wire]) -> Wire:
        """The accumulator, exact in the width of the sums that occur."""
        ...


def multiply_add(kind: Multiplier, used: Sequence[Segment]) -> MultiplyAdd:
    """The implementation of a kind for these segments."""
    return Recoded(tuple(used)) if kind == "recoded" else Inferred(tuple(used))


def digits(slope: int) -> tuple[int, ...]:
    """Radix-4 digits of −2 … 2, least significant first: 6 = 2 + 1·4 is (2, 1)."""
    found: list[int] = []
    while not -2 <= slope <= 2:
        digit = (slope + 1) % 4 - 1
        found.append(digit)
        slope = (slope - digit) >> 2
    return (*found, slope) if slope else tuple(found)


@dataclass(frozen=True)
class Inferred:
    """One `*` of chosen slope and x."""

    used: tuple[Segment, ...]

    @property
    def constants(self) -> Mapping[str, Sequence[int]]:
        """Slope, and bias without the low zeros that all biases share."""
        return {"slope": [segment.slope for segment in self.used], "bias": _aligned(self.biases)}

    @property
    def biases(self) -> list[int]:
        """What each segment adds."""
        return [segment.bias for segment in self.used]

    def accumulate(self, circuit: Circuit, x: Wire, chosen: Mapping[str, Wire]) -> Wire:
        """Multiply and add."""
        low, high = sums(self.used)
        products = [s.slope * q for s in self.used for q in (s.first, s.last)]
        width = min(width_of(min(products), max(products)), width_of(low, high))
        value = circuit.multiply(x, chosen["slope"], width, "product")
        product = Wire(value, min(products), max(products))
        return circuit.add([product, _bias(circuit, chosen, self.biases)], low, high, "acc")


@dataclass(frozen=True)
class Recoded:
    """A row of 0, ±x or ±2x for each radix-4 digit of the slopes."""

    used: tuple[Segment, ...]

    @property
    def rows(self) -> list[list[int]]:
        """For every row the digit of each segment."""
        recoded = [digits(segment.slope) for segment in self.used]
        count = max(map(len, recoded))
        return [[d[j] if j < len(d) else 0 for d in recoded] for j in range(count)]

    @property
    def constants(self) -> Mapping[str, Sequence[int]]:
        """Three control bits a row, and bias without the low zeros that all biases share."""
        bits: dict[str, Sequence[int]] = {}
        for j, row in enumerate(self.rows):
            bits[f"one_{j}"] = [int(abs(d) == 1) for d in row]
            bits[f"two_{j}"] = [int(abs(d) == 2) for d in row]
            bits[f"neg_{j}"] = [int(d < 0) for d in row]
        return {**bits, "bias": _aligned(self.biases)}

    @property
    def biases(self) -> list[int]:
        """What each segment adds: its bias, and what the inversions lack."""
        lacking = [
            sum(4**j for j, digit in enumerate(digits(segment.slope)) if digit < 0)
            for segment in self.used
        ]
        return [s.bias + missing for s, missing in zip(self.used, lacking, strict=True)]

    def accumulate(self, circuit: Circuit, x: Wire, chosen: Mapping[str, Wire]) -> Wire:
        """Add up the rows."""
        low, high = sums(self.used)
        terms: list[Wire] = []
        for j in range(len(self.rows)):
            row = _row(circuit, x, chosen, j)
            width = width_of(low, high) - 2 * j
            if width > 0:
                # Extended before it is shifted, so that the sign is a bit of a named wire.
                row = Wire(circuit.resize(row, width), row.low, row.high)
                terms.append(circuit.shift_left(row, 2 * j))
        terms.append(_bias(circuit, chosen, self.biases))
        return circuit.add(terms, low, high, "acc")


def sums(used: Sequence[Segment]) -> tuple[int, int]:
    """Smallest and largest accumulator, rounding addend included."""
    ends = [segment.at(q) for segment in used for q in (segment.first, segment.last)]
    return min(ends), max(ends)


def _row(circuit: Circuit, x: Wire, chosen: Mapping[str, Wire], index: int) -> Wire:
    """`negative ? ~v : v`, where v is x, 2x or 0."""
    one, two, negative = (chosen[f"{name}_{index}"] for name in ("one", "two", "neg"))
    row = circuit.constant(0)
    if two.high:
        row = circuit.mux(two.value, circuit.shift_left(x, 1), row)
    if one.high:
        row = circuit.mux(one.value, x, row)
    if negative.high:
        low, high = min(row.low, ~row.high), max(row.high, ~row.low)
        width = width_of(low, high)
        signs = circuit.replicate(negative.value, width)
        row = Wire(circuit.add_op(comb.XorOp([circuit.resize(row, width), signs])), low, high)
    if one.high or two.high:
        circuit.name(row.value, f"row_{index}")
    return row


def _aligned(biases: Sequence[int]) -> list[int]:
    zeros = _shared_zeros(biases)
    return [bias >> zeros for bias in biases]


def _bias(circuit: Circuit, chosen: Mapping[str, Wire], biases: Sequence[int]) -> Wire:
    """The chosen bias with its low zeros again."""
    zeros = _shared_zeros(biases)
    bias = chosen["bias"]
    return circuit.shift_left(bias, zeros, "bias_aligned") if zeros else bias


def _shared_zeros(values: Sequence[int]) -> int:
    """How many low bits are zero in every value."""
    return min(((v & -v).bit_length() - 1 for v in values if v), default=0)
