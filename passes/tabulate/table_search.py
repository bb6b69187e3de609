"""The tables of a whole module: what `pwl-search` does."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

import numpy as np
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    ModuleOp,
    f64,
    i64,
)

from lut_opt.dialects.pwl import ApplyOp, FitAttr, TableAttr, UnitOp
from lut_opt.dialects.pwl.certificate import samples
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.passes.search import Budget, Form, Setting, forms, front
from lut_opt.passes.support.declarations import (
    ENTRIES,
    HISTOGRAM,
    PARAM_BITS,
    QUANTILES,
    TRAINED,
    declared_integer,
    declared_range,
)
from lut_opt.passes.support.diagnostics import about
from lut_opt.passes.support.progress import progress
from lut_opt.passes.tabulate.options import SearchOptions
from lut_opt.passes.tabulate.signal import state_mirror, state_signal
from lut_opt.passes.tabulate.table import Posed, Wanted, problems, solve
from lut_opt.passes.tabulate.tails import Domain, with_tails
from lut_opt.passes.tabulate.units import PartSearch, Solved
from lut_opt.passes.tabulate.weights import weights_of

PARETO = "pwl.pareto"
"""Attribute of an op: its Pareto front, a dictionary a table, ascending in bits of storage."""


@dataclass(frozen=True)
class TableSearch:
    """The search that the options ask for; what is `solved` is not looked for again."""

    options: SearchOptions
    solved: Solved = field(default_factory=dict[Hashable, tuple[TableAttr, FitAttr]])

    def search(self, op: ModuleOp, name: str) -> None:
        """Find every table; `name` is that of the progress shown."""
        fronts: dict[Hashable, ArrayAttr[DictionaryAttr]] = {}
        units = (inner for inner in op.walk() if isinstance(inner, ApplyOp | UnitOp))
        work = [unit for unit in units if TRAINED not in unit.attributes]
        for inner in progress(work, name):
            with about(inner):
                own = TableSearch(_sized(self.options, inner), self.solved)
                if isinstance(inner, UnitOp):
                    PartSearch.of(own.options, self.solved).search_unit(inner)
                elif inner.reduce is not None:
                    PartSearch.of(own.options, self.solved).search_reduced(inner)
                else:
                    own._search(inner, fronts)
                    if self.options.symmetry == "odd":
                        state_mirror(inner, name)
                state_signal(inner, name, allow_lossy=self.options.allow_lossy)

    def _search(self, op: ApplyOp, fronts: dict[Hashable, ArrayAttr[DictionaryAttr]]) -> None:
        """Find the table of one op, or take that of an equal one."""
        declared = self._domain(op)
        seen = None
        if self.options.weights != "uniform":
            seen = op.attributes.get(HISTOGRAM), op.attributes.get(QUANTILES)
        sides = op.input_quantization, op.result_quantization
        function, config = real_function(op), self._config(op)
        size = self.options.entries, self.options.param_bits
        key = function, config, *sides, declared, seen, size
        if key not in self.solved:

            def pose(form: Form) -> Posed:
                options, domain = with_tails(self.options, function, *sides, declared, form)
                return options, self._wanted(op, domain, config)

            self.solved[key] = solve(self.options.form, pose, self._wanted(op, declared))
        op.table, op.fit = self.solved[key]
        if self.options.pareto:
            if key not in fronts:
                fronts[key] = self._pareto(op, declared)
            op.attributes[PARETO] = fronts[key]

    def _pareto(self, op: ApplyOp, domain: Domain) -> ArrayAttr[DictionaryAttr]:
        """The tables that no smaller table beats, from the smallest up."""
        wanted = self._wanted(op, domain)
        makes = [problems(self.options, wanted, form) for form in forms(self.options.form)]
        budget = Budget(param_bits=self.options.budget_bits or (self.options.param_bits,))
        rows = [
            DictionaryAttr(
                {
                    "entries": IntegerAttr(choice.table.entries, i64),
                    "param_bits": IntegerAttr(choice.table.param_bits, i64),
                    "bits": IntegerAttr(choice.bits, i64),
                    "mse": FloatAttr(choice.mse, f64),
                    "max_error": FloatAttr(choice.max_error, f64),
                }
            )
            for choice in front(makes, budget)
        ]
        return ArrayAttr(rows)

    def _wanted(self, op: ApplyOp, domain: Domain, config: object | None = None) -> Wanted:
        """What the op's table should answer at the inputs that count."""
        function, operand, result = real_function(op), *op.table_sides
        points = samples(function, (), operand, result, domain)
        return Wanted(
            function=function,
            points=points,
            operand=operand,
            result=result,
            domain=domain,
            weights=weights_of(op, self.options.weights, points),
            config=config,
        )

    def _config(self, op: ApplyOp) -> object | None:
        """What the strategy takes for the op's table."""
        start = None
        if op.table is not None:
            breakpoints = np.asarray(op.table.data.breakpoints, np.int64)
            start = tuple(op.input_quantization.dequantize(breakpoints).tolist())
        entries = self.options.size(op.input_quantization)
        return self.options.config(Setting(function=op.function_name, entries=entries, start=start))

    def _domain(self, op: ApplyOp) -> Domain:
        """The real inputs that count, None for every stored input."""
        operand = op.input_quantization
        first, last = operand.dequantize(operand.ends)
        low, high = declared_range(op) or (first, last)
        low = (
            float(max(low, first))
            if self.options.domain_min is None
            else float(self.options.domain_min)
        )
        high = (
            float(min(high, last))
            if self.options.domain_max is None
            else float(self.options.domain_max)
        )
        return None if low <= first and high >= last else (low, high)


def _sized(options: SearchOptions, op: ApplyOp | UnitOp) -> SearchOptions:
    """The options with the sizes that an op declares for its own tables."""
    entries = declared_integer(op, ENTRIES, 1, 1 << 16)
    width = declared_integer(op, PARAM_BITS, 2, 32)
    if entries is not None:
        options = replace(options, entries=entries)
    if width is not None:
        options = replace(options, param_bits=width, unit_bits=None)
    return options
