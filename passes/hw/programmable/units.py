"""Programmable units for the tables of a module, and the programs that load those tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from xdsl.dialects import hw

from lut_opt.dialects.pwl import ApplyOp, Table
from lut_opt.dialects.pwl.float_table import FloatTable
from lut_opt.dialects.pwl.hardware import Program, Write
from lut_opt.passes.hw.datapath.fixed import Style
from lut_opt.passes.hw.programmable.float_datapath import FloatFunction
from lut_opt.passes.hw.programmable.program import fit_layout
from lut_opt.passes.hw.programmable.registers import Storage
from lut_opt.passes.hw.programmable.unit import Clocking, Function, build_programmable
from lut_opt.passes.hw.programmable.words import IntegerFunction
from lut_opt.passes.support.diagnostics import about

Storages = tuple[int, bool, int, bool, int, int]
"""Bits and sign of the input; bits, sign and bounds of the result."""


@dataclass(frozen=True)
class ProgrammableStyle:
    """How programmable units are built; `flush` is for floating point, `uniform` for integers."""

    entries: int
    storage: Storage
    latency: int
    datapath: Style
    flush: bool = True
    clocking: Clocking = "free"
    uniform: bool = False


def build_programmables(
    applies: Sequence[ApplyOp],
    style: ProgrammableStyle,
    number_format: Literal["integer", "float32"],
    unique: Callable[[str], str],
) -> list[hw.HWModuleOp]:
    """
    Programmable units for the tables of operations that all have one.

    `unique` makes a name one that no other module has.
    """
    build = _integer_units if number_format == "integer" else _float_units
    return build(applies, style, unique)


def _integer_units(
    applies: Sequence[ApplyOp], style: ProgrammableStyle, unique: Callable[[str], str]
) -> list[hw.HWModuleOp]:
    """
    One module for each pair of storage types, which all tables between them share.

    Scales are data here, so tables of any scales share a unit.
    """
    groups: dict[Storages, list[ApplyOp]] = {}
    for apply in applies:
        operand, result = apply.input_quantization, apply.result_quantization
        key = (operand.bits, operand.signed, result.bits, result.signed)
        groups.setdefault((*key, result.minimum, result.maximum), []).append(apply)
    made: list[hw.HWModuleOp] = []
    for group in groups.values():
        operand, result = group[0].input_quantization, group[0].result_quantization
        with about(group[0]):
            tables = [_table(apply) for apply in group]
            layout = fit_layout(tables, operand, style.entries, result, style.uniform)
        function = IntegerFunction(operand, result, layout, style.latency, style.datapath)
        programs = [_program(a, lambda a: function.program(_table(a)), True) for a in group]
        sides = [f"{'i' if side.signed else 'u'}{side.bits}" for side in (operand, result)]
        name = unique("_".join(("pwl_programmable", *sides, f"n{style.entries}")))
        made.append(_build(name, function, programs, style, group[0]))
    return made


def _float_units(
    applies: Sequence[ApplyOp], style: ProgrammableStyle, unique: Callable[[str], str]
) -> list[hw.HWModuleOp]:
    """One single-precision module for all tables, each without its roundings, on real numbers."""
    with about(applies[0]):
        function = FloatFunction(style.entries, style.flush, style.latency, style.datapath)
        name = unique(f"pwl_programmable_f32_n{function.layout.entries}")

    def writes(apply: ApplyOp) -> list[Write]:
        sides = apply.input_quantization, apply.result_quantization
        return function.program(FloatTable.of(_table(apply), *sides, flush=style.flush))

    # The certificates are of integer results.
    programs = [_program(apply, writes, certified=False) for apply in applies]
    return [_build(name, function, programs, style, applies[0])]


def _build(
    name: str,
    function: Function,
    programs: Sequence[Program],
    style: ProgrammableStyle,
    source: ApplyOp,
) -> hw.HWModuleOp:
    distinct = [program for i, program in enumerate(programs) if program not in programs[:i]]
    op = build_programmable(name, function, style.storage, distinct, style.clocking)
    op.location = source.location
    return op


def _table(apply: ApplyOp) -> Table:
    assert apply.table is not None
    return apply.table.data


def _program(apply: ApplyOp, writes: Callable[[ApplyOp], list[Write]], certified: bool) -> Program:
    """The program of one operation, with what it makes the unit compute."""
    sides = apply.input_quantization, apply.result_quantization
    fit = apply.fit.data if certified and apply.fit is not None else None
    with about(apply):
        found = tuple(writes(apply))
    return Program(apply.function_name, _table(apply), *sides, fit, found)
