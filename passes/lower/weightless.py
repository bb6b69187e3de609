"""Exported weightless blocks as `lutnet` operations: what `lower-torch-to-lutnet` does."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Operation
from xdsl.rewriter import InsertPoint, Rewriter

from lut_opt.dialects.lutnet.network import Block, popcount
from lut_opt.dialects.lutnet.ops import EncodeOp, LayerOp, LutnetOp, PopcountOp, SumOp
from lut_opt.dialects.lutnet.text import block_of
from lut_opt.dialects.quant import DequantizeCastOp, QuantizeCastOp, quantized_like
from lut_opt.dialects.torch import (
    VTensorType,
    constant_value,
    from_builtin_tensor,
    to_builtin_tensor,
    torch_name,
)
from lut_opt.passes.support.diagnostics import about, copy_location

NAME = "lut_opt.weightless"
"""The operator that `lut_opt.frontends.torch.weightless` exports."""


def lower(module: ModuleOp) -> None:
    """Replace every exported block."""
    for op in [op for op in module.walk() if torch_name(op) == NAME]:
        with about(op):
            _replace(op)


def _replace(op: Operation) -> None:
    x, data = op.operands
    text, kind = constant_value(data), op.results[0].type
    if not isinstance(text, str) or not isinstance(kind, VTensorType):
        raise ValueError(f"{NAME} takes a tensor and its block as constant text")
    block = block_of(text)
    real = to_builtin_tensor(x)
    quantized = quantized_like(real.results[0].type, block.operand)
    created: list[Operation] = [real, QuantizeCastOp(real.results[0], quantized)]
    created += _network(created[-1], block, quantized_like(kind.to_builtin(), block.result))
    created.append(DequantizeCastOp(created[-1].results[0], kind.to_builtin()))
    created.append(from_builtin_tensor(created[-1].results[0], kind))
    copy_location(op, created)
    Rewriter.insert_op(created, InsertPoint.before(op))
    op.results[0].replace_all_uses_with(created[-1].results[0])
    constant = data.owner
    Rewriter.erase_op(op)
    assert isinstance(constant, Operation)
    if not constant.results[0].uses:
        Rewriter.erase_op(constant)


def _network(source: Operation, block: Block, result: Attribute) -> list[LutnetOp]:
    """The operations of a block, on what an operation gives."""
    made: list[LutnetOp] = [EncodeOp(source, block.thermometer)]
    for luts in block.layers:
        made.append(LayerOp(made[-1], luts))
    bits, groups = block.bit_count, block.readout.results
    if not bits % groups and block.readout == popcount(bits, groups):
        return [*made, PopcountOp(made[-1], result)]
    return [*made, SumOp(made[-1], block.readout, result)]
