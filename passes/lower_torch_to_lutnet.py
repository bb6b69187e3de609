"""The pass `lower-torch-to-lutnet`."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass


@dataclass(frozen=True)
class LowerTorchToLutnetPass(ModulePass):
    """
    Replace the weightless blocks of an exported model by `lutnet` ops between `quant` casts.

    A block is exported as one operator whose second operand is its data as text, the attribute
    `#lutnet.unit`. Run it before `lower-nonlinear-to-pwl`, which knows no such operator.

    Before:   %y = torch.operator "torch.lut_opt.weightless"(%x, %str) : (…) -> !torch.vtensor<…>
    After:    %q = quant.qcast … lutnet.encode … lutnet.layer … lutnet.sum … quant.dcast
    Ensures:  no such operator is left.
    """

    name = "lower-torch-to-lutnet"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Lower the whole module."""
        from lut_opt.passes.lower.weightless import lower

        lower(op)
