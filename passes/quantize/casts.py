"""Casts that undo each other, as neighbouring operators leave them."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.rewriter import Rewriter

_INVERSES = {
    "quant.qcast": "quant.dcast",
    "torch_c.to_builtin_tensor": "torch_c.from_builtin_tensor",
}


def cancel_casts(module: ModuleOp) -> None:
    """Remove casts that undo each other: dcast then qcast, from_builtin then to_builtin."""
    for op in list(module.walk()):
        inverse = _INVERSES.get(op.name)
        if inverse is None:
            continue
        source = op.operands[0].owner
        if (
            isinstance(source, Operation)
            and source.name == inverse
            and source.operands[0].type == op.results[0].type
        ):
            op.results[0].replace_all_uses_with(source.operands[0])
            Rewriter.erase_op(op)
            _erase_unused(source)


def _erase_unused(op: Operation) -> None:
    if not op.results[0].uses:
        Rewriter.erase_op(op)
