"""
Choose the quantized types around an operator.

Scales come, in this order, from the quantize/dequantize ops around it, from its `pwl.range`
attribute, and from the pass options. An output scale that nobody gives follows from the function.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.ir import Attribute, Operation

from lut_opt.dialects.quant import (
    SCALE_LIMITS,
)
from lut_opt.dialects.quantization import Quantization, Reals, covering_scale
from lut_opt.passes.quantize.choose import (
    LOSS,
    SMALLEST_SCALE,
    input_storage,
    loss,
    points_that_count,
    result_storage,
    used_interval,
)
from lut_opt.passes.quantize.given import quantized_source, quantized_user, why_not_given
from lut_opt.passes.recognize.functions import Interval, Nonlinear, TableFunction
from lut_opt.passes.support.declarations import (
    NUMERATOR,
    RANGE,
    declared_bits,
    declared_quantiles,
    declared_range,
    operand_declarations,
)
from lut_opt.passes.support.diagnostics import OpError

PLAIN_BITS, WIDE_BITS = 8, 16
"""Widths of inputs and results that nobody asks for."""

MAX_TABLE_BITS = 24
"""A quantized operand of more bits is stored anew for a table, if its range is known."""

SEED_FRACTION_BITS = 6
"""Fraction bits of the seed form's accumulator as a result type: what 8-bit GELU slopes allow."""


@dataclass(frozen=True)
class Defaults:
    """What the pass options say."""

    input_scale: float | None
    output_scale: float | None
    input_bits: int | None
    """None: what the function and the inputs need."""
    output_bits: int | None
    """None: as many as an input of that width deserves."""
    input_signed: bool

    def result_bits(self, input_bits: int) -> int:
        """The width of a result, given that of the input."""
        return self.output_bits or (WIDE_BITS if input_bits > PLAIN_BITS else PLAIN_BITS)

    @property
    def unit_result_bits(self) -> int:
        """The width of the results of units, whose inputs are wide if nobody says otherwise."""
        return self.result_bits(self.input_bits or WIDE_BITS)


def range_name(found: Nonlinear) -> str:
    """Which attribute declares the operand: of a softsign, x / (|x| + 1), the numerator's."""
    written_out = found.function.name == "softsign" and NUMERATOR in found.op.attributes
    return NUMERATOR if written_out else RANGE


def input_range(found: Nonlinear) -> tuple[float, float] | None:
    """The interval of the operand that the op, or those fused with it, declare."""
    if found.fused is not None:
        return found.fused.declared.interval if found.fused.declared else None
    return declared_range(found.op, range_name(found))


def power_of_two_scale(low: float, high: float, bits: int, signed: bool) -> float:
    """The smallest power of two that covers [low, high] and that a float can hold; 0 needs none."""
    if low == high == 0.0:
        return SMALLEST_SCALE
    return max(covering_scale(low, high, bits, signed), SMALLEST_SCALE)


def input_quantization(found: Nonlinear, defaults: Defaults) -> Quantization:
    """How the operator's input is stored."""
    op, function = found.op, found.function
    interval = input_range(found)
    given = quantized_source(found.operand)
    if given is not None and (given.bits <= MAX_TABLE_BITS or interval is None):
        quantization = given
    elif interval is not None:
        return _observed(found, interval, defaults)
    elif defaults.input_scale is not None:
        bits = declared_bits(_declaring(found), defaults.input_bits or PLAIN_BITS)
        quantization = Quantization(bits, defaults.input_signed, defaults.input_scale)
    else:
        raise OpError(
            op,
            f"no input scale for {function.name}{why_not_given(found.operand)}: put "
            "quantize/dequantize ops around it, give it "
            f"{RANGE} = [lo, hi], or pass input-scale=",
        )
    return _within_domain(op, function, quantization, interval)


def _declaring(found: Nonlinear) -> Operation:
    declared = found.fused.declared if found.fused else None
    return declared.op if declared else found.op


def _observed(found: Nonlinear, interval: Interval, defaults: Defaults) -> Quantization:
    """
    Storage for the inputs of a range.

    Without a width that somebody asks for: 8 bits, or 16 where a calibration counted inputs and 8
    bits would cost more than `LOSS` of the signal.
    """
    width, counted = declared_bits(_declaring(found), defaults.input_bits or 0), quantiles(found)
    narrow = _of_width(found, interval, width or PLAIN_BITS, defaults)
    if width or counted is None or not _loses(found, interval, counted, narrow, defaults):
        return narrow
    return _of_width(found, interval, WIDE_BITS, defaults)


