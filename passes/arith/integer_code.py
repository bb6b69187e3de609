"""
Scalar `arith` for tables and quantization casts.

Each function appends ops at a builder and returns the value. Accumulators are as narrow as the
table's own bound allows, so that a vectorizer fits the most lanes.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import (
    AnyFloat,
    BFloat16Type,
    DenseIntOrFPElementsAttr,
    Float16Type,
    Float32Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    TensorType,
    f32,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.utils.hints import isa

from lut_opt.dialects.pwl import Table
from lut_opt.dialects.quantization import Quantization, exact_log2

_SIGNIFICANT_BITS: dict[type[Attribute], int] = {
    BFloat16Type: 8,
    Float16Type: 11,
    Float32Type: 24,
}

MAX_DIRECT_BITS = 16
"""Widest input of a direct table: 65,536 stored results."""


def constant(builder: Builder, value: int, bits: int) -> SSAValue:
    """An integer constant, wrapped into its width."""
    wrapped = ((value + (1 << (bits - 1))) % (1 << bits)) - (1 << (bits - 1))
    return builder.insert(arith.ConstantOp(IntegerAttr(wrapped, IntegerType(bits)))).result


def resize(builder: Builder, value: SSAValue, bits: int, signed: bool = True) -> SSAValue:
    """Extend or truncate an integer to `bits`."""
    assert isa(value.type, IntegerType)
    width = value.type.width.data
    if bits == width:
        return value
    if bits < width:
        return builder.insert(arith.TruncIOp(value, IntegerType(bits))).result
    extend = arith.ExtSIOp if signed else arith.ExtUIOp
    return builder.insert(extend(value, IntegerType(bits))).result


def register_width(bits: int) -> int:
    """The narrowest machine width that holds `bits`."""
    return next(width for width in (8, 16, 32, 64) if width >= bits)


def accumulator_width(table: Table, operand: Quantization, result: Quantization) -> int:
    """Width of the arithmetic: holds the input, every sum, and the clamp's bounds that matter."""
    input_bits = operand.bits + (0 if operand.signed else 1)
    return register_width(min(64, max(table.accumulator_bits(operand), input_bits, 16)))


def apply_table(
    builder: Builder,
    q: SSAValue,
    table: Table,
    operand: Quantization,
    result: Quantization,
    select: Literal["chain", "binary"],
    restricted: bool = False,
) -> SSAValue:
    """
    Stored result of the stored input `q`, bit for bit `Table.evaluate`.

    `restricted` says that q lies in the storage range of `operand`.
    """
    width = accumulator_width(table, operand, result)
    slope, intercept = _parameters(builder, q, table, operand, select)
    wide = resize(builder, q, width, operand.signed)
    product = builder.insert(arith.MuliOp(resize(builder, slope, width), wide)).result
    offset = resize(builder, intercept, width)
    if table.intercept_shift:
        # Modulo 2^width is exact: the sum, and only the sum, is known to fit.
        shift = min(table.intercept_shift, width - 1)
        offset = builder.insert(arith.ShLIOp(offset, constant(builder, shift, width))).result
        if table.intercept_shift >= width:
            offset = constant(builder, 0, width)
    acc = builder.insert(arith.AddiOp(product, offset)).result
    if table.result_shift:
        half = constant(builder, 1 << (table.result_shift - 1), width)
        acc = builder.insert(arith.AddiOp(acc, half)).result
        shift = constant(builder, min(table.result_shift, width - 1), width)
        acc = builder.insert(arith.ShRSIOp(acc, shift)).result
    bounds = table.accumulator_range(operand, restricted)
    low, high = (bound >> table.result_shift for bound in bounds)
    return _clamp(builder, acc, (low, high), result, width)


def _clamp(
    builder: Builder,
    acc: SSAValue,
    reached: tuple[int, int],
    result: Quantization,
    width: int,
) -> SSAValue:
    """Saturate where a sum can exceed the result's range, then resize to its storage."""
    low, high = reached
    if low < result.minimum:
        acc = builder.insert(arith.MaxSIOp(acc, constant(builder, result.minimum, width))).result
    if high > result.maximum:
        acc = builder.insert(arith.MinSIOp(acc, constant(builder, result.maximum, width))).result
    return resize(builder, acc, result.bits)


def _parameters(
    builder: Builder,
    q: SSAValue,
    table: Table,
    operand: Quantization,
    select: Literal["chain", "binary"],
) -> tuple[SSAValue, SSAValue]:
    """Slope and intercept of the input's segment, in the narrowest width that holds them."""
    bits, wide = register_width(table.param_bits), register_width(table.intercept_width)

    def load(index: int) -> tuple[SSAValue, SSAValue]:
        return constant(builder, table.slopes[index], bits), constant(
            builder, table.intercepts[index], wide
        )

    def choose(
        at: int, right: tuple[SSAValue, SSAValue], left: tuple[SSAValue, SSAValue]
    ) -> tuple[SSAValue, SSAValue]:
        predicate = "sge" if operand.signed else "uge"
        bound = constant(builder, table.breakpoints[at], operand.bits)
        here = builder.insert(arith.CmpiOp(q, bound, predicate)).result
        slope, intercept = (
            a if a is b else builder.insert(arith.SelectOp(here, a, b)).result
            for a, b in zip(right, left, strict=True)
        )
        return slope, intercept

    def tree(first: int, last: int) -> tuple[SSAValue, SSAValue]:
        if first == last:
            return load(first)
        middle = (first + last) // 2
        left, right = tree(first, middle), tree(middle + 1, last)
        return choose(middle, right, left)

    if select == "binary":
        return tree(0, table.entries - 1)
    chosen = load(0)
    for index in range(1, table.entries):
        chosen = choose(index - 1, load(index), chosen)
    return chosen


