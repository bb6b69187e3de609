"""
The segment of an input among breakpoints that are known at run time only, and words chosen by it.

Breakpoints ascend, so the segment is their number at or below the input. `chain` compares with all
of them at once; `binary` looks for the place with log2 N comparators one after the other, which is
smaller and slower. Either gives one bit for each segment, of which exactly one is set, or the
segment's number, which memories are read by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects import comb
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from lut_opt.passes.hw.builder.circuit import Circuit, bits_of
from lut_opt.passes.hw.datapath.segments import Select

AtLeast = Callable[[SSAValue], SSAValue]
"""One bit: whether the input is at or above a breakpoint."""


def find_segment(
    circuit: Circuit, breakpoints: Sequence[SSAValue], at_least: AtLeast, select: Select
) -> list[SSAValue]:
    """One bit for each of the N segments; N − 1 breakpoints, N a power of two for `binary`."""
    if select == "chain":
        return _all_at_once(circuit, [at_least(point) for point in breakpoints])
    # The bits of segments that are still possible: first there is only one group, of all.
    groups: list[SSAValue] = []
    width = len(breakpoints) + 1
    while width > 1:
        middles = breakpoints[width // 2 - 1 :: width]
        middle = choose_word(circuit, groups, middles) if groups else middles[0]
        upper = at_least(middle)
        lower = invert(circuit, upper)
        groups = [
            circuit.add_op(comb.AndOp([group, half])) for group in groups for half in (lower, upper)
        ] or [lower, upper]
        width //= 2
    return groups


def number_segment(
    circuit: Circuit, breakpoints: Sequence[SSAValue], at_least: AtLeast, select: Select
) -> SSAValue:
    """
    The number of the segment, for a number of segments that is a power of two.

    Both ways halve what is possible bit by bit: `binary` compares with the breakpoint in the middle
    of what is left, `chain` has compared with all of them before.
    """
    left = breakpoints if select == "binary" else [at_least(point) for point in breakpoints]
    bits: list[SSAValue] = []
    width = len(left) + 1
    while width > 1:
        middle = _pick(circuit, bits, left[width // 2 - 1 :: width])
        bits.append(at_least(middle) if select == "binary" else middle)
        width //= 2
    if len(bits) == 1:
        return bits[0]
    return circuit.add_op(comb.ConcatOp(bits, IntegerType(len(bits))), "segment")


def decode(circuit: Circuit, index: SSAValue) -> list[SSAValue]:
    """One bit for each value of an index."""
    width = bits_of(index)
    constants = [circuit.constant(i, width).value for i in range(1 << width)]
    return [circuit.add_op(comb.ICmpOp(index, constant, "eq")) for constant in constants]


def choose_word(
    circuit: Circuit, hot: Sequence[SSAValue], words: Sequence[SSAValue], hint: str | None = None
) -> SSAValue:
    """The word whose bit is set."""
    width = bits_of(words[0])
    masked = [
        circuit.add_op(comb.AndOp([circuit.replicate(bit, width), word]))
        for bit, word in zip(hot, words, strict=True)
    ]
    return circuit.add_op(comb.OrOp(masked), hint)


def invert(circuit: Circuit, value: SSAValue) -> SSAValue:
    """Every bit inverted."""
    width = bits_of(value)
    ones = circuit.constant((1 << width) - 1, width).value
    return circuit.add_op(comb.XorOp([value, ones]))


def _pick(circuit: Circuit, bits: Sequence[SSAValue], words: Sequence[SSAValue]) -> SSAValue:
    """The word of a number whose bits are given, the highest first."""
    if not bits:
        return words[0]
    middle = len(words) // 2
    low, high = (_pick(circuit, bits[1:], half) for half in (words[:middle], words[middle:]))
    return circuit.add_op(comb.MuxOp(bits[0], high, low))


def _all_at_once(circuit: Circuit, reached: Sequence[SSAValue]) -> list[SSAValue]:
    """Neighbouring bits of a thermometer differ at one place."""
    missed = [invert(circuit, bit) for bit in reached]
    between = [
        circuit.add_op(comb.AndOp([bit, beyond]))
        for bit, beyond in zip(reached[:-1], missed[1:], strict=True)
    ]
    return [missed[0], *between, reached[-1]]
