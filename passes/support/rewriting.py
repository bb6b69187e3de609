"""Changes to the IR that several passes make."""

from __future__ import annotations

from xdsl.ir import Operation
from xdsl.rewriter import Rewriter

from lut_opt.dialects.torch import (
    torch_name,
)


def erase_unused(op: Operation) -> None:
    """Erase a torch op that nothing uses, and then what only it used."""
    if op.parent is None or any(result.uses for result in op.results):
        return
    feeding = [value.owner for value in op.operands if isinstance(value.owner, Operation)]
    Rewriter.erase_op(op)
    for each in feeding:
        name = torch_name(each) or ""
        if name.startswith("aten."):
            erase_unused(each)
