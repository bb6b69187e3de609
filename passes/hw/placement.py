"""
Where memories of a module for FPGAs belong.

A memory that fills a quarter of a block RAM is given one: rows, gammas and betas of long rows, and
direct tables with a register behind them. Smaller ones are distributed over LUTs, or, on iCE40,
which has no such, over flip-flops. Tables that software writes have 64 entries at most, all of
which are read at once: they are registers.
"""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects import hw
from xdsl.dialects.builtin import StringAttr

from lut_opt.dialects.memory import RAM_STYLE, MemoryOp, MemoryType
from lut_opt.passes.hw.cost.model import Family

BLOCK_BITS: Mapping[Family, int] = {"xc7": 18 << 10, "ice40": 4 << 10, "ecp5": 18 << 10}
"""Bits of a family's block RAM."""

LEAST_SHARE = 4
"""A memory is large from this part of a block on: a quarter."""

SMALL: Mapping[Family, str] = {
    "xc7": "distributed",
    "ice40": "registers",
    "ecp5": "distributed",
}
"""Where a memory belongs that is no block's."""


def place_memories(op: hw.HWModuleOp, family: Family) -> None:
    """Write its place on every memory of a module."""
    for memory in op.walk():
        if isinstance(memory, MemoryOp):
            type_ = memory.handle.type
            assert isinstance(type_, MemoryType)
            bits = type_.words.data * type_.element.bitwidth
            memory.attributes[RAM_STYLE] = StringAttr(ram_style(bits, family))


def ram_style(bits: int, family: Family) -> str:
    """The place of a memory of so many bits."""
    return "block" if bits >= least_bits(family) else SMALL[family]


def least_bits(family: Family) -> int:
    """From so many bits on a memory, or a direct table with a register behind it, gets a block."""
    return BLOCK_BITS[family] // LEAST_SHARE


__all__ = ["BLOCK_BITS", "least_bits", "place_memories", "ram_style"]
