"""
Streaming units without their memories, which are macros on a chip and not cells of a library.

    logic = without_memories(systemverilog.emit(module), "pwl_softmax128_…")
    result = synthesize(logic, "pwl_softmax128_…", library)
    bits = sum(each.words * each.bits for each in memories_of(op))

A memory's addresses, data and enables become ports, as they would be towards a macro. Yosys finds
the registers behind read ports to be part of the memories, as a synchronous macro has them, so
they are not counted either.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from xdsl.dialects import hw

from lut_opt.backends.synthesis.synthesize import run_yosys
from lut_opt.dialects.memory import MemoryOp, MemoryType


@dataclass(frozen=True)
class MemorySize:
    """A memory by its name: `words` words of `bits` bits."""

    name: str
    words: int
    bits: int


def memories_of(op: hw.HWModuleOp) -> list[MemorySize]:
    """The memories of a module, in order."""
    found: list[MemorySize] = []
    for memory in op.walk():
        if isinstance(memory, MemoryOp):
            type_ = memory.handle.type
            assert isinstance(type_, MemoryType)
            size = type_.words.data, type_.element.bitwidth
            found.append(MemorySize(memory.memory_name.data, *size))
    return found


@dataclass(frozen=True)
class Apart:
    """Verilog of a module whose memories are outside, and of the module `MEMORIES` with them."""

    logic: str
    memories: str


MEMORIES = "pwl_memories"
"""The module of memories; what was wired to its port `p` is the logic's port `pwl_memories.p`."""


def without_memories(verilog: str, top: str) -> str:
    """
    Verilog of the module `top` with the wires to its memories as ports.

    Raises `BackendError` if Yosys is missing or refuses the text.
    """
    return apart(verilog, top).logic


def apart(verilog: str, top: str) -> Apart:
    """
    The module `top` in two.

    Raises `BackendError` if Yosys is missing or refuses the text.
    """
    commands = [
        "read_verilog -sv design.sv",
        f"hierarchy -check -top {top}",
        "proc",
        "flatten",
        "opt",
        "memory -nomap",
        "opt_clean",
        f"submod -name {MEMORIES} t:$mem_v2",
        f"expose -evert {top}/t:{MEMORIES}",
        f"select {MEMORIES}",
        "write_verilog -noattr -selected memories.v",
        "select -clear",
        f"delete {MEMORIES}",
        "write_verilog -noattr logic.v",
    ]
    with tempfile.TemporaryDirectory(prefix="lut-opt-") as folder:
        directory = Path(folder)
        (directory / "design.sv").write_text(verilog)
        run_yosys(commands, directory)
        return Apart(*((directory / name).read_text() for name in ("logic.v", "memories.v")))
