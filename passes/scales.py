"""
Choose the quantized types around an operator.

Scales come, in this order, from the quantize/dequantize ops around it, from its `pwl.range`
attribute, and from the pass options. An output scale that nobody gives follows from the function.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, FloatAttr, IntegerAttr
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.hints import isa

from lut_opt.dialects.quant import (
    SCALE_LIMITS,
    DequantizeCastOp,
    QuantizeCastOp,
    UniformQuantizedType,
    element_type,
)
from lut_opt.dialects.quantization import Quantization, covering_scale, storage_range
from lut_opt.dialects.torch import constant_value, torch_name
from lut_opt.passes.diagnostics import OpError
from lut_opt.passes.nonlinear import Nonlinear, TableFunction

RANGE = "pwl.range"
"""Attribute of an operator: the interval [lo, hi] of its input, two 64-bit floats."""

BITS = "pwl.bits"
"""Attribute of an operator: the storage width of its input, instead of that of the pass."""

HISTOGRAM = "pwl.histogram"
"""Attribute of an operator: how often each stored input was seen, ascending, as integers."""

NUMERATOR = "pwl.range_numerator"
"""Attribute of a division: the interval of what is divided; `pwl.range` is that of the divisor."""

DECLARATIONS = (RANGE, NUMERATOR, BITS, HISTOGRAM)
"""Attributes that say what an operator's inputs are; they stay with what takes its place."""

KEPT = "pwl.kept"
"""Attribute of an operator that `keep=` left as it is."""

FUSED = "pwl.fused"
"""Attribute of a `pwl.apply`: the ops that it stands for, with their source lines."""

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


def declarations(op: Operation) -> dict[str, Attribute]:
    """What an operator declares about its inputs."""
    return {name: op.attributes[name] for name in DECLARATIONS if name in op.attributes}


def range_name(found: Nonlinear) -> str:
    """Which attribute declares the operand: of a softsign, x / (|x| + 1), the numerator's."""
    written_out = found.function.name == "softsign" and NUMERATOR in found.op.attributes
    return NUMERATOR if written_out else RANGE


def operand_declarations(op: Operation, name: str) -> dict[str, Attribute]:
    """What an operator declares, by an attribute of that name, of the operand of a table."""
    made: dict[str, Attribute] = {}
    if (interval := op.attributes.get(name)) is not None:
        made[RANGE] = interval
    # What a division counted are its denominators.
    if HISTOGRAM in op.attributes and name == RANGE:
        made[HISTOGRAM] = op.attributes[HISTOGRAM]
    return made


def declared_bits(op: Operation, default: int) -> int:
    """The storage width of the op's `pwl.bits`, checked, or else the default."""
    attribute = op.attributes.get(BITS)
    if attribute is None:
        return default
    if not isa(attribute, IntegerAttr) or not 2 <= attribute.value.data <= 32:
        raise OpError(op, f"{BITS} must be an integer from 2 to 32, got {attribute}")
    return attribute.value.data


def input_range(found: Nonlinear) -> tuple[float, float] | None:
    """The interval of the operand that the op, or those fused with it, declare."""
    if found.fused is not None:
        return found.fused.declared.interval if found.fused.declared else None
    return declared_range(found.op, range_name(found))


def declared_range(op: Operation, name: str = RANGE) -> tuple[float, float] | None:
    """The interval of the op's `pwl.range`, checked."""
    attribute = op.attributes.get(name)
    if attribute is None:
        return None
    bounds: list[float] = []
    if isa(attribute, ArrayAttr[Attribute]):
        bounds = [
            float(entry.value.data) for entry in attribute if isa(entry, FloatAttr | IntegerAttr)
        ]
    if len(bounds) != 2:
        raise OpError(op, f"{name} must be two 64-bit floats, as in [-4.0, 4.0], got {attribute}")
    low, high = bounds
    if not (math.isfinite(low) and math.isfinite(high)):
        raise OpError(op, f"{name} must be finite, got [{low}, {high}]")
    if not low < high:
        raise OpError(op, f"{name} must ascend, got [{low}, {high}]")
    return low, high


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
            f"no input scale for {function.name}: put quantize/dequantize ops around it, give it "
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


def quantized_source(value: SSAValue) -> Quantization | None:
    """The quantization of a value that was just dequantized."""
    op = value.owner
    if not isinstance(op, Operation):
        return None
    if isinstance(op, DequantizeCastOp):
        return _of_type(op.input.type)
    if op.name == "torch_c.from_builtin_tensor":
        return quantized_source(op.operands[0])
    name = torch_name(op) or ""
    if "dequantize_per_tensor" in name.split("."):
        return _from_constants(op)
    if name in ("aten.dequantize.self", "aten.dequantize.tensor"):
        source = op.operands[0].owner
        return quantized_user(source) if isinstance(source, Operation) else None
    return None


def quantized_user(op: Operation) -> Quantization | None:
    """The quantization that an op applies to its operand, if it quantizes."""
    if isinstance(op, QuantizeCastOp):
        return _of_type(op.result.type)
    if op.name == "torch_c.to_builtin_tensor":
        users = {use.operation for use in op.results[0].uses}
        return quantized_user(users.pop()) if len(users) == 1 else None
    if "quantize_per_tensor" in (torch_name(op) or "").split("."):
        return _from_constants(op)
    return None


def _of_type(type_: Attribute) -> Quantization | None:
    element = element_type(type_)
    return element.quantization if isinstance(element, UniformQuantizedType) else None


_ATEN_STORAGE = {12: (8, True), 13: (8, False), 14: (32, True)}
"""PyTorch's numbers of qint8, quint8 and qint32."""


def _from_constants(op: Operation) -> Quantization | None:
    """Scale, zero point and range from constant operands, as PyTorch orders them."""
    values = [constant_value(operand) for operand in op.operands[1:]]
    if not values or not isinstance(values[0], float) or not isinstance(values[1], int):
        return None
    scale, zero_point = values[0], values[1]
    if not (scale > 0 and math.isfinite(scale)):
        raise OpError(op, f"the scale of {op.name} must be positive and finite, got {scale}")
    match values[2:]:
        case [int() as dtype] if dtype in _ATEN_STORAGE:
            bits, signed = _ATEN_STORAGE[dtype]
            return Quantization(bits, signed, scale, zero_point)
        case [int() as low, int() as high, *_] if low < high:
            widths = (b for b in (8, 16, 32) if storage_range(b, low < 0)[1] >= high)
            if (width := next(widths, None)) is not None:
                return Quantization(width, low < 0, scale, zero_point, low, high)
        case _:
            pass
    return None
