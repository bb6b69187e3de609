"""
A programmable unit as one `hw.module`: a table that is written through a port, and its datapath.

Ports: `clock`; `write_enable`, `address` and `data`, which count at the rising edge; `x` and `y`.
The attribute `pwl.programs` has the writes of every table that the unit was made for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from xdsl.dialects import hw, seq
from xdsl.dialects.builtin import ArrayAttr, IntegerType, StringAttr
from xdsl.ir import Attribute, Block, Region, SSAValue, TypeAttribute

from lut_opt.dialects.pwl import FitAttr
from lut_opt.passes.hw.builder.circuit import Circuit, ClockDomain
from lut_opt.passes.hw.builder.clocks import DATAPATH_CLOCK
from lut_opt.passes.hw.builder.timing import describe_timing, timing
from lut_opt.passes.hw.programmable.attributes import (
    Program,
    describe_programs,
    layout_attributes,
)
from lut_opt.passes.hw.programmable.program import Layout
from lut_opt.passes.hw.programmable.storage import Storage, WritePort, build_words
from lut_opt.passes.hw.programmable.words import Words, words_of
from lut_opt.passes.hw.table_unit.unit import describe_error


class Function(Protocol):
    """What a programmable unit computes, apart from the contents of its table."""

    @property
    def layout(self) -> Layout:
        """The words of the table."""
        ...

    @property
    def latency(self) -> int:
        """Cycles from x to y."""
        ...

    @property
    def input_bits(self) -> int:
        """Width of x."""
        ...

    @property
    def result_bits(self) -> int:
        """Width of y."""
        ...

    def build(self, circuit: Circuit, port: SSAValue, words: Words) -> SSAValue:
        """The datapath."""
        ...

    def describe(self) -> tuple[Sequence[str], dict[str, Attribute]]:
        """Lines for the header of the module, and attributes."""
        ...


def build_programmable(
    name: str,
    function: Function,
    storage: Storage,
    programs: Sequence[Program] = (),
    two_clocks: bool = False,
) -> hw.HWModuleOp:
    """
    The module; with `storage="gated"` it instantiates `clock_gate()`, once for every word.

    `two_clocks` gives the registers between x and y a clock of their own, `x_clock`, which may
    stop.
    """
    layout = function.layout
    ports: list[tuple[str, TypeAttribute]] = [
        ("clock", seq.ClockType()),
        *([(DATAPATH_CLOCK, seq.ClockType())] if two_clocks else []),
        ("write_enable", IntegerType(1)),
        ("address", IntegerType(layout.address_bits)),
        ("data", IntegerType(layout.data_bits)),
        ("x", IntegerType(function.input_bits)),
    ]
    block = Block(arg_types=[type_ for _, type_ in ports])
    for argument, (port, _) in zip(block.args, ports, strict=True):
        argument.name_hint = port
    clock, *_, enable, address, data, x = block.args
    circuit = Circuit(block, ClockDomain(block.args[1] if two_clocks else clock))
    values = build_words(
        circuit, WritePort(clock, enable, address, data), words_of(layout), storage
    )
    n = layout.entries
    shifts = values.pop() if sum(layout.shift_bits) else None
    words = Words(values[:n], values[n : 2 * n], values[2 * n :], shifts)
    circuit.output([function.build(circuit, x, words)])
    directions = hw.DirectionAttr(hw.Direction.INPUT), hw.DirectionAttr(hw.Direction.OUTPUT)
    module_ports = [hw.ModulePort(StringAttr(n), t, directions[0]) for n, t in ports]
    result = IntegerType(function.result_bits)
    module_ports.append(hw.ModulePort(StringAttr("y"), result, directions[1]))
    type_ = hw.ModuleType(ArrayAttr(module_ports))
    op = hw.HWModuleOp(StringAttr(name), type_, Region(block))
    op.attributes.update(_attributes(name, function, storage, programs))
    describe_programs(op, programs)
    return op


def _attributes(
    name: str, function: Function, storage: Storage, programs: Sequence[Program]
) -> dict[str, Attribute]:
    layout = function.layout
    lines, attributes = function.describe()
    header = [
        f"{name}: piecewise linear, programmable",
        *lines,
        f"  table:     {layout.entries} entries in {layout.table_bits} bits ({storage}),",
        "             written at rising edges with write_enable set; at the addresses",
        f"             0 slopes, {layout.entries} intercepts"
        + (f", {2 * layout.entries} breakpoints" if layout.breakpoint_bits else "")
        + (f", {3 * layout.entries - 1} shifts" if sum(layout.shift_bits) else ""),
        f"  latency:   {describe_timing(function.latency)}",
        *(f"  program {i}: {_describe(program)}" for i, program in enumerate(programs)),
    ]
    return {
        "comment": StringAttr("\n".join(header)),
        "pwl.storage": StringAttr(storage),
        **layout_attributes(layout),
        **timing(function.latency),
        **attributes,
    }


def _describe(program: Program) -> str:
    fit = program.attributes.get("fit")
    error = f", max error {describe_error(fit.data)}" if isinstance(fit, FitAttr) else ""
    return program.function + error
