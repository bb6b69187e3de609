"""
A thin builder of combinational and registered circuits whose wires know their range of values.

Every width follows from a range, so no operator is wider than what can occur on it, and the same
code serves signed and unsigned values: a wire is two's complement exactly when it can be negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import comb, hw, seq
from xdsl.dialects.builtin import IntegerAttr, IntegerType, StringAttr
from xdsl.ir import Block, Operation, SSAValue

from lut_opt.dialects.wires import WireOp


def width_of(low: int, high: int) -> int:
    """Bits of the narrowest wire that holds `low … high` (signed when `low` is negative)."""
    if low >= 0:
        return max(1, high.bit_length())
    return max((~low).bit_length(), (high if high >= 0 else ~high).bit_length()) + 1


def half_of(width: int) -> int:
    """Bits of the lower half of so many; the upper half has not more."""
    return -(-width // 2)


def product_range(left: Wire, right: Wire) -> tuple[int, int]:
    """The least and the largest product of two wires."""
    corners = [a * b for a in (left.low, left.high) for b in (right.low, right.high)]
    return min(corners), max(corners)


def bits_of(value: SSAValue) -> int:
    """Width of an integer value."""
    type_ = value.type
    assert isinstance(type_, IntegerType)
    return type_.bitwidth


@dataclass(frozen=True)
class Wire:
    """A value and the range it stays in; the width is the range's, or more for an input port."""

    value: SSAValue
    low: int
    high: int

    @property
    def width(self) -> int:
        """Number of bits."""
        return bits_of(self.value)

    @property
    def signed(self) -> bool:
        """Whether the top bit is a sign."""
        return self.low < 0


@dataclass(frozen=True)
class ClockDomain:
    """What registers need: a clock and, where they have one, a synchronous, active-high reset."""

    clock: SSAValue
    reset: SSAValue | None = None
    enable: SSAValue | None = None
    """Set in cycles in which registers take what is before them; None: in all of them."""


