"""
The programmable unit: GQA-LUT's Figure 1, one table in registers that software writes.

    select        x against the breakpoints of the table
    multiply-add  acc = slope·x + (intercept << intercept_shift) + 2^(r−1)
    round, clamp  y = clamp(acc >> r), r = result_shift

Everything but the bit widths and the bounds of the clamp is data: the unit is `Table.evaluate` of
whatever table `integer_program` wrote. Breakpoints must ascend, as those of a table do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.dialects import comb
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from lut_opt.dialects.memory import ReadPortOp
from lut_opt.dialects.pwl.hardware import Layout, ProgrammableUnit, Stored, Write
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization, storage_range
from lut_opt.passes.hw.builder.circuit import (
    Circuit,
    Wire,
    bits_of,
    half_of,
    product_range,
    width_of,
)
from lut_opt.passes.hw.datapath.booth import product_terms
from lut_opt.passes.hw.datapath.fixed import Style
from lut_opt.passes.hw.datapath.runtime import (
    AtLeast,
    choose_word,
    decode,
    find_segment,
    number_segment,
)
from lut_opt.passes.hw.datapath.segments import Select
from lut_opt.passes.hw.programmable.program import integer_program
from lut_opt.passes.hw.programmable.registers import Word

CUTS = ("output", "select", "product", "round", "input", "line")
"""
Where registers may stand; n stages take the first n. `product` frees the product of the sum behind
it, `line` what is read of its segment: in front of words in registers, behind memories, which
`select` gives the register that is their own.
"""

MAX_INTEGER_PIPELINE = len(CUTS)

MAX_WHOLE_BITS = 18
"""Slopes of up to so many bits, an FPGA's multiplier block, are multiplied in one step."""


@dataclass(frozen=True)
class Words:
    """The words of the table as values, in the order of their addresses."""

    slopes: Sequence[SSAValue]
    intercepts: Sequence[SSAValue]
    breakpoints: Sequence[SSAValue]
    shifts: SSAValue | None
    memories: tuple[SSAValue, SSAValue] | None = None
    """What holds slopes and intercepts, where these are not registers."""

    def line(
        self,
        circuit: Circuit,
        at_least: AtLeast,
        select: Select,
        upper: SSAValue | None = None,
        cut: bool = False,
    ) -> tuple[SSAValue, SSAValue]:
        """
        Slope and intercept of the input's segment: `upper`, where there are no breakpoints.

        With `cut` a register stands in front of words that are not in memories.
        """
        points = self.breakpoints
        if self.memories is not None:
            number = upper
            if number is None:
                number = number_segment(circuit, points, at_least, select)
            slope, intercept = (
                circuit.add_op(ReadPortOp(memory, number), hint)
                for memory, hint in zip(self.memories, ("slope", "intercept"), strict=True)
            )
            return slope, intercept
        if upper is None:
            hot = find_segment(circuit, points, at_least, select)
        else:
            hot = decode(circuit, upper)
        if cut:
            bits = (Wire(bit, 0, 1) for bit in hot)
            hot = [circuit.register(bit, f"segment{i}").value for i, bit in enumerate(bits)]
        slope = choose_word(circuit, hot, self.slopes, "slope")
        return slope, choose_word(circuit, hot, self.intercepts, "intercept")


def words_of(layout: Layout) -> list[Word]:
    """Names, addresses and widths of a layout's words, by ascending address."""
    n = layout.entries
    words = [Word(f"slope{i}", i, layout.slope_bits) for i in range(n)]
    words += [Word(f"intercept{i}", n + i, layout.intercept_bits) for i in range(n)]
    if layout.breakpoint_bits:
        words += [Word(f"breakpoint{i}", 2 * n + i, layout.breakpoint_bits) for i in range(n - 1)]
    if sum(layout.shift_bits):
        words.append(Word("shifts", 3 * n - 1, sum(layout.shift_bits)))
    return words


