"""Shifts of floating-point significands: until the leading one is on top, or with a sticky bit."""

from __future__ import annotations

from xdsl.dialects import comb
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from lut_opt.passes.hw.builder.circuit import Circuit, Wire, bits_of


def shift_left_limited(
    circuit: Circuit, value: SSAValue, room: SSAValue | None
) -> tuple[SSAValue, SSAValue]:
    """
    Shift out leading zeros, 2^k of them at a time, at most `room` (≥ 0) in all; and how many.
    """
    width = bits_of(value)
    moved: list[SSAValue] = []
    for k in reversed(range((width - 1).bit_length())):
        step = 1 << k
        zeros = circuit.constant(0, step).value
        top = circuit.extract(value, width - step, step)
        move = circuit.add_op(comb.ICmpOp(top, zeros, "eq"))
        if room is not None:
            amount = circuit.constant(step, bits_of(room)).value
            fits = circuit.add_op(comb.ICmpOp(room, amount, "uge"))
            move = circuit.add_op(comb.AndOp([move, fits]))
            nothing = circuit.constant(0, bits_of(room)).value
            spent = circuit.add_op(comb.MuxOp(move, amount, nothing))
            room = circuit.add_op(comb.SubOp(room, spent))
        lower = circuit.extract(value, 0, width - step)
        shifted = circuit.add_op(comb.ConcatOp([lower, zeros], IntegerType(width)))
        value = circuit.add_op(comb.MuxOp(move, shifted, value))
        moved.append(move)
    return value, circuit.add_op(comb.ConcatOp(moved, IntegerType(len(moved))))


def shift_right_sticky(circuit: Circuit, value: SSAValue, amount: SSAValue) -> SSAValue:
    """Shift right; the last bit tells as well whether a one was shifted out."""
    width = bits_of(value)
    for k in range(bits_of(amount)):
        step = min(1 << k, width)
        lost = circuit.extract(value, 0, step)
        zeros = circuit.constant(0, step).value
        sticky = circuit.add_op(comb.ICmpOp(lost, zeros, "ne"))
        shifted = circuit.resize(Wire(sticky, 0, 1), width)
        if step < width:
            rest = circuit.extract(value, step, width - step)
            moved = circuit.add_op(comb.ConcatOp([zeros, rest], IntegerType(width)))
            shifted = circuit.add_op(comb.OrOp([moved, shifted]))
        value = circuit.add_op(comb.MuxOp(circuit.extract(amount, k, 1), shifted, value))
    return value
