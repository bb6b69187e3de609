"""
The datapath of one fixed table: exactly `Table.evaluate`, for every pattern of input bits.

    select        thermometer bits x ≥ breakpoint choose a constant slope and a constant bias
    multiply-add  acc = slope·x + bias, where bias = (intercept << intercept_shift) + 2^(r−1)
    round, clamp  y = clamp(acc >> r)

The rounding addend is part of the bias, so rounding costs nothing; segments that no input reaches
are left out and equal neighbours merged; every width is that of the values which really occur.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.quantization import Quantization, storage_range
from lut_opt.dialects.pwl.table import Table
from lut_opt.passes.hw.circuit import Circuit, Wire, width_of

Select = Literal["chain", "binary"]

MAX_PIPELINE = 4
"""Register stages that make sense: input, select | multiply-add, multiply-add | round, output."""


@dataclass(frozen=True)
class Segment:
    """Inputs `first … last` go through `slope·x + bias`."""

    first: int
    last: int
    slope: int
    bias: int

    def at(self, x: int) -> int:
        """The accumulator, rounding addend included."""
        return self.slope * x + self.bias


def segments(table: Table, operand: Quantization) -> list[Segment]:
    """The segments that some input pattern reaches, neighbours with equal parameters merged."""
    minimum, maximum = storage_range(operand.bits, operand.signed)
    firsts = [minimum, *(max(b, minimum) for b in table.breakpoints)]
    ends = [*(min(b, maximum + 1) for b in table.breakpoints), maximum + 1]
    half = (1 << table.result_shift) >> 1
    reached = [
        Segment(first, end - 1, slope, (intercept << table.intercept_shift) + half)
        for first, end, slope, intercept in zip(
            firsts, ends, table.slopes, table.intercepts, strict=True
        )
        if first < end
    ]
    merged: list[Segment] = []
    for (slope, bias), group in groupby(reached, key=lambda s: (s.slope, s.bias)):
        run = list(group)
        merged.append(Segment(run[0].first, run[-1].last, slope, bias))
    return merged


def build_datapath(
    circuit: Circuit,
    x: SSAValue,
    table: Table,
    operand: Quantization,
    result: Quantization,
    pipeline: int = 0,
    select: Select = "chain",
) -> SSAValue:
    """Compute the raw result bits of the raw input bits `x`, `pipeline` cycles later."""
    cuts = _cuts(pipeline)
    used = segments(table, operand)
    wire = Wire(x, *storage_range(operand.bits, operand.signed))
    if "input" in cuts:
        wire = circuit.register(wire, "x_in")
    slope, bias, zeros = _select(circuit, wire, used, select)
    if "select" in cuts:
        wire = circuit.register(wire, "x_select")
        slope = circuit.register(slope, "slope_select")
        bias = circuit.register(bias, "bias_select")
    if zeros:
        bias = circuit.shift_left(bias, zeros, "bias")
    acc = _multiply_add(circuit, wire, slope, bias, used)
    rounded = circuit.shift_right(acc, table.result_shift)
    if "round" in cuts:
        rounded = circuit.register(rounded, "rounded")
    clamped = circuit.clamp(rounded, result.minimum, result.maximum)
    y = Wire(circuit.resize(clamped, result.bits), clamped.low, clamped.high)
    if "output" in cuts:
        y = circuit.register(y, "y_out")
    return y.value


def _cuts(pipeline: int) -> tuple[str, ...]:
    """Where the registers stand; the longest stage, multiply-add, is freed first."""
    order = ("output", "select", "round", "input")
    return order[:pipeline]


def _select(
    circuit: Circuit, x: Wire, used: Sequence[Segment], select: Select
) -> tuple[Wire, Wire, int]:
    """Slope and bias of the segment of x; the bias without the low zeros that all biases share."""
    starts: list[SSAValue] = []
    for segment in used[1:]:
        starts.append(circuit.compare("gt", x, segment.first - 1))
        circuit.name(starts[-1], f"from_{segment.first}".replace("-", "m"))
    zeros = min((_trailing_zeros(s.bias) for s in used if s.bias), default=0)
    slope = _choose(circuit, [s.slope for s in used], starts, select, "slope")
    bias = _choose(
        circuit, [s.bias >> zeros for s in used], starts, select, "bias_high" if zeros else "bias"
    )
    return slope, bias, zeros


def _trailing_zeros(value: int) -> int:
    return (value & -value).bit_length() - 1


def _choose(
    circuit: Circuit, values: Sequence[int], starts: Sequence[SSAValue], select: Select, hint: str
) -> Wire:
    """Constant `i` where exactly the first `i` of the ascending conditions `starts` hold."""
    # A run of equal constants needs only the condition of its first.
    runs = [i for i in range(len(values)) if i == 0 or values[i] != values[i - 1]]
    if len(runs) == 1:
        return circuit.constant(values[0])
    low, high = min(values), max(values)
    width = width_of(low, high)
    leaves = [Wire(circuit.constant(values[i], width).value, low, high) for i in runs]
    conditions = [starts[i - 1] for i in runs[1:]]
    if select == "binary":
        chosen = _tree(circuit, leaves, conditions)
    else:
        chosen = leaves[0]
        for condition, leaf in zip(conditions, leaves[1:], strict=True):
            chosen = circuit.mux(condition, leaf, chosen)
    circuit.name(chosen.value, hint)
    return chosen


def _tree(circuit: Circuit, leaves: Sequence[Wire], conditions: Sequence[SSAValue]) -> Wire:
    """A balanced tree of multiplexers."""
    if len(leaves) == 1:
        return leaves[0]
    middle = len(leaves) // 2
    left = _tree(circuit, leaves[:middle], conditions[: middle - 1])
    right = _tree(circuit, leaves[middle:], conditions[middle:])
    return circuit.mux(conditions[middle - 1], right, left)


def _multiply_add(
    circuit: Circuit, x: Wire, slope: Wire, bias: Wire, used: Sequence[Segment]
) -> Wire:
    """The exact accumulator, in the width of the sums and products that occur."""
    sums = [segment.at(q) for segment in used for q in (segment.first, segment.last)]
    low, high = min(sums), max(sums)
    if low == high:
        return circuit.constant(low)
    products = [segment.slope * q for segment in used for q in (segment.first, segment.last)]
    width = min(width_of(min(products), max(products)), width_of(low, high))
    if slope.low == slope.high == 0:
        product = circuit.constant(0)
    else:
        value = circuit.multiply(x, slope, width, "product")
        product = Wire(value, min(products), max(products))
    return circuit.add(product, bias, low, high, "acc")
