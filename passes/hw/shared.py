"""Units that several tables share: programmable ones, and fixed ones behind a select input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from xdsl.dialects import hw

from lut_opt.dialects.pwl import ApplyOp
from lut_opt.dialects.pwl.hardware import ENTRIES, TableUnit, storage_of
from lut_opt.passes.hw.datapath.fixed import DIRECT, MAX_PIPELINE, SEGMENTS, Style
from lut_opt.passes.hw.datapath.multiply import Multiplier
from lut_opt.passes.hw.datapath.segments import Select
from lut_opt.passes.hw.programmable.float_datapath import MAX_FLOAT_PIPELINE
from lut_opt.passes.hw.programmable.registers import Storage, with_clock_gate
from lut_opt.passes.hw.programmable.unit import Clocking
from lut_opt.passes.hw.programmable.units import ProgrammableStyle, build_programmables
from lut_opt.passes.hw.programmable.words import MAX_INTEGER_PIPELINE
from lut_opt.passes.hw.stream import with_streams
from lut_opt.passes.hw.table_unit.select import build_multi
from lut_opt.passes.support.diagnostics import OpError, about


@dataclass(frozen=True)
class SharedRequest:
    """The options of `convert-pwl-to-hw` that matter for these units."""

    unit: str
    entries: int
    storage: Storage
    number_format: Literal["integer", "float32"]
    flush: bool
    clocking: Clocking
    latency: int
    implementation: str
    select: Select
    multiplier: Multiplier
    uniform: bool

    def check(self) -> None:
        """Raise `ValueError` for options that no such unit has."""
        floats = self.unit == "programmable" and self.number_format == "float32"
        most = MAX_PIPELINE
        if self.unit == "programmable":
            most = MAX_FLOAT_PIPELINE if floats else MAX_INTEGER_PIPELINE
        if not 0 <= self.latency <= most:
            raise ValueError(f"pipeline must be between 0 and {most}, got {self.latency}")
        if self.unit == "programmable" and self.entries not in ENTRIES:
            listed = ", ".join(map(str, ENTRIES))
            raise ValueError(f"entries must be one of {listed}, got {self.entries}")
        if floats and self.uniform:
            raise ValueError("breakpoints=uniform is for integers: a float's upper bits are a log")
        known = ("compare",) if self.unit == "programmable" else ("compare", "direct")
        if self.implementation not in known:
            raise ValueError(
                f"unit={self.unit} takes implementation={' or '.join(known)}, "
                f"got {self.implementation}"
            )

    @property
    def style(self) -> Style:
        """How the datapath is built."""
        form = DIRECT if self.implementation == "direct" else SEGMENTS
        return Style(self.select, self.multiplier, form)


def build_shared(
    applies: Sequence[ApplyOp], request: SharedRequest, unique: Callable[[str], str]
) -> list[hw.HWModuleOp]:
    """
    The modules for the tables of all operations, each of which has one.

    `unique` makes a name one that no other module has.
    """
    if request.unit == "multi":
        enable = request.clocking == "enable"
        return _multi(applies, request.latency, request.style, enable, unique)
    style = ProgrammableStyle(
        request.entries,
        request.storage,
        request.latency,
        request.style,
        request.flush,
        clocking=request.clocking,
        uniform=request.uniform,
    )
    return build_programmables(applies, style, request.number_format, unique)


def _multi(
    applies: Sequence[ApplyOp],
    latency: int,
    style: Style,
    enable: bool,
    unique: Callable[[str], str],
) -> list[hw.HWModuleOp]:
    """One module for the distinct tables of all operations, numbered in program order."""
    units: list[TableUnit] = []
    for apply in applies:
        assert apply.table is not None
        sides = apply.input_quantization, apply.result_quantization
        fit = None if apply.fit is None else apply.fit.data
        unit = TableUnit("", apply.function_name, apply.table.data, *sides, fit)
        if units and storage_of(unit) != storage_of(units[0]):
            raise OpError(
                apply,
                f"pwl.apply of {apply.function_name} has other storage types than the first: one "
                "select serves tables of the same input and result types, so convert them apart",
            )
        if unit not in units:
            units.append(unit)
    first = units[0]
    kinds = (f"{'i' if s.signed else 'u'}{s.bits}" for s in (first.operand, first.result))
    name = unique("_".join(("pwl_multi", *kinds, f"t{len(units)}")))
    with about(applies[0]):
        op = build_multi(name, units, latency, style, enable)
    op.location = applies[0].location
    return [op]


def with_interface(
    made: Sequence[hw.HWModuleOp],
    kept: Sequence[hw.HWModuleOp],
    stream: bool,
    unique: Callable[[str], str],
) -> list[hw.HWModuleOp]:
    """The modules with their streams, if asked for, and the clock gate that they use."""
    return with_clock_gate(with_streams(made, unique) if stream else made, kept)
