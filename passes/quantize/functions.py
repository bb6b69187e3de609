"""
Choose the quantized types around an operator.

Scales come, in this order, from the quantize/dequantize ops around it, from its `pwl.range`
attribute, and from the pass options. An output scale that nobody gives follows from the function.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from xdsl.ir import Attribute, Operation

from lut_opt.dialects.quant import (
    SCALE_LIMITS,
)
from lut_opt.dialects.quantization import Quantization, covering_scale
from lut_opt.passes.quantize.given import quantized_source, quantized_user, why_not_given
from lut_opt.passes.recognize.functions import Nonlinear, TableFunction
from lut_opt.passes.support.declarations import NUMERATOR, RANGE, declared_bits, declared_range
from lut_opt.passes.support.diagnostics import OpError

SEED_FRACTION_BITS = 6
"""Fraction bits of the seed form's accumulator as a result type: what 8-bit GELU slopes allow."""


@dataclass(frozen=True)
class Defaults:
    """What the pass options say."""

    input_scale: float | None
    output_scale: float | None
    input_bits: int
    output_bits: int
    input_signed: bool


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
        return 2.0**-126
    return max(covering_scale(low, high, bits, signed), 2.0**-126)


def input_quantization(found: Nonlinear, defaults: Defaults) -> Quantization:
    """How the operator's input is stored."""
    op, function = found.op, found.function
    interval = input_range(found)
    declared = found.fused.declared if found.fused else None
    input_bits = declared_bits(declared.op if declared else op, defaults.input_bits)
    if (given := quantized_source(found.operand)) is not None:
        quantization = given
    elif interval is not None:
        signed = interval[0] < 0 or _is_defined_at(function, -1.0)
        scale = power_of_two_scale(*interval, input_bits, signed)
        quantization = Quantization(input_bits, signed, scale)
    elif defaults.input_scale is not None:
        quantization = Quantization(input_bits, defaults.input_signed, defaults.input_scale)
    else:
        raise OpError(
            op,
            f"no input scale for {function.name}{why_not_given(found.operand)}: put "
            "quantize/dequantize ops around it, give it "
            f"{RANGE} = [lo, hi], or pass input-scale=",
        )
    return _within_domain(op, function, quantization, interval)


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
    bits = defaults.output_bits
    if defaults.output_scale is not None:
        return Quantization(bits, True, defaults.output_scale)
    return Quantization(bits, True, _derived_scale(found, operand, bits, float_type))


def _derived_scale(
    found: Nonlinear, operand: Quantization, bits: int, float_type: Attribute
) -> float:
    """
    The accumulator's own unit if the storage is wide enough for it, so that nothing is rounded,
    else the power of two that stores the function with the least squared error (ties: the larger).
    """
    x = operand.dequantize(operand.values)
    if (interval := input_range(found)) is not None:
        inside = x[(x >= interval[0]) & (x <= interval[1])]
        x = inside if len(inside) else x
    # What overflows the float type saturates, as the table will.
    smallest, highest = SCALE_LIMITS[type(float_type)]
    y = np.clip(found.function(x), -highest, highest)
    seed_scale = operand.scale * 2.0**-SEED_FRACTION_BITS
    if bits > 8 and float(np.max(np.abs(y))) < seed_scale * 2.0 ** (bits - 1):
        return seed_scale
    top = math.floor(math.log2(max(float(np.max(np.abs(y))), smallest, 2.0**-100))) - bits + 2
    scales = [2.0**exponent for exponent in range(top, top - 4, -1)]
    errors = [_squared_error(y, Quantization(bits, True, scale)) for scale in scales]
    return scales[errors.index(min(errors))]


def _squared_error(y: np.ndarray, quantization: Quantization) -> float:
    return float(np.sum((quantization.dequantize(quantization.quantize(y)) - y) ** 2))
