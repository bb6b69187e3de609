"""The pass `verify-pwl`."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass


@dataclass(frozen=True)
class VerifyPwlPass(ModulePass):
    """
    Recompute every certificate from the table and the function, and fail on any difference.

    Nothing is taken on trust: the errors are measured again on every input that counts, the proven
    optimum is proven again, and entries with exponents must fit their format. The IR is not
    changed.

    Requires: every `pwl.apply` has a table.
    Ensures:  every `#pwl.fit` is true.
    """

    name = "verify-pwl"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Verify the whole module."""
        from lut_opt.passes.tabulate.certificates import verify

        verify(op, self.name)
