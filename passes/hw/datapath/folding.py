"""
Tables whose left half follows from the right: acc(−q) = sign·acc(q) + linear·q + constant.

Odd functions (tanh) have sign −1; even ones sign 1; a sigmoid sign −1 and a constant, since
σ(−x) = 1 − σ(x); GELU, SiLU and HSWISH sign 1 and a linear part, since f(−x) = f(x) − x. Such a
unit looks at |q| with half of the segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import comb
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization, storage_range
from lut_opt.passes.hw.builder.circuit import Circuit, Wire, width_of
from lut_opt.passes.hw.datapath.multiply import constant_multiple

MAX_FOLDED_BITS = 16
"""Widest input whose symmetry is looked for, on every value."""


@dataclass(frozen=True)
class Symmetry:
    """`acc(−q) = sign·acc(q) + linear·q + constant` for every q > 0 of the storage range."""

    sign: int
    linear: int
    constant: int


def symmetry(table: Table, operand: Quantization) -> Symmetry | None:
    """The symmetry of a table's accumulator, if it has one; of two, the one without a sign."""
    if not operand.signed or operand.bits > MAX_FOLDED_BITS:
        return None
    q = np.arange(1, (1 << (operand.bits - 1)) + 1, dtype=np.int64)
    right, left = table.accumulate(q), table.accumulate(-q)
    for sign in (1, -1):
        rest = left - sign * right
        linear = int(rest[1] - rest[0])
        constant = int(rest[0]) - linear
        if np.array_equal(rest, linear * q + constant):
            return Symmetry(sign, linear, constant)
    return None


def magnitude(circuit: Circuit, x: Wire) -> tuple[Wire, SSAValue]:
    """|x|, which may be one more than the largest x, and the sign of x."""
    negative = circuit.extract(x.value, x.width - 1, 1)
    flipped = comb.XorOp([x.value, circuit.replicate(negative, x.width)])
    low, high = storage_range(x.width, signed=True)
    # As an unsigned number of the same width −low is not lost.
    terms = [circuit.add_op(flipped), circuit.resize(Wire(negative, 0, 1), x.width)]
    return Wire(circuit.add_op(comb.AddOp(terms), "magnitude"), 0, max(-low, high)), negative


def unfold(
    circuit: Circuit,
    acc: Wire,
    u: Wire,
    negative: SSAValue,
    folded: Symmetry,
    half: int,
    bounds: tuple[int, int],
) -> Wire:
    """
    The accumulator of x from that of |x|, `acc`, both with the rounding addend `half`.

    `bounds` are the least and the greatest result.
    """
    low, high = bounds
    width = width_of(min(low, acc.low), max(high, acc.high))
    fence = circuit.replicate(negative, width)
    base, constant = circuit.resize(acc, width), folded.constant
    if folded.sign < 0:
        # −acc = ~acc + 1, and the addend, negated with it, comes back twice.
        base = circuit.add_op(comb.XorOp([base, fence]))
        constant += 1 + 2 * half
    terms: list[SSAValue] = [base]
    correction: Sequence[SSAValue] = ()
    if constant:
        correction = [circuit.constant(constant, width).value]
    if folded.linear:
        linear = circuit.resize(constant_multiple(circuit, u, folded.linear), width)
        correction = [linear, *correction]
    for term in correction:
        terms.append(circuit.add_op(comb.AndOp([term, fence])))
    if len(terms) == 1:
        return Wire(base, low, high)
    return Wire(circuit.add_op(comb.AddOp(terms), "unfolded"), low, high)


__all__ = ["MAX_FOLDED_BITS", "Symmetry", "magnitude", "symmetry", "unfold"]
