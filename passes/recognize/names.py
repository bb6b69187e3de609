"""What programs call an operator, whichever dialect it is of and whether xDSL knows it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FloatAttr, UnregisteredOp
from xdsl.ir import Operation, SSAValue

from lut_opt.dialects.foreign import elementwise_kind, foreign_number
from lut_opt.dialects.torch import (
    NOT_CONSTANT,
    Constant,
    NotConstant,
    VTensorLiteralOp,
    constant_value,
    torch_name,
)

_WRITTEN_BODIES = ("linalg.generic", "linalg.map", "linalg.reduce")
"""Ops of `linalg` whose body says what they do; that of the others repeats their name."""


def operator_name(op: Operation) -> str:
    """The name with its dialect: `torch.aten.gelu`, `math.tanh`, `stablehlo.tanh`."""
    if isinstance(op, UnregisteredOp):
        return op.op_name.data
    if (kind := elementwise_kind(op)) is not None:
        return f"linalg.{kind}"
    name = torch_name(op)
    return op.name if name is None else f"torch.{name}"


def operand_constant(value: SSAValue) -> Constant | NotConstant:
    """The constant that an operand is: of `torch`, or the one number of another tensor."""
    match value.owner:
        case arith.ConstantOp(value=FloatAttr() as attribute):
            return attribute.value.data
        case arith.ConstantOp(value=DenseIntOrFPElementsAttr() as dense):
            values = set(np.asarray(dense.get_values(), np.float64).tolist())
            return values.pop() if len(values) == 1 else NOT_CONSTANT
        case VTensorLiteralOp(value=DenseIntOrFPElementsAttr() as dense):
            values = set(np.asarray(dense.get_values(), np.float64).tolist())
            return values.pop() if len(values) == 1 else NOT_CONSTANT
        case arith.ConstantOp():
            return NOT_CONSTANT
        case _:
            number = foreign_number(value)
            return constant_value(value) if number is None else number


def named_ops(op: Operation) -> Iterator[Operation]:
    """An op and what is in it, in program order, but not what its name says already."""
    yield op
    name = operator_name(op)
    if name.startswith("linalg.") and name not in _WRITTEN_BODIES:
        return
    for region in op.regions:
        for block in region.blocks:
            for inner in block.ops:
                yield from named_ops(inner)
