"""What `pwl-search` does for tables that an op uses inside: those of units and of reductions."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np
from xdsl.dialects.builtin import IntegerAttr, i64

from lut_opt.dialects.pwl import (
    ApplyOp,
    Fit,
    FitAttr,
    Lookup,
    RowExponentialsOp,
    Table,
    UnitOp,
)
from lut_opt.dialects.pwl.attributes import TableAttr
from lut_opt.dialects.pwl.certificate import RealFunction, certify, samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.ops import reducible
from lut_opt.dialects.pwl.reduction import Reduction
from lut_opt.dialects.pwl.unit_ops import exp_fraction_for
from lut_opt.dialects.quantization import Quantization

_TAIL_OCTAVES = range(3, 13)
"""Where a forced zero of exp may begin: below 2^-3 … 2^-12."""


class Solve(Protocol):
    """The search with the pass's options, remembered for equal problems."""

    def __call__(
        self,
        function: RealFunction,
        operand: Quantization,
        result: Quantization,
        entries: int,
        domain: tuple[float, float] | None = None,
        reduction: Reduction | None = None,
    ) -> tuple[TableAttr, FitAttr]:
        """The table of one function and its certificate."""
        ...


def search_unit(op: UnitOp, solve: Solve, entries: int, param_bits: int) -> None:
    """Find every table of a unit and put it on the op."""
    if isinstance(op, RowExponentialsOp):
        fraction = exp_fraction_for(op.input_quantization, param_bits)
        op.properties["exp_fraction"] = IntegerAttr(fraction, i64)
    for lookup in op.lookups():
        sides = lookup.operand, lookup.result
        table, fit = solve(lookup.function, *sides, entries, reduction=lookup.reduction)
        if lookup.name == "exp" and not _ends_in_zero(table.data, lookup):
            table, fit = _with_zero_tail(lookup, solve, fit.data)
        op.set_table(lookup.name, table, fit)


def search_reduced(op: ApplyOp, solve: Solve, entries: int) -> None:
    """Find the table behind the reduction of a wide operand."""
    assert op.reduce is not None
    function, reduction = FUNCTIONS[reducible(op.function)], op.reduce.data
    op.table, op.fit = solve(function, *op.table_sides, entries, reduction=reduction)


def _ends_in_zero(table: Table, lookup: Lookup) -> bool:
    """Whether masked positions, at the least distance, are worth exactly nothing."""
    return int(table.evaluate(lookup.operand.values[:1], lookup.result)[0]) == 0


def _with_zero_tail(lookup: Lookup, solve: Solve, free: Fit) -> tuple[TableAttr, FitAttr]:
    """
    The best table whose first segment is zero, in mean squared error.

    Where the zero begins is tried at each octave of exp; the other segments are searched on what is
    left. `free` is the certificate of the table without this condition.
    """
    operand, result = lookup.operand, lookup.result
    if free.entries < 2:
        raise ValueError("exp must end in zero and yet begin at one: use at least 2 entries")
    points = samples(lookup.function, (), operand, result, None)
    found: list[tuple[float, Table, Fit]] = []
    for octave in _TAIL_OCTAVES:
        start = int(np.searchsorted(points.y, 2.0**-octave))
        if not 0 < start < len(points.q) - 1:
            continue
        domain = float(points.x[start]), float(points.x[-1])
        table, fit = solve(lookup.function, operand, result, free.entries - 1, domain)
        whole = _zero_below(table.data, int(points.q[start]))
        figures = certify(whole, points, operand, result)
        certificate = replace(
            fit.data,
            entries=free.entries,
            points=figures.points,
            mse=figures.mse,
            max_error=figures.max_error,
            exact=figures.exact,
            optimal_mse=None,
            domain=None,
        )
        found.append((figures.mse, whole, certificate))
    if not found:
        raise ValueError(f"no table of exp is 0 at {points.x[0]:g}: use a larger clip")
    _, table, fit = min(found, key=lambda each: each[0])
    return TableAttr(table), FitAttr(fit)


def _zero_below(table: Table, start: int) -> Table:
    """The table, with zero for everything below `start`."""
    return replace(
        table,
        breakpoints=(start, *(max(start, breakpoint) for breakpoint in table.breakpoints)),
        slopes=(0, *table.slopes),
        intercepts=(0, *table.intercepts),
    )