def direct_table(
    builder: Builder, table: Table, operand: Quantization, result: Quantization
) -> SSAValue:
    """A constant tensor of the stored result for every bit pattern of the input."""
    if operand.bits > MAX_DIRECT_BITS:
        raise ValueError(
            f"a direct table over i{operand.bits} has 2^{operand.bits} entries: use select=chain"
        )
    patterns = np.arange(1 << operand.bits, dtype=np.int64)
    sign = 1 << (operand.bits - 1)
    stored = (patterns ^ sign) - sign if operand.signed else patterns
    values = table.evaluate(stored, result)
    half = 1 << (result.bits - 1)
    wrapped = (values + half) % (1 << result.bits) - half
    kind = TensorType(IntegerType(result.bits), [len(patterns)])
    attribute = DenseIntOrFPElementsAttr.from_list(kind, wrapped.tolist())
    return builder.insert(arith.ConstantOp(attribute)).result


def look_up(builder: Builder, q: SSAValue, values: SSAValue, bits: int) -> SSAValue:
    """Element of a direct table by the input's bit pattern."""
    from xdsl.dialects import tensor

    # One bit more, so that the signed cast to index reads the pattern as unsigned.
    wide = resize(builder, q, register_width(bits + 1), signed=False)
    index = builder.insert(arith.IndexCastOp(wide, IndexType())).result
    assert isa(values.type, TensorType[Attribute])
    return builder.insert(tensor.ExtractOp(values, [index], values.type.element_type)).result


def quantize(builder: Builder, x: SSAValue, to: Quantization) -> SSAValue:
    """Round to nearest even and saturate; NaN goes to the smallest stored value."""
    if (kind := _working_type(_float(x), to)) != x.type:
        x = builder.insert(arith.ExtFOp(x, kind)).result
    most = 14 if isinstance(kind, Float16Type) else 126  # the inverse, too, must be a normal number
    if (exponent := exact_log2(to.scale)) is not None and abs(exponent) <= most:
        inverse = float_constant(builder, 2.0**-exponent, kind)
        x = builder.insert(arith.MulfOp(x, inverse)).result
    else:
        x = builder.insert(arith.DivfOp(x, float_constant(builder, to.scale, kind))).result
    x = builder.insert(math_dialect.RoundEvenOp(x)).result
    if to.zero_point:
        x = builder.insert(arith.AddfOp(x, float_constant(builder, to.zero_point, kind))).result
    low, high = _float_bounds(to, kind)
    x = _kept(builder, x, "ogt", float_constant(builder, low, kind))
    x = _kept(builder, x, "olt", float_constant(builder, high, kind))
    width = 32 if to.bits + (not to.signed) <= 32 else 64
    integer = builder.insert(arith.FPToSIOp(x, IntegerType(width))).result
    return resize(builder, integer, to.bits)


def _kept(builder: Builder, x: SSAValue, predicate: str, bound: SSAValue) -> SSAValue:
    """x where it compares so with a bound, elsewhere, and for NaN, the bound: one instruction."""
    inside = builder.insert(arith.CmpfOp(x, bound, predicate)).result
    return builder.insert(arith.SelectOp(inside, x, bound)).result


def dequantize(builder: Builder, q: SSAValue, by: Quantization, kind: AnyFloat) -> SSAValue:
    """The real that a stored integer stands for: scale · (q − zero point)."""
    width = 32 if by.bits + (not by.signed) + (by.zero_point != 0) <= 32 else 64
    wide = resize(builder, q, width, by.signed)
    if by.zero_point:
        wide = builder.insert(arith.SubiOp(wide, constant(builder, by.zero_point, width))).result
    working = _working_type(kind, by)
    real: SSAValue = builder.insert(arith.SIToFPOp(wide, working)).result
    real = builder.insert(arith.MulfOp(real, float_constant(builder, by.scale, working))).result
    return real if working == kind else builder.insert(arith.TruncFOp(real, kind)).result


def _working_type(kind: AnyFloat, storage: Quantization) -> AnyFloat:
    """Where stored integers are reals: f16, which ends at 65,504, does not hold wide ones."""
    return f32 if isinstance(kind, Float16Type) and storage.bits > 15 else kind


def float_constant(builder: Builder, value: float, kind: AnyFloat) -> SSAValue:
    """A float constant."""
    return builder.insert(arith.ConstantOp(FloatAttr(float(value), kind))).result


def _float(value: SSAValue) -> AnyFloat:
    assert isinstance(value.type, AnyFloat)
    return value.type


def _float_bounds(to: Quantization, kind: AnyFloat) -> tuple[float, float]:
    """The storage range, shrunk to floats that convert without overflow."""
    digits = _SIGNIFICANT_BITS.get(type(kind), 53)
    bounds: list[float] = []
    for bound in (to.minimum, to.maximum):
        excess = max(0, bound.bit_length() - digits)
        bounds.append(float(math.trunc(bound / (1 << excess)) * (1 << excess)))
    if isinstance(kind, Float16Type):
        bounds = [max(min(bound, 65504.0), -65504.0) for bound in bounds]
    return bounds[0], bounds[1]
