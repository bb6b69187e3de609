"""JSON of streaming units: one object a table, with ports, timing and bound of the whole unit."""

from __future__ import annotations

import json as text

import pytest
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.report import json
from lut_opt.dialects.pwl import Table, units
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.row_unit.unit import build_row_unit, row_unit

EXP = Table((-64, -16), (0, 16, 200), (0, 1152, 4096), param_bits=16)
RECIPROCAL = Table((1200,), (-48, -25), (7000, 5200), 4, 0, 16)
SHORT, BYTE = Quantization(16, True, 2.0**-4), Quantization(8, False, 2.0**-8)


@pytest.fixture
def unit() -> RowUnit:
    semantics = units.Softmax(SHORT, BYTE, -255, 12, EXP, RECIPROCAL)
    return row_unit("softmax_8", semantics, 8, 2)


def test_each_table_says_what_unit_it_is_in(unit: RowUnit) -> None:
    op = build_row_unit(unit)
    exp, reciprocal = text.loads(json.emit(ModuleOp([op])))
    assert (exp["function"], exp["table"]) == ("exp", "exp")
    assert (reciprocal["function"], reciprocal["table"]) == ("reciprocal", "reciprocal")
    assert exp["breakpoints"] == [-64, -16]
    assert exp["input_scale"] == 2.0**-4
    for row in (exp, reciprocal):
        assert row["module"] == "softmax_8"
        assert row["unit"] == "softmax"
        assert (row["row_length"], row["variable_length"]) == (8, True)
        assert row["latency"] == unit.latency
        assert row["error_bound"] == unit.semantics.error_bound(8)
        ports = {port["name"]: port for port in row["ports"]}
        assert list(ports) == [port.port_name.data for port in op.module_type.ports.data]
        assert ports["x"]["bits"] == 16
        assert ports["x"]["direction"] == "input"
        assert ports["x"]["scale"] == 2.0**-4
        assert (ports["y"]["direction"], ports["y"]["signed"]) == ("output", False)


def test_lanes_are_described(unit: RowUnit) -> None:
    wide = row_unit(unit.module, unit.semantics, 8, 2, lanes=4)
    op = build_row_unit(wide)
    row, _ = text.loads(json.emit(ModuleOp([op])))
    assert (row["elements_per_cycle"], row["latency"]) == (4, unit.latency - 2 * (8 - 2))
    ports = {port["name"]: port for port in row["ports"]}
    assert list(ports) == [port.port_name.data for port in op.module_type.ports.data]
    assert (ports["x"]["bits"], ports["x"]["elements"], ports["x_keep"]["bits"]) == (64, 4, 4)
    assert (ports["y"]["bits"], ports["y"]["elements"], ports["y_keep"]["bits"]) == (32, 4, 4)
