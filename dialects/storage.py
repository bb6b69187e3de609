"""
Latches and gated clocks, which CIRCT's core dialects leave to its Verilog dialect.

A level-sensitive latch needs some 60 % of the area of an edge-triggered flip-flop, and a gated
clock saves the multiplexer that lets a register keep its value. Both ask the surrounding circuit
for discipline, which each operation states; whoever builds them keeps it.
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import IntegerType, i1
from xdsl.dialects.seq import ClockType
from xdsl.ir import Dialect, SSAValue
from xdsl.irdl import (
    BaseAttr,
    IRDLOperation,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure


@irdl_op_definition
class LatchOp(IRDLOperation):
    """
    A latch: follows `data` while the clock is high, keeps it while the clock is low.

    `data` must not change while the clock is high, other than right after its rising edge.

    Example: `%q = storage.latch %data while %clock : i8`
    """

    name = "storage.latch"

    DATA: ClassVar = VarConstraint("DATA", BaseAttr(IntegerType))

    data = operand_def(DATA)
    clock = operand_def(ClockType())
    result = result_def(DATA)

    assembly_format = "$data `while` $clock attr-dict `:` type($data)"

    def __init__(self, data: SSAValue, clock: SSAValue) -> None:
        super().__init__(operands=[data, clock], result_types=[data.type])

    @property
    def width(self) -> int:
        """Number of bits."""
        assert isinstance(self.result.type, IntegerType)
        return self.result.type.bitwidth


@irdl_op_definition
class InvertOp(IRDLOperation):
    """
    The clock of the other phase: high where the clock is low.

    Example: `%low = storage.invert %clock`
    """

    name = "storage.invert"

    clock = operand_def(ClockType())
    result = result_def(ClockType())

    assembly_format = "$clock attr-dict"

    traits = traits_def(Pure())

    def __init__(self, clock: SSAValue) -> None:
        super().__init__(operands=[clock], result_types=[ClockType()])


@irdl_op_definition
class GateOp(IRDLOperation):
    """
    The clock where `enable` holds, low elsewhere: an AND gate.

    `enable` must not change while the clock is high, or the result has glitches: take it from
    latches that are open while the clock is low.

    Example: `%pulse = storage.gate %clock if %enable`
    """

    name = "storage.gate"

    clock = operand_def(ClockType())
    enable = operand_def(i1)
    result = result_def(ClockType())

    assembly_format = "$clock `if` $enable attr-dict"

    traits = traits_def(Pure())

    def __init__(self, clock: SSAValue, enable: SSAValue) -> None:
        super().__init__(operands=[clock, enable], result_types=[ClockType()])


STORAGE = Dialect("storage", [LatchOp, InvertOp, GateOp], [])
