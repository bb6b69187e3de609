"""
What a weightless block computes, on arrays of integers and bits: the one definition.

    bits = thermometer.evaluate(q)          # q > t for every threshold of every feature
    bits = luts.evaluate(bits)              # entry of each table at the address that its wires make
    y    = sum_.evaluate(bits, result)      # what the set bits weigh, rounded to a quantized type

Differentiable weightless networks: Bacellar et al., ICML 2024 (arXiv:2410.11112); as the MLP of a
transformer: QuWeiT (arXiv:2411.01818).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lut_opt.dialects.quantization import Integers, Quantization

Bits = NDArray[np.bool_]

MAX_INPUTS = 6
"""Inputs of a LUT: its table is one word of 64 bits, and one LUT6 of an FPGA."""

MAX_SHIFT = 30
"""Of a sum's result, whose accumulator has 32 bits."""

ACCUMULATOR_BITS = 32


@dataclass(frozen=True)
class Thermometer:
    """Bit q > t for each threshold t of each feature: feature by feature, thresholds ascending."""

    thresholds: tuple[tuple[int, ...], ...]

    @property
    def features(self) -> int:
        """Number of features."""
        return len(self.thresholds)

    @property
    def bits(self) -> int:
        """Number of bits over all features."""
        return sum(map(len, self.thresholds))

    @cached_property
    def places(self) -> tuple[tuple[int, int], ...]:
        """The feature and the threshold of each bit."""
        return tuple((f, t) for f, row in enumerate(self.thresholds) for t in row)

    def check(self) -> None:
        """Raise `ValueError` for thresholds that do not ascend."""
        for feature, row in enumerate(self.thresholds):
            if any(a > b for a, b in pairwise(row)):
                raise ValueError(f"thresholds of feature {feature} must ascend, got {list(row)}")

    def evaluate(self, q: Integers) -> Bits:
        """Bits (…, bits) of stored integers (…, features)."""
        if not self.places:
            return np.zeros((*q.shape[:-1], 0), np.bool_)
        feature, threshold = np.asarray(self.places, np.int64).T
        return q[..., feature] > threshold


