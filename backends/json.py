"""
The tables of a module as JSON, one object per `pwl.apply` or table of a unit, in program order.

The row of a reduction's table says in `operand` and `result` what is reduced, and in `error_bound`,
in output steps, how far the whole can be off. After `convert-pwl-to-hw`, one object per hardware
unit. What is not known yet is `null`: everything that the search decides, before it has run.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

from xdsl.dialects import hw
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
)
from xdsl.ir import Attribute, Operation
from xdsl.utils.hints import isa

from lut_opt.backends.row_json import describe_row_unit, table_sides
from lut_opt.dialects.assembly import describe_location
from lut_opt.dialects.pwl import (
    ApplyOp,
    DivideOp,
    Fit,
    FnAttr,
    ReductionAttr,
    Table,
    TableAttr,
    UnitOp,
)
from lut_opt.dialects.quant import UniformQuantizedType
from lut_opt.dialects.quantization import Quantization, exact_log2
from lut_opt.passes.diagnostics import about
from lut_opt.passes.hw.multi import tables_of
from lut_opt.passes.hw.programmable_unit import programs_of
from lut_opt.passes.hw.reduced import reduction_attribute
from lut_opt.passes.hw.row_attributes import row_unit_of
from lut_opt.passes.hw.row_unit import RowUnit
from lut_opt.passes.hw.unit import Unit, unit_of
from lut_opt.passes.options import from_text
from lut_opt.passes.scales import FUSED

UNKNOWN = "<unknown>"
"""What `describe_location` says of an op without a place."""

_NUMBERS = re.compile(r"\[\n([-+.,\deE\s]+)\]")


def emit(module: ModuleOp) -> str:
    """A JSON list, indented by two, lists of numbers on one line."""
    rows: list[dict[str, Any]] = []
    for op in module.walk():
        with about(op):
            if isinstance(op, UnitOp):
                rows += _describe_lookups(op)
            elif isinstance(op, hw.HWModuleOp) and (streaming := row_unit_of(op)) is not None:
                rows += _describe_streaming(op, streaming)
            elif isinstance(op, hw.HWModuleOp) and (shared := _describe_shared(op)):
                rows += shared
            elif (row := _describe(op)) is not None:
                rows.append(row)
    text = json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False)
    return _NUMBERS.sub(lambda match: f"[{' '.join(match[1].split())}]", text) + "\n"


def _describe(op: Operation) -> dict[str, Any] | None:
    if isinstance(op, ApplyOp):
        extra: dict[str, Any] = {"location": _location(op)}
        if isinstance(op.function, FnAttr):
            extra["parameters"] = list(op.function.data.parameters)
        if isa(fused := op.attributes.get(FUSED), ArrayAttr[StringAttr]):
            extra["fused"] = [each.data for each in fused]
        if isa(pareto := op.attributes.get("pwl.pareto"), ArrayAttr[DictionaryAttr]):
            extra["pareto"] = [_plain(row) for row in pareto]
        table = None if op.table is None else op.table.data
        fit = None if op.fit is None else op.fit.data
        if op.reduce is not None:
            extra["reduction"] = _reduction(op.reduce)
            extra["operand"] = _storage(op.input_quantization)
            extra["result"] = _storage(op.result_quantization)
            extra["error_bound"] = None if op.table is None else op.reduced().error_bound()
        return describe(op.function_name, *op.table_sides, table, fit) | extra
    unit = unit_of(op) if isinstance(op, hw.HWModuleOp) else None
    if unit is None:
        return None
    return _describe_unit(unit) | {"location": _location(op)}


def _describe_lookups(op: UnitOp) -> list[dict[str, Any]]:
    """One object for each table inside a softmax or a norm, which `unit` names."""
    rows: list[dict[str, Any]] = []
    for lookup in op.lookups():
        table = None if lookup.table is None else lookup.table.data
        fit = None if lookup.fit is None else lookup.fit.data
        row = describe(lookup.function.name, lookup.operand, lookup.result, table, fit)
        rows.append(row | {"unit": op.FUNCTION, "table": lookup.name, "location": _location(op)})
        if isinstance(op, DivideOp):
            rows[-1]["reduction"] = _reduction(op.reduce)
            rows[-1]["operand"] = _storage(op.denominator_quantization)
            rows[-1]["numerator"] = _storage(op.input_quantization)
            rows[-1]["result"] = _storage(op.result_quantization)
            rows[-1]["error_bound"] = None if table is None else op.unit().error_bound()
    return rows


def _reduction(reduction: ReductionAttr) -> dict[str, Any]:
    """What brings the operand into the table's range; the row's inputs are the table's own."""
    return {"kind": reduction.name.removeprefix("pwl."), **dataclasses.asdict(reduction.data)}


