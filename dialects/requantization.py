"""
Requantization: what turns sums of integers at one scale into stored integers of another.

    t = Σ multiplier_i · x_i + offset                   # exact, in 64 bits at most
    q = zero point + t / 2^shift, halves to even        # then saturated to the result's range

A multiplier is round(scale_i / result scale · 2^shift) in 31 bits, the shift as large as they
and 63 bits of t allow, less the zeros at their ends: where all scales are powers of two, the
multipliers are exact. That is TOSA's rescale with a sum in front of its one rounding, but for ties:
they go to the even neighbour, as `quant.qcast` and PyTorch round. Hence requantization by powers of
two *is* dequantization, exact addition and quantization.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lut_opt.dialects.quantization import Integers, Quantization, Reals

MULTIPLIER_BITS = 31
"""Of a multiplier, without its sign."""

MAX_SHIFT = 62

_SUM_LIMIT = 2.0**62
"""Of |t|: half of what 64 bits hold leaves room for the rounding addend."""


@dataclass(frozen=True)
class Scaled:
    """What is known of an integer tensor x: |x| ≤ bound, and x stands for scale · x."""

    scale: Reals
    """One number, or one for each index of some axes: broadcast against the tensor."""
    bound: int


@dataclass(frozen=True)
class Choice:
    """A truth value that stands for one real or another, infinities included (a mask)."""

    when_true: float
    when_false: float


@dataclass(frozen=True, eq=False)
class Requantization:
    """The integers of one requantization; see the module's docstring."""

    multipliers: tuple[Integers, ...]
    """For each operand: those of `Scaled` first, then those of `Choice`, which are 0 or 1."""
    offset: Integers
    shift: int
    result: Quantization
    minimum: int
    """Of the stored results: those of the storage, or of a clamp between them."""
    maximum: int
    bits: int
    """The arithmetic's width: 32 where every sum fits, else 64."""

    @staticmethod
    def of(
        operands: Sequence[Scaled],
        result: Quantization,
        *,
        choices: Sequence[Choice] = (),
        constant: Reals | float = 0.0,
        low: float = -math.inf,
        high: float = math.inf,
    ) -> Requantization:
        """
        The requantization of Σ scale_i · x_i + choices + constant, clamped to [low, high].

        `constant` broadcasts as scales do. Raises ValueError where a scale is 2^31 times the
        result's or more: nothing of the operand would be left.
        """
        ratios = [each.scale / result.scale for each in operands]
        addend = np.asarray(constant, np.float64) / result.scale
        # What is further away saturates whatever else is added, and need not be exact.
        span = 2.0 * (result.maximum - result.minimum + 1)
        reaches = (_largest(r) * x.bound for r, x in zip(ratios, operands, strict=True))
        finite = _largest(addend[np.isfinite(addend)]) if np.ndim(addend) else 0.0
        limit = 2.0 ** math.ceil(math.log2(span + sum(reaches) + min(finite, span)))
        addend = np.clip(addend, -limit, limit)
        for choice in choices:
            ends = np.clip([choice.when_true, choice.when_false], *_ends(limit * result.scale))
            ratios.append(np.asarray((ends[0] - ends[1]) / result.scale))
            addend = addend + ends[1] / result.scale
        bounds = [*(each.bound for each in operands), *(1 for _ in choices)]
        shift = _shift(ratios, bounds, addend)
        multipliers = [np.rint(np.ldexp(ratio, shift)).astype(np.int64) for ratio in ratios]
        offset = np.rint(np.ldexp(addend, shift)).astype(np.int64)
        spare = min([shift, *(_zeros(each) for each in (*multipliers, offset))])
        multipliers, offset = [each >> spare for each in multipliers], offset >> spare
        shift -= spare
        largest = sum(
            int(np.max(np.abs(m), initial=0)) * bound
            for m, bound in zip(multipliers, bounds, strict=True)
        )
        largest += int(np.max(np.abs(offset), initial=0)) + (1 << shift)
        edges = result.quantize(np.array([low, high]))
        wide = max(largest, *map(abs, bounds), abs(result.minimum), abs(result.maximum))
        return Requantization(
            tuple(multipliers),
            offset,
            shift,
            result,
            int(edges[0]),
            int(edges[1]),
            32 if wide + abs(result.zero_point) < 1 << 31 else 64,
        )

    def evaluate(self, *operands: Integers) -> Integers:
        """Stored results of the operands, by the definition."""
        total: Integers = self.offset
        for multiplier, x in zip(self.multipliers, operands, strict=True):
            total = total + multiplier * np.asarray(x, np.int64)
        if self.shift:
            odd = (total >> self.shift) & 1
            total = (total + ((1 << (self.shift - 1)) - 1) + odd) >> self.shift
        return np.clip(total + self.result.zero_point, self.minimum, self.maximum)


def _ends(limit: float) -> tuple[float, float]:
    return -limit, limit


def _largest(values: Reals) -> float:
    return float(np.max(np.abs(values), initial=0.0))


def _zeros(values: Integers) -> int:
    """Zero bits at the end of all of them."""
    union = int(np.bitwise_or.reduce(np.abs(values).reshape(-1), initial=0))
    return (union & -union).bit_length() - 1 if union else MAX_SHIFT


def _shift(ratios: Sequence[Reals], bounds: Sequence[int], addend: Reals) -> int:
    """The largest shift at which multipliers and sums fit. ValueError if there is none."""
    largest = max((_largest(ratio) for ratio in ratios), default=0.0)
    total = sum(_largest(r) * bound for r, bound in zip(ratios, bounds, strict=True))
    total += _largest(addend) + 1.0
    room = _SUM_LIMIT / total
    if largest > 0:
        room = min(room, ((1 << MULTIPLIER_BITS) - 1) / largest)
    shift = min(math.frexp(room)[1] - 1, MAX_SHIFT)
    if shift < 0:
        raise ValueError(
            f"the result's scale is too fine for its operands: their scales are {largest:.3g} "
            f"times as large, their sums {total:.3g} steps; use a coarser one"
        )
    return shift
