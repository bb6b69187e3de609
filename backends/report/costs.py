"""
What hardware units cost: cells, area, critical path and power, for a library that the user names.

    print("\n".join(cost_lines(module, ["cells.lib"])))

Modules that are for FPGAs (`target=fpga`) are mapped to theirs. For the others, without a Liberty
file it takes Debian's OSU 0.18 µm (package qflow-tech-osu018) if it is installed,
else generic gates, and says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

import numpy as np
from xdsl.dialects import hw
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp, StringAttr

from lut_opt.backends.errors import BackendError
from lut_opt.backends.report.row_power import random_rows, row_power
from lut_opt.backends.synthesis.fpga import resources
from lut_opt.backends.synthesis.liberty import Library, default_files, read_library
from lut_opt.backends.synthesis.memories import Apart, MemorySize, apart, memories_of
from lut_opt.backends.synthesis.power import SAMPLES, Power, power_of
from lut_opt.backends.synthesis.synthesize import Synthesis, synthesize
from lut_opt.backends.synthesis.table_power import working_power
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl.hardware import HardwareUnit, ProgrammableUnit, RowUnit, TableUnit
from lut_opt.passes.hw.cost.model import FAMILY, FPGA_FAMILIES
from lut_opt.passes.hw.modules import instances, modules_of, units_of
from lut_opt.passes.hw.programmable.words import words_of
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
    verilog = systemverilog.emit(ModuleOp([op.clone() for op in tops]))
    lines = _on_fpgas([op for op in tops if FAMILY in op.attributes], verilog)
    tops = [op for op in tops if FAMILY not in op.attributes]
    if not tops:
        return lines
    library = read_library(liberty or default_files())
    lines += [
        f"gates: Yosys and ABC, {library.name}, area in {library.area_unit}, path in "
        f"{library.time_unit}"
    ]
    modules = modules_of(module)
    units = units_of(modules)
    for op in tops:
        lines.append(f"  {op.sym_name.data}")
        inside = [part for part in tops if part.sym_name.data in instances(op, modules)]
        if memories := [memory for part in (op, *inside) for memory in memories_of(part)]:
            unit = units.get(op.sym_name.data)
            lines += _beside_memories(op.sym_name.data, unit, memories, verilog, library)
            continue
        found = synthesize(verilog, op.sym_name.data, library)
        lines += [f"    {_gates(found)}", f"    {_power(found, op, units.get(op.sym_name.data))}"]
    return lines


def _on_fpgas(tops: Sequence[hw.HWModuleOp], verilog: str) -> list[str]:
    """The modules that are for FPGAs, and what they take there."""
    lines: list[str] = []
    for op in tops:
        (family,) = (each for each in FPGA_FAMILIES if op.attributes[FAMILY] == StringAttr(each))
        found = resources(verilog, op.sym_name.data, family)
        lines += [f"  {op.sym_name.data}", f"    {family}: {found}"]
    return ["FPGA: Yosys, neither placed nor routed", *lines] if lines else []


def _beside_memories(
    name: str,
    unit: HardwareUnit | None,
    memories: Sequence[MemorySize],
    verilog: str,
    library: Library,
) -> list[str]:
    """A streaming unit, or what has such inside: rows belong in memories, not cells."""
    split = apart(verilog, name)
    found = synthesize(split.logic, name, library, SPEED, "quick")
    sizes = ", ".join(f"{each.name} {each.words} x {each.bits}" for each in memories)
    bits = sum(each.words * each.bits for each in memories)
    return [
        f"    {_gates(found)}",
        f"    and memories of {bits} bits: {sizes}",
        f"    {_row_power(found, unit, split)}",
    ]


def _row_power(found: Synthesis, unit: HardwareUnit | None, split: Apart) -> str:
    if not isinstance(unit, RowUnit):
        return "no power figure: that of the streaming units inside depends on their rows"
    try:
        power = row_power(found, split.memories, random_rows(unit))
    except BackendError as error:
        return f"no power figure: {error}"
    return f"{_in_words(power)}, without the memories, rows of random elements"


def _gates(found: Synthesis) -> str:
    path = "no path" if found.delay is None else f"critical path {found.delay:.3f}"
    return f"{found.gates} cells, area {found.area:.1f}, {path} ({found.recipe})"


def _power(found: Synthesis, op: hw.HWModuleOp, unit: HardwareUnit | None) -> str:
    try:
        power, said = _at_work(unit, found, op)
    except BackendError as error:
        return f"no power figure: {error}"
    return f"{_in_words(power)}, {said}"


def _in_words(power: Power) -> str:
    within = f"{power.functional:.4g} without glitches"
    return f"power {power.total:.4g} {power.unit} ({within})"


@singledispatch
def _at_work(unit: object, found: Synthesis, op: hw.HWModuleOp) -> tuple[Power, str]:
    """Power, and under which inputs; kinds of units that are used in some way register that."""
    return power_of(found, {}), "random bits at all inputs"


@_at_work.register
def _(unit: ProgrammableUnit, found: Synthesis, op: hw.HWModuleOp) -> tuple[Power, str]:
    """The unit holds its first table."""
    if not unit.programs:
        return power_of(found, {}), "random bits at all inputs"
    names = {word.address: word.name for word in words_of(unit.layout)}
    words = {names[address]: data for address, data in unit.programs[0].writes}
    bits = len(found.wiring.ports["x"].bits)
    x = np.random.default_rng(0).integers(0, 1 << bits, SAMPLES)
    function = unit.programs[0].function
    said = f"table of {function}, a random input in every tenth cycle, no writes"
    return working_power(found, words, x, 0.1), said


@_at_work.register
def _(unit: TableUnit, found: Synthesis, op: hw.HWModuleOp) -> tuple[Power, str]:
    """Values for port x come as often as the calibration saw them."""
    counts = _histogram(op, unit)
    if counts is None:
        return power_of(found, {}), "inputs uniform: no pwl.histogram"
    rng = np.random.default_rng(0)
    drawn = rng.choice(unit.operand.values, SAMPLES, p=counts / counts.sum())
    said = "inputs as calibrated (pwl.histogram), independent"
    return power_of(found, {"x": drawn.astype(np.int64)}), said


def _histogram(op: hw.HWModuleOp, unit: TableUnit) -> np.ndarray | None:
    """How often each stored input was seen, or None."""
    attribute = op.attributes.get(HISTOGRAM)
    if not isinstance(attribute, DenseIntOrFPElementsAttr):
        return None
    counts = np.array(attribute.get_values(), np.float64)
    return counts if len(counts) == len(unit.operand.values) and counts.sum() > 0 else None


__all__ = ["cost_lines"]
