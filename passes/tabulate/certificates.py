"""Whether every certificate of a module is true: what `verify-pwl` asks."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from lut_opt.dialects.pwl import ApplyOp, Fit, FitAttr, Table, TableAttr, UnitOp
from lut_opt.dialects.pwl.certificate import RealFunction, certify, samples
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.dialects.pwl.ops import reducible
from lut_opt.dialects.pwl.reduction import table_function
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search.model.integer_constraints import violations
from lut_opt.passes.search.optimal.exponents import storage
from lut_opt.passes.support.diagnostics import OpError, about
from lut_opt.passes.support.progress import progress
from lut_opt.passes.tabulate.options import demands
from lut_opt.passes.tabulate.signal import signal_to_noise
from lut_opt.passes.tabulate.table import Wanted, optimum, plain_problem

TOLERANCE = 1e-9
"""Relative difference between two machines' double-precision libraries that is no difference."""

SIGNAL_TOLERANCE = 0.02
"""Decibels; ratios are stated to a hundredth."""


def verify(op: ModuleOp, name: str) -> None:
    """Raise `OpError` for the first that is not; `name` is that of the progress shown."""
    verified: set[Hashable] = set()
    work = [inner for inner in op.walk() if isinstance(inner, ApplyOp | UnitOp)]
    for inner in progress(work, name):
        for claim in _claims(inner):
            if claim.table is None:
                raise OpError(inner, f"{claim.name} has no table: run --pwl-search first")
            key = claim.table, claim.fit, claim.function, claim.operand, claim.result
            if claim.fit is None or key in verified:
                continue
            with about(inner):
                _verify(inner, claim, claim.table.data, claim.fit.data)
            verified.add(key)
        if (stated := _stated_signal(inner)) is not None:
            with about(inner):
                _verify_signal(inner, stated)


@dataclass(frozen=True)
class _Claim:
    """A table, what it should approximate, and its certificate."""

    name: str
    function: RealFunction
    operand: Quantization
    result: Quantization
    table: TableAttr | None
    fit: FitAttr | None


def _claims(op: ApplyOp | UnitOp) -> list[_Claim]:
    if isinstance(op, ApplyOp):
        reduced = op.reduce is not None
        function = table_function(reducible(op.function)) if reduced else real_function(op)
        return [_Claim(op.function_name, function, *op.table_sides, op.table, op.fit)]
    return [
        _Claim(
            f"{each.name} of {op.name}",
            each.function,
            each.operand,
            each.result,
            each.table,
            each.fit,
        )
        for each in op.lookups()
    ]


def _verify(op: Operation, claim: _Claim, table: Table, fit: Fit) -> None:
    operand, result = claim.operand, claim.result
    points = samples(claim.function, (), operand, result, fit.domain)
    figures = certify(table, points, operand, result)
    stated_and_true: list[tuple[str, float | None, float | None]] = [
        ("points", fit.points, figures.points),
        ("mse", fit.mse, figures.mse),
        ("max_error", fit.max_error, figures.max_error),
        ("exact", fit.exact, figures.exact),
    ]
    asked = demands(fit.request)
    exponent_bits = fit.exponent_bits or 0
    if fit.mantissa_bits is not None:
        storage(table, fit.mantissa_bits, exponent_bits)
    wanted = Wanted(
        function=claim.function, points=points, operand=operand, result=result, domain=fit.domain
    )
    constraints = asked.constraints()
    problem = plain_problem(
        table, fit.entries, wanted, constraints=constraints, gap=float(asked.gap)
    )
    if fit.optimal_mse is not None or fit.least_mse is not None:
        best = optimum(problem, exponent_bits)
        proven = best is not None and best.proven
        least = best.lower_bound if best else None
        stated_and_true.append(("optimal_mse", fit.optimal_mse, least if proven else None))
        stated_and_true.append(("least_mse", fit.least_mse, None if proven else least))
    if broken := violations(replace(problem, constraints=constraints), table):
        raise OpError(op, f"the table of {claim.name} does not keep to {', '.join(broken)}")
    for name, stated, true in stated_and_true:
        if not _equal(stated, true):
            raise OpError(
                op,
                f"the certificate of {claim.name} states {name} = {stated!r}, but it is "
                f"{true!r}: search the table again",
            )
    # A seed-form table is a direct one too, as far as its numbers go.
    if fit.form not in ("direct", table.form(operand, result)):
        raise OpError(op, f"the certificate states form = {fit.form}, which the table has not")


def _stated_signal(op: ApplyOp | UnitOp) -> float | None:
    if isinstance(op, UnitOp):
        return None if op.snr is None else op.snr.value.data
    return None if op.fit is None else op.fit.data.snr


def _verify_signal(op: ApplyOp | UnitOp, stated: float) -> None:
    true = signal_to_noise(op)
    if true is None or abs(stated - true) > SIGNAL_TOLERANCE:
        name = op.name if isinstance(op, UnitOp) else op.function_name
        raise OpError(
            op,
            f"the certificate of {name} states snr = {stated}, but it is {true}: "
            "search the table again",
        )


def _equal(stated: float | None, true: float | None) -> bool:
    if stated is None or true is None:
        return stated is true
    return math.isclose(stated, true, rel_tol=TOLERANCE, abs_tol=1e-18)
