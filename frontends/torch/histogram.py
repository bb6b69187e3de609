"""Counts of real values, and the power of two that stores them with the least error."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lut_opt.dialects.quantization import storage_range

HALF = 1 << 13
"""Histogram bins on each side of zero: a bin is at most 1/64 of the min–max INT8 step."""

_CLIPPED_OCTAVES = 5
"""How far below the min–max scale the least squared error is looked for."""

_POINTS_PER_BIN = 4

QUANTILES = 128
"""Steps of probability between the least and the largest value."""

_SORTED = 1 << 16
"""At most so many values of a batch are sorted, evenly spread over it."""


class Histogram:
    """Counts of values in equal bins over [−limit, limit); the limit doubles when need be."""

    def __init__(self) -> None:
        self.limit = 0.0
        self.counts: NDArray[np.int64] = np.zeros(2 * HALF, np.int64)
        self.minimum = math.inf
        self.maximum = -math.inf
        self._sorted: list[NDArray[np.float64]] = []
        self._sizes: list[int] = []

    def add(self, values: NDArray[Any]) -> None:
        """Count finite values of any shape; an empty array changes nothing."""
        if not values.size:
            return
        low, high = float(values.min()), float(values.max())
        self.minimum, self.maximum = min(self.minimum, low), max(self.maximum, high)
        self._grow(max(abs(low), abs(high)))
        width = self.limit / HALF
        bins = np.floor(values.reshape(-1).astype(np.float64) / width).astype(np.int64) + HALF
        self.counts += np.bincount(bins, minlength=2 * HALF)
        some = values.reshape(-1)[:: -(-values.size // _SORTED)].astype(np.float64)
        self._sorted.append(np.quantile(some, np.linspace(0.0, 1.0, 8 * QUANTILES + 1)))
        self._sizes.append(values.size)

    @property
    def quantiles(self) -> NDArray[np.float64]:
        """Values at equal steps of probability, least to largest, of at least one seen."""
        each = np.concatenate(self._sorted)
        weights = np.repeat(np.array(self._sizes, np.float64), len(self._sorted[0]))
        order = np.argsort(each, kind="stable")
        share = np.cumsum(weights[order]) - weights[order] / 2
        found = np.interp(np.linspace(0.0, 1.0, QUANTILES + 1), share / weights.sum(), each[order])
        return np.concatenate(([self.minimum], found[1:-1], [self.maximum]))

    def include(self, value: float) -> None:
        """Let the extent reach a value that counts for nothing else."""
        if self.total:
            self.minimum, self.maximum = min(self.minimum, value), max(self.maximum, value)
            self._grow(abs(value))

    @property
    def total(self) -> int:
        """Number of values counted."""
        return int(self.counts.sum())

    def _grow(self, magnitude: float) -> None:
        if not self.limit:
            # The smallest power of two above the magnitude; 1 where every value is zero.
            self.limit = math.ldexp(1.0, math.frexp(magnitude)[1]) if magnitude else 1.0
        while magnitude >= self.limit:
            self.limit *= 2
            middle = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.pad(middle, HALF // 2)


def _same(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x


def least_squares_scale(
    histogram: Histogram,
    largest: float,
    bits: int,
    of: Callable[[NDArray[np.float64]], NDArray[np.float64]] = _same,
    signed: bool = True,
) -> float:
    """
    The power of two up to `largest` with the least squared error, that of clipping included.

    `of` is what the values are for: the error is measured on its results.
    """
    width = histogram.limit / HALF
    offsets = (np.arange(_POINTS_PER_BIN) + 0.5) / _POINTS_PER_BIN
    bins = np.flatnonzero(histogram.counts)
    points = (bins[:, None] - HALF + offsets) * width
    counts = histogram.counts[bins][:, None]
    wanted = of(points)
    low, high = storage_range(bits, signed)

    def error(scale: float) -> float:
        restored = np.clip(np.rint(points / scale), low, high) * scale
        return float((counts * (of(restored) - wanted) ** 2).sum())

    candidates = [math.ldexp(largest, -octave) for octave in range(_CLIPPED_OCTAVES + 1)]
    return min(candidates, key=error)
