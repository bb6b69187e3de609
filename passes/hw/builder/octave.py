"""
Range reduction: a wide positive number as a mantissa of a few bits and a power of two.

    aligned, moved = leading_one(circuit, wire, step, top)     # step 1: octaves, 2: pairs of them
    t = mantissa(circuit, aligned, step, fraction)             # in [1, 2^step]
"""

from __future__ import annotations

from xdsl.dialects import comb
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from lut_opt.passes.hw.builder.arithmetic import Arithmetic
from lut_opt.passes.hw.builder.circuit import Wire


def leading_one(circuit: Arithmetic, wire: Wire, step: int, top: int) -> tuple[Wire, Wire]:
    """
    A positive value shifted left until its leading one is among the top `step` of `top` bits, and
    how many steps of `step` bits it was shifted.

    Half the distance at each multiplexer, so there are as many as the number of steps has bits.
    """
    value = circuit.resize(wire, top)
    moves: list[SSAValue] = []
    distance = 1 << (top // step - 1).bit_length() >> 1
    while distance:
        shift = distance * step
        clear = circuit.equals(Wire(circuit.extract(value, top - shift, shift), 0, 1), 0)
        rest = Wire(circuit.extract(value, 0, top - shift), 0, 1)
        value = circuit.add_op(comb.MuxOp(clear, circuit.shift_left(rest, shift).value, value))
        moves.append(clear)
        distance >>= 1
    if not moves:
        return Wire(value, 0, (1 << top) - 1), circuit.constant(0)
    amount = circuit.add_op(comb.ConcatOp(moves, IntegerType(len(moves))))
    return Wire(value, 0, (1 << top) - 1), Wire(amount, 0, top // step - 1)


def mantissa(circuit: Arithmetic, aligned: Wire, step: int, fraction: int) -> Wire:
    """The result of `leading_one` as a number in [1, 2^step], rounded to `fraction` bits."""
    cut = aligned.width - step - fraction
    if cut > 0:
        kept = circuit.shift_right(aligned, cut - 1)
        rounded = circuit.shift_right(circuit.plus(kept, circuit.constant(1)), 1)
    else:
        rounded = circuit.shift_left(aligned, -cut)
    return Wire(rounded.value, 1 << fraction, 1 << (fraction + step))
