"""A table as JSON: the facts under the names that scripts depend on, and some more."""

from __future__ import annotations

import dataclasses
from typing import Any

from xdsl.ir import Operation

from lut_opt.dialects.assembly import describe_location
from lut_opt.dialects.pwl import ApplyOp, Fit, ReductionAttr, Table, UnitOp
from lut_opt.dialects.pwl.request import request_text
from lut_opt.dialects.quantization import Quantization, exact_log2

UNKNOWN = "<unknown>"
"""What `describe_location` says of an op without a place."""


def describe(
    function: str,
    operand: Quantization,
    result: Quantization,
    table: Table | None,
    fit: Fit | None,
) -> dict[str, Any]:
    """The facts of one table under the names that scripts depend on, and some more."""
    return {
        "function": function,
        "input_scale": operand.scale,
        "output_scale": result.scale,
        "input_bits": operand.bits,
        "output_bits": result.bits,
        **_describe_table(table, fit, operand, result),
        **_describe_fit(fit),
        "input_zero_point": operand.zero_point,
        "output_zero_point": result.zero_point,
        "input_signed": operand.signed,
        "output_signed": result.signed,
        "input_range": [operand.minimum, operand.maximum],
        "output_range": [result.minimum, result.maximum],
        "exponents": _exponents(table, fit),
    }


def _describe_table(
    table: Table | None, fit: Fit | None, operand: Quantization, result: Quantization
) -> dict[str, Any]:
    keys = ("param_bits", "frac_bits", "entries", "breakpoints", "slopes", "intercepts")
    keys += ("intercept_shift", "result_shift", "accumulator_scale", "accumulator_bits")
    keys += ("intercept_bits",)
    if table is None:
        return dict.fromkeys(keys)
    unit = result.scale / (1 << table.result_shift)
    form = table.form(operand, result) if fit is None else fit.form
    values = (
        table.param_bits,
        # Seed form: a slope k stands for the real slope k·unit/S, which is k·2^−λ.
        exact_log2(operand.scale / unit) if form == "seed" else table.result_shift,
        table.entries,
        list(table.breakpoints),
        list(table.slopes),
        list(table.intercepts),
        table.intercept_shift,
        table.result_shift,
        unit,
        table.accumulator_bits(operand),
        table.intercept_width,
    )
    return dict(zip(keys, values, strict=True))


def _describe_fit(fit: Fit | None) -> dict[str, Any]:
    keys = ("strategy", "seed", "mse", "max_error", "optimal_mse")
    keys += ("least_mse", "request", "form", "metric", "points", "exact", "domain", "snr")
    if fit is None:
        return dict.fromkeys((*keys, "requested_entries"))
    known = {key: getattr(fit, key) for key in keys}
    return known | {"request": request_text(fit.request), "requested_entries": fit.entries}


def _exponents(table: Table | None, fit: Fit | None) -> list[int] | None:
    """
    Exponents of the entries, None if the search was not asked for any.

    Raises `ValueError` for a table that is not what was asked for.
    """
    if table is None or fit is None or fit.mantissa_bits is None or fit.exponent_bits is None:
        return None
    # The search takes a while to import, and few tables need it here.
    from lut_opt.passes.search.optimal.exponents import storage

    return list(storage(table, fit.mantissa_bits, fit.exponent_bits))


def describe_reduction(reduction: ReductionAttr) -> dict[str, Any]:
    """What brings the operand into the table's range; the row's inputs are the table's own."""
    return {"kind": reduction.name.removeprefix("pwl."), **dataclasses.asdict(reduction.data)}


def describe_storage(quantization: Quantization) -> dict[str, Any]:
    """How integers stand for reals."""
    return dataclasses.asdict(quantization)


def signal_of(op: ApplyOp | UnitOp) -> float | None:
    """The signal-to-noise ratio that an op states, in decibels; None before the search."""
    if isinstance(op, UnitOp):
        return None if op.snr is None else op.snr.value.data
    return None if op.fit is None else op.fit.data.snr


def location(op: Operation) -> str | None:
    """`file:line:col` where that is known."""
    place = describe_location(op)
    return None if place == UNKNOWN else place
