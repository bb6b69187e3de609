"""
Requantization: what turns sums of integers at one scale into stored integers of another.

    t = Σ multiplier_i · x_i + offset                   # exact, in 64 bits at most
    q = zero point + t / 2^shift, halves to even        # then saturated to the result's range

A multiplier is round(scale_i / result scale · 2^shift), the shift as large as 31 bits of the finest
operand's multiplier and 63 of t allow, less the zeros at their ends: where all scales are powers of
two, the multipliers are exact. That is TOSA's rescale with a sum in front of its one rounding, but
for ties: they go to the even neighbour, as `quant.qcast` and PyTorch round. Hence requantization by
powers of two *is* dequantization, exact addition and quantization.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lut_opt.dialects.quantization import Integers, Quantization, Reals

MULTIPLIER_BITS = 31
"""Of the finest operand's multiplier, without its sign."""

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

        `constant` broadcasts as scales do. Raises ValueError where sums do not fit 64 bits, the
        result's scale is 2^31 times as fine as all the operands', or operands are so far apart that
        64 bits do not hold one exactly enough beside the other.
        """
        sum_ = _in_steps(operands, result, choices, constant)
        shift = _shift(sum_)
        multipliers = [np.rint(np.ldexp(r, shift)).astype(np.int64) for r in sum_.ratios]
        _refuse_lost(sum_, multipliers, shift)
        offset = np.rint(np.ldexp(sum_.addend, shift)).astype(np.int64)
        spare = min([shift, *(_zeros(each) for each in (*multipliers, offset))])
        multipliers, offset = [each >> spare for each in multipliers], offset >> spare
        shift -= spare
        largest = sum(
            int(np.max(np.abs(m), initial=0)) * bound
            for m, bound in zip(multipliers, sum_.bounds, strict=True)
        )
        largest += int(np.max(np.abs(offset), initial=0)) + (1 << shift)
        edges = result.quantize(np.array([low, high]))
        wide = max(largest, *map(abs, sum_.bounds), abs(result.minimum), abs(result.maximum))
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


@dataclass(frozen=True, eq=False)
class _Sum:
    """Σ ratio_i · x_i + addend in steps of the result, |x_i| ≤ bound_i; choices come last."""

    ratios: tuple[Reals, ...]
    bounds: tuple[int, ...]
    addend: Reals
    span: float
    """Twice as many steps as the result stores: a sum that is further away saturates."""
    operands: int
    """How many of the ratios are those of operands."""

    def reach(self, index: int) -> float:
        """The most steps that one part makes."""
        return _largest(self.ratios[index]) * self.bounds[index]


def _in_steps(
    operands: Sequence[Scaled],
    result: Quantization,
    choices: Sequence[Choice],
    constant: Reals | float,
) -> _Sum:
    ratios = [each.scale / result.scale for each in operands]
    addend = np.asarray(constant, np.float64) / result.scale
    # What is further away saturates whatever else is added, and need not be exact.
    span = 2.0 * (result.maximum - result.minimum + 1)
    reaches = (_largest(r) * x.bound for r, x in zip(ratios, operands, strict=True))
    finite = _largest(addend[np.isfinite(addend)]) if np.ndim(addend) else 0.0
    limit = 2.0 ** math.ceil(math.log2(span + sum(reaches) + min(finite, span)))
    addend = np.clip(addend, -limit, limit)
    for choice in choices:
        far = limit * result.scale
        ends = np.clip([choice.when_true, choice.when_false], -far, far)
        ratios.append(np.asarray((ends[0] - ends[1]) / result.scale))
        addend = addend + ends[1] / result.scale
    bounds = [*(each.bound for each in operands), *(1 for _ in choices)]
    return _Sum(tuple(ratios), tuple(bounds), addend, span, len(operands))


def _largest(values: Reals) -> float:
    return float(np.max(np.abs(values), initial=0.0))


def _zeros(values: Integers) -> int:
    """Zero bits at the end of all of them."""
    union = int(np.bitwise_or.reduce(np.abs(values).reshape(-1), initial=0))
    return (union & -union).bit_length() - 1 if union else MAX_SHIFT


def _shift(sum_: _Sum) -> int:
    """
    The largest shift at which sums fit, and the finest operand's multiplier its 31 bits.

    Multipliers of coarser operands and of choices are as much longer. ValueError if there is none.
    """
    own = [_largest(ratio) for ratio in sum_.ratios[: sum_.operands]]
    finest = min((each for each in own if each > 0), default=0.0)
    total = sum(map(sum_.reach, range(len(sum_.ratios)))) + _largest(sum_.addend) + 1.0
    room = _SUM_LIMIT / total
    if finest > 0:
        room = min(room, ((1 << MULTIPLIER_BITS) - 1) / finest)
    shift = min(math.frexp(room)[1] - 1, MAX_SHIFT)
    if shift < 0:
        raise ValueError(
            f"the result's scale is too fine for its operands: their scales are {max(own):.3g} "
            f"times as large, their sums {total:.3g} steps; use a coarser one"
        )
    return shift


def _refuse_lost(sum_: _Sum, multipliers: Sequence[Integers], shift: int) -> None:
    """
    ValueError where a rounded multiplier moves a result by a step or more.

    An operand's values count as far as the others can bring their sum back into the result's range.
    """
    everything = sum(map(sum_.reach, range(sum_.operands))) + _largest(sum_.addend)
    for index in range(sum_.operands):
        ratio, bound = np.abs(sum_.ratios[index]), sum_.bounds[index]
        within = sum_.span + everything - sum_.reach(index)
        largest = np.minimum(float(bound), within / np.maximum(ratio, 1e-300))
        off = np.abs(np.ldexp(np.abs(multipliers[index]).astype(np.float64), -shift) - ratio)
        if (lost := float(np.max(off * largest, initial=0.0))) >= 1.0:
            raise ValueError(
                f"scales too far apart for 64 bits: an operand of {_largest(ratio):.3g} steps of "
                f"the result, up to {bound}, would be wrong by up to {lost:.3g} steps beside "
                "others; quantize it before, or the result more finely"
            )
