"""
CIRCT's high-level memories, which xDSL's `seq` dialect leaves out.

    %row = seq.hlmem @row %clock, %reset : <8xi16>             a memory of 8 words
    seq.write %row[%a] %d wren %enable {latency = 1}           stored at the next clock edge
    %q = seq.read %row[%a] rden %enable {latency = 0}          the word that is stored now

`{ram_style = "block"}` says where a memory belongs on an FPGA. All print and parse in generic
form. See https://circt.llvm.org/docs/Dialects/Seq/RationaleSeq/.
"""

from __future__ import annotations

from xdsl.dialects.builtin import IntAttr, IntegerAttr, IntegerType, StringAttr, i1, i64
from xdsl.dialects.seq import Seq, clock
from xdsl.ir import Attribute, Dialect, ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    base,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    param_def,
    prop_def,
    result_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

RAM_STYLE = "ram_style"
"""Attribute of a memory: `block`, `distributed` or `registers`, as synthesizers for FPGAs know."""


@irdl_attr_definition
class MemoryType(ParametrizedAttribute, TypeAttribute):
    """A handle of a memory of `words` words: `!seq.hlmem<8xi16>`."""

    name = "seq.hlmem"

    words: IntAttr = param_def()
    element: IntegerType = param_def()

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[Attribute]:
        with parser.in_angle_brackets():
            words = parser.parse_shape_dimension(allow_dynamic=False)
            parser.parse_shape_delimiter()
            element = parser.parse_type()
        return [IntAttr(words), element]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(f"{self.words.data}x")
            printer.print_attribute(self.element)


@irdl_op_definition
class MemoryOp(IRDLOperation):
    """A memory; its words are undefined until they are written."""

    name = "seq.hlmem"

    # `name` is the operation's; the property of that name is CIRCT's.
    memory_name = prop_def(StringAttr, prop_name="name")
    clk = operand_def(clock)
    rst = operand_def(i1)
    handle = result_def(MemoryType)

    def __init__(self, name: str, words: int, width: int, clk: SSAValue, rst: SSAValue):
        super().__init__(
            operands=[clk, rst],
            result_types=[MemoryType(IntAttr(words), IntegerType(width))],
            properties={"name": StringAttr(name)},
        )


@irdl_op_definition
class ReadPortOp(IRDLOperation):
    """The word at an address, `latency` cycles after it was asked for; 0: combinational."""

    name = "seq.read"

    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    memory = operand_def(MemoryType)
    address = operand_def(base(IntegerType))
    enable = opt_operand_def(i1)
    latency = prop_def(IntegerAttr)
    data = result_def(base(IntegerType))

    def __init__(self, memory: SSAValue, address: SSAValue):
        type_ = memory.type
        assert isinstance(type_, MemoryType)
        super().__init__(
            operands=[memory, address, None],
            result_types=[type_.element],
            properties={"latency": IntegerAttr(0, i64)},
        )

    def verify_(self) -> None:
        _verify(self.memory, self.address, self.data)


@irdl_op_definition
class WritePortOp(IRDLOperation):
    """Store a word at the next clock edge where `enable` is set."""

    name = "seq.write"

    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    memory = operand_def(MemoryType)
    address = operand_def(base(IntegerType))
    data = operand_def(base(IntegerType))
    enable = opt_operand_def(i1)
    latency = prop_def(IntegerAttr)

    def __init__(self, memory: SSAValue, address: SSAValue, data: SSAValue, enable: SSAValue):
        super().__init__(
            operands=[memory, address, data, enable],
            properties={"latency": IntegerAttr(1, i64)},
        )

    def verify_(self) -> None:
        _verify(self.memory, self.address, self.data)


def _verify(memory: SSAValue, address: SSAValue, data: SSAValue) -> None:
    type_ = memory.type
    assert isinstance(type_, MemoryType)
    if data.type != type_.element:
        raise VerifyException(f"a word of {type_} is {type_.element}, got {data.type}")
    wanted = IntegerType(max(1, (type_.words.data - 1).bit_length()))
    if address.type != wanted:
        raise VerifyException(f"an address of {type_} is {wanted}, got {address.type}")


SEQ_WITH_MEMORY = Dialect(
    "seq",
    [*Seq.operations, MemoryOp, ReadPortOp, WritePortOp],
    [*Seq.attributes, MemoryType],
)
"""xDSL's `seq` and its memories."""

__all__ = ["RAM_STYLE", "SEQ_WITH_MEMORY", "MemoryOp", "MemoryType", "ReadPortOp", "WritePortOp"]
