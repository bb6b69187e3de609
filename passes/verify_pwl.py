"""The pass `verify-pwl`."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from lut_opt.dialects.pwl import ApplyOp, Fit, FitAttr, Table, TableAttr, UnitOp
from lut_opt.dialects.pwl.certificate import RealFunction, Samples, certify, samples
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.dialects.pwl.quantization import Quantization
from lut_opt.passes.diagnostics import OpError, about
from lut_opt.passes.progress import progress
from lut_opt.passes.pwl_search import optimal_mse
from lut_opt.passes.search import Problem

TOLERANCE = 1e-9
"""Relative difference between two machines' double-precision libraries that is no difference."""


@dataclass(frozen=True)
class VerifyPwlPass(ModulePass):
    """
    Recompute every certificate from the table and the function, and fail on any difference.

    Nothing is taken on trust: the errors are measured again on every input that counts, and the
    proven optimum is proven again. The IR is not changed.

    Requires: every `pwl.apply` has a table.
    Ensures:  every `#pwl.fit` is true.
    """

    name = "verify-pwl"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Verify the whole module."""
        verified: set[Hashable] = set()
        work = [inner for inner in op.walk() if isinstance(inner, ApplyOp | UnitOp)]
        for inner in progress(work, self.name):
            for claim in _claims(inner):
                if claim.table is None:
                    name = claim.name
                    raise OpError(inner, f"{name} has no table: run --pwl-search first")
                key = claim.table, claim.fit, claim.function, claim.operand, claim.result
                if claim.fit is None or key in verified:
                    continue
                with about(inner):
                    _verify(inner, claim, claim.table.data, claim.fit.data)
                verified.add(key)


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
        sides = op.input_quantization, op.result_quantization
        return [_Claim(op.function_name, real_function(op), *sides, op.table, op.fit)]
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
    if fit.optimal_mse is not None:
        optimum = optimal_mse(problem_of(table, fit.entries, points, operand, result))
        stated_and_true.append(("optimal_mse", fit.optimal_mse, optimum))
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


def _equal(stated: float | None, true: float | None) -> bool:
    if stated is None or true is None:
        return stated is true
    return math.isclose(stated, true, rel_tol=TOLERANCE, abs_tol=1e-18)


def problem_of(
    table: Table, entries: int, points: Samples, operand: Quantization, result: Quantization
) -> Problem:
    """The problem that a table solves, read off its shifts and widths."""
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
        operand=operand,
        offset=offset,
    )
