"""
Where memories of a module for FPGAs belong.

A memory that fills a quarter of a block RAM is given one: rows, gammas and betas of long rows, and
direct tables with a register behind them. Smaller ones are distributed over LUTs. iCE40 has no
such, only flip-flops, of which there are some 240 for every block RAM: there a memory is given one
from a sixteenth of it on, and a table that software writes as soon as it is in memories at all
(`storage=memory`), being asked for. What is read without a register behind it cannot be in a block.
"""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects import comb, hw, seq
from xdsl.dialects.builtin import StringAttr

from lut_opt.dialects.memory import RAM_STYLE, MemoryOp, MemoryType, ReadPortOp
from lut_opt.dialects.pwl.hardware import UNIT, ProgrammableUnit, UnitAttr
from lut_opt.passes.hw.cost.model import Family

BLOCK_BITS: Mapping[Family, int] = {"xc7": 18 << 10, "ice40": 4 << 10, "ecp5": 18 << 10}
"""Bits of a family's block RAM."""

SMALL: Mapping[Family, str] = {
    "xc7": "distributed",
    "ice40": "registers",
    "ecp5": "distributed",
}
"""Where a memory belongs that is no block's."""


def place_memories(op: hw.HWModuleOp, family: Family) -> None:
    """Write its place on every memory of a module."""
    unit = op.attributes.get(UNIT)
    programmable = isinstance(unit, UnitAttr) and isinstance(unit.data, ProgrammableUnit)
    for memory in op.walk():
        if isinstance(memory, MemoryOp):
            type_ = memory.handle.type
            assert isinstance(type_, MemoryType)
            large = type_.words.data * type_.element.bitwidth >= _least_memory(family)
            if programmable:
                # Rows always have a register behind them, tables if the pipeline has it there.
                large = (large or SMALL[family] == "registers") and _registered(memory)
            memory.attributes[RAM_STYLE] = StringAttr("block" if large else SMALL[family])


def _registered(memory: MemoryOp) -> bool:
    """Whether registers, which may be enabled, alone take what is read."""
    reads = [use.operation for use in memory.handle.uses]
    taken = [use.operation for op in reads if isinstance(op, ReadPortOp) for use in op.data.uses]
    kept = [use.operation for op in taken if isinstance(op, comb.MuxOp) for use in op.result.uses]
    behind = [op for op in taken if not isinstance(op, comb.MuxOp)] + kept
    return all(isinstance(op, seq.CompRegOp) for op in behind)


def _least_memory(family: Family) -> int:
    """From so many bits on a memory gets a block."""
    return BLOCK_BITS[family] // 16 if SMALL[family] == "registers" else least_bits(family)


def least_bits(family: Family) -> int:
    """From so many bits on a direct table, with a register behind it, gets a block."""
    return BLOCK_BITS[family] // 4


__all__ = ["SMALL", "least_bits", "place_memories"]
