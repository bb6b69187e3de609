"""Named pipelines: passes that only list passes."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass, PassPipeline

from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.verify_pwl import VerifyPwlPass


@dataclass(frozen=True)
class NonlinearToArithPass(ModulePass):
    """
    Lower, search, verify and convert to arithmetic, with the defaults of each pass.

    The same as `-p lower-nonlinear-to-pwl,pwl-search,verify-pwl,convert-pwl-to-arith`.
    """

    name = "nonlinear-to-arith"

    entries: int = 8
    """Number of segments of each table."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run the pipeline."""
        passes = (*_tables(self.entries), ConvertPwlToArithPass())
        PassPipeline(passes).apply(ctx, op)


@dataclass(frozen=True)
class NonlinearToHwPass(ModulePass):
    """
    Lower, search, verify and convert to hardware, with the defaults of each pass.

    The same as `-p lower-nonlinear-to-pwl,pwl-search,verify-pwl,convert-pwl-to-hw`.
    """

    name = "nonlinear-to-hw"

    entries: int = 8
    """Number of segments of each table."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run the pipeline."""
        passes = (*_tables(self.entries), ConvertPwlToHwPass())
        PassPipeline(passes).apply(ctx, op)


def _tables(entries: int) -> tuple[ModulePass, ...]:
    return LowerNonlinearToPwlPass(), PwlSearchPass(entries=entries), VerifyPwlPass()
