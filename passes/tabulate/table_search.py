"""The tables of a whole module: what `pwl-search` does."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

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

from lut_opt.dialects.pwl import ApplyOp, UnitOp
from lut_opt.dialects.pwl.certificate import Samples, samples
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.dialects.quantization import Reals
from lut_opt.passes.search import Budget, front
from lut_opt.passes.search.strategies import TAKE_TAILS
from lut_opt.passes.support.declarations import HISTOGRAM, declared_range
from lut_opt.passes.support.diagnostics import OpError, about
from lut_opt.passes.support.progress import progress
from lut_opt.passes.tabulate.options import DEFAULT_ENTRIES, Positions, SearchOptions
from lut_opt.passes.tabulate.table import problems, solve
from lut_opt.passes.tabulate.tails import Domain, with_tails
from lut_opt.passes.tabulate.units import PartSearch, Solved
from lut_opt.passes.tabulate.weights import calibrated_weights

PARETO = "pwl.pareto"
"""Attribute of an op: its Pareto front, a dictionary a table, ascending in bits of storage."""


@dataclass(frozen=True)
class TableSearch:
    """The search that the options ask for."""

    options: SearchOptions

    def search(self, op: ModuleOp, name: str) -> None:
        """Find every table; `name` is that of the progress shown."""
        asked = self.options
        solved: Solved = {}
        fronts: dict[Hashable, ArrayAttr[DictionaryAttr]] = {}
        unit_bits = asked.unit_bits or asked.param_bits
        parts = PartSearch(
            SearchOptions(
                strategy=asked.strategy if asked.strategy in ("optimal", *TAKE_TAILS) else "auto",
                entries=asked.entries or DEFAULT_ENTRIES,
                param_bits=unit_bits,
                metric=asked.metric,
                seed=asked.seed,
                samples=asked.samples,
            ),
            solved,
        )
        work = [inner for inner in op.walk() if isinstance(inner, ApplyOp | UnitOp)]
        for inner in progress(work, name):
            with about(inner):
                if isinstance(inner, UnitOp):
                    parts.search_unit(inner)
                elif inner.reduce is not None:
                    parts.search_reduced(inner)
                else:
                    self._search(inner, solved, fronts)

    def _search(
        self, op: ApplyOp, solved: Solved, fronts: dict[Hashable, ArrayAttr[DictionaryAttr]]
    ) -> None:
        """Find the table of one op, or take that of an equal one."""
        declared, start = self._domain(op), self._start(op)
        seen = None if self.options.weights == "uniform" else op.attributes.get(HISTOGRAM)
        sides = op.input_quantization, op.result_quantization
        function = real_function(op)
        # A preset goes by the function's name; nothing else does.
        name = None if self.options.preset == "none" else op.function_name
        key = function, name, *sides, declared, seen, start
        if key not in solved:
            options, domain = with_tails(self.options, function, *sides, declared)
            points = samples(function, (), *sides, domain)
            weights = self._weights(op, points)
            solved[key] = solve(options, function, points, *sides, domain, weights, start)
        op.table, op.fit = solved[key]
        if self.options.pareto:
            if key not in fronts:
                fronts[key] = self._pareto(op, declared)
            op.attributes[PARETO] = fronts[key]

    def _pareto(self, op: ApplyOp, domain: Domain) -> ArrayAttr[DictionaryAttr]:
        """The tables that no smaller table beats, from the smallest up."""
        sides = op.input_quantization, op.result_quantization
        points = samples(real_function(op), (), *sides, domain)
        make = problems(self.options, points, *sides, self._weights(op, points))
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
            for choice in front(make, budget)
        ]
        return ArrayAttr(rows)

    def _start(self, op: ApplyOp) -> Positions:
        """The real breakpoints of the op's table, for a warm start."""
        if not self.options.warm_start:
            return ()
        wanted = self.options.entries or DEFAULT_ENTRIES
        if op.table is None or op.table.data.entries != wanted:
            raise OpError(
                op, f"warm-start needs a table of {wanted} entries on the op: search first"
            )
        real = op.input_quantization.dequantize(np.asarray(op.table.data.breakpoints, np.int64))
        return tuple(real.tolist())

    def _domain(self, op: ApplyOp) -> Domain:
        """The real inputs that count, None for every stored input."""
        operand = op.input_quantization
        first, last = operand.dequantize(operand.values[[0, -1]])
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

    def _weights(self, op: ApplyOp, points: Samples) -> Reals | None:
        """How often each counted input occurs, None for equally often."""
        return None if self.options.weights == "uniform" else calibrated_weights(op, points)
