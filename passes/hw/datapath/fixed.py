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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization, storage_range
from lut_opt.passes.hw.builder.circuit import Circuit, Wire
from lut_opt.passes.hw.datapath.folding import magnitude, symmetry, unfold
from lut_opt.passes.hw.datapath.lookup import MAX_LOOKUP_BITS, lookup
from lut_opt.passes.hw.datapath.multiply import Multiplier, multiply_add, sums
from lut_opt.passes.hw.datapath.segments import Segment, Select, segments, segments_within
from lut_opt.passes.hw.datapath.selection import deciding_bits, select_constants

CUTS = ("output", "select", "round", "input")
"""Where registers may stand; n stages take the first n, so multiply-add is freed first."""

MAX_PIPELINE = len(CUTS)


@dataclass(frozen=True)
class Style:
    """How a datapath is built; every style computes the same."""

    select: Select = "chain"
    multiplier: Multiplier = "recoded"
    form: Literal["segments", "folded", "direct"] = "segments"


def obstacle(table: Table, operand: Quantization, style: Style) -> str | None:
    """Why a table cannot be built in a style, and what to do; None if it can."""
    if style.form == "direct" and operand.bits > MAX_LOOKUP_BITS:
        return (
            f"a direct table takes inputs of up to {MAX_LOOKUP_BITS} bits, not {operand.bits}: "
            "use implementation=compare"
        )
    if style.form == "folded" and symmetry(table, operand) is None:
        return (
            "the halves of the table do not follow from each other: search with "
            "--pwl-search=symmetry=odd or even, or use implementation=compare"
        )
    if style.select == "decode":
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
    if style.form == "direct":
        y = _direct(circuit, x, table, result, operand, cuts)
    else:
        accumulate = _accumulate_folded if style.form == "folded" else _accumulate
        acc = accumulate(circuit, x, table, operand, style, "select" in cuts)
        rounded = circuit.shift_right(acc, table.result_shift)
        if "round" in cuts:
            rounded = circuit.register(rounded, "rounded")
        clamped = circuit.clamp(rounded, result.minimum, result.maximum)
        y = Wire(circuit.resize(clamped, result.bits), clamped.low, clamped.high)
    if "output" in cuts:
        y = circuit.register(y, "y_out")
    return y.value


def _direct(
    circuit: Circuit,
    x: Wire,
    table: Table,
    result: Quantization,
    operand: Quantization,
    cuts: tuple[str, ...],
) -> Wire:
    """The results of all inputs; the cuts inside a datapath come before the table."""
    for cut in ("select", "round"):
        if cut in cuts:
            x = circuit.register(x, f"x_{cut}")
    patterns = np.arange(1 << operand.bits, dtype=np.int64)
    negative = operand.signed & (patterns >> (operand.bits - 1))
    values = table.evaluate(patterns - (negative << operand.bits), result)
    low, high = int(values.min()), int(values.max())
    if low == high:
        return Wire(circuit.constant(low, result.bits).value, low, high)
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
