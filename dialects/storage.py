"""
Latches and gated clocks, which CIRCT's core dialects leave to its Verilog dialect.

A level-sensitive latch needs some 60 % of the area of an edge-triggered flip-flop, and a gated
clock saves the multiplexer that lets a register keep its value. Both ask the surrounding circuit
for discipline, which each operation states; whoever builds them keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    IntegerType,
    StringAttr,
    TensorType,
    i1,
)
from xdsl.dialects.seq import ClockType
from xdsl.ir import Dialect, SSAValue
from xdsl.irdl import (
    BaseAttr,
    IRDLOperation,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

ROM_STYLE = "rom_style"
"""Attribute of a memory that is never written: `block`, as synthesizers for FPGAs know it."""


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


@irdl_op_definition
class RomOp(IRDLOperation):
    """
    The word at an address of a memory that is never written, in the same cycle.

    A register behind it makes of it what a block RAM of an FPGA is.

    Example: `%y = "storage.rom"(%x) <{name = "results", words = dense<…> : tensor<1024xi8>}>
    {rom_style = "block"} : (i10) -> i8`
    """

    name = "storage.rom"

    memory_name = prop_def(StringAttr, prop_name="name")
    words = prop_def(DenseIntOrFPElementsAttr)
    address = operand_def(BaseAttr(IntegerType))
    data = result_def(BaseAttr(IntegerType))

    traits = traits_def(Pure())

    def __init__(self, name: str, words: Sequence[int], address: SSAValue, width: int) -> None:
        """`words` are patterns of `width` bits, one for each address."""
        kind = IntegerType(width)
        of_all: TensorType[IntegerType] = TensorType(kind, [len(words)])
        held = DenseIntOrFPElementsAttr.from_list(of_all, words)
        super().__init__(
            operands=[address],
            result_types=[kind],
            properties={"name": StringAttr(name), "words": held},
        )

    @property
    def patterns(self) -> list[int]:
        """The words, not negative."""
        assert isinstance(self.data.type, IntegerType)
        mask = (1 << self.data.type.bitwidth) - 1
        return [word & mask for word in self.words.get_values() if isinstance(word, int)]

    def verify_(self) -> None:
        address, word = self.address.type, self.words.get_element_type()
        assert isinstance(address, IntegerType)
        if len(self.words) != 1 << address.bitwidth or word != self.data.type:
            raise VerifyException(
                f"a memory of {len(self.words)} words of {word} has no address of {address} and "
                f"no result of {self.data.type}"
            )


STORAGE = Dialect("storage", [LatchOp, InvertOp, GateOp, RomOp], [])
