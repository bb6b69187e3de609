"""
Storage for operands over many octaves, and the range reduction that goes with it.

A table over a plain 8-bit input keeps no significant bits of what is small. Where a function is
steep there, at or towards 0, its operand is stored in 16 or 32 bits instead, at a scale that leaves
the smallest declared value eight significant bits if 32 bits can, and so is its result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import Attribute, SSAValue

from lut_opt.dialects.pwl import LeadingZeroAttr, OctavesAttr, ReductionAttr
from lut_opt.dialects.pwl.range_reduction import LeadingZero, Octaves
from lut_opt.dialects.pwl.reduction import EXPONENTIALS, LOGARITHMS, PERIOD
from lut_opt.dialects.quant import SCALE_LIMITS
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.quantize.choose import input_storage, points_that_count
from lut_opt.passes.quantize.functions import (
    PLAIN_BITS,
    WIDE_BITS,
    Defaults,
    input_range,
    power_of_two_scale,
    quantiles,
)
from lut_opt.passes.quantize.given import quantized_source, quantized_user
from lut_opt.passes.recognize.functions import Interval, Nonlinear, TableFunction
from lut_opt.passes.support.declarations import BITS, declared_bits

NARROW = 16.0
"""A range whose ends have at most this ratio, four octaves, needs no reduction."""

SIGNIFICANT = 128
"""Least magnitude, in steps, of what has eight significant bits."""

GROWTH = 8.0
"""Octaves of results up to which a plain table serves an exponential."""

MARGIN = 1.0
"""How far inputs of an exponential may lie above what was seen: results are e times as large."""

SMALL = 0.1
"""Share of an exponential's results that may have less than eight significant bits."""

TABLE_BITS = {1: 9, 2: 8}
"""Fraction bits of the table's input over one octave and two: more do not help 8 entries."""


@dataclass(frozen=True)
class Wide:
    """How a wide operand and its function's result are stored, and what is between."""

    operand: Quantization
    result: Quantization
    reduce: ReductionAttr


def leading_zero(function: str) -> LeadingZeroAttr:
    """The reduction that functions get."""
    return LeadingZeroAttr(LeadingZero(TABLE_BITS[PERIOD[function]]))


def octave_storage(least: float, most: float, signed: bool, element: Attribute) -> Quantization:
    """
    The narrower of 16 and 32 bits in which magnitudes from `least` have eight significant bits.

    `most` is covered; where it is infinite, eight significant bits of `least` are what counts.
    """
    smallest, _ = SCALE_LIMITS[type(element)]
    if math.isinf(most):
        scale = 2.0 ** (math.floor(math.log2(least)) - 7)
        return Quantization(32, signed, max(scale, smallest))
    for bits in (16, 32):
        scale = max(power_of_two_scale(-most if signed else 0.0, most, bits, signed), smallest)
        if least / scale >= SIGNIFICANT:
            break
    return Quantization(bits, signed, scale)


def magnitudes(low: float, high: float) -> tuple[float, float]:
    """Least and largest magnitude in an interval."""
    least = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return least, max(abs(low), abs(high))


def wide(found: Nonlinear, defaults: Defaults, element: AnyFloat) -> Wide | None:
    """Storage and reduction for a function over many octaves, None where a plain table serves."""
    function = found.function.name
    if function in EXPONENTIALS:
        interval = exponential(found, function, input_range(found), defaults)
        return None if interval is None else _exponential(found, interval, defaults, element)
    if function not in PERIOD:
        return None
    interval = input_range(found)
    if interval is not None and (_is_narrow(*interval) or _leaves_domain(function, interval)):
        return None
    operand = _operand(found, interval, defaults, element)
    if operand is None or operand.bits <= PLAIN_BITS:
        return None
    result = _result(found, operand, interval, defaults, element)
    return Wide(operand, result, leading_zero(function))


