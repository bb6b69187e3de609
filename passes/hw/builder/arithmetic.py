"""Exact arithmetic on wires of two ranges, logic on single bits, and shifts by a wire."""

from __future__ import annotations

from xdsl.dialects import comb
from xdsl.ir import SSAValue

from lut_opt.passes.hw.builder.circuit import Circuit, Wire, width_of


class Arithmetic(Circuit):
    """A circuit whose results are as wide as their operands' ranges make necessary."""

    def all_of(self, *bits: SSAValue) -> SSAValue:
        """Whether every bit is set."""
        return self.add_op(comb.AndOp(list(bits)))

    def any_of(self, *bits: SSAValue) -> SSAValue:
        """Whether some bit is set."""
        return self.add_op(comb.OrOp(list(bits)))

    def invert(self, bit: SSAValue) -> SSAValue:
        """The opposite of a bit."""
        return self.add_op(comb.XorOp([bit, self.constant(1, 1).value]))

    def equals(self, wire: Wire, value: int) -> SSAValue:
        """Whether a wire has a value."""
        return self.add_op(comb.ICmpOp(wire.value, self.constant(value, wire.width).value, "eq"))

    def subtract(self, left: Wire, right: Wire) -> Wire:
        """The difference."""
        low, high = left.low - right.high, left.high - right.low
        width = width_of(low, high)
        operands = self.resize(left, width), self.resize(right, width)
        return Wire(self.add_op(comb.SubOp(*operands)), low, high)

    def plus(self, left: Wire, right: Wire) -> Wire:
        """The sum."""
        return self.add([left, right], left.low + right.low, left.high + right.high)

    def at_least(self, left: Wire, right: Wire) -> SSAValue:
        """Whether `left ≥ right`, of wires with the same range."""
        sign = "s" if left.signed else "u"
        return self.add_op(comb.ICmpOp(left.value, right.value, f"{sign}ge"))

    def variable_shift_right(self, wire: Wire, amount: Wire) -> Wire:
        """Divide by 2^amount (not negative), rounding down."""
        width = max(wire.width, amount.width)
        operands = self.resize(wire, width), self.resize(amount, width)
        op = comb.ShrSOp(*operands) if wire.signed else comb.ShrUOp(*operands)
        shifted = Wire(self.add_op(op), wire.low, wire.high)
        return Wire(self.resize(shifted, wire.width), min(wire.low, 0), max(wire.high, 0))

    def round_shift(self, wire: Wire, amount: Wire, fixed: int) -> Wire:
        """
        `(wire + 2^(s−1)) >> s` for s = amount + fixed ≥ 1.

        The same as shifting by s − 1, adding 1 and shifting by 1, which needs no variable addend.
        """
        return self.halve(self.variable_shift_right(self.shift_right(wire, fixed - 1), amount))

    def halve(self, wire: Wire) -> Wire:
        """`(wire + 1) >> 1`."""
        return self.shift_right(self.plus(wire, self.constant(1)), 1)
