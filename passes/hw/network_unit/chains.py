"""The blocks of a program: each read-out with the layers and the encoder before it."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from lut_opt.dialects.lutnet.network import Block, Luts
from lut_opt.dialects.lutnet.ops import EncodeOp, LayerOp, ReadoutOp
from lut_opt.passes.support.diagnostics import OpError


def blocks(module: ModuleOp) -> list[tuple[ReadoutOp, Block]]:
    """Every read-out and its block, in order. OpError for bits that come from elsewhere."""
    return [(op, _block(op)) for op in module.walk() if isinstance(op, ReadoutOp)]


def chain(op: ReadoutOp) -> tuple[EncodeOp | None, tuple[Luts, ...]]:
    """The layers before a read-out, and the encoder; None for bits that come from elsewhere."""
    layers: list[Luts] = []
    source = op.input.owner
    while isinstance(source, LayerOp):
        layers.append(source.luts.data)
        source = source.input.owner
    return source if isinstance(source, EncodeOp) else None, tuple(layers[::-1])


def _block(op: ReadoutOp) -> Block:
    encoder, layers = chain(op)
    if encoder is None:
        raise OpError(op, "the bits of a block in hardware come from lutnet.encode, these do not")
    thresholds = encoder.thresholds.data
    return Block(encoder.quantization, thresholds, layers, op.total, op.quantization)
