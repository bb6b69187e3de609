"""
A programmable unit as one `hw.module`: a table that is written through a port, and its datapath.

Ports: `clock`; `write_enable`, `address` and `data`, which count at the rising edge; `x` and `y`.
Its attribute `pwl.unit` has the writes of every table that the unit was made for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Protocol

from xdsl.dialects import hw
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.hardware import (
    UNIT,
    Layout,
    Program,
    ProgrammableUnit,
    unit_attribute,
)
from lut_opt.passes.hw.builder.circuit import Circuit
from lut_opt.passes.hw.builder.module import domain_of, hardware_module
from lut_opt.passes.hw.builder.timing import describe_timing
from lut_opt.passes.hw.datapath.fixed import Style
from lut_opt.passes.hw.programmable.registers import (
    Storage,
    WritePort,
    build_memory,
    build_words,
)
from lut_opt.passes.hw.programmable.words import Words, words_of
from lut_opt.passes.hw.table_unit.unit import describe_error

Clocking = Literal["free", "gate", "enable"]
"""How registers between x and y are made to wait: they never do, by their clock, by an enable."""


class Function(Protocol):
    """What a programmable unit computes, apart from the contents of its table."""

    @property
    def layout(self) -> Layout:
        """The words of the table."""
        ...

    @property
    def style(self) -> Style:
        """How the datapath is built."""
        ...

    def unit(self, module: str) -> ProgrammableUnit:
        """What a module with this datapath is, apart from how its words are stored."""
        ...

    def build(self, circuit: Circuit, port: SSAValue, words: Words) -> SSAValue:
        """The datapath."""
        ...

    def describe(self) -> Sequence[str]:
        """Lines for the header of the module."""
        ...


def build_programmable(
    name: str,
    function: Function,
    storage: Storage,
    programs: Sequence[Program] = (),
    clocking: Clocking = "free",
) -> hw.HWModuleOp:
    """
    The module; with `storage="gated"` it instantiates `clock_gate()`, once for every word.

    A stream holds the registers between x and y, if there are any, by a clock of their own,
    `x_clock`, where `clocking` is `gate`, and by `x_enable` where it is `enable`.
    """
    bare = function.unit(name)
    held = clocking if bare.latency else "free"
    unit = replace(
        bare,
        storage=storage,
        two_clocks=held == "gate",
        enable=held == "enable",
        programs=tuple(programs),
    )
    header = "\n".join(_header(unit, function.describe()))
    op, block, ports = hardware_module(name, unit.ports, header)
    clock = ports["clock"]
    circuit = Circuit(block, domain_of(ports), function.style.blocks)
    write = WritePort(clock, ports["write_enable"], ports["address"], ports["data"])
    words = _words(circuit, write, unit.layout, storage)
    circuit.output([function.build(circuit, ports["x"], words)])
    op.attributes[UNIT] = unit_attribute(unit)
    return op


def _words(circuit: Circuit, port: WritePort, layout: Layout, storage: Storage) -> Words:
    words, n = words_of(layout), layout.entries
    memories, lines = None, 2 * n
    if storage == "memory":
        slopes = build_memory(circuit, port, "slopes", words[:n])
        memories = slopes, build_memory(circuit, port, "intercepts", words[n : 2 * n])
        words, lines = words[2 * n :], 0
    values = build_words(circuit, port, words, storage)
    shifts = values.pop() if sum(layout.shift_bits) else None
    return Words(values[: lines // 2], values[lines // 2 : lines], values[lines:], shifts, memories)


def _header(unit: ProgrammableUnit, lines: Sequence[str]) -> list[str]:
    layout = unit.layout
    return [
        f"{unit.module}: piecewise linear, programmable",
        *lines,
        f"  table:     {layout.entries} entries in {layout.table_bits} bits ({unit.storage}),",
        "             written at rising edges with write_enable set; at the addresses",
        f"             0 slopes, {layout.entries} intercepts"
        + (f", {2 * layout.entries} breakpoints" if layout.breakpoint_bits else "")
        + (f", {3 * layout.entries - 1} shifts" if sum(layout.shift_bits) else ""),
        f"  latency:   {describe_timing(unit.latency)}",
        *(f"  program {i}: {_describe(program)}" for i, program in enumerate(unit.programs)),
    ]


def _describe(program: Program) -> str:
    error = f", max error {describe_error(program.fit)}" if program.fit is not None else ""
    return program.function + error
