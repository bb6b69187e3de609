"""Small whole powers are multiplications: exact, and cheaper than a table."""

from __future__ import annotations

from xdsl.dialects import arith
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from lut_opt.dialects.pwl import NamedFunction
from lut_opt.dialects.torch import torch_name
from lut_opt.passes.quantize.given import quantized_source
from lut_opt.passes.recognize.functions import Nonlinear
from lut_opt.passes.recognize.powers import whole_power
from lut_opt.passes.support.diagnostics import copy_location
from lut_opt.passes.support.torch_builder import TorchBuilder, shape_of


def exponent(found: Nonlinear) -> int | None:
    """
    The exponent of a power by itself that becomes multiplications, None for anything else.

    One of a quantized operand stays a table: its result is on integers then.
    """
    function = found.function
    if not isinstance(function, NamedFunction) or found.fused is not None:
        return None
    if torch_name(found.op) is None and not found.op.name.startswith("math."):
        return None
    if quantized_source(found.operand) is not None:
        return None
    return whole_power(function)


def multiply_out(found: Nonlinear, power: int) -> None:
    """Replace the op by products of its operand."""
    op, x = found.op, found.operand
    if torch_name(op) is not None:
        build, shape = TorchBuilder(op), shape_of(op, x)
        y = x
        for _ in range(power - 1):
            y = build.tensor("mul.Tensor", [y, x], shape)
        build.replace_by(y)
        return
    made: list[Operation] = []
    y: SSAValue = x
    for _ in range(power - 1):
        made.append(arith.MulfOp(y, x))
        y = made[-1].results[0]
    copy_location(op, made)
    Rewriter.insert_op(made, InsertPoint.before(op))
    op.results[0].replace_all_uses_with(y)
    Rewriter.erase_op(op)
