"""The pass `pwl-search`."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    ModuleOp,
    f64,
    i64,
)
from xdsl.passes import ModulePass

from lut_opt.dialects.pwl import ApplyOp, Fit, FitAttr, Table, TableAttr, UnitOp
from lut_opt.dialects.pwl.certificate import RealFunction, Samples, certify, samples
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.dialects.pwl.reduction import Reduction
from lut_opt.dialects.quantization import Quantization, Reals
from lut_opt.passes.diagnostics import OpError, about
from lut_opt.passes.progress import progress
from lut_opt.passes.scales import HISTOGRAM, RANGE, declared_range
from lut_opt.passes.search import (
    Budget,
    NotProvable,
    Problem,
    SearchResult,
    formulate,
    front,
    meet,
    search,
)
from lut_opt.passes.search.budget import Make
from lut_opt.passes.search.exponents import minimize_exponents, narrowed, octaves
from lut_opt.passes.search.strategies import TAKE_TAILS
from lut_opt.passes.search.wide_design import relative_weights
from lut_opt.passes.search_options import DEFAULT_ENTRIES, Positions, SearchOptions
from lut_opt.passes.search_tails import with_tails, with_zero_tail
from lut_opt.passes.search_units import search_reduced, search_unit

Domain = tuple[float, float] | None

PARETO = "pwl.pareto"
"""Attribute of an op: its Pareto front, a dictionary a table, ascending in bits of storage."""

UNSEEN = 1e-3
"""Weight of an input that the calibration never saw, in average weights."""


@dataclass(frozen=True)
class PwlSearchPass(SearchOptions, ModulePass):
    """
    Find the table of every `pwl.apply` and write it, with its certificate, on the op.

    Equal problems (function, types, domain, weights) are solved once. The result depends on the IR,
    the options and the seed alone. Softmax, the norms and divisions get their tables too, in the
    form that fits, and so do functions with a range reduction, whose relative errors count;
    frac-bits, exponent-bits, form, domain, budgets and constraints are not for them.

    Before:   %y = pwl.apply #pwl.fn<gelu> %x : …
    After:    %y = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, …> fit #pwl.fit<optimal, …> : …
    Requires: every function is defined on its input's storage range, or on the domain given.
    Ensures:  every `pwl.apply` has a table and a certificate.
    """

    name = "pwl-search"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Search the tables of the whole module."""
        solved: dict[Hashable, tuple[TableAttr, FitAttr]] = {}
        fronts: dict[Hashable, ArrayAttr[DictionaryAttr]] = {}
        unit_bits = self.unit_bits or self.param_bits
        for_units = SearchOptions(
            strategy=self.strategy if self.strategy in ("optimal", *TAKE_TAILS) else "auto",
            param_bits=unit_bits,
            metric=self.metric,
            seed=self.seed,
            samples=self.samples,
        )

        def solve_unit(
            function: RealFunction,
            operand: Quantization,
            result: Quantization,
            entries: int,
            domain: Domain = None,
            reduction: Reduction | None = None,
            zero_tail: bool = False,
        ) -> tuple[TableAttr, FitAttr]:
            key = "unit", function, operand, result, entries, domain, reduction, zero_tail
            if key not in solved:
                own, weights = replace(for_units, entries=entries), None
                if zero_tail:
                    own, domain = with_zero_tail(own, function, operand, result)
                points = samples(function, (), operand, result, domain)
                if reduction is not None:
                    # The direct form leaves intercepts more fraction bits than slopes.
                    own = replace(own, form="direct")
                    weights = relative_weights(function.name, reduction, points)
                solved[key] = solve(own, function, points, operand, result, domain, weights)
            return solved[key]

        work = [inner for inner in op.walk() if isinstance(inner, ApplyOp | UnitOp)]
        for inner in progress(work, self.name):
            with about(inner):
                entries = self.entries or DEFAULT_ENTRIES
                if isinstance(inner, UnitOp):
                    search_unit(inner, solve_unit, entries, unit_bits)
                    continue
                if inner.reduce is not None:
                    search_reduced(inner, solve_unit, entries)
                    continue
                declared, start = self._domain(inner), self._start(inner)
                seen = None if self.weights == "uniform" else inner.attributes.get(HISTOGRAM)
                sides = inner.input_quantization, inner.result_quantization
                function = real_function(inner)
                # A preset goes by the function's name; nothing else does.
                name = None if self.preset == "none" else inner.function_name
                key = function, name, *sides, declared, seen, start
                if key not in solved:
                    options, domain = with_tails(self, function, *sides, declared)
                    points = samples(function, (), *sides, domain)
                    weights = self._weights(inner, points)
                    solved[key] = solve(options, function, points, *sides, domain, weights, start)
                inner.table, inner.fit = solved[key]
                if self.pareto:
                    if key not in fronts:
                        fronts[key] = self._pareto(inner, declared)
                    inner.attributes[PARETO] = fronts[key]

    def _pareto(self, op: ApplyOp, domain: Domain) -> ArrayAttr[DictionaryAttr]:
        """The tables that no smaller table beats, from the smallest up."""
        sides = op.input_quantization, op.result_quantization
        points = samples(real_function(op), (), *sides, domain)
        make = problems(self, points, *sides, self._weights(op, points))
        budget = Budget(param_bits=self.budget_bits or (self.param_bits,))
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
        if not self.warm_start:
            return ()
        wanted = self.entries or DEFAULT_ENTRIES
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
        low = float(max(low, first)) if self.domain_min is None else float(self.domain_min)
        high = float(min(high, last)) if self.domain_max is None else float(self.domain_max)
        return None if low <= first and high >= last else (low, high)

    def _weights(self, op: ApplyOp, points: Samples) -> Reals | None:
        """How often each counted input occurs, None for equally often."""
        if self.weights == "uniform":
            return None
        operand = op.input_quantization
        histogram = op.attributes.get(HISTOGRAM)
        if not isinstance(histogram, DenseIntOrFPElementsAttr):
            raise OpError(
                op, f"weights=calibrated needs {HISTOGRAM} = dense<…>: one count for each input"
            )
        counts, interval = np.asarray(list(histogram.get_values()), np.float64), declared_range(op)
        whole = len(counts) == len(operand.values)
        known = whole or (interval is not None and len(counts) > 1)
        if not known or np.any(counts < 0) or not np.any(counts > 0):
            raise OpError(
                op,
                f"{HISTOGRAM} must hold {len(operand.values)} counts, or fewer spread evenly over "
                f"{RANGE}, not all of them zero",
            )
        if whole or interval is None:
            seen = counts[points.q - operand.minimum]
        else:  # the counts of a narrower storage
            seen = np.interp(points.x, np.linspace(*interval, len(counts)), counts)
        return np.maximum(seen, UNSEEN * max(float(seen.mean()), 1.0))


