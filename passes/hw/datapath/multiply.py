"""
Slope times x plus bias, in several ways.

`recoded` writes every slope in radix 4, slope = Σ d_j·4^j with d_j in −2 … 2, when the circuit is
built (Booth's multiplication with the recoding done beforehand). Three constant bits a digit,
chosen by the segment, make a row of 0, x or 2x, inverted where the digit is negative; the missing
+1 of the inversion is part of the bias. An 8-bit slope makes four rows to add, where a plain
multiplier adds eight.

`lines` computes the product with every distinct slope by shifts and adds, and masks all but one.

`inferred` leaves the multiplication to the synthesizer; `block` does so for an FPGA's multiplier
blocks (`Circuit.multiply`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from xdsl.dialects import comb
from xdsl.ir import SSAValue

from lut_opt.dialects.quantization import storage_range
from lut_opt.passes.hw.builder.circuit import Circuit, Wire, width_of
from lut_opt.passes.hw.datapath.segments import Segment

Multiplier = Literal["recoded", "lines", "inferred", "block"]


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
    kinds = {"recoded": Recoded, "lines": Lines, "inferred": Inferred, "block": Inferred}
    return kinds[kind](tuple(used))


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


@dataclass(frozen=True)
class Lines:
    """The product with every distinct slope, one of them let through."""

    used: tuple[Segment, ...]

    @property
    def slopes(self) -> list[int]:
        """Distinct slopes other than 0."""
        return sorted({segment.slope for segment in self.used} - {0})

    @property
    def constants(self) -> Mapping[str, Sequence[int]]:
        """For each slope whether it is this segment's, and bias without the shared low zeros."""
        masks = {
            f"slope_{k}".replace("-", "m"): [int(segment.slope == k) for segment in self.used]
            for k in self.slopes
        }
        return {**masks, "bias": _aligned(self.biases)}

    @property
    def biases(self) -> list[int]:
        """What each segment adds."""
        return [segment.bias for segment in self.used]

    def accumulate(self, circuit: Circuit, x: Wire, chosen: Mapping[str, Wire]) -> Wire:
        """Multiply by every slope, mask, and add the bias."""
        low, high = sums(self.used)
        bias = _bias(circuit, chosen, self.biases)
        if not self.slopes:
            return bias
        # Modulo 2^width: the sum fits, whatever the products of other segments would be.
        width = width_of(low, high)
        masked: list[SSAValue] = []
        for k in self.slopes:
            mask = chosen[f"slope_{k}".replace("-", "m")]
            product = circuit.resize(constant_multiple(circuit, x, k), width)
            if mask.low == mask.high:
                masked.append(product)
                continue
            fence = circuit.replicate(mask.value, width)
            masked.append(circuit.add_op(comb.AndOp([product, fence])))
        line = circuit.add_op(comb.OrOp(masked), "line") if len(masked) > 1 else masked[0]
        modulo = Wire(line, *storage_range(width, signed=True))
        return circuit.add([modulo, bias], low, high, "acc")


def constant_multiple(circuit: Circuit, x: Wire, factor: int) -> Wire:
    """`factor · x` as a sum of shifted copies of x, some of them negative."""
    ends = factor * x.low, factor * x.high
    low, high = min(ends), max(ends)
    terms = [circuit.shift_left(x, at) for at, sign in _signed_bits(factor) if sign > 0]
    taken = [circuit.shift_left(x, at) for at, sign in _signed_bits(factor) if sign < 0]
    width = width_of(low, high)
    # −v = ~v + 1: the ones are added up into one constant.
    ones = circuit.constant((1 << width) - 1, width).value
    rows = [Wire(circuit.resize(term, width), low, high) for term in terms]
    for term in taken:
        flipped = circuit.add_op(comb.XorOp([circuit.resize(term, width), ones]))
        rows.append(Wire(flipped, low, high))
    if taken:
        rows.append(circuit.constant(len(taken), width))
    return rows[0] if len(rows) == 1 else circuit.add(rows, low, high)


def _signed_bits(value: int) -> list[tuple[int, int]]:
    """The fewest signed powers of two that make up a value, as (exponent, sign)."""
    found: list[tuple[int, int]] = []
    at = 0
    while value:
        if value & 1:
            sign = 2 - (value & 3)
            found.append((at, sign))
            value -= sign
        value >>= 1
        at += 1
    return found


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
