"""How close results are to a reference: cosine, signal-to-noise ratio, largest error, agreement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = Mapping[str, Array]
"""The outputs of one run, by name."""


@dataclass(frozen=True)
class Figures:
    """
    One output against its reference, over all samples of all batches.

    A sample is what the first axis counts; a tensor of fewer than two axes is one. `cosine` is the
    mean of the samples' cosines and `worst_cosine` the least, `sqnr` the signal-to-noise ratio of
    everything in decibels (infinite where nothing differs), `error` the largest absolute
    difference. `agreement` is how often the largest element along the last axis is the same, and of
    integers how many are equal. What an output does not have is None: integers have no cosine, a
    last axis of one element no largest.
    """

    samples: int
    cosine: float | None = None
    worst_cosine: float | None = None
    sqnr: float | None = None
    error: float | None = None
    agreement: float | None = None


HIGHER_IS_BETTER = {
    "cosine": True,
    "worst_cosine": True,
    "sqnr": True,
    "error": False,
    "agreement": True,
}
"""The metrics, and in which direction each is good."""


def worst(outputs: Mapping[str, Figures], metric: str) -> float | None:
    """The worst value of a metric over outputs, None where no output has it."""
    values = [value for each in outputs.values() if (value := getattr(each, metric)) is not None]
    if not values:
        return None
    return min(values) if HIGHER_IS_BETTER[metric] else max(values)


class Tally:
    """The figures of one output, batch by batch."""

    def __init__(self) -> None:
        self._cosines: list[NDArray[np.float64]] = []
        self._samples = 0
        self._signal = self._noise = self._error = 0.0
        self._same = self._compared = 0
        self._is_real = False

    def add(self, reference: Array, result: Array) -> None:
        """
        Take in one batch. `ValueError` where the shapes differ.

        What is infinite or NaN in the reference must be so in the result, or the noise is infinite.
        """
        if reference.shape != result.shape:
            raise ValueError(f"the result is {result.shape}, the reference {reference.shape}")
        self._samples += len(reference) if reference.ndim > 1 else 1
        if not np.issubdtype(reference.dtype, np.floating):
            self._count(reference == result)
            return
        self._is_real = True
        a, b = reference.astype(np.float64), result.astype(np.float64)
        if a.ndim and a.shape[-1] > 1 and a.size:
            self._count(a.argmax(-1) == b.argmax(-1))
        usual = np.isfinite(a)
        alike = np.where(usual, np.isfinite(b), (a == b) | (np.isnan(a) & np.isnan(b)))
        if not alike.all():
            self._noise = self._error = math.inf
        usual &= alike
        a, b = np.where(usual, a, 0.0), np.where(usual, b, 0.0)
        self._signal += float(np.square(a).sum())
        self._noise += float(np.square(a - b).sum())
        self._error = max(self._error, float(np.abs(a - b).max(initial=0.0)))
        rows = (
            a.reshape(len(a) if a.ndim > 1 else 1, -1),
            b.reshape(len(b) if b.ndim > 1 else 1, -1),
        )
        self._cosines.append(_cosines(*rows))

    def _count(self, same: NDArray[np.bool_]) -> None:
        self._same += int(same.sum())
        self._compared += same.size

    @property
    def figures(self) -> Figures:
        """What was seen so far."""
        agreement = self._same / self._compared if self._compared else None
        if not self._is_real:
            return Figures(self._samples, agreement=agreement)
        cosines = np.concatenate(self._cosines)
        return Figures(
            self._samples,
            float(cosines.mean()),
            float(cosines.min()),
            _decibels(self._signal, self._noise),
            self._error,
            agreement,
        )


def _cosines(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosines row by row: 1 of two rows of zeros, 0 of one."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    products = (a * b).sum(1)
    nothing = ~a.any(1) & ~b.any(1)
    return np.where(nothing, 1.0, products / np.where(lengths > 0, lengths, 1.0))


def _decibels(signal: float, noise: float) -> float:
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if 0 < signal and noise < math.inf else -math.inf
