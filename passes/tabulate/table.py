"""One table and its certificate, which compares it with the best table of its shape."""

from __future__ import annotations

import numpy as np

from lut_opt.dialects.pwl import Fit, FitAttr, Table, TableAttr
from lut_opt.dialects.pwl.certificate import RealFunction, Samples, certify
from lut_opt.dialects.quantization import Quantization, Reals
from lut_opt.passes.search import NotProvable, Problem, SearchResult, meet, search
from lut_opt.passes.search.model.formulate import formulate
from lut_opt.passes.search.optimal.budget import Make
from lut_opt.passes.search.optimal.exponents import minimize_exponents, narrowed, octaves
from lut_opt.passes.tabulate.options import DEFAULT_ENTRIES, Positions, SearchOptions
from lut_opt.passes.tabulate.tails import Domain


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
