"""A whole module's networks to integer code: what `convert-lutnet-to-arith` does."""

from __future__ import annotations

import math
from typing import Literal

from xdsl.builder import Builder
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from lut_opt.dialects.lutnet.ops import EncodeOp, LayerOp, LutnetOp, ReadoutOp
from lut_opt.dialects.quant import StorageCastOp
from lut_opt.passes.arith import gathered, words
from lut_opt.passes.arith.loops import Loops
from lut_opt.passes.arith.stored import storage
from lut_opt.passes.support.diagnostics import about, copy_location

Layout = Literal["auto", "gather", "words"]

MANY = 32
"""Tokens from which on words are faster than gathers (benchmarks/lutnet_code.py)."""


def convert(module: ModuleOp, layout: Layout) -> None:
    """Convert every operation of the dialect."""
    found = [op for op in module.walk() if isinstance(op, LutnetOp)]
    _Networks(layout).convert(found)


class _Networks:
    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.words: dict[SSAValue, SSAValue] = {}
        """Bits that are there as words, by the value that the operations had of them."""

    def convert(self, ops: list[LutnetOp]) -> None:
        for op in ops:
            before = op.prev_op
            with about(op):
                self._emit(op)
            created = op.prev_op
            while created is not None and created is not before:
                copy_location(op, [created])
                created = created.prev_op
        for op in reversed(ops):
            Rewriter.erase_op(op)

    def _emit(self, op: LutnetOp) -> None:
        builder = Builder(InsertPoint.before(op))
        made = self._in_words(builder, op) if self._takes_words(op) else _gathered(builder, op)
        if made is not None:
            op.result.replace_all_uses_with(made)

    def _takes_words(self, op: LutnetOp) -> bool:
        known = bool(op.tokens) and all(size >= 0 for size in op.tokens)
        if self.layout == "words" and not known:
            raise ValueError(
                f"layout=words needs a known number of tokens, got {op.input.type}: use "
                "layout=gather, or give the tensor its sizes"
            )
        if self.layout == "auto":
            return known and math.prod(op.tokens) >= MANY
        return self.layout == "words"

    def _in_words(self, builder: Builder, op: LutnetOp) -> SSAValue | None:
        """The code on words; the result where somebody else than a network takes it."""
        loops, tokens = Loops(builder), math.prod(op.tokens)
        if isinstance(op, EncodeOp):
            q = loops.collapse(_stored(builder, op.input), len(op.tokens))
            made = words.encode(builder, q, op.thresholds.data, op.quantization)
        else:
            if (given := self.words.get(op.input)) is None:
                given = words.pack(builder, loops.collapse(op.input, len(op.tokens)))
            if isinstance(op, ReadoutOp):
                y = words.read_out(builder, given, op.total, op.quantization, tokens)
                return _quantized(builder, loops.expand(y, op.tokens), op)
            assert isinstance(op, LayerOp)
            made = words.layer(builder, given, op.luts.data)
        self.words[op.result] = made
        if all(isinstance(use.operation, LayerOp | ReadoutOp) for use in op.result.uses):
            return None
        bits = loops.expand(words.unpack(builder, made, tokens), op.tokens)
        self.words[bits] = made
        return bits


def _gathered(builder: Builder, op: LutnetOp) -> SSAValue:
    """The code token by token."""
    if isinstance(op, EncodeOp):
        stored = _stored(builder, op.input)
        return gathered.encode(builder, stored, op.thresholds.data, op.quantization)
    if isinstance(op, LayerOp):
        return gathered.layer(builder, op.input, op.luts.data)
    assert isinstance(op, ReadoutOp)
    y = gathered.read_out(builder, op.input, op.total, op.quantization)
    return _quantized(builder, y, op)


def _stored(builder: Builder, value: SSAValue) -> SSAValue:
    return builder.insert(StorageCastOp(value, storage(value.type))).result


def _quantized(builder: Builder, value: SSAValue, op: Operation) -> SSAValue:
    return builder.insert(StorageCastOp(value, op.results[0].type)).result
