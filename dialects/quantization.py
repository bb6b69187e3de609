"""Uniform quantization as plain numbers: how stored integers stand for reals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Integers = NDArray[np.int64]


MAX_VALUES = 1 << 24
"""Stored values that are looked at one by one."""


@dataclass(frozen=True, init=False)
class Quantization:
    """
    A stored integer `q` in `[minimum, maximum]` stands for the real `scale · (q − zero_point)`.

    `bits` is the storage width; `signed` says how the bits are read. A bound that is not given is
    that of the storage.
    """

    bits: int
    signed: bool
    scale: float
    zero_point: int
    minimum: int
    maximum: int

    def __init__(
        self,
        bits: int,
        signed: bool,
        scale: float,
        zero_point: int = 0,
        minimum: int | None = None,
        maximum: int | None = None,
    ):
        # Bounds are resolved here, so that equal quantizations compare equal however they are made.
        set_field = partial(object.__setattr__, self)
        set_field("bits", bits)
        set_field("signed", signed)
        set_field("scale", scale)
        set_field("zero_point", zero_point)
        set_field("minimum", storage_range(bits, signed)[0] if minimum is None else minimum)
        set_field("maximum", storage_range(bits, signed)[1] if maximum is None else maximum)

    @property
    def ends(self) -> Integers:
        """The least and the greatest stored value."""
        return np.array([self.minimum, self.maximum], np.int64)

    @property
    def values(self) -> Integers:
        """Every stored value, ascending. Raises `ValueError` above `MAX_VALUES` of them."""
        count = self.maximum - self.minimum + 1
        if count > MAX_VALUES:
            raise ValueError(
                f"{count} stored inputs are more than the {MAX_VALUES} that a table is made for: "
                "narrow the input's storage (its range, as in i32<-4096:4095>, or its type, such "
                "as i16), or use a range reduction"
            )
        return np.arange(self.minimum, self.maximum + 1, dtype=np.int64)

    def dequantize(self, q: Integers) -> Reals:
        """Reals that the stored integers stand for."""
        return (np.asarray(q, dtype=np.float64) - self.zero_point) * self.scale

    def quantize(self, x: Reals) -> Integers:
        """Nearest stored integers, ties to even, saturated (NaN is not expected)."""
        q = np.rint(np.asarray(x, dtype=np.float64) / self.scale) + self.zero_point
        return np.clip(q, self.minimum, self.maximum).astype(np.int64)

    def clip(self, x: Reals) -> Reals:
        """Reals saturated to the representable range."""
        low = (self.minimum - self.zero_point) * self.scale
        high = (self.maximum - self.zero_point) * self.scale
        return np.clip(x, low, high)


def storage_range(bits: int, signed: bool) -> tuple[int, int]:
    """Smallest and largest integer of a storage type."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def exact_log2(value: float) -> int | None:
    """Exponent of a positive power of two, None for any other number."""
    if not (value > 0 and math.isfinite(value)):
        return None
    mantissa, exponent = math.frexp(value)
    return exponent - 1 if mantissa == 0.5 else None


def covering_scale(low: float, high: float, bits: int, signed: bool = True) -> float:
    """
    The smallest power of two S with [low, high] within [minimum·S, maximum·S] of the storage.

    A range of nothing but zero has the scale at which signed storage spans [−1, 1).
    """
    minimum, maximum = storage_range(bits, signed)
    needed = max(high / maximum, low / minimum if minimum else 0.0)
    if needed <= 0:
        return math.ldexp(1.0, 1 - bits)
    mantissa, exponent = math.frexp(needed)
    return math.ldexp(1.0, exponent - 1 if mantissa == 0.5 else exponent)
