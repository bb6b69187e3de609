"""
A unit of several fixed tables, of which an input `select` chooses one.

The tables share the comparators, the multiplication and the clamp; `select` chooses the constants.
Tables of different result shifts share one as well: with 2^k times its slopes and intercepts, a
table rounds k bits later to the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from xdsl.dialects import comb, hw
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.hardware import UNIT, SelectUnit, TableUnit, Tabulated, unit_attribute
from lut_opt.dialects.quantization import storage_range
from lut_opt.passes.hw.builder.circuit import Circuit, Wire, width_of
from lut_opt.passes.hw.builder.module import domain_of, hardware_module
from lut_opt.passes.hw.builder.timing import describe_timing
from lut_opt.passes.hw.datapath.fixed import CUTS, DIRECT, Style
from lut_opt.passes.hw.datapath.lookup import MAX_LOOKUP_BITS, lookup
from lut_opt.passes.hw.datapath.multiply import multiply_add
from lut_opt.passes.hw.datapath.segments import Segment, segments
from lut_opt.passes.hw.table_unit.unit import describe_error, digest


def build_multi(
    name: str, units: Sequence[TableUnit], latency: int, style: Style, enable: bool = False
) -> hw.HWModuleOp:
    """
    A module with `select`, `x` and `y`: `units[select]` of x, `latency` cycles later.

    A `select` that no table belongs to gives the last one's result. The stored inputs of all units
    are of one type, and so are their results. With `enable` registers have one. With `style.form`
    DIRECT all results are one truth table; raises `ValueError` if `select` and x have too many bits
    for that.
    """
    tables = (Tabulated(u.function, u.table, u.operand, u.result, u.fit) for u in units)
    made = SelectUnit(name, tuple(tables), latency=latency, enable=enable and latency > 0)
    operand, bits = units[0].operand, made.select_bits
    if style.form is DIRECT and bits + operand.bits > MAX_LOOKUP_BITS:
        raise ValueError(
            f"a direct table takes up to {MAX_LOOKUP_BITS} bits, not {bits} of select and "
            f"{operand.bits} of input"
        )
    op, block, ports = hardware_module(name, made.ports, _comment(name, units, latency))
    circuit = Circuit(block, domain_of(ports), style.blocks)
    x = Wire(ports["x"], *storage_range(operand.bits, operand.signed))
    select = Wire(ports["select"], 0, (1 << bits) - 1)
    circuit.output([_datapath(circuit, x, select, units, style, CUTS[:latency]).value])
    op.attributes[UNIT] = unit_attribute(made)
    return op


def _datapath(
    circuit: Circuit,
    x: Wire,
    select: Wire,
    units: Sequence[TableUnit],
    style: Style,
    cuts: Sequence[str],
) -> Wire:
    """The result, with registers at the cuts."""
    result = units[0].result
    if "input" in cuts:
        x, select = circuit.register(x, "x_in"), circuit.register(select, "select_in")
    if style.form is DIRECT:
        y = _direct(circuit, x, select, units, cuts)
    else:
        acc, shift = _accumulate(circuit, x, select, units, style, "select" in cuts)
        rounded = circuit.shift_right(acc, shift)
        if "round" in cuts:
            rounded = circuit.register(rounded, "rounded")
        clamped = circuit.clamp(rounded, result.minimum, result.maximum)
        y = Wire(circuit.resize(clamped, result.bits), clamped.low, clamped.high)
    return circuit.register(y, "y_out") if "output" in cuts else y


def _accumulate(
    circuit: Circuit, x: Wire, select: Wire, units: Sequence[TableUnit], style: Style, cut: bool
) -> tuple[Wire, int]:
    """The accumulator with the rounding addend, and the shift that all tables share."""
    shift = max(unit.table.result_shift for unit in units)
    each = [
        [_scaled(s, shift - unit.table.result_shift) for s in segments(unit.table, unit.operand)]
        for unit in units
    ]
    count = max(map(len, each))
    # Segments beyond a table's last are never reached: nothing is above the largest input.
    used = [(row + row[-1:] * count)[:count] for row in each]
    bounds = [
        [segment.first - 1 for segment in row[1:]] + [x.high] * (count - len(row)) for row in each
    ]
    flat = [segment for row in used for segment in row]
    unit = multiply_add(style.multiplier, flat)
    reached = [
        _above(circuit, x, _chosen(circuit, [row[j] for row in bounds], select))
        for j in range(count - 1)
    ]
    chosen: dict[str, Wire] = {}
    for name, values in unit.constants.items():
        low, high = min(values), max(values)
        columns = [
            _chosen(circuit, values[i::count], select, width_of(low, high)) for i in range(count)
        ]
        wire = columns[0]
        for condition, column in zip(reached, columns[1:], strict=True):
            wire = circuit.mux(condition, column, wire)
        if wire.low != wire.high:
            wire = Wire(circuit.resize(wire, width_of(low, high)), low, high)
        chosen[name] = circuit.register(wire, f"{name}_select") if cut else wire
    if cut:
        x = circuit.register(x, "x_select")
    return unit.accumulate(circuit, x, chosen), shift


def _direct(
    circuit: Circuit, x: Wire, select: Wire, units: Sequence[TableUnit], cuts: Sequence[str]
) -> Wire:
    """The results of all inputs of all tables, as logic of `select` and x together."""
    for cut in ("select", "round"):
        if cut in cuts:
            x, select = circuit.register(x, f"x_{cut}"), circuit.register(select, f"select_{cut}")
    patterns = np.arange(1 << x.width, dtype=np.int64)
    stored = patterns - ((x.signed & (patterns >> (x.width - 1))) << x.width)
    rows = [unit.table.evaluate(stored, unit.result) for unit in units]
    rows += rows[-1:] * ((1 << select.width) - len(rows))
    bits = IntegerType(select.width + x.width)
    address = circuit.add_op(comb.ConcatOp([select.value, x.value], bits))
    result = units[0].result
    y = lookup(circuit, address, np.concatenate(rows), result.bits)
    return Wire(y, result.minimum, result.maximum)


def _scaled(segment: Segment, bits: int) -> Segment:
    return replace(segment, slope=segment.slope << bits, bias=segment.bias << bits)


def _above(circuit: Circuit, x: Wire, bound: Wire) -> SSAValue:
    right = circuit.resize(bound, x.width)
    predicate = "sgt" if x.signed else "ugt"
    return circuit.add_op(comb.ICmpOp(x.value, right, predicate))


def _chosen(
    circuit: Circuit, values: Sequence[int], select: Wire, width: int | None = None
) -> Wire:
    """Value number `select`; the last one beyond the end."""
    if len(set(values)) == 1:
        return circuit.constant(values[0], width)
    half = 1 << ((len(values) - 1).bit_length() - 1)
    values = (*values, *[values[-1]] * (2 * half - len(values)))
    bit = circuit.extract(select.value, half.bit_length() - 1, 1)
    lower = _chosen(circuit, values[:half], select, width)
    upper = _chosen(circuit, values[half:], select, width)
    return circuit.mux(bit, upper, lower)


def _comment(name: str, units: Sequence[TableUnit], latency: int) -> str:
    lines = [f"{name}: {len(units)} functions, piecewise linear, chosen by select"]
    for i, unit in enumerate(units):
        scales = f"x * {unit.operand.scale!r}, y * {unit.result.scale!r}"
        lines.append(f"  {i}: {unit.function}, {scales}, table {digest(unit.table)}")
        if unit.fit is not None:
            lines.append(f"     max error: {describe_error(unit.fit)}")
    lines.append(f"  latency: {describe_timing(latency)}")
    return "\n".join(lines)
