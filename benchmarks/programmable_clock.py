"""
Programmable units from 16 bits on at 500 MHz: how many register stages that takes, and its area.

    python benchmarks/programmable_clock.py [--liberty FILE[,FILE…]] [--unit INT16] [--entries 8]

The units are those of `seed_hardware.py`, whose results are the whole accumulator, and integer ones
as networks have them, whose results are shifted, rounded and clamped to the input's width. Each is
built with every number of stages from two on until one meets the clock: plain (flip-flops, all
comparators, `*`), and smallest (latches, recoded, the smaller select of those that meet the clock).
Cells are sized for the clock (effort quick); the path is ABC's, without wires.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from measure import progress, report, table
from seed_hardware import OTHERS, PLAIN, Way
from synthesized import libraries
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.synthesis.liberty import Library
from lut_opt.backends.synthesis.synthesize import Synthesis, synthesize
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.datapath.fixed import Style
from lut_opt.passes.hw.programmable.float_datapath import MAX_FLOAT_PIPELINE, FloatFunction
from lut_opt.passes.hw.programmable.program import Layout
from lut_opt.passes.hw.programmable.unit import build_programmable
from lut_opt.passes.hw.programmable.words import MAX_INTEGER_PIPELINE, IntegerFunction

CLOCK_NS = 2.0
UNITS = ("INT16", "INT16 rounded", "INT32", "INT32 rounded", "FP32")
LATCHES = tuple(way for way in OTHERS if way.storage == "latch")
LEAST_FLOAT = 6
"""The first number of stages that is tried in single precision: its operations have four inside."""


def function_of(
    name: str, entries: int, stages: int, style: Style
) -> IntegerFunction | FloatFunction:
    """What a unit computes."""
    if name == "FP32":
        return FloatFunction(entries, True, stages, style)
    bits = int(name.removeprefix("INT").split()[0])
    shift = (bits - 1).bit_length()
    rounded = name.endswith("rounded")
    layout = Layout(entries, bits, bits, bits, (shift, shift * rounded))
    result = Quantization(bits if rounded else 2 * bits, True, 1.0)
    return IntegerFunction(Quantization(bits, True, 1.0), result, layout, stages, style)


def gates(name: str, entries: int, stages: int, way: Way, library: Library) -> Synthesis:
    """A unit in cells that are sized for the clock."""
    unit = build_programmable("unit", function_of(name, entries, stages, way.style), way.storage)
    verilog = systemverilog.emit(ModuleOp([unit]))
    progress(f"{name}, {entries} entries, {stages} stages, {way}")
    return synthesize(verilog, "unit", library, CLOCK_NS, "quick")


def best(found: Sequence[Synthesis]) -> Synthesis:
    """The smallest that meets the clock, else the fastest."""
    return min(found, key=lambda one: (not one.meets_clock, one.area * one.meets_clock, _ns(one)))


def rows(names: Sequence[str], entries: int, library: Library) -> Iterator[list[str]]:
    """A line for each number of stages, up to the first that meets the clock both ways."""
    for name in names:
        floats = name == "FP32"
        last = MAX_FLOAT_PIPELINE if floats else MAX_INTEGER_PIPELINE
        for stages in range(LEAST_FLOAT if floats else 2, last + 1):
            plain = gates(name, entries, stages, PLAIN, library)
            small = best([gates(name, entries, stages, way, library) for way in LATCHES])
            columns = [f"{plain.area:,.0f}", f"{_ns(plain):.2f}"]
            columns += [f"{small.area:,.0f}", f"{_ns(small):.2f}"]
            yield [name, str(stages), *columns]
            if plain.meets_clock and small.meets_clock:
                break


def _ns(one: Synthesis) -> float:
    return one.delay or 0.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("--liberty", action="append", default=[], metavar="FILE[,FILE…]")
    parser.add_argument("--unit", choices=UNITS, action="append", help="default: all")
    parser.add_argument("--entries", type=int, default=8)
    options = parser.parse_args()
    for library in libraries(options.liberty).values():
        found = list(rows(options.unit or UNITS, options.entries, library))
        how = f"{options.entries} entries, cells sized for {CLOCK_NS} ns"
        area, time = library.area_unit, library.time_unit
        header = ["unit", "pipeline", f"plain {area}", time, f"smallest {area}", time]
        report(f"Programmable units, {library.name}", how, table(header, found), ("pyosys",))


if __name__ == "__main__":
    main()
