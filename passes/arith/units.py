"""The integer code of every unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xdsl.builder import Builder
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl import UnitOp, units
from lut_opt.passes.arith.division import divide
from lut_opt.passes.arith.norm import norm
from lut_opt.passes.arith.softmax import log_softmax, softmax

Build = Callable[[Builder, UnitOp, Any], SSAValue]
"""Emits the code of an op on storage integers, by its semantics, and returns the result."""

BUILDERS: Mapping[str, Build] = {
    units.Softmax.name: softmax,
    units.LogSoftmax.name: log_softmax,
    units.LayerNorm.name: norm,
    units.RMSNorm.name: norm,
    units.Division.name: divide,
}
"""The code of each unit by its name."""


def plan_unit(op: UnitOp) -> Callable[[Builder], SSAValue]:
    """The code of a unit, for when its types have lost their scales. ValueError without tables."""
    unit, build = op.unit(), BUILDERS[op.UNIT.name]
    return lambda builder: build(builder, op, unit)
