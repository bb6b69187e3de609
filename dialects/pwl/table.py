"""
The table: the one definition of what a piecewise-linear approximation computes.

Everything else (the interpreter, the arithmetic that `convert-pwl-to-arith` writes, the
SystemVerilog) is tested against `Table.evaluate` on every stored input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lut_opt.dialects.quantization import Integers, Quantization, exact_log2, storage_range


@dataclass(frozen=True)
class Table:
    """
    A total function on integers, in N linear segments.

        i   = number of breakpoints ≤ q           # a tie goes right (GQA-LUT Eq. 1)
        acc = slopes[i]·q + (intercepts[i] << intercept_shift)
        y   = clamp(floor((acc + 2^(r−1)) / 2^r)) # r = result_shift; r = 0: y = clamp(acc)

    `breakpoints` ascend (N−1 of them; equal neighbours make an empty segment); slopes and
    intercepts are signed integers of `param_bits` bits, the intercepts of `intercept_bits` where
    those differ (None: they do not).
    """

    breakpoints: tuple[int, ...]
    slopes: tuple[int, ...]
    intercepts: tuple[int, ...]
    intercept_shift: int = 0
    result_shift: int = 0
    param_bits: int = 8
    intercept_bits: int | None = None

    def __post_init__(self) -> None:
        if self.intercept_bits == self.param_bits:
            object.__setattr__(self, "intercept_bits", None)

    @property
    def entries(self) -> int:
        """Number of segments, N."""
        return len(self.slopes)

    def segment(self, q: Integers) -> Integers:
        """Index of the segment of each input."""
        return np.searchsorted(np.asarray(self.breakpoints, np.int64), q, side="right").astype(
            np.int64
        )

    def accumulate(self, q: Integers) -> Integers:
        """The exact accumulator of each input, before rounding."""
        q = np.asarray(q, dtype=np.int64)
        i = self.segment(q)
        slopes = np.asarray(self.slopes, np.int64)
        intercepts = np.asarray(self.intercepts, np.int64) << self.intercept_shift
        return slopes[i] * q + intercepts[i]

    def evaluate(self, q: Integers, result: Quantization) -> Integers:
        """The stored results of stored inputs, clamped to the result's storage range."""
        acc = self.accumulate(q)
        if self.result_shift:
            acc = (acc + (1 << (self.result_shift - 1))) >> self.result_shift
        return np.clip(acc, result.minimum, result.maximum)

    def accumulator_range(self, operand: Quantization, restricted: bool = False) -> tuple[int, int]:
        """
        Smallest and largest sum formed for any input, the rounding addend included.

        Every bit pattern of the storage counts, also those that a restricted storage range leaves
        out: hardware and arithmetic then agree with the table on whatever arrives. Where only that
        range can arrive, `restricted` says so.
        """
        least, most = storage_range(operand.bits, operand.signed)
        if restricted:
            least, most = operand.minimum, operand.maximum
        edges = [least, *self.breakpoints, most + 1]
        low, high = 0, 0
        for first, end, slope, intercept in zip(
            edges[:-1], edges[1:], self.slopes, self.intercepts, strict=True
        ):
            first, end = max(first, least), min(end, most + 1)
            if first >= end:
                continue
            for q in (first, end - 1):
                acc = slope * q + (intercept << self.intercept_shift)
                low, high = min(low, acc), max(high, acc)
        return low, high + ((1 << self.result_shift) >> 1)

    def accumulator_bits(self, operand: Quantization) -> int:
        """Width of the two's-complement accumulator that holds every sum of `accumulator_range`."""
        low, high = self.accumulator_range(operand)
        return (
            max((-low - 1).bit_length(), high.bit_length()) + 1
            if low < 0
            else (high.bit_length() + 1)
        )

    def form(self, operand: Quantization, result: Quantization) -> Literal["seed", "direct"]:
        """
        Whether slopes and intercepts are in the function's own units (GQA-LUT Eq. 3).

        In the seed form k = slope·2^−λ and b = intercept·2^−λ approximate f(x) ≈ k·x + b, for the
        power-of-two input scale S = 2^−intercept_shift; every other table is in the direct form.
        """
        exponents = exact_log2(operand.scale), exact_log2(result.scale)
        zero_points = operand.zero_point, result.zero_point
        if None in exponents or zero_points != (0, 0):
            return "direct"
        return "seed" if exponents[0] == -self.intercept_shift else "direct"

    @property
    def intercept_width(self) -> int:
        """Width of the intercepts in bits."""
        return self.intercept_bits or self.param_bits

    def parameter_range(self) -> tuple[int, int]:
        """Smallest and largest value that a slope may take."""
        return storage_range(self.param_bits, signed=True)

    def intercept_range(self) -> tuple[int, int]:
        """Smallest and largest value that an intercept may take."""
        return storage_range(self.intercept_width, signed=True)
