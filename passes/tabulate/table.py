"""One table and its certificate, which compares it with the best table of its shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lut_opt.dialects.pwl import Fit, FitAttr, Table, TableAttr
from lut_opt.dialects.pwl.certificate import RealFunction, Samples, certify
from lut_opt.dialects.quantization import Quantization, Reals
from lut_opt.passes.search import (
    Constraints,
    Form,
    Metric,
    NotProvable,
    Problem,
    SearchResult,
    forms,
    formulate,
    meet,
    search,
)
from lut_opt.passes.search.model.constraints import Symmetry
from lut_opt.passes.search.optimal.budget import Make
from lut_opt.passes.search.optimal.exponents import minimize_exponents, narrowed
from lut_opt.passes.tabulate.options import SearchOptions
from lut_opt.passes.tabulate.tails import Domain

_EQUAL = 1e-9
"""Relative difference of errors that is none: the seed form is taken then."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Wanted:
    """What a table should answer, and to whom."""

    function: RealFunction
    points: Samples
    """The function at the inputs that count."""
    operand: Quantization
    result: Quantization
    domain: Domain = None
    """The interval of the inputs that count, None for all."""
    weights: Reals | None = None
    """How much each of the points counts, None: all alike."""
    config: object | None = None
    """The strategy's configuration for this table."""


Posed = tuple[SearchOptions, Wanted]
"""The options, exact tails and all, and what a table of one form should answer."""

Answer = tuple[TableAttr, FitAttr]
"""A table, and its certificate."""


def solve(form: Form, pose: Callable[[Form], Posed], everywhere: Wanted) -> Answer:
    """
    The table that errs less, of the forms that a form stands for, at equal entries and widths.

    `everywhere` has all inputs that count; what is left out of a form's own is answered correctly
    by its tails. Raises `ValueError` where no form is possible, with the last one's reason.
    """
    found: list[tuple[tuple[int, int, float], Answer]] = []
    reason: ValueError | None = None
    for each in forms(form):
        try:
            options, wanted = pose(each)
            solved = _solve(options, wanted, each)
        except ValueError as error:
            reason = error
            continue
        table = solved[0].data
        width = table.param_bits + table.intercept_width
        miss = _miss(table, options.metric, wanted, everywhere) * (1.0 + _EQUAL * len(found))
        found.append(((table.entries, width, miss), solved))
    if not found:
        assert reason is not None
        raise reason
    return min(found, key=lambda each: each[0])[1]


def _miss(table: Table, metric: Metric, wanted: Wanted, everywhere: Wanted) -> float:
    """The error of the accumulator over all inputs that count, in (squared) real units."""
    counted = np.isin(everywhere.points.q, wanted.points.q)
    result, scale = wanted.result, wanted.result.scale * 2.0**-table.result_shift
    zero = result.zero_point << table.result_shift
    error = (table.accumulate(wanted.points.q) - zero) * scale - wanted.points.y
    if metric == "max":
        return float(np.max(np.abs(error)))
    weights = np.ones(len(counted)) if everywhere.weights is None else everywhere.weights
    return float(np.sum(weights[counted] * error**2) / np.sum(weights))


def _solve(options: SearchOptions, wanted: Wanted, form: Form) -> Answer:
    """
    The table of one form, and its certificate.

    Raises `ValueError` for a symmetry that the function has not.
    """
    if options.symmetry != "none":
        _check_symmetry(wanted, options.symmetry)
    make = problems(options, wanted, form)
    found: SearchResult | None = None
    if (budget := options.budget()) is not None:
        table, strategy = meet(make, budget).table, "optimal"
        entries = table.entries
    else:
        problem = make(options.size(wanted.operand), options.param_bits)
        found = _search(options, problem, wanted)
        table, strategy = found.table, found.strategy
        entries = table.entries if options.chosen.finds_entries else problem.entries
    if options.draft:
        found = None
    elif not _is_plain(options, wanted) or found is None or found.lower_bound is None:
        constraints, gap = options.constraints(), float(options.gap)
        problem = plain_problem(table, entries, wanted, constraints=constraints, gap=gap)
        found = optimum(problem, options.exponent_bits)
    return TableAttr(table), FitAttr(_fit(options, wanted, form, table, strategy, entries, found))


def problems(options: SearchOptions, wanted: Wanted, form: Form) -> Make:
    """The problem of one form for any number of entries and parameter bits."""

    def make(entries: int, param_bits: int) -> Problem:
        shape, goal = options.shape(entries, form, param_bits), options.goal(wanted.weights)
        return formulate(wanted.points, wanted.operand, wanted.result, shape, goal)

    return make


_MIRRORED: dict[Symmetry, tuple[str, Callable[[Reals, Reals], Reals]]] = {
    "odd": ("−f(−x)", lambda x, image: -image),
    "even": ("f(−x)", lambda x, image: image),
    "relu": ("f(−x) + x", lambda x, image: image + x),
}
"""What f(x) is to equal, in words, and what it is from x and f(−x)."""


