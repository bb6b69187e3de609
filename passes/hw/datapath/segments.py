"""The segments of a table that matter, and constants chosen by the segment of an input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from xdsl.dialects import comb
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization, storage_range
from lut_opt.passes.hw.builder.circuit import Circuit, Wire, width_of

Select = Literal["chain", "binary", "onehot", "decode"]


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
    return segments_within(table, *storage_range(operand.bits, operand.signed))


def segments_within(table: Table, minimum: int, maximum: int) -> list[Segment]:
    """The segments that inputs `minimum … maximum` reach."""
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


def thermometer(circuit: Circuit, x: Wire, used: Sequence[Segment]) -> list[SSAValue]:
    """One bit for each segment but the first: whether x has reached it."""
    reached: list[SSAValue] = []
    for segment in used[1:]:
        reached.append(circuit.compare("gt", x, segment.first - 1))
        circuit.name(reached[-1], f"from_{segment.first}".replace("-", "m"))
    return reached


def choose(
    circuit: Circuit, values: Sequence[int], reached: Sequence[SSAValue], select: Select, hint: str
) -> Wire:
    """Constant `i` where exactly the first `i` bits of the thermometer are set."""
    # A run of equal constants needs only the condition of its first.
    runs = [i for i in range(len(values)) if i == 0 or values[i] != values[i - 1]]
    if len(runs) == 1:
        return circuit.constant(values[0])
    low, high = min(values), max(values)
    if (low, high) == (0, 1):
        # runs alternate, so the bit toggles wherever a run starts
        toggles = [reached[i - 1] for i in runs[1:]]
        if values[0]:
            toggles.append(circuit.constant(1).value)
        return Wire(
            circuit.add_op(comb.XorOp(toggles), hint) if len(toggles) > 1 else toggles[0], 0, 1
        )
    width = width_of(low, high)
    leaves = [Wire(circuit.constant(values[i], width).value, low, high) for i in runs]
    conditions = [reached[i - 1] for i in runs[1:]]
    if select == "onehot":
        chosen = _any_of(circuit, leaves, conditions)
    elif select == "binary":
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


def _any_of(circuit: Circuit, leaves: Sequence[Wire], conditions: Sequence[SSAValue]) -> Wire:
    """Every leaf masked by its own condition, all or-ed: no leaf waits for another."""
    width = leaves[0].width
    inverted = [
        circuit.add_op(comb.XorOp([bit, circuit.constant(1, 1).value])) for bit in conditions
    ]
    hot = [inverted[0]]
    for i, bit in enumerate(conditions):
        last = i + 1 == len(conditions)
        hot.append(bit if last else circuit.add_op(comb.AndOp([bit, inverted[i + 1]])))
    masked = [
        circuit.add_op(comb.AndOp([circuit.replicate(one, width), leaf.value]))
        for one, leaf in zip(hot, leaves, strict=True)
    ]
    return Wire(circuit.add_op(comb.OrOp(masked)), leaves[0].low, leaves[0].high)
