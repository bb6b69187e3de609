"""
What a SystemVerilog module takes of an FPGA, as Yosys maps it: LUTs, flip-flops, DSPs, block RAMs.

    used = resources(systemverilog.emit(module), "pwl_softmax64_…", "xc7")
    print(used)      # 412 LUTs, 248 flip-flops, 3 DSPs, 0 block RAMs, 35 carries

Nothing is placed or routed. LUTs are those that compute and those that are memory (a RAM32M of
xc7 is four); wide multiplexers and carries have cells of their own and are counted apart. A block
RAM is one of the family's: 18 Kbit on xc7 (a RAMB36E1 is two), 4 Kbit on iCE40, 18 Kbit on ECP5.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lut_opt.backends.synthesis.synthesize import run_yosys
from lut_opt.passes.hw.cost.model import Family

FLOWS: Mapping[Family, str] = {
    "xc7": "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf",
    "ice40": "synth_ice40 -dsp",
    "ecp5": "synth_ecp5 -noabc9",
}

_WORTH = {
    "lut": {
        r"LUT[1-6]|SB_LUT4|LUT4|SRL16E|SRLC32E": 1,
        r"RAM32X1S|RAM64X1S": 1,
        r"RAM32X1D|RAM64X1D|TRELLIS_DPR16X4": 2,
        r"RAM32M|RAM64M|RAM128X1D": 4,
        r"RAM256X1S": 4,
    },
    "flip_flop": {r"FD[CPRS]E(_1)?|SB_DFF\w*|TRELLIS_FF": 1},
    "latch": {r"LD[CP]E": 1},
    "dsp": {r"DSP48E1|SB_MAC16|MULT18X18D": 1},
    "block_ram": {r"RAMB18E1|SB_RAM40_4K\w*|DP16KD|PDPW16KD": 1, r"RAMB36E1": 2},
    "carry": {r"CARRY4|SB_CARRY|CCU2C": 1},
    "multiplexer": {r"MUXF[78]|PFUMX|L6MUX21": 1},
}
"""What each kind of cell counts as, for each number that is stated."""

_FREE = re.compile(r"INV|VCC|GND|VLO|VHI|\$scopeinfo")
"""Constants, and inverters, which the LUT or the flip-flop behind them takes in."""


@dataclass(frozen=True)
class Resources:
    """Numbers of each kind; `others` are cells that are none of them."""

    family: Family
    lut: int
    flip_flop: int
    dsp: int
    block_ram: int
    carry: int
    multiplexer: int
    latch: int
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The four that count, and what else there is."""
        whole = f"{self.lut} LUTs, {self.flip_flop} flip-flops, {self.dsp} DSPs, "
        whole += f"{self.block_ram} block RAMs"
        rest = {"carries": self.carry, "wide multiplexers": self.multiplexer}
        rest["latches"] = self.latch
        parts = [f"{count} {name}" for name, count in rest.items() if count]
        return ", ".join([whole, *parts, *self.others])


@lru_cache(maxsize=256)
def resources(verilog: str, top: str, family: Family) -> Resources:
    """
    Map module `top` of a text, with the modules that it instantiates, to a family.

    Raises `BackendError` if Yosys is missing or refuses the text.
    """
    with tempfile.TemporaryDirectory(prefix="lut-opt-") as folder:
        directory = Path(folder)
        (directory / "design.sv").write_text(verilog)
        commands = [
            "read_verilog -sv design.sv",
            f"{FLOWS[family]} -top {top}",
            "tee -q -o cells.json stat -json",
        ]
        run_yosys(commands, directory)
        statistics = json.loads((directory / "cells.json").read_text())
    return count(statistics["design"].get("num_cells_by_type", {}), family)


def count(cells: Mapping[str, int], family: Family) -> Resources:
    """The resources of so many cells of each type."""
    totals = dict.fromkeys(_WORTH, 0)
    others: list[str] = []
    for cell, number in sorted(cells.items()):
        worth = [
            (kind, each)
            for kind, patterns in _WORTH.items()
            for pattern, each in patterns.items()
            if re.fullmatch(pattern, cell)
        ]
        for kind, each in worth:
            totals[kind] += each * number
        if not worth and not _FREE.fullmatch(cell):
            others.append(f"{number} {cell}")
    return Resources(family, **totals, others=tuple(others))


__all__ = ["Resources", "count", "resources"]
