"""
Networks token by token: bits are `i1`, a LUT gathers its address bit by bit and looks it up.

The code for any number of tokens, known or not; `words.py` has that for many.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType, i1
from xdsl.ir import SSAValue
from xdsl.utils.hints import isa

from lut_opt.dialects.lutnet.network import ACCUMULATOR_BITS, ConditionalSum, Luts, Thermometer
from lut_opt.dialects.quantization import Integers, Quantization, storage_range
from lut_opt.passes.arith.integer_code import register_width, resize
from lut_opt.passes.arith.loops import Inside, Loops, shape_of


def encode(
    builder: Builder, q: SSAValue, thermometer: Thermometer, operand: Quantization
) -> SSAValue:
    """Bits of stored integers."""
    loops, tokens = Loops(builder), shape_of(q)[:-1]
    last = len(tokens)
    feature, threshold = encoder_constants(loops, thermometer, operand)
    places = list(range(last))

    def code(inside: Inside, values: Sequence[SSAValue]) -> SSAValue:
        at = [*map(inside.loop, places), inside.index(values[0])]
        return above(inside, inside.read(q, at), values[1], operand)

    output = loops.empty((*tokens, thermometer.bits), 1, q), [*places, last]
    inputs = [(feature, [last]), (threshold, [last])]
    return loops.run("p" * (last + 1), inputs, output, code)


def encoder_constants(
    loops: Loops, thermometer: Thermometer, operand: Quantization
) -> tuple[SSAValue, SSAValue]:
    """The feature and the threshold of each bit; these in the width that compares best."""
    places = np.asarray(thermometer.places, np.int64).reshape(-1, 2)
    feature, threshold = places.T
    wide = register_width(operand.bits + 2)
    inside = (threshold >= operand.minimum) & (threshold <= operand.maximum)
    # No stored value tells thresholds further out apart.
    threshold = np.clip(threshold, operand.minimum - 1, operand.maximum)
    bits = operand.bits if inside.all() else wide
    return loops.constant(feature, 32), loops.constant(threshold, bits)


def above(inside: Inside, q: SSAValue, threshold: SSAValue, operand: Quantization) -> SSAValue:
    """q > threshold, i1."""
    kind = threshold.type
    assert isa(kind, IntegerType)
    wide = kind.width.data > operand.bits
    left = resize(inside.builder, q, kind.width.data, operand.signed)
    return inside.compare("sgt" if wide or operand.signed else "ugt", left, threshold)


def layer(builder: Builder, bits: SSAValue, luts: Luts) -> SSAValue:
    """What the LUTs answer."""
    loops, tokens = Loops(builder), shape_of(bits)[:-1]
    last = len(tokens)
    places = list(range(last))
    wires, tables = layer_constants(luts)
    inputs = [(loops.constant(tables, 64), [last])]
    inputs += [(loops.constant(column, 32), [last]) for column in wires.T]

    def code(inside: Inside, values: Sequence[SSAValue]) -> SSAValue:
        table, columns = values[0], values[1:-1]
        at = [*map(inside.loop, places)]
        word = inside.width(64)
        address = word.constant(0)
        for place, wire in enumerate(columns):
            bit = word.resize(inside.read(bits, [*at, inside.index(wire)]), signed=False)
            address = inside.bitwise(arith.OrIOp, address, word.shift_left(bit, place))
        return resize(inside.builder, word.shift_right_unsigned(table, address), 1)

    output = loops.empty((*tokens, luts.count), 1, bits), [*places, last]
    return loops.run("p" * (last + 1), inputs, output, code)


def layer_constants(luts: Luts) -> tuple[Integers, Integers]:
    """Wires (LUTs, inputs) and tables; inputs that a LUT has not are wire 0, and ignored."""
    most = max(map(len, luts.connections), default=0)
    wires = np.zeros((luts.count, most), np.int64)
    tables = np.zeros(luts.count, np.uint64)
    for lut, (row, table) in enumerate(zip(luts.connections, luts.tables, strict=True)):
        wires[lut, : len(row)] = row
        size = 1 << len(row)
        repeated = sum(table << place for place in range(0, 1 << most, size))
        tables[lut] = repeated
    return wires, tables.view(np.int64)


def read_out(
    builder: Builder, bits: SSAValue, total: ConditionalSum, result: Quantization
) -> SSAValue:
    """What the set bits weigh, stored."""
    loops, tokens = Loops(builder), shape_of(bits)[:-1]
    last = len(tokens)
    places = list(range(last))
    start = started(loops, (*tokens, total.results), total, bits)
    weights, wires = sum_constants(total)
    if wires is None:
        return stored(loops, _product(loops, bits, weights.T, start), total, result)

    def code(inside: Inside, values: Sequence[SSAValue]) -> SSAValue:
        weight, wire, before = values
        at = [*map(inside.loop, places), inside.index(wire)]
        return add_if(inside, inside.read(bits, at), weight, before)

    inner = [last, last + 1]
    inputs = [(loops.constant(weights, 32), inner), (loops.constant(wires, 32), inner)]
    sums = loops.run("p" * last + "pr", inputs, (start, [*places, last]), code)
    return stored(loops, sums, total, result)


def _product(loops: Loops, bits: SSAValue, weights: Integers, start: SSAValue) -> SSAValue:
    """Bits (…, terms) times weights (terms, results), added to the start."""
    last = len(shape_of(bits)) - 1
    places = list(range(last))
    if last != 1:
        output = start, [*places, last + 1]
        inputs = [(bits, [*places, last]), (loops.constant(weights, 32), [last, last + 1])]
        kinds = "p" * last + "rp"
        return loops.run(kinds, inputs, output, lambda inside, v: add_if(inside, *v))
    # A matrix product is what compilers know best how to put into vectors, of 16 bits in pairs.
    width = 16 if np.abs(weights).max(initial=0) < 1 << 15 else 32
    axes = [0, 1]
    wide = loops.run(
        "pp",
        [(bits, axes)],
        (loops.empty(shape_of(bits), width, bits), axes),
        lambda inside, v: inside.width(width).resize(v[0], signed=False),
    )
    inputs = [(wide, [0, 2]), (loops.constant(weights, width), [2, 1])]

    def code(inside: Inside, values: Sequence[SSAValue]) -> SSAValue:
        i = inside.width(32)
        bit, weight, before = (i.resize(value, signed=True) for value in values)
        product = inside.builder.insert(arith.MuliOp(bit, weight)).result
        return inside.builder.insert(arith.AddiOp(before, product)).result

    return loops.run("ppr", inputs, (start, axes), code)


def sum_constants(total: ConditionalSum) -> tuple[Integers, Integers | None]:
    """Weights (results, terms), and the bits of the terms where not all are weighed in order."""
    if total.bits is None:
        return np.asarray(total.weights, np.int64).reshape(total.results, -1), None
    most = max(map(len, total.weights), default=0)
    weights, wires = np.zeros((2, total.results, most), np.int64)
    for result in range(total.results):
        weights[result, : len(total.weights[result])] = total.weights[result]
        wires[result, : len(total.bits[result])] = total.bits[result]
    return weights, wires


def started(
    loops: Loops, shape: tuple[int, ...], total: ConditionalSum, like: SSAValue | None = None
) -> SSAValue:
    """Accumulators that hold the bias, the result along the last axis."""
    axes = list(range(len(shape)))
    bias = loops.constant(np.asarray(total.bias, np.int64), 32)
    output = loops.empty(shape, 32, like), axes
    return loops.run("p" * len(shape), [(bias, axes[-1:])], output, lambda _, values: values[0])


def add_if(inside: Inside, bit: SSAValue, weight: SSAValue, before: SSAValue) -> SSAValue:
    """The accumulator after one term."""
    i = inside.width(32)
    mask = bit if bit.type != i1 else i.resize(bit)
    return i.add(before, inside.bitwise(arith.AndIOp, mask, weight))


def stored(loops: Loops, sums: SSAValue, total: ConditionalSum, result: Quantization) -> SSAValue:
    """Results of accumulators of the same shape."""
    axes = list(range(len(shape_of(sums))))
    output = loops.empty(shape_of(sums), result.bits, sums), axes
    inputs = [(sums, axes)]
    return loops.run(
        "p" * len(axes), inputs, output, lambda inside, v: rounded(inside, v[0], total, result)
    )


def rounded(
    inside: Inside, value: SSAValue, total: ConditionalSum, result: Quantization
) -> SSAValue:
    """The stored result of an accumulator."""
    i = inside.width(32)
    value = i.shift_right(i.add(value, total.half), total.shift)
    low, high = storage_range(ACCUMULATOR_BITS, True)
    value = i.max(value, max(result.minimum, low))
    return resize(inside.builder, i.min(value, min(result.maximum, high)), result.bits)
