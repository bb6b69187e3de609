"""Operators have as many operands as PyTorch gives them; a text can say anything."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects.builtin import ModuleOp

from lut_opt.dialects.torch import torch_name
from lut_opt.passes.support.diagnostics import OpError

OPERANDS: Mapping[str, int] = {
    "add.Scalar": 3,
    "add.Tensor": 3,
    "batch_norm": 9,
    "div.Scalar": 2,
    "div.Tensor": 2,
    "div.Tensor_mode": 3,
    "dropout": 3,
    "glu": 2,
    "group_norm": 6,
    "instance_norm": 9,
    "layer_norm": 6,
    "linalg_vector_norm": 5,
    "log_softmax.int": 3,
    "_log_softmax": 3,
    "mean.dim": 4,
    "mul.Scalar": 2,
    "mul.Tensor": 2,
    "native_group_norm": 8,
    "native_layer_norm": 5,
    "pow.Scalar": 2,
    "pow.Tensor_Scalar": 2,
    "pow.Tensor_Tensor": 2,
    "rms_norm": 4,
    "_safe_softmax": 3,
    "softmax.int": 3,
    "_softmax": 3,
    "sub.Scalar": 3,
    "sub.Tensor": 3,
    "sum.dim_IntList": 4,
}
"""Of operators whose operands are read one by one; defaults are operands, too, in `torch`."""


def check_operands(module: ModuleOp) -> None:
    """Raise `OpError` for an operator that lacks operands or a result."""
    for op in module.walk():
        name = torch_name(op)
        if name is None or not name.startswith("aten."):
            continue
        needed = OPERANDS.get(name.removeprefix("aten."))
        if needed is None:
            continue
        if len(op.operands) < needed or not op.results:
            raise OpError(
                op,
                f"{name} takes {needed} operands and has a result, here it has {len(op.operands)} "
                f"and {len(op.results)}: give every argument, defaults too",
            )
