"""
CIRCT's named wires, which xDSL's `hw` dialect leaves out.

    %bits = hw.wire %0 named "bits"       the same value, under a name that the SystemVerilog has

They print and parse in generic form. A proof by parts cuts a circuit at such wires.
"""

from __future__ import annotations

from xdsl.dialects.builtin import IntegerType, StringAttr
from xdsl.dialects.hw import HW
from xdsl.ir import Dialect, SSAValue
from xdsl.irdl import IRDLOperation, base, irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException


@irdl_op_definition
class WireOp(IRDLOperation):
    """A value under a name that survives."""

    name = "hw.wire"

    # `name` is the operation's; the property of that name is CIRCT's.
    wire_name = prop_def(StringAttr, prop_name="name")
    input = operand_def(base(IntegerType))
    result = result_def(base(IntegerType))

    def __init__(self, input: SSAValue, name: str):
        super().__init__(
            operands=[input],
            result_types=[input.type],
            properties={"name": StringAttr(name)},
        )

    def verify_(self) -> None:
        if self.input.type != self.result.type:
            raise VerifyException(f"a wire of {self.input.type} is no {self.result.type}")


HW_WITH_WIRES = Dialect("hw", [*HW.operations, WireOp], [*HW.attributes])
"""xDSL's `hw` and named wires."""

__all__ = ["HW_WITH_WIRES", "WireOp"]
