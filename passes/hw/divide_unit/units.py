"""Units for the divisions of a module: one for each distinct table, reduction and types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from xdsl.dialects import hw

from lut_opt.dialects.pwl import DivideOp
from lut_opt.dialects.pwl.hardware import DivideUnit
from lut_opt.dialects.pwl.units import Division
from lut_opt.passes.hw.datapath.fixed import MAX_PIPELINE
from lut_opt.passes.hw.divide_unit.unit import build_divide, divide_name
from lut_opt.passes.hw.table_unit.implementations import Request
from lut_opt.passes.support.diagnostics import OpError, about


def build_divisions(
    ops: Sequence[DivideOp], request: Request, latency: int, unique: Callable[[str], str]
) -> list[hw.HWModuleOp]:
    """
    The modules in program order.

    `unique` makes a name one that no other module has.
    """
    made: dict[Division, hw.HWModuleOp] = {}
    for op in ops:
        if latency > MAX_PIPELINE:
            message = f"{op.name} has at most {MAX_PIPELINE} stages, got {latency}"
            raise OpError(op, f"{message}: run it apart, or leave it to the host")
        with about(op):
            semantics = op.unit()
        assert isinstance(semantics, Division)
        if semantics in made:
            continue
        fit = None if op.reciprocal_fit is None else op.reciprocal_fit.data
        enable = request.enable and latency > 0
        unit = DivideUnit("", semantics, fit, latency=latency, enable=enable)
        module = build_divide(replace(unit, module=unique(divide_name(unit))), request.compare)
        module.location = op.location
        made[semantics] = module
    return list(made.values())
