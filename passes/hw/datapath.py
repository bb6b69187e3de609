"""
The datapath of one fixed table: exactly `Table.evaluate`, for every pattern of input bits.

    select        thermometer bits, x ≥ breakpoint, choose constants
    multiply-add  acc = slope·x + bias, where bias = (intercept << intercept_shift) + 2^(r−1)
    round, clamp  y = clamp(acc >> r)

The rounding addend is part of the bias, so rounding costs nothing; segments that no input reaches
are left out and equal neighbours merged; every width is that of the values which really occur.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization, storage_range
from lut_opt.passes.hw.circuit import Circuit, Wire
from lut_opt.passes.hw.multiply import Multiplier, multiply_add, sums
from lut_opt.passes.hw.segments import Select, choose, segments, thermometer

CUTS = ("output", "select", "round", "input")
"""Where registers may stand; n stages take the first n, so multiply-add is freed first."""

MAX_PIPELINE = len(CUTS)


@dataclass(frozen=True)
class Style:
    """How a datapath is built; every style computes the same."""

    select: Select = "chain"
    multiplier: Multiplier = "recoded"


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
    acc = _accumulate(circuit, x, table, operand, style, "select" in cuts)
    rounded = circuit.shift_right(acc, table.result_shift)
    if "round" in cuts:
        rounded = circuit.register(rounded, "rounded")
    clamped = circuit.clamp(rounded, result.minimum, result.maximum)
    y = Wire(circuit.resize(clamped, result.bits), clamped.low, clamped.high)
    if "output" in cuts:
        y = circuit.register(y, "y_out")
    return y.value


def _accumulate(
    circuit: Circuit, x: Wire, table: Table, operand: Quantization, style: Style, cut: bool
) -> Wire:
    """Select and multiply-add, with registers between them where `cut`."""
    used = segments(table, operand)
    low, high = sums(used)
    if low == high:
        return circuit.constant(low)
    unit = multiply_add(style.multiplier, used)
    reached = thermometer(circuit, x, used)
    chosen = {
        name: choose(circuit, values, reached, style.select, name)
        for name, values in unit.constants.items()
    }
    if cut:
        x = circuit.register(x, "x_select")
        chosen = {name: circuit.register(wire, f"{name}_select") for name, wire in chosen.items()}
    return unit.accumulate(circuit, x, chosen)
