"""The blocks of a program: each read-out with the layers and the encoder before it."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from lut_opt.dialects.lutnet.network import Block, Luts
from lut_opt.dialects.lutnet.ops import EncodeOp, LayerOp, ReadoutOp
from lut_opt.passes.support.diagnostics import OpError


def blocks(module: ModuleOp) -> list[tuple[ReadoutOp, Block]]:
    """Every read-out and its block, in order. OpError for bits that come from elsewhere."""
    return [(op, _block(op)) for op in module.walk() if isinstance(op, ReadoutOp)]


def _block(op: ReadoutOp) -> Block:
    layers: list[Luts] = []
    source = op.input.owner
    while isinstance(source, LayerOp):
        layers.append(source.luts.data)
        source = source.input.owner
    if not isinstance(source, EncodeOp):
        raise OpError(op, "the bits of a block in hardware come from lutnet.encode, these do not")
    thresholds = source.thresholds.data
    return Block(source.quantization, thresholds, tuple(layers[::-1]), op.total, op.quantization)
