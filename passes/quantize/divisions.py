"""
Storage for the operands and the result of a division.

The numerator is stored in 16 bits, the denominator in 16 or 32, so that small ones keep eight
significant bits; the result likewise, because a quotient spans the octaves of both. Quantize and
dequantize ops around an operand win over `pwl.range_numerator` and `pwl.range`, the denominator's,
and those over input-scale. A constant numerator declares itself.
"""

from __future__ import annotations

import math

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FloatAttr
from xdsl.ir import Attribute, Operation, OpResult, SSAValue

from lut_opt.dialects.pwl import units
from lut_opt.dialects.pwl.units.division import MAX_NUMERATOR_BITS
from lut_opt.dialects.quant import element_type
from lut_opt.dialects.quantization import Quantization, Reals
from lut_opt.dialects.torch import VTensorLiteralOp, VTensorType
from lut_opt.passes.quantize.functions import Defaults, power_of_two_scale
from lut_opt.passes.quantize.given import quantized_source, why_not_given
from lut_opt.passes.quantize.wide import magnitudes, octave_storage
from lut_opt.passes.support.declarations import (
    BITS,
    NUMERATOR,
    RANGE,
    declared_bits,
    declared_range,
)
from lut_opt.passes.support.diagnostics import OpError

NAME = units.Division.name
"""What `keep` calls a division."""

Magnitudes = tuple[float, float]
"""The least and the largest."""


def constant_elements(value: SSAValue) -> Reals | None:
    """Elements of a constant that the module shows, as float64; None for any other value."""
    match value.owner:
        case VTensorLiteralOp(value=DenseIntOrFPElementsAttr() as dense):
            return np.asarray(dense.get_values(), np.float64)
        case arith.ConstantOp(value=DenseIntOrFPElementsAttr() as dense):
            return np.asarray(dense.get_values(), np.float64)
        case arith.ConstantOp(value=FloatAttr() as number):
            return np.array([number.value.data])
        case _:
            return None


def depends_on_input(value: SSAValue) -> bool:
    """Whether an argument of a block, and not constants alone, makes a value."""
    seen: set[SSAValue] = set()
    pending = [value]
    while pending:
        each = pending.pop()
        if not isinstance(each, OpResult):
            return True
        if each not in seen:
            seen.add(each)
            pending.extend(each.op.operands)
    return False


def numerator_storage(
    op: Operation, value: SSAValue, defaults: Defaults
) -> tuple[Quantization, Magnitudes]:
    """How a numerator is stored, and how large it is; OpError where nothing says so."""
    given = quantized_source(value)
    if given is not None and given.bits <= MAX_NUMERATOR_BITS:
        return given, _reach(given)
    interval = declared_range(op, NUMERATOR)
    if interval is None and (values := constant_elements(value)) is not None:
        interval = float(values.min()), float(values.max())
    if interval is not None:
        scale = power_of_two_scale(*interval, MAX_NUMERATOR_BITS, True)
        return Quantization(MAX_NUMERATOR_BITS, True, scale), magnitudes(*interval)
    if defaults.input_scale is None:
        raise OpError(op, _missing("numerator", value, NUMERATOR))
    storage = Quantization(MAX_NUMERATOR_BITS, True, defaults.input_scale)
    return storage, _reach(storage)


def denominator_storage(
    op: Operation, value: SSAValue, defaults: Defaults
) -> tuple[Quantization, Magnitudes]:
    """How a denominator is stored, and how large it is; OpError where nothing says so."""
    interval = declared_range(op, RANGE)
    if (given := quantized_source(value)) is not None:
        return given, _reach(given) if interval is None else magnitudes(*interval)
    if interval is not None:
        signed = interval[0] < 0
        if BITS in op.attributes:
            bits = declared_bits(op, MAX_NUMERATOR_BITS)
            storage = Quantization(bits, signed, power_of_two_scale(*interval, bits, signed))
        else:
            element = element_type(
                value.type.to_builtin() if isinstance(value.type, VTensorType) else value.type
            )
            storage = octave_storage(*magnitudes(*interval), signed, element)
        return storage, magnitudes(*interval)
    if defaults.input_scale is None:
        raise OpError(op, _missing("denominator", value, RANGE))
    storage = Quantization(MAX_NUMERATOR_BITS, defaults.input_signed, defaults.input_scale)
    return storage, _reach(storage)


def _missing(side: str, value: SSAValue, attribute: str) -> str:
    return (
        f"no scale for the {side} of a division{why_not_given(value)}: put "
        f"quantize/dequantize ops around it, give the division "
        f"{attribute} = [lo, hi], pass input-scale=, or leave it with keep={NAME}"
    )


def _reach(storage: Quantization) -> Magnitudes:
    """Magnitudes of what a storage holds, in real units."""
    ends = storage.dequantize(np.array([storage.minimum, storage.maximum], np.int64))
    return magnitudes(*ends.tolist())


def quotient_storage(
    tops: Magnitudes,
    bottoms: Magnitudes,
    element: Attribute,
    seen: tuple[float, float] | None = None,
) -> Quantization:
    """
    Storage of a result: the largest numerator over any denominator has eight bits.

    Where a calibration has seen results, twice the largest is covered, whatever a denominator that
    never meets a large numerator would make of one.
    """
    least, most = tops[1] / bottoms[1], math.inf
    if seen is not None and (largest := max(abs(seen[0]), abs(seen[1]))) > 0:
        return octave_storage(min(least, largest), 2 * largest, True, element)
    if bottoms[0] > 0 or least == 0:
        most = least and tops[1] / bottoms[0]
    return octave_storage(least, most, True, element)
