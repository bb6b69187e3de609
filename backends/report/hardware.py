"""
Hardware modules as JSON: ports, timing, how a table is written, beside the facts of each table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xdsl.dialects import hw
from xdsl.dialects.builtin import IntegerAttr, IntegerType, StringAttr
from xdsl.ir import Attribute, Operation
from xdsl.utils.hints import isa

from lut_opt.backends.report.rows import describe_row_unit, table_sides
from lut_opt.backends.report.tables import describe, describe_reduction, describe_storage, location
from lut_opt.dialects.pwl import FitAttr, TableAttr
from lut_opt.dialects.quant import UniformQuantizedType
from lut_opt.passes.hw.datapath.reduced import reduction_attribute
from lut_opt.passes.hw.programmable.attributes import Programmable, programmable_of, programs_of
from lut_opt.passes.hw.row_unit.attributes import row_unit_of
from lut_opt.passes.hw.row_unit.unit import RowUnit
from lut_opt.passes.hw.table_unit.select import tables_of
from lut_opt.passes.hw.table_unit.unit import Unit, unit_of


def describe_module(op: hw.HWModuleOp, inner: hw.HWModuleOp | None) -> list[dict[str, Any]]:
    """
    One object for each table of a hardware module, with its ports; none if it has no table.

    `inner` has the tables: the module itself, or that of which it makes a stream.
    """
    if (streaming := row_unit_of(op)) is not None:
        return _describe_streaming(op, streaming)
    if inner is None:
        return []
    facts: dict[str, Any] = {"module": op.sym_name.data, "location": location(op)}
    if inner is not op:
        facts["stream_of"] = inner.sym_name.data
    found = {name: op.attributes.get(f"pwl.{name}") for name in ("latency", "throughput")}
    facts |= {name: n.value.data for name, n in found.items() if isa(n, IntegerAttr)}
    unit = unit_of(inner)
    rows = _describe_shared(inner, facts) if unit is None else [_describe_unit(unit, facts)]
    return [row | {"ports": _ports(op)} for row in rows]


def _ports(op: hw.HWModuleOp) -> list[dict[str, Any]]:
    return [
        {
            "name": port.port_name.data,
            "direction": port.dir.data.name.lower(),
            "bits": port.type.bitwidth if isa(port.type, IntegerType) else 1,
        }
        for port in op.module_type.ports
    ]


def _describe_streaming(op: Operation, unit: RowUnit) -> list[dict[str, Any]]:
    """One object for each table of a streaming unit, with what holds for the whole unit."""
    fits, sides = dict(unit.fits), table_sides(unit)
    facts = describe_row_unit(unit) | {"location": location(op)}
    return [
        describe(*sides[name], table, fits.get(name)) | {"table": name} | facts
        for name, table in unit.semantics.tables.items()
    ]


def _describe_unit(unit: Unit, extra: Mapping[str, Any]) -> dict[str, Any]:
    hardware = dict(extra)
    sides = unit.operand, unit.result
    if (reduced := unit.reduced) is not None:
        sides = reduced.core.sides
        hardware["reduction"] = describe_reduction(reduction_attribute(reduced.core.reduction))
        hardware["operand"] = describe_storage(unit.operand)
        hardware["result"] = describe_storage(unit.result)
        hardware["error_bound"] = reduced.error_bound()
    return describe(unit.function, *sides, unit.table, unit.fit) | hardware


def _describe_shared(op: hw.HWModuleOp, extra: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One object for each table of a programmable unit, or of a unit with a select input."""
    rows: list[dict[str, Any]] = []
    unit = programmable_of(op)
    storage = {} if unit is None else _describe_programmable(op, unit)
    for program in programs_of(op) or ():
        writes = [list(write) for write in program.writes]
        facts = _describe_facts(program.function, program.attributes)
        rows.append({**facts, **extra, "writes": writes, **storage})
    for i, facts in enumerate(tables_of(op) or ()):
        function = facts["function"]
        assert isinstance(function, StringAttr)
        rows.append({**_describe_facts(function.data, facts), **extra, "select": i})
    return rows


def _describe_programmable(op: hw.HWModuleOp, unit: Programmable) -> dict[str, Any]:
    """How a table is stored, and where its words are written."""
    layout, n = unit.layout, unit.layout.entries
    left, right = layout.shift_bits
    words: dict[str, Any] = {
        "slopes": {"address": 0, "count": n, "bits": layout.slope_bits},
        "intercepts": {"address": n, "count": n, "bits": layout.intercept_bits},
    }
    if layout.breakpoint_bits:
        words["breakpoints"] = {"address": 2 * n, "count": n - 1, "bits": layout.breakpoint_bits}
    if left + right:
        words["intercept_shift"] = {"address": 3 * n - 1, "first_bit": 0, "bits": left}
        words["result_shift"] = {"address": 3 * n - 1, "first_bit": left, "bits": right}
    number = {"number_format": "float32", "subnormals": "flush" if unit.flush else "keep"}
    facts = {"number_format": "integer"} if unit.operand is not None else number
    storage = op.attributes.get("pwl.storage")
    assert isinstance(storage, StringAttr)
    return {**facts, "unit_entries": n, "storage": storage.data, "words": words}


def _describe_facts(function: str, facts: Mapping[str, Attribute]) -> dict[str, Any]:
    table, operand, result = (facts[name] for name in ("table", "operand", "result"))
    assert isinstance(table, TableAttr)
    assert isinstance(operand, UniformQuantizedType)
    assert isinstance(result, UniformQuantizedType)
    fit = facts.get("fit")
    certificate = fit.data if isinstance(fit, FitAttr) else None
    return describe(function, operand.quantization, result.quantization, table.data, certificate)
