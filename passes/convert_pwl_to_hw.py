"""The pass `convert-pwl-to-hw`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.passes import ModulePass

from lut_opt.passes.hw.cost.model import FAMILY
from lut_opt.passes.hw.options import HwOptions

if TYPE_CHECKING:
    from xdsl.dialects import hw

    from lut_opt.dialects.pwl import ApplyOp, DivideOp


@dataclass(frozen=True)
class ConvertPwlToHwPass(HwOptions, ModulePass):
    """
    Make one hardware module of every distinct table.

    The module takes the raw bits of a stored input to the raw bits of the stored result, exactly as
    the table says, for every pattern of input bits. Operations with the same table and the same
    scales share one module. The units stand *instead of* the host code, which has no place in
    SystemVerilog: run `convert-pwl-to-arith` on the same input for code that computes the same.
    A division takes numerator and denominator side by side. Softmax and norms become streaming
    units: valid and ready on both sides, `lanes` elements a cycle. With `interface=axis` every unit
    has a module around it with the ports of AXI4-Stream; with `top=NAME` one module has them all.

    Before:   %y = pwl.apply #pwl.fn<gelu> %x table #pwl.table<…>
                : !quant.uniform<i8:f32, 6.25e-02> -> !quant.uniform<i8:f32, 6.25e-02>
    After:    hw.module @pwl_gelu_i8_i8_s2m4_s2m4(in %x : i8, out y : i8) attributes {…} {
                … comb …
                hw.output %y : i8
              }
    Requires: every `pwl` operation has its tables (`pwl-search`).
    Ensures:  only `hw`, `comb` and `seq` operations are left, if there was one of `pwl` at all.
    """

    name = "convert-pwl-to-hw"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Convert a module."""
        from xdsl.dialects import hw

        from lut_opt.dialects.pwl import ApplyOp, DivideOp, UnitOp
        from lut_opt.passes.support.names import unique_names

        applies = [child for child in op.walk() if isinstance(child, ApplyOp)]
        units = [
            child
            for child in op.walk()
            if isinstance(child, UnitOp) and child.UNIT.name not in self.host
        ]
        if not applies and not units:
            return
        divisions = [unit for unit in units if isinstance(unit, DivideOp)]
        rows = [unit for unit in units if not isinstance(unit, DivideOp)]
        self._check(applies, divisions)
        kept = [child for child in op.ops if isinstance(child, hw.HWModuleOp)]
        unique = unique_names({module.sym_name.data for module in kept})
        made = self._elements(applies, divisions, kept, unique)
        if rows:
            from lut_opt.passes.hw.row_unit.units import build_row_units

            made += build_row_units(rows, self.row_build(), unique)
        if self.interface == "axis":
            from lut_opt.passes.hw.axis import with_axis

            made = with_axis(made, unique)
        if self.top:
            from lut_opt.passes.hw.block import build_block

            made.append(build_block(made, unique(self.top)))
        if self.fpga is not None:
            from lut_opt.passes.hw.placement import place_memories

            for module in made:
                module.attributes[FAMILY] = StringAttr(self.fpga)
                place_memories(module, self.fpga)
        for child in list(op.ops):
            if child not in kept:
                child.detach()
                child.erase(safe_erase=False)
        op.body.block.add_ops(made)

    def _check(self, applies: list[ApplyOp], divisions: list[DivideOp]) -> None:
        from lut_opt.passes.support.diagnostics import OpError

        for apply in applies:
            if apply.table is None:
                name = apply.function_name
                message = f"pwl.apply of {name} has no table to build: run --pwl-search first"
                raise OpError(apply, message)
            if apply.reduce is not None and self.unit != "fixed":
                raise OpError(apply, f"range reductions are built by unit=fixed, not {self.unit}")
        for op in (*applies, *divisions):
            if self.interface == "axis" and not self.pipeline:
                message = (
                    "AXI4-Stream allows no path through a unit within a cycle: interface=axis "
                    "needs pipeline=1 or more for tables"
                )
                raise OpError(op, message)

    def _elements(
        self,
        applies: list[ApplyOp],
        divisions: list[DivideOp],
        kept: list[hw.HWModuleOp],
        unique: Callable[[str], str],
    ) -> list[hw.HWModuleOp]:
        """The modules for what is computed element by element, with their interface."""
        made = self._tables(applies, unique) if applies else []
        if divisions:
            from lut_opt.passes.hw.divide_unit.units import build_divisions

            made += build_divisions(divisions, self.fixed_request(), self.pipeline, unique)
        if self.interface != "plain" or self.storage == "gated":
            from lut_opt.passes.hw.shared import with_interface

            made = with_interface(made, kept, self.interface != "plain", unique)
        return made

    def _tables(self, applies: list[ApplyOp], unique: Callable[[str], str]) -> list[hw.HWModuleOp]:
        """The modules for all tables, in program order."""
        if self.unit != "fixed":
            from lut_opt.passes.hw.shared import build_shared

            return build_shared(applies, self.shared_request(), unique)
        from lut_opt.passes.hw.table_unit.units import build_fixed_units
        from lut_opt.passes.support.diagnostics import remark

        made = build_fixed_units(applies, self.fixed_request(), self.pipeline, unique)
        for module, apply in made:
            if isinstance(text := module.attributes.get("pwl.remark"), StringAttr):
                remark(apply, self.name, text.data)
        return [module for module, _ in made]


__all__ = ["ConvertPwlToHwPass"]
