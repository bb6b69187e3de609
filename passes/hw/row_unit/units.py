"""Streaming units for the unit operations of a module."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from xdsl.dialects import hw
from xdsl.dialects.builtin import DYNAMIC_INDEX

from lut_opt.dialects.pwl import Fit, UnitOp, units
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.dialects.pwl.hardware.row_unit import shared_norm
from lut_opt.passes.hw.datapath.fixed import Style
from lut_opt.passes.hw.datapath.multiply import Multiplier
from lut_opt.passes.hw.datapath.segments import Select
from lut_opt.passes.hw.row_unit.unit import build_row_unit, row_unit, row_unit_name
from lut_opt.passes.support.diagnostics import OpError, about


@dataclass(frozen=True)
class Build:
    """How units are built: see the options of `convert-pwl-to-hw`."""

    row: int
    """Elements of rows of dynamic size, 0 where the user said nothing."""
    steps: int
    """Cycles of each table."""
    select: Select
    multiplier: Multiplier
    lanes: int = 1
    """Elements a cycle."""
    share: bool = False
    """Whether norms that differ in scales and epsilon alone are one unit."""


def build_row_units(
    ops: Sequence[UnitOp], how: Build, unique: Callable[[str], str]
) -> list[hw.HWModuleOp]:
    """One module for each distinct unit and row length, in program order."""
    made: dict[RowUnit, hw.HWModuleOp] = {}
    for op, unit in _distinct(ops, how):
        named = replace(unit, module=unique(row_unit_name(unit)), fits=tuple(_fits(op)))
        made[unit] = build_row_unit(named, Style(how.select, how.multiplier))
        made[unit].location = op.location
    return list(made.values())


def _distinct(ops: Sequence[UnitOp], how: Build) -> list[tuple[UnitOp, RowUnit]]:
    """Each unit that is wanted, with the first operation that it is for."""
    found: dict[RowUnit, tuple[UnitOp, list[units.Unit]]] = {}
    for op in ops:
        with about(op):
            unit = _row_unit(op, how)
        key, semantics = unit, unit.semantics
        if how.share:
            key = replace(unit, semantics=shared_norm(semantics))
        _, norms = found.setdefault(key, (op, []))
        # Operators of one meaning may still have gammas and betas of their own.
        if semantics not in norms or (how.share and semantics.parameters):
            norms.append(semantics)
    return [
        (op, replace(key, semantics=first, others=tuple(others)))
        for key, (op, (first, *others)) in found.items()
    ]


def _fits(op: UnitOp) -> Iterator[tuple[str, Fit]]:
    for lookup in op.lookups():
        if lookup.fit is not None:
            yield lookup.name, lookup.fit.data


def _row_unit(op: UnitOp, how: Build) -> RowUnit:
    """What an operation computes, without a name."""
    semantics, sizes = op.unit(), op.row_shape
    length = how.row if DYNAMIC_INDEX in sizes else math.prod(sizes)
    if length == 0:
        raise OpError(
            op,
            f"the row of {op.name} is {'dynamic' if DYNAMIC_INDEX in sizes else 'empty'}: "
            "a unit is built for one length: give it with --convert-pwl-to-hw=row=N",
        )
    if length > units.MAX_ROW:
        raise OpError(op, f"{op.name} takes rows of up to {units.MAX_ROW} elements, got {length}")
    if length % how.lanes and not semantics.variable_length:
        raise OpError(
            op,
            f"a row of {op.name} is whole beats, and {length} elements are no multiple of "
            f"{how.lanes} lanes: give another number with --convert-pwl-to-hw=lanes=K",
        )
    return row_unit("", semantics, length, how.steps, lanes=how.lanes)
