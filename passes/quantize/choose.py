"""
Storage that follows from a function and the inputs that count, on NumPy arrays alone.

What is stored of an input is what the function can tell apart: beyond the point from which on its
results stay within half a step of a result of that width, inputs saturate. What is stored of a
result covers every value that the function takes over the inputs that count.
"""

from __future__ import annotations

import math

import numpy as np

from lut_opt.dialects.quantization import Quantization, Reals, covering_scale, storage_range
from lut_opt.passes.recognize.functions import Interval, TableFunction

SMALLEST_SCALE = 2.0**-126
"""The least power of two that single precision holds with all its bits."""

LOSS = 0.01
"""Share of the signal, RMS, that storing input and result may cost: 40 dB."""

FREE_LOSS = 0.001
"""Share that a result at the accumulator's own unit may cost: it is not rounded again."""

NARROW_BITS = 8
"""Storage of which a bit more is worth a zero point."""

_POINTS = 4096
_BETWEEN = 8


def points_that_count(interval: Interval, quantiles: Reals | None) -> Reals:
    """
    Reals of an interval, ascending, of equal weight: as they were seen, or else evenly spread.

    Between neighbouring quantiles, which hold equally many inputs, these are spread evenly.
    """
    if quantiles is None:
        return np.linspace(*interval, _POINTS + 1)
    steps = len(quantiles) - 1
    at = np.linspace(0.0, steps, steps * _BETWEEN + 1)
    return np.clip(np.interp(at, np.arange(steps + 1), quantiles), *interval)


def used_interval(function: TableFunction, interval: Interval, bits: int) -> Interval:
    """
    The part of an interval outside which a function stays where it is at the end of the part.

    It may change there by half a step of a result of `bits` bits that covers its values. An
    interval in which the function is not defined everywhere is used whole.
    """
    x = np.linspace(*interval, _POINTS + 1)
    y = function(x)
    if not (function.is_defined(x).all() and np.isfinite(y).all()):
        return interval
    tolerance = float(np.max(np.abs(y))) * 2.0 ** -(bits + 1)
    first = _last_flat(y[::-1], tolerance)
    last = _last_flat(y, tolerance)
    low, high = len(x) - 1 - first, last
    return (float(x[low]), float(x[high])) if low < high else interval


def _last_flat(y: Reals, tolerance: float) -> int:
    """The first index from which on values stay within a tolerance of the one there."""
    above = np.maximum.accumulate(y[::-1])[::-1] - y
    below = y - np.minimum.accumulate(y[::-1])[::-1]
    return int(np.argmax(np.maximum(above, below) <= tolerance))


def input_storage(interval: Interval, bits: int) -> Quantization:
    """
    Integers of `bits` bits for the reals of an interval, at a power-of-two scale.

    Zero is stored as 0, unless the storage is narrow and a zero point makes the steps at least
    twice as fine.
    """
    low, high = interval
    signed = low < 0
    least, most = storage_range(bits, signed)
    plain = max(covering_scale(low, high, bits, signed), SMALLEST_SCALE)
    if bits > NARROW_BITS:
        return Quantization(bits, signed, plain)
    span = (high - low) / (most - least)
    finer = max(2.0 ** math.ceil(math.log2(span)), SMALLEST_SCALE) if span > 0 else plain
    while finer < plain:
        zero_point = least - math.floor(low / finer)
        if least <= zero_point <= most and high / finer + zero_point <= most:
            return Quantization(bits, signed, finer, zero_point)
        finer *= 2
    return Quantization(bits, signed, plain)


def result_storage(y: Reals, bits: int, unit: float | None = None) -> Quantization:
    """
    Integers of `bits` bits for results, at the least power of two that covers them but for a step.

    `unit` is the accumulator's own scale: it is taken where it covers the results and costs next
    to nothing of the signal. Raises `ValueError` where a result is not finite.
    """
    if not np.isfinite(y).all():
        raise ValueError("a result is infinite or not a number")
    low, high = float(np.min(y)), float(np.max(y))
    signed = low < 0
    least, most = storage_range(bits, signed)
    needed = max(high / (most + 1), low / (least - 1) if signed else 0.0, SMALLEST_SCALE)
    scale = 2.0 ** math.ceil(math.log2(needed))
    if unit is not None and unit >= scale and unit <= _rms(y) * FREE_LOSS * math.sqrt(12.0):
        scale = unit
    return Quantization(bits, signed, scale)


def loss(function: TableFunction, x: Reals, operand: Quantization, result: Quantization) -> float:
    """Share of the signal, RMS, that storing inputs and results costs a perfect unit."""
    wanted = function(x)
    stored = result.dequantize(result.quantize(function(operand.dequantize(operand.quantize(x)))))
    signal = _rms(wanted)
    return _rms(stored - wanted) / signal if signal else 0.0


def _rms(y: Reals) -> float:
    return float(np.sqrt(np.mean(np.square(y))))
