"""Arithmetic on arrays of integers that the semantics of the dialect share."""

from __future__ import annotations

import math

import numpy as np

from lut_opt.dialects.quantization import Integers

MANTISSA_BITS = 24
"""Bits of a real constant's mantissa."""


def leading_one(values: Integers) -> Integers:
    """Position of the leading one of positive integers."""
    exponent = np.frexp(values.astype(np.float64))[1].astype(np.int64) - 1
    # The conversion to double may round up to the next power of two.
    return exponent - ((values >> exponent) == 0)


def round_shift(values: Integers, shift: Integers | np.int64) -> Integers:
    """⌊values / 2^shift + ½⌋; nothing is rounded where the shift is 0."""
    half = (np.int64(1) << shift) >> 1
    return (values + half) >> shift


def mantissa(value: float) -> tuple[int, int]:
    """
    A positive real as m · 2^−shift, m of 24 bits: off by at most 2^−24 of itself.

    A power of two is exact. Raises `ValueError` for what is no positive, finite number.
    """
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"the scales are too far apart: their quotient is {value}")
    fraction, exponent = math.frexp(value)
    return round(math.ldexp(fraction, MANTISSA_BITS)), MANTISSA_BITS - exponent