def _of_width(found: Nonlinear, interval: Interval, bits: int, defaults: Defaults) -> Quantization:
    """What the function uses of a range, where that makes the steps finer, else all of it."""
    used = used_interval(found.function, interval, defaults.result_bits(bits))
    part, whole = input_storage(used, bits), input_storage(interval, bits)
    kept, storage = (used, part) if part.scale < whole.scale else (interval, whole)
    return _within_domain(found.op, found.function, storage, kept)


def _loses(
    found: Nonlinear,
    interval: Interval,
    counted: Reals,
    operand: Quantization,
    defaults: Defaults,
) -> bool:
    """Whether a storage, with that of the result, costs more of the signal than it should."""
    function, x = found.function, points_that_count(interval, counted)
    x = x[function.is_defined(x)]
    if not len(x) or not np.isfinite(y := function(x)).all():
        return False
    result = result_storage(y, defaults.result_bits(operand.bits))
    return loss(function, x, operand, result) > LOSS


def quantiles(found: Nonlinear) -> Reals | None:
    """What a calibration counted of the operand."""
    declared = found.fused.declared if found.fused else None
    if declared is not None:
        return declared_quantiles(declared.attributes)
    if found.fused is not None:
        return None
    return declared_quantiles(operand_declarations(found.op, range_name(found)))


def _is_defined_at(function: TableFunction, x: float) -> bool:
    return bool(np.all(function.is_defined(np.array([x]))))


def _within_domain(
    op: Operation,
    function: TableFunction,
    quantization: Quantization,
    interval: tuple[float, float] | None,
) -> Quantization:
    """
    Narrow the storage to where the function is defined; the cast then saturates outside.

    Only a declared range, or an unsigned storage whose zero is the domain's open end, narrows it.
    """
    q = quantization.values
    if function.is_defined(quantization.dequantize(q)).all():
        return quantization
    if interval is not None:
        # every stored value that a real of the interval rounds to
        inside = quantization.quantize(np.array(interval))
        q = q[(q >= inside[0]) & (q <= inside[1])]
    x = quantization.dequantize(q)
    if (interval is not None or x[0] == 0.0) and x[0] == 0.0 and not _is_defined_at(function, 0.0):
        q, x = q[1:], x[1:]
    undefined = x[~function.is_defined(x)]
    if len(undefined) or len(q) < 2:
        at = f"x = {undefined[0]:g}" if len(undefined) else "its whole range"
        raise OpError(
            op,
            f"{function.name} is undefined at {at}, which the input type can hold: declare its "
            f"domain with {RANGE} = [lo, hi], or use an unsigned input",
        )
    return Quantization(
        quantization.bits,
        quantization.signed,
        quantization.scale,
        quantization.zero_point,
        int(q[0]),
        int(q[-1]),
    )


def output_quantization(
    found: Nonlinear, operand: Quantization, defaults: Defaults, float_type: Attribute
) -> Quantization:
    """How the operator's result, of element type `float_type`, is stored."""
    users = {use.operation for use in found.op.results[0].uses}
    given = {quantized_user(user) for user in users}
    if len(given) == 1 and (only := given.pop()) is not None:
        return only
    bits = defaults.result_bits(operand.bits)
    if defaults.output_scale is not None:
        return Quantization(bits, True, defaults.output_scale)
    x = _inputs(found, operand)
    # What overflows the float type saturates, as the table will.
    _, highest = SCALE_LIMITS[type(float_type)]
    y = np.clip(found.function(x), -highest, highest)
    unit = operand.scale * 2.0**-SEED_FRACTION_BITS if bits > PLAIN_BITS else None
    return result_storage(y, bits, unit)


def _inputs(found: Nonlinear, operand: Quantization) -> Reals:
    """The stored inputs that count, as reals: those of the range, or else all."""
    if (interval := input_range(found)) is not None:
        x = operand.clip(points_that_count(interval, quantiles(found)))
        x = np.append(x, operand.clip(np.array(interval)))
        return operand.dequantize(operand.quantize(x))
    if operand.bits > MAX_TABLE_BITS:
        ends = np.array([operand.minimum, operand.maximum], np.int64)
        low, high = operand.dequantize(ends).tolist()
        return points_that_count((low, high), None)
    return operand.dequantize(operand.values)