def solve(
    options: SearchOptions,
    function: RealFunction,
    points: Samples,
    operand: Quantization,
    result: Quantization,
    domain: Domain,
    weights: Reals | None = None,
    start: Positions = (),
) -> tuple[TableAttr, FitAttr]:
    """The table of one function, and its certificate; `start`: breakpoints to go on from."""
    problem_for = problems(options, points, operand, result, weights)
    found: SearchResult | None = None
    if (budget := options.budget()) is not None:
        table, strategy = meet(problem_for, budget).table, "optimal"
        entries = table.entries
    else:
        problem = problem_for(options.entries or DEFAULT_ENTRIES, options.param_bits)
        found = _search(options, problem, function, result, start)
        table, strategy = found.table, found.strategy
        entries = table.entries if strategy == "exact" else problem.entries
    figures = certify(table, points, operand, result)
    wanted = options.constraints()
    plain = weights is None and options.metric == "mse" and wanted == wanted.tails
    if found is None or not plain or found.lower_bound is None:
        problem = plain_problem(table, entries, points, operand, result, options)
        found = optimum(problem, options.exponent_bits)
    fit = Fit(
        strategy=strategy,
        form=table.form(operand, result) if options.form == "auto" else options.form,
        metric=options.metric,
        seed=options.seed,
        entries=entries,
        points=figures.points,
        mse=figures.mse,
        max_error=figures.max_error,
        exact=figures.exact,
        optimal_mse=found.loss if found and found.proven else None,
        domain=domain,
        least_mse=found.lower_bound if found and not found.proven else None,
        request=options.request(),
    )
    return TableAttr(table), FitAttr(fit)


def problems(
    options: SearchOptions,
    points: Samples,
    operand: Quantization,
    result: Quantization,
    weights: Reals | None,
) -> Make:
    """The problem of the options for any number of entries and parameter bits."""

    def make(entries: int, param_bits: int) -> Problem:
        return formulate(
            points,
            operand,
            result,
            entries=entries,
            param_bits=param_bits,
            intercept_bits=options.intercept_bits,
            frac_bits=options.frac_bits,
            form=options.form,
            metric=options.metric,
            weights=weights,
            constraints=options.constraints(),
            octaves=octaves(options.exponent_bits),
            gap=float(options.gap),
        )

    return make


def _search(
    options: SearchOptions,
    problem: Problem,
    function: RealFunction,
    result: Quantization,
    start: Positions,
) -> SearchResult:
    if options.exponent_bits:
        return _optimal(problem, options.exponent_bits)
    # The authors' outer segments are chords to far points, where the result's range has long ended.
    saturate = options.preset != "authors"
    return search(
        problem,
        lambda x: result.clip(function(x)) if saturate else function(x),
        strategy=options.strategy,
        seed=options.seed,
        config=options.config(function.name, start),
    )


def _optimal(problem: Problem, exponent_bits: int) -> SearchResult:
    if not exponent_bits:
        return search(problem, strategy="optimal")
    found = minimize_exponents(problem, exponent_bits)
    loss, reason = problem.loss(found.table), "optimum proven"
    return SearchResult(found.table, loss, "optimal", 0, found.tried, 0, reason, True, loss)


def plain_problem(
    table: Table,
    entries: int,
    points: Samples,
    operand: Quantization,
    result: Quantization,
    options: SearchOptions,
) -> Problem:
    """
    The problem that a table of these shifts and widths solves, all inputs counted alike.

    Of the options, exponents count (the widths of the problem are then those of the mantissas), the
    tails, which the tables that a table is compared with have, too, and the gap.
    """
    unit = result.scale * 2.0**-table.result_shift
    offset = result.zero_point * 2.0**table.result_shift
    problem = Problem(
        q=points.q,
        target=points.y / unit + offset,
        weights=np.ones(len(points.q)),
        entries=entries,
        param_bits=table.param_bits,
        intercept_shift=table.intercept_shift,
        result_shift=table.result_shift,
        accumulator_scale=unit,
        operand=operand,
        offset=offset,
        intercept_bits=table.intercept_bits,
        constraints=options.constraints().tails,
        gap=float(options.gap),
    )
    return narrowed(problem, options.exponent_bits)


def optimum(problem: Problem, exponent_bits: int = 0) -> SearchResult | None:
    """The table of least mean squared error, or a bound for it; None where no proof is in reach."""
    try:
        return _optimal(problem, exponent_bits)
    except NotProvable:
        return None
