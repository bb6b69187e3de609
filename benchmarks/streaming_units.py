"""
Streaming softmax and layer norm of 128 elements, one to eight a cycle: gates, and cycles for a row.

    python benchmarks/streaming_units.py [--lanes 1,2,4,8] [--liberty FILE[,FILE…] …]

Units as a model has them: 16 bits in and out, tables of 8 entries of 10 bits in two cycles each, a
16-bit gamma and a 32-bit beta. Gates are those beside the memories, whose bits are counted apart:
cells are sized for 500 MHz, and the path is ABC's. Cycles are counted in Icarus while rows follow
each other without a pause; every result is compared with the integer semantics. Power is that of
the gates at 500 MHz while such rows of normal elements go in and come out, glitches included: the
netlist is simulated with its memories, which are not in the figure.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import numpy as np
from measure import progress, report, table
from synthesized import libraries
from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.report.row_power import random_rows, row_power
from lut_opt.backends.simulate.row_bench import Stimulus, sample
from lut_opt.backends.simulate.rows import simulate_rows
from lut_opt.backends.synthesis.liberty import Library
from lut_opt.backends.synthesis.memories import apart, memories_of
from lut_opt.backends.synthesis.power import Power
from lut_opt.backends.synthesis.synthesize import Synthesis, synthesize
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.hw.modules import unit_of
from lut_opt.passes.pwl_search import PwlSearchPass

LENGTH = 128
CLOCK_NS = 2.0
X, P, Y, GAMMA, BETA = (
    f"tensor<{LENGTH}x!quant.uniform<{side}>>"
    for side in (
        "i16:f32, 3.90625e-03",
        "u16:f32, 3.0517578125e-05",
        "i16:f32, 9.765625e-04",
        "i16:f32, 1.220703125e-04",
        "i32:f32, 9.5367431640625e-07",
    )
)
SOURCE = f"""
func.func @f(%x: {X}, %g: {GAMMA}, %b: {BETA}) -> ({P}, {Y}) {{
  %p = pwl.softmax %x {{axis = 0 : i64, clip = -4095 : i64}} : {X} -> {P}
  %y = pwl.layer_norm %x gamma %g : {GAMMA} beta %b : {BETA}
    {{epsilon = 1.0e-12, normalized = 1 : i64}} : {X} -> {Y}
  func.return %p, %y : {P}, {Y}
}}
"""


@dataclass(frozen=True)
class Measured:
    """One unit: its gates, its memories' bits, and what a simulation showed."""

    function: str
    lanes: int
    gates: Synthesis
    power: Power
    memory_bits: int
    latency: int
    cycles: float
    """For a row, while rows follow each other."""


def units(lanes: int) -> list[hw.HWModuleOp]:
    """Softmax and layer norm with so many lanes."""
    ctx = context()
    module = parse(SOURCE, "units.mlir", ctx).module
    PwlSearchPass(param_bits=10).apply(ctx, module)
    ConvertPwlToHwPass(pipeline=2, lanes=lanes).apply(ctx, module)
    return [op for op in module.walk() if isinstance(op, hw.HWModuleOp)]


def measure(op: hw.HWModuleOp, library: Library) -> Measured:
    """Simulate a unit without pauses, and synthesize it."""
    unit = unit_of(op, {})
    assert isinstance(unit, RowUnit)
    verilog = systemverilog.emit(ModuleOp([op.clone()]))
    whole = sample(unit)
    whole = replace(whole, rows=[row for row in whole.rows if len(row) == LENGTH])
    (result,) = simulate_rows(verilog, [whole])
    if not result.passed:
        raise SystemExit(str(result))
    split = apart(verilog, unit.module)
    gates = synthesize(split.logic, unit.module, library, CLOCK_NS, "quick")
    return Measured(
        unit.function,
        unit.lanes,
        gates,
        row_power(gates, split.memories, normal_rows(unit), 1e9 / CLOCK_NS),
        sum(memory.words * memory.bits for memory in memories_of(op)),
        result.latency,
        (result.cycles - result.latency + 1) / len(whole.rows),
    )


def normal_rows(unit: RowUnit) -> Stimulus:
    """Scores of a spread of 3, tokens of 1, in full rows."""
    operand = unit.semantics.operand
    stimulus = random_rows(unit)
    shape = len(stimulus.rows), unit.length
    spread = 3.0 if unit.function == "softmax" else 1.0
    drawn = operand.quantize(np.random.default_rng(0).normal(0.0, spread, shape))
    return replace(stimulus, rows=list(drawn))


def show(library: Library, found: list[Measured]) -> None:
    """Print gates and cycles."""
    header = [
        "unit, lanes",
        "area",
        "area/lane",
        "path",
        "mW",
        "memory bits",
        "latency",
        "cycles/row",
    ]
    rows = [
        [
            f"{one.function} {one.lanes}",
            f"{one.gates.area:,.0f}",
            f"{one.gates.area / one.lanes:,.0f}",
            "none" if one.gates.delay is None else f"{one.gates.delay:.2f}",
            f"{one.power.total:.3g}",
            f"{one.memory_bits:,}",
            str(one.latency),
            f"{one.cycles:.1f}",
            f"{LENGTH / one.cycles:.2f}",
        ]
        for one in found
    ]
    title = f"Streaming units of {LENGTH} elements, {library.name}"
    how = (
        f"area in {library.area_unit} and path in {library.time_unit} beside the memories, cells "
        f"sized for {1000 / CLOCK_NS:.0f} MHz"
    )
    report(title, how, table([*header, "elements/cycle"], rows), ("pyosys",))


def main() -> None:
    """Measure and print for each library."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--lanes", default="1,2,4,8", help="numbers of lanes")
    parser.add_argument("--liberty", action="append", default=[], metavar="FILE[,FILE…]")
    arguments = parser.parse_args()
    modules = [op for lanes in arguments.lanes.split(",") for op in units(int(lanes))]
    for library in libraries(arguments.liberty).values():
        found: list[Measured] = []
        for op in modules:
            found.append(measure(op, library))
            progress(f"{library.name}: {len(found)}/{len(modules)}")
        show(library, sorted(found, key=lambda one: (one.function, one.lanes)))


if __name__ == "__main__":
    main()
