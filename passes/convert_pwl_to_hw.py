"""
The pass `convert-pwl-to-hw`.

The builder of the units is imported when there is a unit to build: its dialects cost every other
run 20 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.passes import ModulePass

from lut_opt.dialects.pwl import ApplyOp, FnAttr, UnitOp
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.passes.diagnostics import OpError, about, remark
from lut_opt.passes.scales import HISTOGRAM

if TYPE_CHECKING:
    from xdsl.dialects import hw

    from lut_opt.passes.hw.shared import SharedRequest
    from lut_opt.passes.hw.unit import Unit

MAX_LANES = 64


@dataclass(frozen=True)
class ConvertPwlToHwPass(ModulePass):
    """
    Make one hardware module of every distinct table.

    The module takes the raw bits of a stored input to the raw bits of the stored result, exactly as
    the table says, for every pattern of input bits. Operations with the same table and the same
    scales share one module. The units stand *instead of* the host code, which has no place in
    SystemVerilog: run `convert-pwl-to-arith` on the same input for code that computes the same.
    Softmax and norms become streaming units: valid and ready on both sides, `lanes` elements a
    cycle.

    Before:

        func.func @f(%x: tensor<4x!quant.uniform<i8:f32, 6.25e-02>>) -> … {
          %y = pwl.apply #pwl.fn<gelu> %x table #pwl.table<…> : … -> …
          func.return %y : …
        }

    After:

        hw.module @pwl_gelu_i8_i8_s2m4_s2m4(in %x : i8, out y : i8) attributes {…} {
          … comb …
          hw.output %y : i8
        }

    Requires: every `pwl` operation has its tables (`pwl-search`).
    Ensures: only `hw`, `comb` and `seq` operations are left, if there was a `pwl` operation at all.
    """

    name = "convert-pwl-to-hw"

    pipeline: int = 0
    """Register stages of each table, 0 to 4. A new input may enter in every cycle."""

    select: Literal["chain", "binary"] = "chain"
    """How slope and intercept are chosen: a chain of multiplexers, or a balanced tree."""

    multiplier: Literal["recoded", "inferred"] = "recoded"
    """Rows of slopes recoded beforehand (small), or a `*` (for FPGAs with multiplier blocks)."""

    implementation: Literal["auto", "compare", "onehot", "decode", "rows", "folded", "direct"] = (
        "compare"
    )
    """
    `compare`: as select and multiplier say; `onehot`: masked constants; `decode`: segments told
    apart by decision diagrams of the upper input bits; `rows`: the product with every slope, one
    let through; `folded`: half of a symmetric table, on |x|; `direct`: the results of all inputs,
    of up to 12 bits; `auto`: the cheapest of these. All compute the table, bit for bit.
    """

    objective: Literal["area", "delay", "power"] = "area"
    """What `auto` makes small."""

    cost: Literal["model", "synthesis"] = "model"
    """How `auto` knows: by a model fitted to synthesis, or by synthesizing each with Yosys."""

    liberty: tuple[str, ...] = ()
    """Liberty files (`.lib`, `.lib.gz`) for cost=synthesis; generic gates without."""

    allow_exact: bool = False
    """
    Let `auto` also take the correctly rounded function, directly, in place of the table, where that
    costs less: it errs less, but the unit is then not equal to what other lowerings compute.
    """

    row: int = 0
    """Elements of a row for softmax and norms whose rows are dynamic (softmax: of the longest)."""

    lanes: int = 1
    """Elements that softmax and norms take and give in a cycle: a power of two up to 64."""

    unit: Literal["fixed", "programmable", "multi"] = "fixed"
    """A unit for each table; units whose table software writes; all tables behind a select."""

    interface: Literal["plain", "stream"] = "plain"
    """A result some cycles after its input, or valid and ready at both ends."""

    entries: int = 8
    """Of programmable units: a power of two from 2 to 64."""

    storage: Literal["flipflop", "gated", "latch"] = "flipflop"
    """Of programmable units: what holds the table; `gated` are flip-flops, a clock gate a word."""

    breakpoints: Literal["free", "uniform"] = "free"
    """Of programmable units: words of the table, or none where upper input bits are the segment."""

    number_format: Literal["integer", "float32"] = "integer"
    """Of programmable units: tables as they are, or as single-precision numbers on reals."""

    subnormals: Literal["flush", "keep"] = "flush"
    """Of single-precision units: what becomes of numbers below 2^-126."""

    def __post_init__(self) -> None:
        if self.row < 0:
            raise ValueError(f"row must not be negative, got {self.row}")
        if not 1 <= self.lanes <= MAX_LANES or self.lanes & (self.lanes - 1):
            raise ValueError(
                f"lanes must be a power of two from 1 to {MAX_LANES}, got {self.lanes}"
            )
        asked = (self.objective, self.cost, self.liberty, self.allow_exact)
        if self.implementation != "auto" and asked != ("area", "model", (), False):
            raise ValueError(
                "objective, cost, liberty and allow-exact guide implementation=auto: add it"
            )
        if self.unit != "fixed":
            self._shared().check()
            return
        if self.pipeline == 0:
            return
        from lut_opt.passes.hw.datapath import MAX_PIPELINE

        if not 0 <= self.pipeline <= MAX_PIPELINE:
            raise ValueError(f"pipeline must be between 0 and {MAX_PIPELINE}, got {self.pipeline}")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Convert a module."""
        from xdsl.dialects import hw

        applies = [child for child in op.walk() if isinstance(child, ApplyOp)]
        units = [child for child in op.walk() if isinstance(child, UnitOp)]
        if not applies and not units:
            return
        for apply in applies:
            if apply.table is None:
                name = apply.function_name
                message = f"pwl.apply of {name} has no table to build: run --pwl-search first"
                raise OpError(apply, message)
            if apply.reduce is not None and self.unit != "fixed":
                raise OpError(apply, f"range reductions are built by unit=fixed, not {self.unit}")
        kept = [child for child in op.ops if isinstance(child, hw.HWModuleOp)]
        taken = {module.sym_name.data for module in kept}
        made = self._build(applies, taken)
        if self.interface == "stream" or self.storage == "gated":
            from lut_opt.passes.hw.shared import with_interface

            stream = self.interface == "stream"
            made = with_interface(made, kept, stream, lambda name: _unique(name, taken))
        made += self._build_row_units(units, taken)
        for child in list(op.ops):
            if child not in kept:
                child.detach()
                child.erase(safe_erase=False)
        op.body.block.add_ops(made)

    def _build(self, applies: list[ApplyOp], taken: set[str]) -> list[hw.HWModuleOp]:
        """One module for each distinct table and pair of quantizations, in program order."""
        from lut_opt.passes.hw.unit import Unit, unit_name

        if self.unit != "fixed":
            from lut_opt.passes.hw.shared import build_shared

            return build_shared(applies, self._shared(), lambda name: _unique(name, taken))
        made: dict[tuple[object, ...], hw.HWModuleOp] = {}
        for apply in applies:
            assert apply.table is not None
            operand, result = apply.input_quantization, apply.result_quantization
            reduced = None if apply.reduce is None else apply.reduced()
            sides = (apply.table.data, operand, result)
            # Equal tables of two functions are one unit, unless it may leave the table for its own.
            function = apply.function if self.allow_exact else None
            key = (*sides, reduced, function)
            if key in made:
                continue
            name = _unique(unit_name(apply.function_name, operand, result), taken)
            fit = apply.fit.data if apply.fit is not None else None
            unit = Unit(name, _describe(apply), *sides, fit, self.pipeline, reduced)
            made[key] = self._build_fixed(unit, apply)
            made[key].location = apply.location
        return list(made.values())

    def _build_fixed(self, unit: Unit, apply: ApplyOp) -> hw.HWModuleOp:
        """One unit in the implementation that is asked for, or in the cheapest."""
        from lut_opt.passes.hw.datapath import Style
        from lut_opt.passes.hw.implementations import Request, build_fixed, exact_unit
        from lut_opt.passes.hw.unit import build_unit

        if unit.reduced is not None:
            return build_unit(unit, Style(self.select, self.multiplier))
        request = Request(
            self.implementation,
            self.objective,
            self.cost,
            self.liberty,
            self.allow_exact,
            Style(self.select, self.multiplier),
        )
        auto = self.implementation == "auto"
        exact = exact_unit(unit, real_function(apply)) if auto else None
        with about(apply):
            module = build_fixed(unit, request, exact)
        if (histogram := apply.attributes.get(HISTOGRAM)) is not None:
            module.attributes[HISTOGRAM] = histogram
        if isinstance(text := module.attributes.get("pwl.remark"), StringAttr):
            remark(apply, self.name, text.data)
        return module

    def _build_row_units(self, ops: list[UnitOp], taken: set[str]) -> list[hw.HWModuleOp]:
        """One streaming module for each distinct softmax or norm, in program order."""
        if not ops:
            return []
        from lut_opt.passes.hw.row_units import Build, build_row_units

        how = Build(self.row, self.pipeline, self.select, self.multiplier, self.lanes)
        return build_row_units(ops, how, lambda name: _unique(name, taken))

    def _shared(self) -> SharedRequest:
        """What is asked for of units that tables share."""
        from lut_opt.passes.hw.shared import SharedRequest

        return SharedRequest(
            self.unit,
            self.entries,
            self.storage,
            self.number_format,
            self.subnormals == "flush",
            self.interface == "stream",
            self.pipeline,
            self.implementation,
            self.select,
            self.multiplier,
            self.breakpoints == "uniform",
        )


def _describe(apply: ApplyOp) -> str:
    """The function with its parameters, as `leaky_relu(0.01)`."""
    parameters: tuple[float, ...] = ()
    if isinstance(apply.function, FnAttr):
        parameters = apply.function.data.parameters
    suffix = f"({', '.join(map(repr, parameters))})" if parameters else ""
    return apply.function_name + suffix


def _unique(name: str, taken: set[str]) -> str:
    """The name, or the name with the first free number, which is then taken."""
    number, unique = 0, name
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    taken.add(unique)
    return unique


__all__ = ["ConvertPwlToHwPass"]
