"""
The datapath of one fixed table: exactly `Table.evaluate`, for every pattern of input bits.

    select        thermometer bits, x ≥ breakpoint, choose constants
    multiply-add  acc = slope·x + bias, where bias = (intercept << intercept_shift) + 2^(r−1)
    round, clamp  y = clamp(acc >> r)

The rounding addend is part of the bias, so rounding costs nothing; segments that no input reaches
are left out and equal neighbours merged; every width is that of the values which really occur.

A `folded` datapath looks at |x| where the table is symmetric; a `direct` one has no segments, only
the results of all inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization, storage_range
from lut_opt.dialects.storage import ROM_STYLE, RomOp
from lut_opt.passes.hw.builder.circuit import Circuit, Wire
from lut_opt.passes.hw.datapath.folding import magnitude, symmetry, unfold
from lut_opt.passes.hw.datapath.lookup import MAX_LOOKUP_BITS, lookup
from lut_opt.passes.hw.datapath.multiply import Multiplier, multiply_add, sums
from lut_opt.passes.hw.datapath.segments import Segment, Select, segments, segments_within
from lut_opt.passes.hw.datapath.selection import deciding_bits, select_constants

CUTS = ("output", "select", "round", "input")
"""Where registers may stand; n stages take the first n, so multiply-add is freed first."""

MAX_PIPELINE = len(CUTS)


Sides = tuple[Quantization, Quantization]
"""How the bits of the input and of the result are read."""


@dataclass(frozen=True)
class Form:
    """A way from the input to the result."""

    build: Callable[[Circuit, Wire, Table, Sides, Style, Sequence[str]], Wire]
    """
    The result, in as many bits as it is stored in, with registers at all cuts but the first and
    the last (`CUTS`), which stand around it.
    """

    obstacle: Callable[[Table, Quantization], str | None] = lambda table, operand: None
    """Why a table of such inputs cannot be built, and what to do; None if it can."""


def _segments(
    circuit: Circuit, x: Wire, table: Table, sides: Sides, style: Style, cuts: Sequence[str]
) -> Wire:
    """The line of the input's segment."""
    acc = _accumulate(circuit, x, table, sides[0], style, "select" in cuts)
    return _round(circuit, acc, table, sides[1], cuts)


def _folded(
    circuit: Circuit, x: Wire, table: Table, sides: Sides, style: Style, cuts: Sequence[str]
) -> Wire:
    """The line of the segment of |x|, turned over for the other half."""
    acc = _accumulate_folded(circuit, x, table, sides[0], style, "select" in cuts)
    return _round(circuit, acc, table, sides[1], cuts)


def _round(
    circuit: Circuit, acc: Wire, table: Table, result: Quantization, cuts: Sequence[str]
) -> Wire:
    rounded = circuit.shift_right(acc, table.result_shift)
    if "round" in cuts:
        rounded = circuit.register(rounded, "rounded")
    clamped = circuit.clamp(rounded, result.minimum, result.maximum)
    return Wire(circuit.resize(clamped, result.bits), clamped.low, clamped.high)


def _direct(
    circuit: Circuit, x: Wire, table: Table, sides: Sides, style: Style, cuts: Sequence[str]
) -> Wire:
    """The results of all inputs; the cuts inside a datapath come before the table."""
    operand, result = sides
    for cut in ("select", "round"):
        if cut in cuts:
            x = circuit.register(x, f"x_{cut}")
    patterns = np.arange(1 << operand.bits, dtype=np.int64)
    negative = operand.signed & (patterns >> (operand.bits - 1))
    values = table.evaluate(patterns - (negative << operand.bits), result)
    low, high = int(values.min()), int(values.max())
    if low == high:
        return Wire(circuit.constant(low, result.bits).value, low, high)
    if style.rom_bits and "output" in cuts and len(values) * result.bits >= style.rom_bits:
        rom = RomOp("results", values.tolist(), x.value, result.bits)
        rom.attributes[ROM_STYLE] = StringAttr("block")
        return Wire(circuit.add_op(rom), low, high)
    return Wire(lookup(circuit, x.value, values, result.bits), low, high)


