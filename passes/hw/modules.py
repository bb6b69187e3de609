"""The hardware modules of a program: which belong together, and what they say that they compute."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects import hw
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr

from lut_opt.dialects.pwl import TableAttr
from lut_opt.dialects.quant import UniformQuantizedType
from lut_opt.passes.hw.programmable.attributes import programmable_of
from lut_opt.passes.hw.table_unit.select import tables_of
from lut_opt.passes.hw.table_unit.unit import Unit, unit_of


def modules_of(module: ModuleOp) -> dict[str, hw.HWModuleOp]:
    """Every hardware module by its name, in order."""
    return {op.sym_name.data: op for op in module.walk() if isinstance(op, hw.HWModuleOp)}


def unit_inside(op: hw.HWModuleOp, modules: Mapping[str, hw.HWModuleOp]) -> hw.HWModuleOp | None:
    """The module that says what a module computes: itself, or that which it makes a stream of."""
    name = op.attributes.get("pwl.stream_of")
    inner = modules.get(name.data) if isinstance(name, StringAttr) else op
    return inner if inner and (tables_in(inner) or programmable_of(inner)) else None


def instances(op: hw.HWModuleOp, modules: Mapping[str, hw.HWModuleOp]) -> set[str]:
    """Names of the modules that a module instantiates, and that these do."""
    found: set[str] = set()
    for inner in op.walk():
        if isinstance(inner, hw.InstanceOp):
            name = inner.module_name.root_reference.data
            found |= {name, *(instances(modules[name], modules) if name in modules else ())}
    return found


def tables_in(op: hw.HWModuleOp) -> list[Unit]:
    """What a module computes for each value of `select`, or without one; none for other modules."""
    if (unit := unit_of(op)) is not None:
        return [unit]
    latency = op.attributes.get("pwl.latency")
    found: list[Unit] = []
    for facts in tables_of(op) or ():
        function, table = facts["function"], facts["table"]
        operand, result = facts["operand"], facts["result"]
        assert isinstance(function, StringAttr)
        assert isinstance(table, TableAttr)
        assert isinstance(operand, UniformQuantizedType)
        assert isinstance(result, UniformQuantizedType)
        assert isinstance(latency, IntegerAttr)
        sides = operand.quantization, result.quantization
        cycles = latency.value.data
        found.append(Unit(op.sym_name.data, function.data, table.data, *sides, latency=cycles))
    return found
