"""What became of a model's non-linear operators: tables, units, and what is left in floats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr
from xdsl.ir import Operation
from xdsl.utils.hints import isa

from lut_opt.backends.remaining import (
    Remaining,
    float_operators,
    has_integer_products,
    operator_name,
    remaining_nonlinear,
    unused_ranges,
)
from lut_opt.backends.report.tables import signal_of
from lut_opt.dialects.assembly import describe_location
from lut_opt.dialects.lutnet.description import summary
from lut_opt.dialects.lutnet.ops import ReadoutOp
from lut_opt.dialects.pwl import ApplyOp, TableAttr, UnitOp
from lut_opt.dialects.pwl.hardware import HardwareUnit
from lut_opt.passes.hw.modules import modules_of, units_of
from lut_opt.passes.hw.network_unit.chains import chain
from lut_opt.passes.tabulate.signal import WARNED

FUSED = "pwl.fused"
"""Attribute of a `pwl.apply`: the names of the operators that its function is composed of."""


def emit(module: ModuleOp, liberty: Sequence[str] = ()) -> str:
    """
    The report as text: tables and units, what was fused into them, and what is left.

    Hardware units are synthesized, for the Liberty files named; `BackendError` if they cannot be.
    """
    lines = _replaced(module)
    if found := block_lines(module):
        lines = [*lines, *[""] * bool(lines), *found]
    if modules := modules_of(module):
        from lut_opt.backends.report.costs import cost_lines

        found = units_of(modules)
        each = [_describe_unit(name, found.get(name)) for name in modules]
        units = ["hardware units", *each, "", *cost_lines(module, liberty)]
        lines = [*lines, "", *units] if lines else units
    elif not lines:
        lines = ["no table and no unit in this module"]
    lines.append("")
    remaining = remaining_nonlinear(module)
    lines += _left(remaining)
    left = {each.op for each in remaining}
    lines += _named("ranges not used", [op for op, _ in unused_ranges(module) if op not in left])
    if has_integer_products(module):
        lines += _floats(float_operators(module))
    return "\n".join(lines) + "\n"


def _describe_unit(name: str, unit: HardwareUnit | None) -> str:
    """What a hardware module is for, and how long it takes."""
    if unit is None:
        return f"  {name}: part of others"
    return f"  {name}: {unit.summary()}, latency {unit.latency}"


def _replaced(module: ModuleOp) -> list[str]:
    ops = [op for op in module.walk() if isinstance(op, ApplyOp | UnitOp)]
    if not ops:
        return []
    groups: dict[str, list[Operation]] = {}
    for op in ops:
        groups.setdefault(_describe(op), []).append(op)
    lines = ["became tables and units"]
    for what, members in groups.items():
        lines += [f"  {len(members):4} {what}", *_places(members, 7, _signals)]
    tables = [table for op in ops for table in tables_of(op)]
    found = [table for table in tables if table is not None]
    missing = len(tables) - len(found)
    state = f"{len(found)} tables, {len(set(found))} distinct"
    pending = f", {missing} not searched yet" if missing else ""
    return [*lines, f"  {len(ops)} operators: {state}{pending}"]


def block_lines(module: ModuleOp) -> list[str]:
    """The weightless blocks by their sizes, each with its places; nothing where there is none."""
    ops = [op for op in module.walk() if isinstance(op, ReadoutOp)]
    groups: dict[str, list[Operation]] = {}
    for op in ops:
        encoder, layers = chain(op)
        thermometer = None if encoder is None else encoder.thresholds.data
        groups.setdefault(f"{summary(thermometer, layers, op.total)} ({op.name})", []).append(op)
    lines = ["weightless blocks"] if ops else []
    for what, members in groups.items():
        lines += [f"  {len(members):4} {what}", *_places(members, 7)]
    return lines


def _describe(op: ApplyOp | UnitOp) -> str:
    if isinstance(op, UnitOp):
        return f"{op.UNIT.name} ({op.name})"
    fused = op.attributes.get(FUSED)
    names = [name.data for name in fused] if isa(fused, ArrayAttr[StringAttr]) else []
    return f"{op.function_name} ({op.name})" + (f", fused: {', '.join(names)}" if names else "")


def tables_of(op: ApplyOp | UnitOp) -> list[TableAttr | None]:
    """The tables of one op; None for one that no search has made yet."""
    return [op.table] if isinstance(op, ApplyOp) else [look.table for look in op.lookups()]


def _left(remaining: list[Remaining]) -> list[str]:
    kinds = [
        ("left in floating point", [r for r in remaining if r.kind == "function" and not r.kept]),
        ("kept by keep=", [r for r in remaining if r.kind == "function" and r.kept]),
        ("divisions by constants", [r for r in remaining if r.kind != "function"]),
    ]
    lines: list[str] = []
    for title, members in kinds:
        lines.append(f"{title}: {len(members) or 'none'}")
        by_name: dict[str, list[Operation]] = {}
        for each in members:
            note = " of constants: fold it" if each.constant else ""
            by_name.setdefault(each.name + note, []).append(each.op)
        for name, ops in by_name.items():
            lines += [f"  {len(ops):4} {name}", *_places(ops, 7)]
    return lines


def _floats(operators: list[Operation]) -> list[str]:
    """What of a whole-integer network is no integer, linear or not."""
    title = "in floating point between quantizations"
    return _named(title, operators) or [f"{title}: none"]


def _named(title: str, operators: Sequence[Operation]) -> list[str]:
    """Operators by name, each with its places; nothing where there is none."""
    by_name: dict[str, list[Operation]] = {}
    for op in operators:
        by_name.setdefault(operator_name(op), []).append(op)
    lines = [f"{title}: {len(operators)}"] if operators else []
    for name, ops in by_name.items():
        lines += [f"  {len(ops):4} {name}", *_places(ops, 7)]
    return lines


def _nothing(ops: Sequence[Operation]) -> str:
    return ""


def _signals(ops: Sequence[Operation]) -> str:
    """The decibels that ops keep, least to most; nothing before the search."""
    stated = [signal_of(op) for op in ops if isinstance(op, ApplyOp | UnitOp)]
    found = sorted({round(each, 1) for each in stated if each is not None})
    if not found:
        return ""
    ends = " … ".join(f"{end:.1f}" for end in dict.fromkeys((found[0], found[-1])))
    return f", snr {ends} dB" + (" (low)" if found[0] < WARNED else "")


def _places(
    ops: Iterable[Operation], indent: int, note: Callable[[Sequence[Operation]], str] = _nothing
) -> list[str]:
    """Source lines, each with how often if more than once, and a note on the ops there."""
    places: dict[str, list[Operation]] = {}
    for op in ops:
        places.setdefault(describe_location(op), []).append(op)
    space = " " * indent
    return [
        f"{space}{place}" + (f" × {len(found)}" if len(found) > 1 else "") + note(found)
        for place, found in places.items()
    ]