def _accumulate(
    circuit: Circuit, x: Wire, table: Table, operand: Quantization, style: Style, cut: bool
) -> Wire:
    """Select and multiply-add, with registers between them where `cut`."""
    used = segments(table, operand)
    low, high = sums(used)
    if low == high:
        return circuit.constant(low)
    return _multiply_add(circuit, x, used, style, cut)


def _multiply_add(
    circuit: Circuit, x: Wire, used: Sequence[Segment], style: Style, cut: bool
) -> Wire:
    unit = multiply_add(style.multiplier, used)
    chosen = select_constants(circuit, x, used, unit.constants, style.select)
    if cut:
        x = circuit.register(x, "x_select")
        chosen = {name: circuit.register(wire, f"{name}_select") for name, wire in chosen.items()}
    return unit.accumulate(circuit, x, chosen)


def _accumulate_folded(
    circuit: Circuit, x: Wire, table: Table, operand: Quantization, style: Style, cut: bool
) -> Wire:
    """The same on |x|, with half of the segments."""
    folded = symmetry(table, operand)
    assert folded is not None
    bounds = sums(segments(table, operand))
    if bounds[0] == bounds[1]:
        return circuit.constant(bounds[0])
    u, negative = magnitude(circuit, x)
    acc = _multiply_add(circuit, u, segments_within(table, 0, u.high), style, cut)
    if cut:
        u = circuit.register(u, "magnitude_select")
        negative = circuit.register(Wire(negative, 0, 1), "negative_select").value
    half = (1 << table.result_shift) >> 1
    return unfold(circuit, acc, u, negative, folded, half, bounds)


def _not_symmetric(table: Table, operand: Quantization) -> str | None:
    if symmetry(table, operand) is not None:
        return None
    return (
        "the halves of the table do not follow from each other: search with "
        "--pwl-search=symmetry=odd, even or relu, or use implementation=compare"
    )


def _too_wide(table: Table, operand: Quantization) -> str | None:
    if operand.bits <= MAX_LOOKUP_BITS:
        return None
    return (
        f"a direct table takes inputs of up to {MAX_LOOKUP_BITS} bits, not {operand.bits}: "
        "use implementation=compare"
    )


SEGMENTS = Form(_segments)
FOLDED = Form(_folded, _not_symmetric)
DIRECT = Form(_direct, _too_wide)


@dataclass(frozen=True)
class Style:
    """How a datapath is built; every style computes the same."""

    select: Select = "chain"
    multiplier: Multiplier = "recoded"
    form: Form = SEGMENTS
    rom_bits: int = 0
    """Direct tables of so many bits are in a block RAM, if a register follows; 0: never."""

    @property
    def blocks(self) -> bool:
        """Whether products are for multiplier blocks."""
        return self.multiplier == "block"

    def obstacle(self, table: Table, operand: Quantization) -> str | None:
        """Why a table cannot be built in this style, and what to do; None if it can."""
        if (reason := self.form.obstacle(table, operand)) is not None:
            return reason
        if self.select == "decode":
            bits = deciding_bits(segments(table, operand), operand.bits)
            if bits > MAX_LOOKUP_BITS:
                return (
                    f"{bits} input bits tell the segments apart, more than {MAX_LOOKUP_BITS}: use "
                    "implementation=compare, or breakpoints on a coarser grid"
                )
        return None


def build_datapath(
    circuit: Circuit,
    port: SSAValue,
    table: Table,
    operand: Quantization,
    result: Quantization,
    pipeline: int,
    style: Style,
) -> SSAValue:
    """Compute the raw result bits of the raw input bits of a port, `pipeline` cycles later."""
    cuts = CUTS[:pipeline]
    x = Wire(port, *storage_range(operand.bits, operand.signed))
    if "input" in cuts:
        x = circuit.register(x, "x_in")
    y = style.form.build(circuit, x, table, (operand, result), style, cuts)
    if "output" in cuts:
        y = circuit.register(y, "y_out")
    return y.value
