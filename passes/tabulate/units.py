"""What `pwl-search` does for tables that an op uses inside: those of units and of reductions."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from lut_opt.dialects.pwl import (
    ApplyOp,
    FitAttr,
    Lookup,
    Table,
    UnitOp,
)
from lut_opt.dialects.pwl.attributes import TableAttr
from lut_opt.dialects.pwl.certificate import RealFunction, samples
from lut_opt.dialects.pwl.ops import reducible
from lut_opt.dialects.pwl.range_reduction import Reduction
from lut_opt.dialects.pwl.reduction import table_function
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search import Form, Setting
from lut_opt.passes.search.wide.design import relative_weights
from lut_opt.passes.tabulate.options import DEFAULT_ENTRIES, SearchOptions
from lut_opt.passes.tabulate.table import Wanted, solve
from lut_opt.passes.tabulate.tails import Domain, with_zero_tail

Solved = dict[Hashable, tuple[TableAttr, FitAttr]]
"""Tables and certificates by all that they depend on."""


@dataclass(frozen=True)
class PartSearch:
    """The search with `options`; equal problems are solved once."""

    options: SearchOptions
    solved: Solved

    @classmethod
    def of(cls, asked: SearchOptions, solved: Solved) -> PartSearch:
        """The search for parts that the options of a whole search ask for."""
        fits = asked.chosen.takes_tails or asked.strategy == "optimal"
        options = SearchOptions(
            strategy=asked.strategy if fits else "auto",
            entries=asked.entries or DEFAULT_ENTRIES,
            param_bits=asked.unit_bits or asked.param_bits,
            metric=asked.metric,
            seed=asked.seed,
            gap=asked.gap,
            draft=asked.draft,
            configs=asked.shared_configs,
        )
        return cls(options, solved)

    def search_unit(self, op: UnitOp) -> None:
        """Find every table of a unit and put it on the op."""
        op.choose_constants(self.options.param_bits)
        for lookup in op.lookups():
            sides = lookup.operand, lookup.result
            table, fit = self._solve(lookup.function, *sides, reduction=lookup.reduction)
            if lookup.ends_in_zero and not _ends_in_zero(table.data, lookup):
                if self.options.entries == 1:
                    raise ValueError(
                        f"{lookup.function.name} must end in zero and yet begin at one: use at "
                        "least 2 entries"
                    )
                table, fit = self._solve(lookup.function, *sides, zero_tail=True)
            op.set_table(lookup.name, table, fit)

    def search_reduced(self, op: ApplyOp) -> None:
        """Find the table behind the reduction of a wide operand."""
        assert op.reduce is not None
        function, reduction = table_function(reducible(op.function)), op.reduce.data
        op.table, op.fit = self._solve(function, *op.table_sides, reduction=reduction)

    def _solve(
        self,
        function: RealFunction,
        operand: Quantization,
        result: Quantization,
        reduction: Reduction | None = None,
        zero_tail: bool = False,
    ) -> tuple[TableAttr, FitAttr]:
        """The table of one function, whose first segment may have to be 0, and its certificate."""
        size = self.options.entries, self.options.param_bits
        key = "part", function, operand, result, reduction, zero_tail, size
        if key not in self.solved:
            own, weights = self.options, None
            form: Form = self.options.form
            domain: Domain = None
            if zero_tail:
                own, domain = with_zero_tail(own, function, operand, result)
            points = samples(function, (), operand, result, domain)
            if reduction is not None:
                # It leaves intercepts more fraction bits than slopes.
                form = "direct"
                weights = relative_weights(function.name, reduction, points)
            wanted = Wanted(
                function=function,
                points=points,
                operand=operand,
                result=result,
                domain=domain,
                weights=weights,
                config=own.config(Setting()),
            )
            self.solved[key] = solve(form, lambda _: (own, wanted), wanted)
        return self.solved[key]


def _ends_in_zero(table: Table, lookup: Lookup) -> bool:
    """Whether masked positions, at the least distance, are worth exactly nothing."""
    return int(table.evaluate(lookup.operand.values[:1], lookup.result)[0]) == 0
