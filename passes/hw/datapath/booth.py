"""
Booth's multiplication in radix 4, of two values that are both known at run time only.

Two bits of the multiplier become a digit d in −2 … 2, d = −2·m[2j+1] + m[2j] + m[2j−1], and the
digit a row: 0, x or 2x, inverted where d is negative. Half as many rows as `*` makes have to be
added. A row's sign bit s is not extended: −s·2^w is (1 − s)·2^w − 2^w, and the constants of all
rows are one. The +1 that an inversion lacks stands in the two bits that the next row leaves free.
"""

from __future__ import annotations

from xdsl.dialects import comb
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from lut_opt.passes.hw.builder.circuit import Circuit, Wire, bits_of
from lut_opt.passes.hw.datapath.runtime import invert


def product_terms(circuit: Circuit, x: Wire, multiplier: Wire, width: int) -> list[SSAValue]:
    """Terms of `width` bits whose sum is x·multiplier modulo 2^width."""
    if not x.signed:
        x = Wire(circuit.resize(x, x.width + 1), x.low, x.high)
    terms: list[SSAValue] = []
    corrections, negative = 0, None
    for j, digit in enumerate(_digits(circuit, multiplier)):
        if 2 * j >= width:
            break
        row = _row(circuit, x, digit)
        top = circuit.extract(row, x.width, 1)
        row = _concat(circuit, [invert(circuit, top), circuit.extract(row, 0, x.width)])
        corrections += 4**j << x.width
        if j:
            # The bit above the correction is free as well.
            zero = circuit.constant(0, 1).value
            assert negative is not None
            row = _concat(circuit, [row, zero, negative])
        terms.append(_placed(circuit, row, 2 * j - 2 if j else 0, width))
        negative = digit[2]
    assert negative is not None
    place = 2 * len(terms) - 2
    terms.append(circuit.constant(-corrections % (1 << width), width).value)
    terms.append(_placed(circuit, negative, place, width))
    return terms


def _digits(circuit: Circuit, multiplier: Wire) -> list[tuple[SSAValue, SSAValue, SSAValue]]:
    """Whether each digit is ±1, ±2 and negative; least significant first."""
    bits = multiplier.width + (0 if multiplier.signed else 1)
    count = -(-bits // 2)
    value = circuit.resize(multiplier, 2 * count)
    padded = _concat(circuit, [value, circuit.constant(0, 1).value])
    found: list[tuple[SSAValue, SSAValue, SSAValue]] = []
    for j in range(count):
        below, middle, above = (circuit.extract(padded, 2 * j + i, 1) for i in range(3))
        one = circuit.add_op(comb.XorOp([middle, below]))
        differ = circuit.add_op(comb.XorOp([above, middle]))
        two = circuit.add_op(comb.AndOp([differ, invert(circuit, one)]))
        found.append((one, two, above))
    return found


def _row(circuit: Circuit, x: Wire, digit: tuple[SSAValue, SSAValue, SSAValue]) -> SSAValue:
    """0, x or 2x in one bit more than x, inverted if the digit is negative."""
    width = x.width + 1
    once = circuit.resize(x, width)
    twice = _concat(circuit, [x.value, circuit.constant(0, 1).value])
    one, two, negative = (circuit.replicate(bit, width) for bit in digit)
    kept = [circuit.add_op(comb.AndOp([one, once])), circuit.add_op(comb.AndOp([two, twice]))]
    return circuit.add_op(comb.XorOp([circuit.add_op(comb.OrOp(kept)), negative]))


def _concat(circuit: Circuit, parts: list[SSAValue]) -> SSAValue:
    return circuit.add_op(comb.ConcatOp(parts, IntegerType(sum(map(bits_of, parts)))))


def _placed(circuit: Circuit, row: SSAValue, shift: int, width: int) -> SSAValue:
    """The unsigned row times 2^shift, modulo 2^width."""
    row = circuit.extract(row, 0, min(bits_of(row), width - shift))
    if shift:
        row = _concat(circuit, [row, circuit.constant(0, shift).value])
    return circuit.resize(Wire(row, 0, 1 << bits_of(row)), width)
