"""
The tables of a module as JSON, one object per `pwl.apply`, table of a unit, or weightless block.

They are in program order.
The row of a reduction's table says in `operand` and `result` what is reduced, and in `error_bound`,
in output steps, how far the whole can be off. `snr` is that of the whole op, which may be a unit of
several tables. The read-out of a weightless block stands for all that it reads, tables in
hexadecimal. After a conversion to hardware, one object per hardware unit. What is not known yet is
`null`: everything that the search decides, before it has run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
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
from xdsl.utils.hints import isa

from lut_opt.backends.report.tables import (
    describe,
    describe_reduction,
    describe_storage,
    location,
    signal_of,
)
from lut_opt.dialects.lutnet.description import describe as describe_network
from lut_opt.dialects.lutnet.ops import ReadoutOp
from lut_opt.dialects.pwl import ApplyOp, DivideOp, FnAttr, UnitOp
from lut_opt.dialects.pwl.hardware import HardwareUnit
from lut_opt.passes.hw.modules import modules_of, units_of
from lut_opt.passes.hw.network_unit.chains import chain
from lut_opt.passes.support.declarations import FUSED
from lut_opt.passes.support.diagnostics import about

_NUMBERS = re.compile(r"\[\n([-+.,\deE\s]+)\]")


def emit(module: ModuleOp) -> str:
    """A JSON list, indented by two, lists of numbers on one line."""
    rows: list[dict[str, Any]] = []
    units = units_of(modules_of(module))
    for op in module.walk():
        with about(op):
            if isinstance(op, UnitOp):
                rows += _describe_lookups(op)
            elif isinstance(op, hw.HWModuleOp):
                rows += describe_module(op, units.get(op.sym_name.data))
            elif isinstance(op, ApplyOp):
                rows.append(_describe(op))
            elif isinstance(op, ReadoutOp):
                rows.append(_describe_block(op))
    return text_of(rows)


def describe_module(op: hw.HWModuleOp, unit: HardwareUnit | None) -> list[dict[str, Any]]:
    """One object for each table of a hardware module, or for all of it; none if it is no unit."""
    return [
        facts
        if table is None
        else describe(table.function, table.operand, table.result, table.table, table.fit) | facts
        for table, facts in (() if unit is None else unit.describe(location(op)))
    ]


def text_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Descriptions as JSON, indented by two, lists of numbers on one line."""
    text = json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False)
    return _NUMBERS.sub(lambda match: f"[{' '.join(match[1].split())}]", text) + "\n"


def _describe(op: ApplyOp) -> dict[str, Any]:
    extra: dict[str, Any] = {"location": location(op)}
    if isinstance(op.function, FnAttr):
        extra["parameters"] = list(op.function.data.parameters)
    if isa(fused := op.attributes.get(FUSED), ArrayAttr[StringAttr]):
        extra["fused"] = [each.data for each in fused]
    if isa(pareto := op.attributes.get("pwl.pareto"), ArrayAttr[DictionaryAttr]):
        extra["pareto"] = [_plain(row) for row in pareto]
    table = None if op.table is None else op.table.data
    fit = None if op.fit is None else op.fit.data
    if op.reduce is not None:
        extra["reduction"] = describe_reduction(op.reduce)
        extra["operand"] = describe_storage(op.input_quantization)
        extra["result"] = describe_storage(op.result_quantization)
        extra["error_bound"] = None if op.table is None else op.reduced().error_bound()
    return describe(op.function_name, *op.table_sides, table, fit) | extra


def _describe_lookups(op: UnitOp) -> list[dict[str, Any]]:
    """One object for each table inside a softmax or a norm, which `unit` names."""
    rows: list[dict[str, Any]] = []
    for lookup in op.lookups():
        table = None if lookup.table is None else lookup.table.data
        fit = None if lookup.fit is None else lookup.fit.data
        row = describe(lookup.function.name, lookup.operand, lookup.result, table, fit)
        whole = {"unit": op.UNIT.name, "table": lookup.name, "snr": signal_of(op)}
        rows.append(row | whole | {"location": location(op)})
        if isinstance(op, DivideOp):
            rows[-1]["reduction"] = describe_reduction(op.reduce)
            rows[-1]["operand"] = describe_storage(op.denominator_quantization)
            rows[-1]["numerator"] = describe_storage(op.input_quantization)
            rows[-1]["result"] = describe_storage(op.result_quantization)
            rows[-1]["error_bound"] = None if table is None else op.unit().error_bound(1)
    return rows


def _describe_block(op: ReadoutOp) -> dict[str, Any]:
    """A block as its hardware unit has it; no `operand` where its bits come from elsewhere."""
    encoder, layers = chain(op)
    return {
        "unit": "network",
        "location": location(op),
        "operand": None if encoder is None else describe_storage(encoder.quantization),
        "result": describe_storage(op.quantization),
        **describe_network(None if encoder is None else encoder.thresholds.data, layers, op.total),
    }


def _plain(row: DictionaryAttr) -> dict[str, int | float]:
    numbers = {key: value for key, value in row.data.items() if isa(value, FloatAttr | IntegerAttr)}
    return {key: number.value.data for key, number in numbers.items()}