@dataclass(frozen=True)
class IntegerFunction:
    """The datapath of integer tables of these widths, `latency` cycles long."""

    operand: Quantization
    result: Quantization
    layout: Layout
    latency: int = 0
    style: Style = field(default_factory=Style)

    def program(self, table: Table) -> list[Write]:
        """The writes that load a table."""
        return integer_program(table, self.operand, self.layout)

    def unit(self, module: str) -> ProgrammableUnit:
        """What a module with this datapath is."""
        sides = Stored.of(self.operand).whole(), Stored.of(self.result)
        return ProgrammableUnit(module, self.layout, *sides, latency=self.latency)

    def describe(self) -> list[str]:
        """Lines for the header of the module."""
        left, right = self.layout.shift_bits
        reach = f"intercept_shift 0 ... {(1 << left) - 1}, result_shift 0 ... {(1 << right) - 1}"
        operand, result = self.operand, self.result
        return [
            f"  x, y:      {_spell(operand)}, {_spell(result)}",
            "  computes:  slope*x + (intercept << intercept_shift), >> result_shift with rounding",
            f"  shifts:    {reach}",
        ]

    def build(self, circuit: Circuit, port: SSAValue, words: Words) -> SSAValue:
        """The raw result bits of the raw input bits of a port."""
        cuts = CUTS[: self.latency]
        x = Wire(port, *storage_range(self.operand.bits, self.operand.signed))
        if "input" in cuts:
            x = circuit.register(x, "x_in")
        predicate = "sge" if self.operand.signed else "uge"

        def at_least(point: SSAValue) -> SSAValue:
            return circuit.add_op(comb.ICmpOp(x.value, point, predicate))

        places, upper = self.layout.index_bits, None
        if not words.breakpoints:
            upper = circuit.extract(x.value, x.width - places, places)
        chosen = words.line(circuit, at_least, self.style.select, upper, "line" in cuts)
        slope, intercept = map(_signed, chosen)
        for cut in (each for each in ("select", "line") if each in cuts):
            if cut == "select" or words.memories is not None:
                slope = circuit.register(slope, f"slope_{cut}")
                intercept = circuit.register(intercept, f"intercept_{cut}")
            x = circuit.register(x, f"x_{cut}")
        terms, bounds = self._terms(circuit, x, slope, intercept, words.shifts, "product" in cuts)
        if "round" in cuts:
            acc = _registered_sum(circuit, terms, bounds, slope.width > MAX_WHOLE_BITS)
        else:
            acc = Wire(circuit.add_op(comb.AddOp(terms), "acc"), *bounds)
        y = circuit.clamp(self._shifted(circuit, acc, words.shifts), *self._bounds())
        y = Wire(circuit.resize(y, self.result.bits), y.low, y.high)
        return (circuit.register(y, "y_out") if "output" in cuts else y).value

    def _bounds(self) -> tuple[int, int]:
        return self.result.minimum, self.result.maximum

    def _terms(
        self,
        circuit: Circuit,
        x: Wire,
        slope: Wire,
        intercept: Wire,
        shifts: SSAValue | None,
        cut: bool,
    ) -> tuple[list[SSAValue], tuple[int, int]]:
        """
        What the accumulator is the sum of, the rounding addend included, and its bounds.

        Where `cut`, products are behind registers.
        """
        right = self.layout.shift_bits[1]
        scaled = _shift_left(circuit, intercept, self._field(circuit, shifts, 0))
        most = 1 << max((1 << right) - 2, 0) if right else 0
        least, largest = product_range(x, slope)
        low, high = least + scaled.low, largest + scaled.high + most
        width = width_of(low, high)
        if cut:
            parts = [scaled, *self._product(circuit, x, slope, width)]
            parts = [circuit.register(part, "product") for part in parts]
            terms = [circuit.resize(part, width) for part in parts]
        elif self.style.multiplier == "recoded":
            terms = [circuit.resize(scaled, width), *product_terms(circuit, x, slope, width)]
        else:
            terms = [circuit.resize(each, width) for each in (scaled, _times(circuit, x, slope))]
        if right:
            terms.append(circuit.resize(self._half(circuit, shifts), width))
        return terms, (low, high)

    def _product(self, circuit: Circuit, x: Wire, slope: Wire, width: int) -> list[Wire]:
        """Numbers whose sum is slope·x modulo 2^width: several where the slope is wide."""
        wide = slope.width > MAX_WHOLE_BITS
        if self.style.multiplier == "recoded":
            terms = product_terms(circuit, x, slope, width)
            count = -(-len(terms) // (3 if wide else 1))
            parts = [terms[i : i + count] for i in range(0, len(terms), count)]
            return [_signed(circuit.add_op(comb.AddOp(part))) for part in parts]
        if not wide:
            return [_times(circuit, x, slope)]
        half = half_of(slope.width)
        upper = circuit.times(x, circuit.shift_right(slope, half))
        return [circuit.times(x, circuit.lower(slope, half)), circuit.shift_left(upper, half)]

    def _half(self, circuit: Circuit, shifts: SSAValue | None) -> Wire:
        """2^(r−1), and 0 for r = 0."""
        amount = self._field(circuit, shifts, 1)
        bits = 1 << bits_of(amount)
        one = Wire(circuit.constant(1, bits).value, 0, (1 << bits) - 1)
        power = circuit.add_op(comb.ShlOp(one.value, circuit.resize(_plain(amount), bits)))
        return Wire(circuit.extract(power, 1, bits - 1), 0, 1 << (bits - 2))

    def _shifted(self, circuit: Circuit, acc: Wire, shifts: SSAValue | None) -> Wire:
        """acc >> r."""
        if not self.layout.shift_bits[1]:
            return acc
        amount = circuit.resize(_plain(self._field(circuit, shifts, 1)), acc.width)
        op = comb.ShrSOp if acc.signed else comb.ShrUOp
        return Wire(circuit.add_op(op(acc.value, amount), "rounded"), acc.low, acc.high)

    def _field(self, circuit: Circuit, shifts: SSAValue | None, index: int) -> SSAValue:
        """intercept_shift or result_shift."""
        assert shifts is not None
        left, right = self.layout.shift_bits
        return circuit.extract(shifts, left if index else 0, right if index else left)


def _spell(side: Quantization) -> str:
    text = f"{'signed' if side.signed else 'unsigned'} {side.bits}-bit"
    if (side.minimum, side.maximum) != storage_range(side.bits, side.signed):
        text += f" in {side.minimum} ... {side.maximum}"
    return text


def _signed(value: SSAValue) -> Wire:
    return Wire(value, *storage_range(bits_of(value), True))


def _plain(value: SSAValue) -> Wire:
    # Never a known constant, even where one bit has two values only.
    return Wire(value, 0, (1 << bits_of(value)) - 1)


def _registered_sum(
    circuit: Circuit, terms: Sequence[SSAValue], bounds: tuple[int, int], halves: bool
) -> Wire:
    """The sum behind a register; by `halves`, the carry from one to the other comes behind it."""
    width = bits_of(terms[0])
    if not halves:
        whole = Wire(circuit.add_op(comb.AddOp(terms), "acc"), *bounds)
        return circuit.register(whole, "acc_round")
    half, carry = half_of(width), len(terms).bit_length()
    parts = [_plain(circuit.extract(term, 0, half)) for term in terms]
    lower = circuit.add(parts, 0, (1 << half + carry) - 1)
    rest = [circuit.extract(term, half, width - half) for term in terms]
    upper = circuit.register(_plain(circuit.add_op(comb.AddOp(rest))), "upper_round")
    lower = circuit.register(lower, "lower_round")
    carried = circuit.resize(circuit.shift_right(lower, half), upper.width)
    whole = circuit.add_op(comb.AddOp([upper.value, carried]))
    parts = [whole, circuit.extract(lower.value, 0, half)]
    return Wire(circuit.add_op(comb.ConcatOp(parts, IntegerType(width)), "acc"), *bounds)


def _times(circuit: Circuit, x: Wire, slope: Wire) -> Wire:
    """x·slope, exact."""
    low, high = product_range(x, slope)
    return Wire(circuit.multiply(x, slope, width_of(low, high), "product"), low, high)


def _shift_left(circuit: Circuit, wire: Wire, amount: SSAValue) -> Wire:
    """wire << amount, exact."""
    most = (1 << bits_of(amount)) - 1
    low, high = wire.low << most, wire.high << most
    width = width_of(low, high)
    extended = circuit.resize(wire, width)
    value = circuit.add_op(comb.ShlOp(extended, circuit.resize(_plain(amount), width)), "scaled")
    return Wire(value, low, high)


__all__ = ["IntegerFunction", "Words", "words_of"]
