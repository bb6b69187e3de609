"""
What hardware units cost: cells, area, critical path and power, for a library that the user names.

    print("\n".join(cost_lines(module, ["cells.lib"])))

Without a Liberty file it takes Debian's OSU 0.18 µm (package qflow-tech-osu018) if it is installed,
else generic gates, and says which.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.dialects import hw
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp

from lut_opt.backends.errors import BackendError
from lut_opt.backends.synthesis.liberty import Library, default_files, read_library
from lut_opt.backends.synthesis.memories import memories_of, without_memories
from lut_opt.backends.synthesis.power import SAMPLES, Power, power_of
from lut_opt.backends.synthesis.synthesize import Synthesis, synthesize
from lut_opt.backends.synthesis.table_power import working_power
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.quantization import Integers
from lut_opt.passes.hw.programmable.attributes import programmable_of, programs_of
from lut_opt.passes.hw.programmable.words import words_of
from lut_opt.passes.hw.row_unit.attributes import row_unit_of
from lut_opt.passes.hw.table_unit.unit import Unit, unit_of
from lut_opt.passes.support.declarations import HISTOGRAM

SPEED = 2.0
"""The clock period for which the cells of streaming units are sized, in ns: nets that hold up whole
pipelines get their buffers."""


def cost_lines(module: ModuleOp, liberty: Sequence[str] = ()) -> list[str]:
    """
    Lines of text: the library, and one line for each hardware module.

    Raises `BackendError` if Yosys or CIRCT is missing, or a Liberty file cannot be read.
    """
    tops = [op for op in module.ops if isinstance(op, hw.HWModuleOp)]
    library = read_library(liberty or default_files())
    verilog = systemverilog.emit(ModuleOp([op.clone() for op in tops]))
    lines = [
        f"gates: Yosys and ABC, {library.name}, area in {library.area_unit}, path in "
        f"{library.time_unit}"
    ]
    for op in tops:
        if row_unit_of(op) is not None:
            lines += [f"  {op.sym_name.data}", *_beside_memories(op, verilog, library)]
            continue
        found = synthesize(verilog, op.sym_name.data, library)
        lines += [f"  {op.sym_name.data}", f"    {_gates(found)}", f"    {_power(found, op)}"]
    return lines


def _beside_memories(op: hw.HWModuleOp, verilog: str, library: Library) -> list[str]:
    """A streaming unit: its rows belong in memories, not cells."""
    name, memories = op.sym_name.data, memories_of(op)
    found = synthesize(without_memories(verilog, name), name, library, SPEED, "quick")
    sizes = ", ".join(f"{each.name} {each.words} x {each.bits}" for each in memories)
    bits = sum(each.words * each.bits for each in memories)
    return [
        f"    {_gates(found)}",
        f"    and memories of {bits} bits: {sizes}",
        "    no power figure: it depends on the rows and the memories",
    ]


def _gates(found: Synthesis) -> str:
    path = "no path" if found.delay is None else f"critical path {found.delay:.3f}"
    return f"{found.gates} cells, area {found.area:.1f}, {path} ({found.recipe})"


def _power(found: Synthesis, op: hw.HWModuleOp) -> str:
    try:
        power, said = _power_at_work(found, op)
    except BackendError as error:
        return f"no power figure: {error}"
    within = f"{power.functional:.4g} without glitches"
    return f"power {power.total:.4g} {power.unit} ({within}), {said}"


def _power_at_work(found: Synthesis, op: hw.HWModuleOp) -> tuple[Power, str]:
    """Power, and under which inputs: a programmable unit holds its first table."""
    unit, programs = programmable_of(op), programs_of(op)
    if unit is None or not programs:
        inputs, said = _inputs(op)
        return power_of(found, inputs), said
    names = {word.address: word.name for word in words_of(unit.layout)}
    words = {names[address]: data for address, data in programs[0].writes}
    bits = len(found.wiring.ports["x"].bits)
    x = np.random.default_rng(0).integers(0, 1 << bits, SAMPLES)
    said = f"table of {programs[0].function}, a random input in every tenth cycle, no writes"
    return working_power(found, words, x, 0.1), said


def _inputs(op: hw.HWModuleOp) -> tuple[dict[str, Integers], str]:
    """Values for port x, as often as the calibration saw them, and the same in words."""
    unit = unit_of(op)
    if unit is None:
        return {}, "random bits at all inputs"
    counts = _histogram(op, unit)
    if counts is None:
        return {}, "inputs uniform: no pwl.histogram"
    rng = np.random.default_rng(0)
    drawn = rng.choice(unit.operand.values, SAMPLES, p=counts / counts.sum())
    return {"x": drawn.astype(np.int64)}, "inputs as calibrated (pwl.histogram), independent"


def _histogram(op: hw.HWModuleOp, unit: Unit) -> np.ndarray | None:
    """How often each stored input was seen, or None."""
    attribute = op.attributes.get(HISTOGRAM)
    if not isinstance(attribute, DenseIntOrFPElementsAttr):
        return None
    counts = np.array(attribute.get_values(), np.float64)
    return counts if len(counts) == len(unit.operand.values) and counts.sum() > 0 else None


__all__ = ["cost_lines"]
