"""
Networks bit by bit: a word holds one bit of 64 tokens, so a LUT is computed for all at once.

A table of 2^n bits is a tree of multiplexers, 3·(2^n − 1) operations on words in place of 64
gathers of n bits. The tree is code, the table is data: all LUTs of a layer share one loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.ir import SSAValue

from lut_opt.dialects.lutnet.network import ConditionalSum, Luts, Thermometer
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.arith import gathered
from lut_opt.passes.arith.gathered import (
    above,
    add_if,
    encoder_constants,
    layer_constants,
    rounded,
    sum_constants,
)
from lut_opt.passes.arith.integer_code import resize
from lut_opt.passes.arith.loops import Inside, Loops, shape_of

Bit = Callable[[Inside, Sequence[SSAValue], SSAValue], SSAValue]
"""Code of one bit of one token, i1."""

WORD = 64
"""Tokens of a word; those of the last word that are too many repeat the last token."""


def encode(
    builder: Builder, q: SSAValue, thermometer: Thermometer, operand: Quantization
) -> SSAValue:
    """Words (bits, words) of stored integers (tokens, features)."""
    loops = Loops(builder)
    columns = _columns(loops, q, operand.bits)
    feature, threshold = encoder_constants(loops, thermometer, operand)

    def bit(inside: Inside, values: Sequence[SSAValue], token: SSAValue) -> SSAValue:
        q = inside.read(columns, [inside.index(values[0]), token])
        return above(inside, q, values[1], operand)

    constants = [feature, threshold]
    return _gather(loops, constants, thermometer.bits, shape_of(columns)[1] // WORD, bit)


def pack(builder: Builder, bits: SSAValue) -> SSAValue:
    """Words (bits, words) of `i1` (tokens, bits)."""
    loops = Loops(builder)
    columns = _columns(loops, bits, 1)
    count, tokens = shape_of(columns)
    numbers = loops.constant(np.arange(count), 32)

    def bit(inside: Inside, values: Sequence[SSAValue], token: SSAValue) -> SSAValue:
        return inside.read(columns, [inside.index(values[0]), token])

    return _gather(loops, [numbers], count, tokens // WORD, bit)


def unpack(builder: Builder, words: SSAValue, tokens: int) -> SSAValue:
    """`i1` (tokens, bits) of words (bits, words)."""
    loops, bits = Loops(builder), shape_of(words)[0]

    def code(inside: Inside, _: Sequence[SSAValue]) -> SSAValue:
        i = inside.width(64)
        token = inside.builder.insert(arith.IndexCastOp(inside.loop(0), i.constant(0).type)).result
        word = inside.index(i.shift_right(token, 6))
        found = inside.read(words, [inside.loop(1), word])
        place = inside.bitwise(arith.AndIOp, token, i.constant(WORD - 1))
        return resize(inside.builder, i.shift_right_unsigned(found, place), 1)

    return loops.run("pp", [], (loops.empty((tokens, bits), 1), [0, 1]), code)


def layer(builder: Builder, words: SSAValue, luts: Luts) -> SSAValue:
    """What the LUTs answer, for all tokens."""
    loops, count = Loops(builder), shape_of(words)[1]
    wires, tables = layer_constants(luts)
    inputs = [(loops.constant(tables, 64), [0])]
    inputs += [(loops.constant(column, 32), [0]) for column in wires.T]

    def code(inside: Inside, values: Sequence[SSAValue]) -> SSAValue:
        word = inside.loop(1)
        x = [inside.read(words, [inside.index(wire), word]) for wire in values[1:-1]]
        return _multiplexers(inside, values[0], x)

    return loops.run("pp", inputs, (loops.empty((luts.count, count), 64), [0, 1]), code)


def read_out(
    builder: Builder,
    words: SSAValue,
    total: ConditionalSum,
    result: Quantization,
    tokens: int,
) -> SSAValue:
    """Stored results (tokens, results) of words (bits, words)."""
    weights, wires = sum_constants(total)
    if wires is None:
        # Results side by side fill a vector better than tokens do.
        return gathered.read_out(builder, unpack(builder, words, tokens), total, result)
    loops, count = Loops(builder), shape_of(words)[1]
    bias = loops.constant(np.asarray(total.bias, np.int64), 32)
    output = loops.empty((count, total.results, WORD), 32), [0, 1, 2]
    start = loops.run("ppp", [(bias, [1])], output, lambda _, values: values[0])

    def code(inside: Inside, values: Sequence[SSAValue]) -> SSAValue:
        wire, weight, place, before = values
        word = inside.read(words, [inside.index(wire), inside.loop(0)])
        return add_if(inside, _mask(inside, word, place), weight, before)

    inputs = [(loops.constant(wires, 32), [1, 2]), (loops.constant(weights, 32), [1, 2])]
    inputs.append((loops.constant(np.arange(WORD), 64), [3]))
    sums = loops.run("pprp", inputs, (start, [0, 1, 3]), code)
    return _stored(loops, sums, total, result, tokens)


def _columns(loops: Loops, tensor: SSAValue, bits: int) -> SSAValue:
    """Rows of tokens as columns, up to whole words of them."""
    tokens, size = shape_of(tensor)
    padded = -(-tokens // WORD) * WORD

    def code(inside: Inside, _: Sequence[SSAValue]) -> SSAValue:
        token = inside.loop(1)
        if padded > tokens:
            token = inside.builder.insert(arith.MinSIOp(token, inside.index(tokens - 1))).result
        return inside.read(tensor, [token, inside.loop(0)])

    return loops.run("pp", [], (loops.empty((size, padded), bits), [0, 1]), code)


def _gather(
    loops: Loops, constants: Sequence[SSAValue], bits: int, words: int, bit: Bit
) -> SSAValue:
    """Words (bits, words) of the bit of each token; the constants have an element for each bit."""
    output = loops.empty((bits, words), 64), [0, 1]
    zeros = loops.run("pp", [], output, lambda inside, _: inside.width(64).constant(0))
    places = loops.constant(np.arange(WORD), 64)

    def code(inside: Inside, values: Sequence[SSAValue]) -> SSAValue:
        *given, place, before = values
        i = inside.width(64)
        first = inside.builder.insert(arith.MuliOp(inside.loop(1), inside.index(WORD))).result
        token = inside.builder.insert(arith.AddiOp(first, inside.loop(2))).result
        found = i.resize(bit(inside, given, token), signed=False)
        moved = inside.builder.insert(arith.ShLIOp(found, place)).result
        return inside.bitwise(arith.OrIOp, before, moved)

    inputs = [*((constant, [0]) for constant in constants), (places, [2])]
    return loops.run("ppr", inputs, (zeros, [0, 1]), code)


def _multiplexers(inside: Inside, table: SSAValue, x: list[SSAValue]) -> SSAValue:
    """The tree: each level halves the words that the next wire chooses between."""
    i = inside.width(64)

    def entry(address: int) -> SSAValue:
        # All ones or all zeros.
        return i.shift_right(i.shift_left(table, 63 - address), 63)

    level = [entry(address) for address in range(1 << len(x))]
    for wire in x:
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [_choose(inside, wire, low, high) for low, high in pairs]
    return level[0]


def _choose(inside: Inside, wire: SSAValue, low: SSAValue, high: SSAValue) -> SSAValue:
    """`high` in those tokens in which the wire is set, `low` in the others."""
    differ = inside.bitwise(arith.XOrIOp, low, high)
    return inside.bitwise(arith.XOrIOp, low, inside.bitwise(arith.AndIOp, differ, wire))


def _mask(inside: Inside, word: SSAValue, place: SSAValue) -> SSAValue:
    """All ones, in 32 bits, if the bit of a token is set."""
    shifted = inside.width(64).shift_right_unsigned(word, place)
    bit = resize(inside.builder, shifted, 32)
    i = inside.width(32)
    return i.sub(i.constant(0), inside.bitwise(arith.AndIOp, bit, i.constant(1)))


def _stored(
    loops: Loops, sums: SSAValue, total: ConditionalSum, result: Quantization, tokens: int
) -> SSAValue:
    """Stored results (tokens, results) of accumulators (words, results, tokens of a word)."""
    words = shape_of(sums)[0]
    output = loops.empty((words, WORD, total.results), result.bits), [0, 1, 2]
    padded = loops.run(
        "ppp",
        [(sums, [0, 2, 1])],
        output,
        lambda inside, values: rounded(inside, values[0], total, result),
    )
    flat = loops.collapse(padded, 2)
    return flat if words * WORD == tokens else loops.first(flat, tokens)