def exponential(
    found: Nonlinear, function: str, interval: Interval | None, defaults: Defaults
) -> Interval | None:
    """
    The interval, if an exponential grows over many octaves there: results need relative precision.

    None for one of what is below some maximum, with results of at most 1, and where somebody asks
    for types: a plain table serves.
    """
    asked = defaults.input_bits or WIDE_BITS
    if interval is None or quantized_source(found.operand) is not None or asked <= PLAIN_BITS:
        return None
    if BITS in found.op.attributes or defaults.output_bits or defaults.output_scale is not None:
        return None
    least, most = (end * EXPONENTIALS[function] for end in interval)
    return interval if most > 1 and most - least > GROWTH else None


def _exponential(
    found: Nonlinear, interval: Interval, defaults: Defaults, element: AnyFloat
) -> Wide | None:
    """Storage for what `exponential` holds for; None where it leaves the doubles."""
    low, high = interval[0], interval[1] + MARGIN
    operand = input_storage((low, high), WIDE_BITS)
    x = points_that_count(interval, quantiles(found))
    most = float(found.function(np.array([high]))[0])
    least = max(float(np.quantile(found.function(x), SMALL)), most * 2.0**-22)
    if not math.isfinite(most):
        return None
    given = given_result(found.op.results[0], defaults)
    result = given or octave_storage(least, most, False, element)
    return Wide(operand, result, OctavesAttr(Octaves(TABLE_BITS[1])))


def _is_narrow(low: float, high: float) -> bool:
    least, most = magnitudes(low, high)
    return most <= NARROW * least


def _leaves_domain(function: str, interval: tuple[float, float]) -> bool:
    """Whether a function is declared to be used where it has no value: what scales.py refuses."""
    return interval[0] < 0 and function != "reciprocal"


def _operand(
    found: Nonlinear, interval: tuple[float, float] | None, defaults: Defaults, element: AnyFloat
) -> Quantization | None:
    if (given := quantized_source(found.operand)) is not None:
        return given
    if interval is not None:
        signed = interval[0] < 0
        if BITS not in found.op.attributes:
            return octave_storage(*magnitudes(*interval), signed, element)
        bits = declared_bits(found.op, defaults.input_bits or PLAIN_BITS)
        return Quantization(bits, signed, power_of_two_scale(*interval, bits, signed))
    bits = declared_bits(found.op, defaults.input_bits or PLAIN_BITS)
    if defaults.input_scale is None:
        return None
    return Quantization(bits, defaults.input_signed, defaults.input_scale)


def given_result(op_result: SSAValue, defaults: Defaults) -> Quantization | None:
    """What all users quantize a result to, or what output-scale says."""
    given = {quantized_user(use.operation) for use in op_result.uses}
    if len(given) == 1 and (only := given.pop()) is not None:
        return only
    if defaults.output_scale is not None:
        return Quantization(defaults.result_bits(PLAIN_BITS), True, defaults.output_scale)
    return None


def _result(
    found: Nonlinear,
    operand: Quantization,
    interval: tuple[float, float] | None,
    defaults: Defaults,
    element: AnyFloat,
) -> Quantization:
    if (given := given_result(found.op.results[0], defaults)) is not None:
        return given
    if interval is None:
        ends = np.array([operand.minimum, operand.maximum], np.int64)
        interval = tuple(operand.dequantize(ends).tolist())
    least, most = magnitudes(*interval)
    if found.function.name in LOGARITHMS:
        # A logarithm of nothing is that of half a step at most.
        values = _values(found.function, max(least, operand.scale), most)
        scale = power_of_two_scale(min(*values, 0.0), max(*values, 0.0), 16, True)
        return Quantization(16, True, scale)
    values = np.abs(_values(found.function, least, most))
    return octave_storage(float(values.min()), float(values.max()), True, element)


def _values(function: TableFunction, least: float, most: float) -> np.ndarray:
    return function(np.array([least, most]))