def _check_symmetry(wanted: Wanted, symmetry: Symmetry) -> None:
    """Half a step of the result is what a symmetric table may miss by, saturation apart."""
    words, image = _MIRRORED[symmetry]
    points, result = wanted.points, wanted.result
    x = points.x[np.isin(-points.x, points.x)]
    reach = max(abs(float(bound)) for bound in result.dequantize(result.ends))
    here, there = wanted.function(x), image(x, wanted.function(-x))
    apart = np.abs(np.clip(here, -reach, reach) - np.clip(there, -reach, reach))
    worst = int(np.argmax(apart)) if len(apart) else 0
    if len(apart) and apart[worst] > result.scale / 2:
        kind = "relu(x) plus an even function" if symmetry == "relu" else symmetry
        raise ValueError(
            f"{wanted.function.name} is not {kind}: f(x) and {words} differ by "
            f"{apart[worst]:.3g} at x = {x[worst]:g}: leave symmetry= out"
        )
    # A step that one half lacks is half a step for each.
    if symmetry == "relu" and np.any(clipped := np.abs(result.clip(here) - here) > result.scale):
        raise ValueError(
            f"{wanted.function.name} saturates at x = {x[int(np.argmax(clipped))]:g}, where it has "
            "no mirror image: use a coarser result scale, or leave symmetry= out"
        )


def _is_plain(options: SearchOptions, wanted: Wanted) -> bool:
    """Whether the search's own optimum is that of the certificate."""
    asked = options.constraints()
    return wanted.weights is None and options.metric == "mse" and asked == asked.tails


def _fit(
    options: SearchOptions,
    wanted: Wanted,
    form: Form,
    table: Table,
    strategy: str,
    entries: int,
    best: SearchResult | None,
) -> Fit:
    operand, result = wanted.operand, wanted.result
    figures = certify(table, wanted.points, operand, result)
    exponent_bits = options.exponent_bits or None
    return Fit(
        strategy=strategy,
        form="direct" if form == "direct" else "seed",
        metric=options.metric,
        seed=options.seed,
        entries=entries,
        points=figures.points,
        mse=figures.mse,
        max_error=figures.max_error,
        exact=figures.exact,
        optimal_mse=best.loss if best and best.proven else None,
        domain=wanted.domain,
        least_mse=best.lower_bound if best and not best.proven else None,
        exponent_bits=exponent_bits,
        mantissa_bits=options.param_bits if exponent_bits else None,
        request=options.request(),
    )


def _search(options: SearchOptions, problem: Problem, wanted: Wanted) -> SearchResult:
    if options.exponent_bits:
        return _optimal(problem, options.exponent_bits)
    function, result = wanted.function, wanted.result
    saturated = options.chosen.saturated
    return search(
        problem,
        lambda x: result.clip(function(x)) if saturated else function(x),
        strategy=options.strategy,
        seed=options.seed,
        config=wanted.config,
    )


def _optimal(problem: Problem, exponent_bits: int) -> SearchResult:
    if not exponent_bits:
        return search(problem, strategy="optimal")
    found = minimize_exponents(problem, exponent_bits)
    loss = problem.loss(found.table)
    return SearchResult(
        table=found.table,
        loss=loss,
        strategy="optimal",
        seed=0,
        evaluations=found.tried,
        stop_reason="optimum proven",
        proven=True,
        lower_bound=loss,
    )


def plain_problem(
    table: Table,
    entries: int,
    wanted: Wanted,
    *,
    constraints: Constraints,
    gap: float,
) -> Problem:
    """
    The problem that a table of these shifts and widths solves, all inputs counted alike.

    Of the constraints the tails count, which the tables that a table is compared with have, too.
    """
    points, result = wanted.points, wanted.result
    unit = result.scale * 2.0**-table.result_shift
    offset = result.zero_point * 2.0**table.result_shift
    return Problem(
        q=points.q,
        target=points.y / unit + offset,
        weights=np.ones(len(points.q)),
        entries=entries,
        param_bits=table.param_bits,
        intercept_shift=table.intercept_shift,
        result_shift=table.result_shift,
        accumulator_scale=unit,
        operand=wanted.operand,
        offset=offset,
        intercept_bits=table.intercept_bits,
        constraints=constraints.tails,
        gap=gap,
    )


def optimum(problem: Problem, exponent_bits: int = 0) -> SearchResult | None:
    """
    The table of least mean squared error, or a bound for it; None where no proof is in reach.

    The problem has the widths of the table; with exponents the mantissas are narrower.
    """
    try:
        return _optimal(narrowed(problem, exponent_bits), exponent_bits)
    except NotProvable:
        return None