def _storage(quantization: Quantization) -> dict[str, Any]:
    return dataclasses.asdict(quantization)


def _describe_streaming(op: Operation, unit: RowUnit) -> list[dict[str, Any]]:
    """One object for each table of a streaming unit, with what holds for the whole unit."""
    fits, sides = dict(unit.fits), table_sides(unit)
    facts = describe_row_unit(unit) | {"location": _location(op)}
    return [
        describe(*sides[name], table, fits.get(name)) | {"table": name} | facts
        for name, table in unit.tables.items()
    ]


def _describe_unit(unit: Unit) -> dict[str, Any]:
    hardware: dict[str, Any] = {"module": unit.module, "latency": unit.latency}
    sides = unit.operand, unit.result
    if (reduced := unit.reduced) is not None:
        sides = reduced.core.sides
        hardware["reduction"] = _reduction(reduction_attribute(reduced.core.reduction))
        hardware["operand"], hardware["result"] = _storage(unit.operand), _storage(unit.result)
        hardware["error_bound"] = reduced.error_bound()
    return describe(unit.function, *sides, unit.table, unit.fit) | hardware


def _describe_shared(op: hw.HWModuleOp) -> list[dict[str, Any]]:
    """One object for each table of a programmable unit, or of a unit with a select input."""
    extra: dict[str, Any] = {"module": op.sym_name.data, "location": _location(op)}
    if isa(latency := op.attributes.get("pwl.latency"), IntegerAttr):
        extra["latency"] = latency.value.data
    rows: list[dict[str, Any]] = []
    for program in programs_of(op) or ():
        writes = [list(write) for write in program.writes]
        facts = _describe_facts(program.function, program.attributes)
        rows.append(facts | extra | {"writes": writes})
    for i, facts in enumerate(tables_of(op) or ()):
        function = facts["function"]
        assert isinstance(function, StringAttr)
        rows.append(_describe_facts(function.data, facts) | extra | {"select": i})
    return rows


def _describe_facts(function: str, facts: Mapping[str, Attribute]) -> dict[str, Any]:
    table, operand, result = (facts[name] for name in ("table", "operand", "result"))
    assert isinstance(table, TableAttr)
    assert isinstance(operand, UniformQuantizedType)
    assert isinstance(result, UniformQuantizedType)
    return describe(function, operand.quantization, result.quantization, table.data, None)


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
    keys += ("least_mse", "request", "form", "metric", "points", "exact", "domain")
    if fit is None:
        return dict.fromkeys((*keys, "requested_entries"))
    return {key: getattr(fit, key) for key in keys} | {"requested_entries": fit.entries}


def _exponents(table: Table | None, fit: Fit | None) -> list[int] | None:
    """
    Exponents of the entries, None if the search was not asked for any.

    Raises `ValueError` for a table that is not what was asked for.
    """
    if table is None or fit is None or "exponent-bits" not in fit.request:
        return None
    # The search takes a while to import, and few tables need it here.
    from lut_opt.passes.pwl_search import PwlSearchPass
    from lut_opt.passes.search.exponents import storage

    options = from_text(PwlSearchPass, fit.request)
    return list(storage(table, options.param_bits, options.exponent_bits))


def _plain(row: DictionaryAttr) -> dict[str, int | float]:
    numbers = {key: value for key, value in row.data.items() if isa(value, FloatAttr | IntegerAttr)}
    return {key: number.value.data for key, number in numbers.items()}


def _location(op: Operation) -> str | None:
    """`file:line:col` where that is known."""
    place = describe_location(op)
    return None if place == UNKNOWN else place