@dataclass(frozen=True)
class Luts:
    """
    A layer: LUT i is given the bits `connections[i]`, and answers one bit of `tables[i]`.

    Input l of a LUT is bit l of its address, the least significant first; the answer is bit
    `address` of the table. Each LUT has 0 … 6 inputs.
    """

    connections: tuple[tuple[int, ...], ...]
    tables: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of LUTs."""
        return len(self.tables)

    @property
    def inputs(self) -> int:
        """Number of bits that the connections ask for."""
        return 1 + max((wire for row in self.connections for wire in row), default=-1)

    def check(self) -> None:
        """Raise `ValueError` for connections or tables that no LUT can have."""
        if len(self.connections) != self.count:
            raise ValueError(
                f"{len(self.connections)} rows of connections but {self.count} tables: give as many"
            )
        for lut, (row, table) in enumerate(zip(self.connections, self.tables, strict=True)):
            if len(row) > MAX_INPUTS:
                raise ValueError(f"LUT {lut} has {len(row)} inputs, more than {MAX_INPUTS}")
            if any(wire < 0 for wire in row):
                raise ValueError(f"LUT {lut} is connected to a negative bit: {list(row)}")
            if not 0 <= table < 1 << (1 << len(row)):
                raise ValueError(
                    f"table {table:#x} of LUT {lut} does not have 2^{len(row)} bits, one for each "
                    "address"
                )

    @cached_property
    def _wired(self) -> tuple[Integers, Integers, NDArray[np.uint64]]:
        """Connections filled up to the same number of inputs, the weight of each, the tables."""
        most = max(map(len, self.connections), default=0)
        wires = np.zeros((self.count, most), np.int64)
        weights = np.zeros((self.count, most), np.int64)
        for lut, row in enumerate(self.connections):
            wires[lut, : len(row)] = row
            weights[lut, : len(row)] = 1 << np.arange(len(row))
        return wires, weights, np.asarray(self.tables, np.uint64)

    def evaluate(self, bits: Bits) -> Bits:
        """Bits (…, LUTs) of bits (…, inputs)."""
        wires, weights, tables = self._wired
        address = np.zeros((*bits.shape[:-1], self.count), np.int64)
        for column in range(wires.shape[1]):
            address += bits[..., wires[:, column]] * weights[:, column]
        return (tables >> address.astype(np.uint64) & np.uint64(1)).astype(np.bool_)


@dataclass(frozen=True)
class ConditionalSum:
    """
    Result j is what the set bits weigh: ⌊(bias[j] + Σ weights[j]·bit + half) / 2^shift⌋, clamped.

    Row j of `bits` says which bits the weights of row j belong to; without `bits` each result sees
    all of them in order (dense). The accumulator is in units of the result's scale · 2^−shift, and
    the bias holds the zero point, shifted.
    """

    weights: tuple[tuple[int, ...], ...]
    bias: tuple[int, ...]
    shift: int = 0
    bits: tuple[tuple[int, ...], ...] | None = None

    @property
    def results(self) -> int:
        """Number of results."""
        return len(self.bias)

    @property
    def inputs(self) -> int:
        """Number of bits that are asked for; of a dense sum, that there must be."""
        if self.bits is None:
            return max(map(len, self.weights), default=0)
        return 1 + max((wire for row in self.bits for wire in row), default=-1)

    def terms(self, result: int) -> list[tuple[int, int]]:
        """Bit and weight of each term of a result."""
        row = self.weights[result]
        return list(zip(range(len(row)) if self.bits is None else self.bits[result], row))

    def check(self) -> None:
        """Raise `ValueError` for lists of different lengths, shifts and sums that are too wide."""
        if len(self.weights) != self.results:
            raise ValueError(f"{len(self.weights)} rows of weights but {self.results} biases")
        if self.bits is None:
            if len({*map(len, self.weights)}) > 1:
                raise ValueError("every row of a dense sum has as many weights: name `bits` else")
        else:
            if [*map(len, self.bits)] != [*map(len, self.weights)]:
                raise ValueError("each row of `bits` must be as long as its row of weights")
            if any(wire < 0 for row in self.bits for wire in row):
                raise ValueError("a negative bit")
        if not 0 <= self.shift <= MAX_SHIFT:
            raise ValueError(f"shift {self.shift} is not within 0 … {MAX_SHIFT}")
        for result in range(self.results):
            low, high = self.bounds(result)
            if max(~low, high + self.half) >> (ACCUMULATOR_BITS - 1):
                raise ValueError(
                    f"result {result} sums up to [{low}, {high}], more than "
                    f"{ACCUMULATOR_BITS} bits: use smaller weights"
                )

    def check_inputs(self, given: int) -> None:
        """Raise `ValueError` for a sum that has another number of bits to add up."""
        if self.inputs > given or (self.bits is None and self.results and self.inputs < given):
            raise ValueError(f"a sum over {self.inputs} bits is given {given}")

    @property
    def half(self) -> int:
        """What rounds: half a step of the result."""
        return (1 << self.shift) >> 1

    def bounds(self, result: int) -> tuple[int, int]:
        """The least and the greatest accumulator of a result, before `half` is added."""
        bias, weights = self.bias[result], self.weights[result]
        return bias + sum(min(w, 0) for w in weights), bias + sum(max(w, 0) for w in weights)

    def accumulate(self, bits: Bits) -> Integers:
        """Accumulators (…, results) of bits (…, inputs)."""
        # Exact: check() bounds every sum far below 2^53.
        return (bits.astype(np.float64) @ self._matrix(bits.shape[-1]).T).astype(
            np.int64
        ) + np.asarray(self.bias, np.int64)

    def requantize(self, accumulators: Integers, result: Quantization) -> Integers:
        """Stored results of accumulators."""
        return np.clip((accumulators + self.half) >> self.shift, result.minimum, result.maximum)

    def evaluate(self, bits: Bits, result: Quantization) -> Integers:
        """Stored results (…, results) of bits (…, inputs)."""
        return self.requantize(self.accumulate(bits), result)

    def _matrix(self, inputs: int) -> NDArray[np.float64]:
        """Weights (results, inputs); a bit that a row names twice weighs both."""
        if self.bits is None:
            return np.asarray(self.weights, np.float64).reshape(self.results, inputs)
        matrix = np.zeros((self.results, inputs))
        for result in range(self.results):
            for wire, weight in self.terms(result):
                matrix[result, wire] += weight
        return matrix


def popcount(inputs: int, groups: int) -> ConditionalSum:
    """The sum whose result g counts the set bits of the g-th of equal, consecutive groups."""
    size = inputs // groups
    members = tuple(tuple(range(g * size, (g + 1) * size)) for g in range(groups))
    return ConditionalSum(((1,) * size,) * groups, (0,) * groups, 0, members)


@dataclass(frozen=True)
class Block:
    """A whole block: encoder, layers and read-out, between stored integers."""

    operand: Quantization
    thermometer: Thermometer
    layers: tuple[Luts, ...]
    readout: ConditionalSum
    result: Quantization

    def check(self) -> None:
        """Raise `ValueError` for parts that are wrong or do not fit together."""
        self.thermometer.check()
        given = self.thermometer.bits
        for number, luts in enumerate(self.layers):
            luts.check()
            if luts.inputs > given:
                raise ValueError(f"layer {number} asks for bit {luts.inputs - 1} of {given}")
            given = luts.count
        self.readout.check()
        self.readout.check_inputs(given)

    @property
    def bit_count(self) -> int:
        """Bits that are read out."""
        return self.layers[-1].count if self.layers else self.thermometer.bits

    def bits(self, q: Integers) -> list[Bits]:
        """What the encoder and each layer answer."""
        found = [self.thermometer.evaluate(q)]
        for luts in self.layers:
            found.append(luts.evaluate(found[-1]))
        return found

    def evaluate(self, q: Integers) -> Integers:
        """Stored results (…, results) of stored integers (…, features)."""
        return self.readout.evaluate(self.bits(q)[-1], self.result)


def tuples(rows: Sequence[Sequence[int]] | Integers) -> tuple[tuple[int, ...], ...]:
    """Rows of numbers as they are held here."""
    return tuple(tuple(map(int, row)) for row in rows)
