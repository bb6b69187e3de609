"""
IEEE 754 single precision in gates: at least, multiply, add; round to nearest, ties to even.

Subnormal numbers are kept, or flushed to zeros of their sign (operands as they come, results whose
exact value is below 2^-126), which saves a shifter before and after the multiplication. Every NaN
result is the quiet NaN 0x7fc00000. Both operations together are `FloatTable.evaluate`.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import comb
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.float_table import QUIET_NAN
from lut_opt.passes.hw.builder.circuit import Circuit, Wire, bits_of
from lut_opt.passes.hw.builder.normalize import shift_left_limited, shift_right_sticky
from lut_opt.passes.hw.datapath.booth import product_terms
from lut_opt.passes.hw.datapath.multiply import Multiplier
from lut_opt.passes.hw.datapath.runtime import invert

FRACTION, EXPONENT = 23, 8
SIGNIFICAND = FRACTION + 1
INFINITE = 0x7F800000
BIAS = 127


@dataclass(frozen=True)
class Parts:
    """
    A number taken apart. `exponent` is at least 1, and 1 for subnormal numbers, whose
    `significand` lacks the leading one; both are plain bits.
    """

    sign: SSAValue
    exponent: SSAValue
    significand: SSAValue
    infinite: SSAValue
    nan: SSAValue
    zero: SSAValue


@dataclass(frozen=True)
class Float32:
    """
    Floating-point operations on 32-bit values of a circuit.

    `cuts` names the places inside an operation where registers stand: `halves` before those of a
    product are added, `partial` before it is normalized and rounded, `aligned` before significands
    are added, `sum` before their sum is normalized and rounded. Each makes its operation a cycle
    longer.
    """

    circuit: Circuit
    flush: bool
    multiplier: Multiplier
    cuts: tuple[str, ...] = ()

    def cut(self, name: str, *values: SSAValue) -> list[SSAValue]:
        """The values a cycle later, if registers stand here."""
        if name not in self.cuts:
            return list(values)
        wires = [Wire(value, 0, (1 << bits_of(value)) - 1) for value in values]
        return [self.circuit.register(wire, name).value for wire in wires]

    def at_least(self, x: SSAValue, point: SSAValue) -> SSAValue:
        """
        Whether x ≥ point, a number; false for a NaN at x.

        One comparator: with both signs set, x ≥ p is not |x| > |p|, and |x| > |p| is |x| ≥ |p|
        with one more bit below, 2·|x| ≥ 2·|p| + 1.
        """
        bits = self.circuit
        parts = self.unpack(x)
        # −0 counts as +0, and a flushed number as 0.
        sign = self._and(parts.sign, self._not(parts.zero))
        magnitude = bits.extract(x, 0, 31)
        if self.flush:
            keep = bits.replicate(self._not(parts.zero), 31)
            magnitude = self._and(magnitude, keep)
        left = self._concat(magnitude, self._not(sign))
        right = self._concat(bits.extract(point, 0, 31), bits.constant(1, 1).value)
        larger = bits.add_op(comb.ICmpOp(left, right, "uge"))
        point_sign = bits.extract(point, 31, 1)
        same = self._not(bits.add_op(comb.XorOp([sign, point_sign])))
        by_size = bits.add_op(comb.XorOp([larger, sign]))
        at_least = bits.add_op(comb.MuxOp(same, by_size, point_sign))
        return self._and(at_least, self._not(parts.nan))

    def multiply(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """The product, rounded."""
        bits = self.circuit
        left, right = self.unpack(a), self.unpack(b)
        sign = bits.add_op(comb.XorOp([left.sign, right.sign]))
        terms = self._product(left.significand, right.significand)
        # Ten bits, two's complement: 0 … 510 less 126, so that the leading one is at bit 47.
        exponent = self._sum(
            self._extend(left.exponent, 10), self._extend(right.exponent, 10), -(BIAS - 1)
        )
        zero = self._or(left.zero, right.zero)
        infinite = self._or(left.infinite, right.infinite)
        nan = self._or(left.nan, right.nan, self._and(infinite, zero))
        *terms, exponent, sign, zero, infinite, nan = self.cut(
            "halves", *terms, exponent, sign, zero, infinite, nan
        )
        product = terms[0]
        if len(terms) > 1:
            product = bits.add_op(comb.AddOp(terms), "product")
        product, exponent, sign, zero, infinite, nan = self.cut(
            "partial", product, exponent, sign, zero, infinite, nan
        )
        if self.flush:
            value, exponent, tiny = self._normalize_once(product, exponent)
            zero = self._or(zero, tiny)
        else:
            value, exponent = self._normalize(product, exponent)
        return self._pack(sign, self._round(value, exponent), zero, infinite, nan)

    def add(self, a: SSAValue, b: SSAValue, hint: str | None = None) -> SSAValue:
        """The sum, rounded."""
        bits = self.circuit
        swap = bits.add_op(comb.ICmpOp(bits.extract(b, 0, 31), bits.extract(a, 0, 31), "ugt"))
        large = self.unpack(bits.add_op(comb.MuxOp(swap, b, a)))
        small = self.unpack(bits.add_op(comb.MuxOp(swap, a, b)))
        subtract = bits.add_op(comb.XorOp([large.sign, small.sign]))
        distance = bits.add_op(comb.SubOp(large.exponent, small.exponent))
        # Below the significands: guard, round and sticky bit; above them a carry.
        width = SIGNIFICAND + 3
        three = bits.constant(0, 3).value
        kept = shift_right_sticky(self.circuit, self._concat(small.significand, three), distance)
        flipped = bits.add_op(
            comb.XorOp([self._extend(kept, width + 1), bits.replicate(subtract, width + 1)])
        )
        base = self._extend(self._concat(large.significand, three), width + 1)
        infinite = self._or(large.infinite, small.infinite)
        opposed = self._and(large.infinite, small.infinite, subtract)
        nan = self._or(large.nan, small.nan, opposed)
        base, flipped, exponent, sign, subtract, infinite, nan = self.cut(
            "aligned", base, flipped, large.exponent, large.sign, subtract, infinite, nan
        )
        carry = self._extend(subtract, width + 1)
        total = bits.add_op(comb.AddOp([base, flipped, carry]))
        total, exponent, sign, subtract, infinite, nan = self.cut(
            "sum", total, exponent, sign, subtract, infinite, nan
        )
        # The leading one is at the top of `total` where exponent + 1 is the result's.
        exponent = self._sum(self._extend(exponent, 10), None, 1)
        zero = bits.add_op(comb.ICmpOp(total, bits.constant(0, width + 1).value, "eq"))
        value, exponent, tiny = self._normalize_sum(total, exponent)
        rounded = self._round(value, exponent)
        # x − x is +0; otherwise the larger operand gives the sign.
        sign = self._and(sign, self._not(self._and(zero, subtract)))
        return self._pack(sign, rounded, self._or(zero, tiny), infinite, nan, hint)

    def unpack(self, value: SSAValue) -> Parts:
        """Take a number apart."""
        bits = self.circuit
        exponent = bits.extract(value, FRACTION, EXPONENT)
        fraction = bits.extract(value, 0, FRACTION)
        none = bits.add_op(comb.ICmpOp(exponent, bits.constant(0, EXPONENT).value, "eq"))
        full = bits.add_op(comb.ICmpOp(exponent, bits.constant(255, EXPONENT).value, "eq"))
        empty = bits.add_op(comb.ICmpOp(fraction, bits.constant(0, FRACTION).value, "eq"))
        normal = self._not(none)
        if self.flush:
            fraction = self._and(fraction, bits.replicate(normal, FRACTION))
        raised = self._concat(
            bits.extract(exponent, 1, EXPONENT - 1), self._or(bits.extract(exponent, 0, 1), none)
        )
        return Parts(
            bits.extract(value, 31, 1),
            raised,
            self._concat(normal, fraction),
            self._and(full, empty),
            self._and(full, self._not(empty)),
            none if self.flush else self._and(none, empty),
        )

    def _product(self, left: SSAValue, right: SSAValue) -> list[SSAValue]:
        """What the product of two significands is the sum of."""
        bits, width, half = self.circuit, 2 * SIGNIFICAND, SIGNIFICAND // 2
        a, b = (Wire(value, 0, (1 << SIGNIFICAND) - 1) for value in (left, right))
        if self.multiplier == "recoded":
            terms = product_terms(bits, a, b, width)
            if "halves" in self.cuts:
                middle = len(terms) // 2
                parts = terms[:middle], terms[middle:]
                terms = [bits.add_op(comb.AddOp(part)) for part in parts]
            return terms
        if "halves" not in self.cuts:
            return [bits.multiply(a, b, width, "product")]
        lower, upper = bits.lower(b, half), bits.shift_right(b, half)
        low, high = (bits.multiply(a, part, width - half) for part in (lower, upper))
        return [self._extend(low, width), self._concat(high, bits.constant(0, half).value)]

    def _normalize_once(
        self, product: SSAValue, exponent: SSAValue
    ) -> tuple[SSAValue, SSAValue, SSAValue]:
        """The leading one of a product of normal numbers is at the top bit or the one below."""
        bits = self.circuit
        width = bits_of(product)
        top = bits.extract(product, width - 1, 1)
        shifted = self._concat(bits.extract(product, 0, width - 1), bits.constant(0, 1).value)
        value = bits.add_op(comb.MuxOp(top, product, shifted))
        lower = bits.add_op(comb.AddOp([exponent, bits.replicate(self._not(top), 10)]))
        tiny = bits.add_op(comb.ICmpOp(lower, bits.constant(1, 10).value, "slt"))
        return value, lower, tiny

    def _normalize(self, value: SSAValue, exponent: SSAValue) -> tuple[SSAValue, SSAValue]:
        """
        Move the leading one to the top bit, but no further than an exponent of 1 allows.

        An exponent below 1 moves the value right instead, and what leaves it stays as its last bit.
        The result's exponent is at least 1; 1 with no leading one is a subnormal number.
        """
        bits = self.circuit
        one = bits.constant(1, 10).value
        room = bits.add_op(comb.SubOp(exponent, one))
        below = bits.extract(room, 9, 1)
        excess = bits.add_op(comb.SubOp(bits.constant(0, 10).value, room))
        # 125 at most, for the product of two subnormal numbers.
        right = shift_right_sticky(self.circuit, value, bits.extract(excess, 0, 7))
        left, moved = shift_left_limited(self.circuit, value, room)
        lowered = bits.add_op(comb.SubOp(exponent, self._extend(moved, 10)))
        value = bits.add_op(comb.MuxOp(below, right, left))
        return value, bits.add_op(comb.MuxOp(below, one, lowered))

    def _normalize_sum(
        self, total: SSAValue, exponent: SSAValue
    ) -> tuple[SSAValue, SSAValue, SSAValue]:
        """As `_normalize`; exponents here are 2 at least. The last result is `flush`ed numbers."""
        bits = self.circuit
        if not self.flush:
            room = bits.add_op(comb.SubOp(exponent, bits.constant(1, 10).value))
            value, moved = shift_left_limited(self.circuit, total, room)
            lowered = bits.add_op(comb.SubOp(exponent, self._extend(moved, 10)))
            return value, lowered, bits.constant(0, 1).value
        value, moved = shift_left_limited(self.circuit, total, None)
        lowered = bits.add_op(comb.SubOp(exponent, self._extend(moved, 10)))
        tiny = bits.add_op(comb.ICmpOp(lowered, bits.constant(1, 10).value, "slt"))
        return value, lowered, tiny

    def _round(self, value: SSAValue, exponent: SSAValue) -> SSAValue:
        """
        Exponent and fraction in one number of 33 bits, from a value whose leading one is on top.

        A carry out of the fraction raises the exponent; without a leading one the exponent is 0.
        """
        bits, width = self.circuit, bits_of(value)
        cut = width - SIGNIFICAND
        leading = bits.extract(value, width - 1, 1)
        fraction = bits.extract(value, cut, FRACTION)
        guard = bits.extract(value, cut - 1, 1)
        rest = bits.extract(value, 0, cut - 1)
        sticky = bits.add_op(comb.ICmpOp(rest, bits.constant(0, cut - 1).value, "ne"))
        up = self._and(guard, self._or(sticky, bits.extract(fraction, 0, 1)))
        if not self.flush:
            exponent = self._and(exponent, bits.replicate(leading, 10))
        whole = self._concat(exponent, fraction)
        return bits.add_op(comb.AddOp([whole, self._extend(up, bits_of(whole))]))

    def _pack(
        self,
        sign: SSAValue,
        rounded: SSAValue,
        zero: SSAValue,
        infinite: SSAValue,
        nan: SSAValue,
        hint: str | None = None,
    ) -> SSAValue:
        """The number, or what it is instead; an exponent of 255 or more is infinite."""
        bits = self.circuit
        exponent = bits.extract(rounded, FRACTION, 10)
        over = bits.add_op(comb.ICmpOp(exponent, bits.constant(255, 10).value, "sge"))
        infinite = self._or(infinite, self._and(over, self._not(zero)))
        keep = bits.replicate(self._not(zero), 31)
        magnitude = self._and(bits.extract(rounded, 0, 31), keep)
        huge = bits.constant(INFINITE, 31).value
        magnitude = bits.add_op(comb.MuxOp(infinite, huge, magnitude))
        number = self._concat(sign, magnitude)
        quiet = bits.constant(QUIET_NAN, 32).value
        return bits.add_op(comb.MuxOp(nan, quiet, number), hint)

    def _sum(self, a: SSAValue, b: SSAValue | None, constant: int) -> SSAValue:
        bits = self.circuit
        terms = [a, *([] if b is None else [b]), bits.constant(constant, bits_of(a)).value]
        return bits.add_op(comb.AddOp(terms))

    def _extend(self, value: SSAValue, width: int) -> SSAValue:
        return self.circuit.resize(Wire(value, 0, (1 << bits_of(value)) - 1), width)

    def _concat(self, *parts: SSAValue) -> SSAValue:
        type_ = IntegerType(sum(map(bits_of, parts)))
        return self.circuit.add_op(comb.ConcatOp(list(parts), type_))

    def _and(self, *values: SSAValue) -> SSAValue:
        return self.circuit.add_op(comb.AndOp(list(values)))

    def _or(self, *values: SSAValue) -> SSAValue:
        return self.circuit.add_op(comb.OrOp(list(values)))

    def _not(self, value: SSAValue) -> SSAValue:
        return invert(self.circuit, value)
