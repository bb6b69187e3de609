"""What `pwl-search` does for tables that an op uses inside: those of units and of reductions."""

from __future__ import annotations

from typing import Protocol

from xdsl.dialects.builtin import IntegerAttr, i64

from lut_opt.dialects.pwl import (
    ApplyOp,
    FitAttr,
    Lookup,
    RowExponentialsOp,
    Table,
    UnitOp,
)
from lut_opt.dialects.pwl.attributes import TableAttr
from lut_opt.dialects.pwl.certificate import RealFunction
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.ops import reducible
from lut_opt.dialects.pwl.reduction import Reduction
from lut_opt.dialects.pwl.unit_ops import exp_fraction_for
from lut_opt.dialects.quantization import Quantization


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
        zero_tail: bool = False,
    ) -> tuple[TableAttr, FitAttr]:
        """The table of one function, whose first segment may have to be 0, and its certificate."""
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
            if entries < 2:
                raise ValueError(
                    "exp must end in zero and yet begin at one: use at least 2 entries"
                )
            table, fit = solve(lookup.function, *sides, entries, zero_tail=True)
        op.set_table(lookup.name, table, fit)


def search_reduced(op: ApplyOp, solve: Solve, entries: int) -> None:
    """Find the table behind the reduction of a wide operand."""
    assert op.reduce is not None
    function, reduction = FUNCTIONS[reducible(op.function)], op.reduce.data
    op.table, op.fit = solve(function, *op.table_sides, entries, reduction=reduction)


def _ends_in_zero(table: Table, lookup: Lookup) -> bool:
    """Whether masked positions, at the least distance, are worth exactly nothing."""
    return int(table.evaluate(lookup.operand.values[:1], lookup.result)[0]) == 0