class Circuit:
    """Appends operations to a block; the arithmetic is exact unless a width is given."""

    def __init__(
        self, block: Block, domain: ClockDomain | None = None, blocks: bool = False
    ) -> None:
        """With `blocks`, products are for the multiplier blocks of an FPGA."""
        self.block = block
        self.domain = domain
        self.blocks = blocks
        self._constants: dict[tuple[int, int], SSAValue] = {}

    def add_op(self, op: Operation, hint: str | None = None) -> SSAValue:
        """Append an operation with one result; `hint` is its name in the SystemVerilog."""
        self.block.add_op(op)
        if hint is not None:
            self.name(op.results[0], hint)
        return op.results[0]

    def name(self, value: SSAValue, hint: str) -> None:
        """Propose a name for a value in the SystemVerilog."""
        op = value.owner
        assert isinstance(op, Operation)
        op.attributes["sv.namehint"] = StringAttr(hint)

    def named(self, wire: Wire, name: str) -> Wire:
        """The same under a name that the netlist has, at which a proof can cut the circuit."""
        return Wire(self.add_op(WireOp(wire.value, name)), wire.low, wire.high)

    def constant(self, value: int, width: int | None = None) -> Wire:
        """A constant, by default in its narrowest width."""
        width = width_of(value, value) if width is None else width
        if (value, width) not in self._constants:
            op = hw.ConstantOp(value, width, truncate_bits=True)
            self._constants[value, width] = self.add_op(op)
        return Wire(self._constants[value, width], value, value)

    def extract(self, value: SSAValue, low_bit: int, width: int) -> SSAValue:
        """Bits `low_bit … low_bit + width − 1`."""
        if low_bit == 0 and width == bits_of(value):
            return value
        op = comb.ExtractOp(value, IntegerAttr(low_bit, 32), IntegerType(width))
        return self.add_op(op)

    def resize(self, wire: Wire, width: int) -> SSAValue:
        """The wire's value modulo 2^width, extended by its sign where it has one."""
        if wire.low == wire.high:
            return self.constant(wire.low, width).value
        missing = width - wire.width
        if missing <= 0:
            return self.extract(wire.value, 0, width)
        if wire.signed:
            fill = self.replicate(self.extract(wire.value, wire.width - 1, 1), missing)
        else:
            fill = self.constant(0, missing).value
        return self.add_op(comb.ConcatOp([fill, wire.value], IntegerType(width)))

    def shift_left(self, wire: Wire, amount: int, hint: str | None = None) -> Wire:
        """Multiply by 2^amount."""
        if amount == 0:
            return wire
        if wire.low == wire.high:
            return self.constant(wire.low << amount)
        zeros = self.constant(0, amount).value
        op = comb.ConcatOp([wire.value, zeros], IntegerType(wire.width + amount))
        return Wire(self.add_op(op, hint), wire.low << amount, wire.high << amount)

    def shift_right(self, wire: Wire, amount: int) -> Wire:
        """Divide by 2^amount, rounding down."""
        low, high = wire.low >> amount, wire.high >> amount
        if low == high:
            return self.constant(low)
        width = width_of(low, high)
        # A shift by the whole width or more leaves the sign bit.
        return Wire(self.extract(wire.value, min(amount, wire.width - width), width), low, high)

    def lower(self, wire: Wire, bits: int) -> Wire:
        """The lowest bits, never negative: what `shift_right` by so many leaves out."""
        return Wire(self.resize(wire, bits), 0, (1 << bits) - 1)

    def compare(self, predicate: str, wire: Wire, bound: int) -> SSAValue:
        """One bit, `wire predicate bound` for `ge`, `gt`, `le` or `lt`; the bound fits the wire."""
        right = self.constant(bound, wire.width).value
        sign = "s" if wire.signed else "u"
        return self.add_op(comb.ICmpOp(wire.value, right, sign + predicate))

    def mux(self, condition: SSAValue, true: Wire, false: Wire, hint: str | None = None) -> Wire:
        """`true` where the condition holds, `false` elsewhere."""
        low, high = min(true.low, false.low), max(true.high, false.high)
        width = width_of(low, high)
        op = comb.MuxOp(condition, self.resize(true, width), self.resize(false, width))
        return Wire(self.add_op(op, hint), low, high)

    def times(self, left: Wire, right: Wire) -> Wire:
        """The product; of one operand with a sign, that is weighed by itself as well."""
        low, high = product_range(left, right)
        width = width_of(low, high)
        if right.signed and not left.signed:
            left, right = right, left
        multiply = self._weighed if self._weighs(left, right, width) else self.multiply
        return Wire(multiply(left, right, width), low, high)

    def multiply(self, left: Wire, right: Wire, width: int, hint: str | None = None) -> SSAValue:
        """
        The product modulo 2^width.

        Verilog's `*` on sign-extended operands costs a synthesizer a row for every copy of a sign
        bit. So where both operands have signs, the left one's is weighed by itself:
        l·r = l[n−2:0]·r − (l[n−1] ? r·2^(n−1) : 0), which is as small as a signed multiplier.
        A multiplier block has signs of its own, and would leave that subtraction to LUTs.
        """
        if right.signed and self._weighs(left, right, width):
            return self._weighed(left, right, width, hint)
        operands = [self.resize(left, width), self.resize(right, width)]
        return self.add_op(comb.MulOp(operands), hint)

    def _weighs(self, left: Wire, right: Wire, width: int) -> bool:
        """Whether a sign of the left operand is there, and smaller weighed by itself."""
        constant = left.low == left.high or right.low == right.high
        return left.signed and 1 < left.width <= width and not constant and not self.blocks

    def _weighed(self, left: Wire, right: Wire, width: int, hint: str | None = None) -> SSAValue:
        """A product whose left operand's sign bit is not copied."""
        magnitude_bits = left.width - 1
        rest = self.extract(left.value, 0, magnitude_bits)
        unsigned = Wire(rest, 0, (1 << magnitude_bits) - 1)
        operands = [self.resize(unsigned, width), self.resize(right, width)]
        product = self.add_op(comb.MulOp(operands))
        sign = self.extract(left.value, magnitude_bits, 1)
        high = self.resize(right, width - magnitude_bits)
        low = self.constant(0, magnitude_bits).value
        weighed = self.add_op(comb.ConcatOp([high, low], IntegerType(width)))
        correction = self.add_op(comb.MuxOp(sign, weighed, self.constant(0, width).value))
        return self.add_op(comb.SubOp(product, correction), hint)

    def add(self, terms: Sequence[Wire], low: int, high: int, hint: str | None = None) -> Wire:
        """The sum, known to stay in `low … high`."""
        width = width_of(low, high)
        op = comb.AddOp([self.resize(term, width) for term in terms])
        return Wire(self.add_op(op, hint), low, high)

    def replicate(self, bit: SSAValue, count: int) -> SSAValue:
        """`count` copies of a bit."""
        return bit if count == 1 else self.add_op(comb.ReplicateOp(bit, IntegerType(count)))

    def clamp(self, wire: Wire, minimum: int, maximum: int) -> Wire:
        """The nearest value in `minimum … maximum`; a bound that cannot be passed costs nothing."""
        if wire.high <= minimum or wire.low >= maximum:
            return self.constant(minimum if wire.high <= minimum else maximum)
        above = self.compare("gt", wire, maximum) if wire.high > maximum else None
        below = self.compare("lt", wire, minimum) if wire.low < minimum else None
        low, high = max(wire.low, minimum), min(wire.high, maximum)
        width = width_of(low, high)
        # Out-of-range values are replaced below, so the cut loses nothing.
        wire = Wire(self.resize(wire, width), low, high)
        if below is not None:
            wire = self.mux(below, self.constant(minimum), wire)
        if above is not None:
            wire = self.mux(above, self.constant(maximum), wire)
        return wire

    def register(self, wire: Wire, name: str) -> Wire:
        """The wire one cycle later (a constant needs no register)."""
        if wire.low == wire.high or self.domain is None:
            return wire
        reset = None
        if self.domain.reset is not None:
            reset = self.domain.reset, self.constant(0, wire.width).value
        made = seq.CompRegOp(wire.value, self.domain.clock, reset)
        if self.domain.enable is not None:
            made.operands[0] = self.add_op(comb.MuxOp(self.domain.enable, wire.value, made.data))
        value = self.add_op(made)
        value.name_hint = name
        # The reset value joins the range.
        return Wire(value, wire.low, wire.high)

    def output(self, values: Sequence[SSAValue]) -> None:
        """End the module, and drop what nothing that leaves it depends on."""
        self.block.add_op(hw.OutputOp(values))
        # Outputs and writes to memories are what has no result.
        reached = [op for op in self.block.ops if not op.results]
        live: set[Operation] = set()
        while reached:
            op = reached.pop()
            if op not in live:
                live.add(op)
                reached += [v.owner for v in op.operands if isinstance(v.owner, Operation)]
        dead = [op for op in self.block.ops if op not in live]
        for op in dead:
            op.detach()
            op.drop_all_references()
        for op in dead:
            op.erase()
