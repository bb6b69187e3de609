"""
The hardware modules of a program: which belong together, and what they say that they compute.

Whoever simulates, proves or delivers a module reads `units_of`, and needs nothing else of its
making. What a module says is checked against its ports, and its latency against its registers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from xdsl.dialects import comb, hw, seq
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    IntegerType,
    ModuleOp,
    StringAttr,
)
from xdsl.ir import Attribute, OpResult, SSAValue
from xdsl.utils.hints import isa

from lut_opt.dialects.pwl.hardware import (
    UNIT,
    AroundAttr,
    AxisUnit,
    AxisUnitAttr,
    BlockUnit,
    BlockUnitAttr,
    ElementUnit,
    HardwareUnit,
    Port,
    RowUnit,
    StreamUnit,
    UnitAttr,
)
from lut_opt.passes.hw.cost.model import FAMILY
from lut_opt.passes.hw.row_unit.unit import latency_of
from lut_opt.passes.support.declarations import HISTOGRAM
from lut_opt.passes.support.diagnostics import OpError

NOTES: Mapping[str, type[Attribute]] = {
    "comment": StringAttr,
    "pwl.implementation": StringAttr,
    FAMILY: StringAttr,
    "pwl.remark": StringAttr,
    "pwl.alternatives": DictionaryAttr,
    HISTOGRAM: DenseIntOrFPElementsAttr,
}
"""What may stand beside a unit for people to read, and no meaning depends on."""


def modules_of(module: ModuleOp) -> dict[str, hw.HWModuleOp]:
    """Every hardware module by its name, in order."""
    return by_name(op for op in module.walk() if isinstance(op, hw.HWModuleOp))


def by_name(modules: Iterable[hw.HWModuleOp]) -> dict[str, hw.HWModuleOp]:
    """Modules by their names, in order."""
    return {op.sym_name.data: op for op in modules}


def units_of(modules: Mapping[str, hw.HWModuleOp]) -> dict[str, HardwareUnit]:
    """
    What each module says that it computes, by its name; modules that say nothing are left out.

    Raises `OpError` for one that says what it is not.
    """
    found = {name: unit_of(op, modules) for name, op in modules.items()}
    return {name: unit for name, unit in found.items() if unit is not None}


def unit_of(op: hw.HWModuleOp, modules: Mapping[str, hw.HWModuleOp]) -> HardwareUnit | None:
    """What a module says that it computes; `modules` has that which it may be a stream of."""
    attribute, name = op.attributes.get(UNIT), op.sym_name.data
    if attribute is None:
        return None
    if isinstance(attribute, AroundAttr):
        return _around(op, attribute, modules)
    if isinstance(attribute, BlockUnitAttr):
        return _side_by_side(op, attribute, modules)
    if not isinstance(attribute, UnitAttr):
        raise OpError(op, f"{UNIT} of @{name} is no unit: {attribute}")
    unit = attribute.data.named(name)
    _check_notes(op)
    _check_ports(op, unit)
    _check_latency(op, unit)
    return unit


def instances(op: hw.HWModuleOp, modules: Mapping[str, hw.HWModuleOp]) -> set[str]:
    """Names of the modules that a module instantiates, and that these do."""
    found: set[str] = set()
    for inner in op.walk():
        if isinstance(inner, hw.InstanceOp):
            name = inner.module_name.root_reference.data
            found |= {name, *(instances(modules[name], modules) if name in modules else ())}
    return found


def _around(
    op: hw.HWModuleOp, attribute: AroundAttr, modules: Mapping[str, hw.HWModuleOp]
) -> StreamUnit | AxisUnit:
    """A unit around another one."""
    name, inner = op.sym_name.data, modules.get(attribute.data)
    unit = None if inner is None or inner is op else unit_of(inner, modules)
    made: StreamUnit | AxisUnit | None = None
    if isinstance(attribute, AxisUnitAttr):
        what = "AXI4-Stream"
        if isinstance(unit, StreamUnit | RowUnit):
            made = AxisUnit.around(name, unit)
    else:
        what = "stream"
        if isinstance(unit, ElementUnit) and not isinstance(unit, StreamUnit):
            made = StreamUnit.around(name, unit)
    if made is None:
        raise OpError(op, f"@{name} is no {what} of @{attribute.data}, which is no unit here")
    if attribute.data not in instances(op, modules):
        raise OpError(op, f"@{name} is no {what} of @{attribute.data}: it does not instantiate it")
    _check_ports(op, made)
    return made


def _side_by_side(
    op: hw.HWModuleOp, attribute: BlockUnitAttr, modules: Mapping[str, hw.HWModuleOp]
) -> BlockUnit:
    """Units of AXI4-Stream in one module."""
    name, found = op.sym_name.data, list[tuple[str, AxisUnit]]()
    inside = instances(op, modules)
    for part, module in attribute.data:
        inner = modules.get(module)
        unit = None if inner is None or inner is op else unit_of(inner, modules)
        if not isinstance(unit, AxisUnit):
            raise OpError(op, f"@{module} in @{name} is no unit with ports of AXI4-Stream here")
        if module not in inside:
            raise OpError(op, f"@{name} says that it has a @{module}, but does not instantiate it")
        found.append((part, unit))
    if len(dict(found)) != len(found) or not found:
        raise OpError(op, f"@{name} has no unit, or two of the same name: {attribute}")
    made = BlockUnit.around(name, found)
    _check_ports(op, made)
    return made


def _check_notes(op: hw.HWModuleOp) -> None:
    """Raise `OpError` for a note beside a unit that is of another type than such a note."""
    for name, kind in NOTES.items():
        found = op.attributes.get(name)
        if found is not None and not isinstance(found, kind):
            raise OpError(op, f"{name} of @{op.sym_name.data} is no {kind.name}: {found}")


def _check_ports(op: hw.HWModuleOp, unit: HardwareUnit) -> None:
    """Raise `OpError` where a module has other ports than it says."""
    said = list(unit.ports)
    found = [_port(port) for port in op.module_type.ports]
    for port in said:
        if port not in found:
            raise OpError(op, f"{UNIT} of @{unit.module} has a port '{port}', the module has not")
    for port in found:
        if port not in said:
            raise OpError(op, f"@{unit.module} has a port '{port}', which its {UNIT} has not")


def _port(port: hw.ModulePort) -> Port:
    bits = port.type.bitwidth if isa(port.type, IntegerType) else None
    return Port(port.port_name.data, bits, port.dir.data == hw.Direction.OUTPUT)


def _check_latency(op: hw.HWModuleOp, unit: HardwareUnit) -> None:
    """Raise `OpError` where results come at another time than a module says."""
    measure = next(measure for kind, measure in LATENCIES.items() if isinstance(unit, kind))
    for found in measure(op, unit):
        if found != unit.latency:
            raise OpError(
                op,
                f"latency of @{unit.module} is said to be {unit.latency}, but a result comes "
                f"{found} cycles after its input",
            )


def _registers(op: hw.HWModuleOp, unit: HardwareUnit) -> set[int]:
    """The numbers of registers on the ways from operands to y, up to one too many."""
    assert isinstance(unit, ElementUnit)
    output = op.body.block.last_op
    found: set[int] = set()
    seen: set[tuple[SSAValue, int]] = set()
    open_: list[tuple[SSAValue, int]] = [
        (arg, 0) for arg in op.body.block.args if arg.name_hint in unit.operands
    ]
    while open_:
        value, count = open_.pop()
        if (value, count) in seen or count > unit.latency + 1:
            continue
        seen.add((value, count))
        for use in value.uses:
            user = use.operation
            if isinstance(user, comb.MuxOp) and _holds(user, value):
                continue
            if user is output:
                found.add(count)
            later = count + isinstance(user, seq.CompRegOp)
            results: list[OpResult[Any]] = list(user.results)
            open_ += [(result, later) for result in results]
    return found


def _holds(mux: comb.MuxOp, value: SSAValue) -> bool:
    """Whether a register gets its own value back through a multiplexer: it keeps it."""
    return isinstance(value.owner, seq.CompRegOp) and value.owner.operands[0] is mux.result


def _rows(op: hw.HWModuleOp, unit: HardwareUnit) -> set[int]:
    """What a row takes by how it is built."""
    assert isinstance(unit, RowUnit)
    return {latency_of(unit.semantics, unit.length, unit.lanes, unit.steps)}


LATENCIES: Mapping[type[HardwareUnit], Callable[[hw.HWModuleOp, HardwareUnit], set[int]]] = {
    ElementUnit: _registers,
    RowUnit: _rows,
}
"""How it is known when results come, for each kind of unit."""
