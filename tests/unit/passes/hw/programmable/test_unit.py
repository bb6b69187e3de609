"""Programmable units compute whatever table was written into them (simulated in Icarus)."""

from __future__ import annotations

import shutil
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xdsl.context import Context
from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.simulate.programmed import Input, Ports, drive
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.assembly import parse
from lut_opt.dialects.assembly.context import context
from lut_opt.dialects.pwl import Table
from lut_opt.dialects.pwl.hardware import ProgrammableUnit
from lut_opt.dialects.quantization import Integers, Quantization, storage_range
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.hw.datapath.fixed import Style
from lut_opt.passes.hw.modules import modules_of, units_of
from lut_opt.passes.hw.programmable.program import Layout, Write, fit_layout, integer_program
from lut_opt.passes.hw.programmable.registers import Storage, clock_gate
from lut_opt.passes.hw.programmable.unit import build_programmable
from lut_opt.passes.hw.programmable.words import IntegerFunction
from lut_opt.passes.support.options import from_text

pytest.importorskip("pycde")
if shutil.which("iverilog") is None:
    pytest.skip("iverilog is not installed", allow_module_level=True)

I8, U8, I16, I32 = (
    Quantization(bits, signed, 1.0)
    for bits, signed in ((8, True), (8, False), (16, True), (32, True))
)
NARROW = Quantization(8, True, 1.0, 0, -100, 90)
I64 = Quantization(64, True, 1.0)
U20 = Quantization(20, False, 1.0)


def module_of(function: IntegerFunction, storage: Storage) -> ModuleOp:
    """A unit, with the clock gate that it may need."""
    return ModuleOp([clock_gate(), build_programmable("unit", function, storage)])


def answers(
    function: IntegerFunction, storage: Storage, loads: list[tuple[Table, Integers]]
) -> list[int | None]:
    """Raw results of the inputs that follow each table, all tables in one run."""
    module = module_of(function, storage)
    module.verify()
    unit = list(module.ops)[-1]
    assert isinstance(unit, hw.HWModuleOp)
    steps: list[Write | Input] = []
    for table, inputs in loads:
        steps += [*function.program(table), *map(Input, inputs.tolist())]
    return drive(systemverilog.emit(module), Ports.of(unit), steps)


def expected(function: IntegerFunction, loads: list[tuple[Table, Integers]]) -> list[int]:
    mask = (1 << function.result.bits) - 1
    results = [table.evaluate(inputs, function.result) for table, inputs in loads]
    return [int(y) & mask for y in np.concatenate(results)]


def inputs_of(side: Quantization, table: Table) -> Integers:
    """Every pattern of 8 bits; of wider inputs the ends, the breakpoints and a sample."""
    low, high = storage_range(side.bits, side.signed)
    if side.bits == 8:
        return np.arange(low, high + 1, dtype=np.int64)
    near = [p + d for p in (*table.breakpoints, low, high, 0) for d in (-1, 0, 1)]
    sample = np.random.default_rng(1).integers(low, high, 150, np.int64, endpoint=True)
    return np.clip(np.array([*near, *sample.tolist()], np.int64), low, high)


@st.composite
def tables(draw: st.DrawFn, operand: Quantization, layout: Layout) -> Table:
    """Any table for the layout, with breakpoints at and beyond both ends and equal neighbours."""
    low, high = storage_range(operand.bits, operand.signed)
    entries = draw(st.integers(1, layout.entries))
    points = st.integers(low, high) | st.sampled_from([low - 1, low, high, high + 1])
    if not layout.breakpoint_bits:
        cell = 1 << (operand.bits - layout.index_bits)
        points = st.sampled_from([low - 1, *range(low, high + 2, cell)])
    slope, level = (storage_range(b, True) for b in (layout.slope_bits, layout.intercept_bits))
    some = {"min_size": entries, "max_size": entries}
    return Table(
        tuple(sorted(draw(st.lists(points, min_size=entries - 1, max_size=entries - 1)))),
        tuple(draw(st.lists(st.integers(*slope) | st.sampled_from(slope), **some))),
        tuple(draw(st.lists(st.integers(*level) | st.sampled_from(level), **some))),
        draw(st.integers(0, (1 << layout.shift_bits[0]) - 1)),
        draw(st.integers(0, (1 << layout.shift_bits[1]) - 1)),
        layout.slope_bits,
        layout.intercept_bits,
    )


FUNCTIONS = {
    "i8": (IntegerFunction(I8, I8, Layout(8, 8, 8, 8, (3, 3))), "flipflop"),
    "i8 gated": (
        IntegerFunction(I8, NARROW, Layout(16, 8, 10, 8, (3, 4)), 2, Style("binary")),
        "gated",
    ),
    "u8 latch": (
        IntegerFunction(U8, U8, Layout(4, 8, 8, 8, (3, 3)), 1, Style("chain", "inferred")),
        "latch",
    ),
    "i8 raw": (
        IntegerFunction(
            I8, Quantization(16, True, 1.0), Layout(2, 8, 8, 8, (3, 0)), 4, Style("binary")
        ),
        "latch",
    ),
    "i8 five stages": (
        IntegerFunction(I8, I8, Layout(8, 8, 8, 8, (3, 3)), 5, Style("binary", "block")),
        "flipflop",
    ),
    "u8 six stages": (IntegerFunction(U8, NARROW, Layout(4, 8, 10, 8, (3, 4)), 6), "gated"),
    "i8 raw six stages": (
        IntegerFunction(
            I8, Quantization(16, True, 1.0), Layout(8, 8, 8, 0, (3, 0)), 6, Style("chain", "block")
        ),
        "flipflop",
    ),
    "i8 memory six stages": (
        IntegerFunction(I8, NARROW, Layout(8, 8, 10, 8, (3, 4)), 6, Style("chain", "block")),
        "memory",
    ),
    "i8 memory": (IntegerFunction(I8, NARROW, Layout(16, 8, 10, 8, (3, 4)), 2), "memory"),
    "u8 memory": (
        IntegerFunction(U8, U8, Layout(8, 8, 8, 8, (3, 3)), 0, Style("binary")),
        "memory",
    ),
    "u8 memory uniform": (IntegerFunction(U8, NARROW, Layout(16, 8, 8, 0, (3, 3)), 1), "memory"),
    "i16": (IntegerFunction(I16, I16, Layout(8, 16, 16, 16, (4, 4)), 3), "latch"),
    "i8 uniform": (IntegerFunction(I8, I8, Layout(8, 8, 8, 0, (3, 3)), 1), "latch"),
    "u8 uniform": (IntegerFunction(U8, NARROW, Layout(16, 8, 8, 0, (3, 3))), "flipflop"),
    "i8 in five steps": (IntegerFunction(I8, I8, Layout(8, 8, 8, 8, (3, 3)), 5), "flipflop"),
    "i32 in halves": (IntegerFunction(I32, I32, Layout(4, 32, 32, 32, (5, 5)), 4), "flipflop"),
    "u20 in halves": (
        IntegerFunction(U20, I32, Layout(4, 20, 24, 20, (4, 4)), 5, Style("chain", "inferred")),
        "flipflop",
    ),
    "i32 raw in halves": (
        IntegerFunction(I32, I64, Layout(4, 32, 32, 32, (5, 0)), 3, Style("binary", "inferred")),
        "latch",
    ),
    "i32": (IntegerFunction(I32, I64, Layout(4, 32, 32, 32, (5, 0)), 0, Style("binary")), "gated"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_units_equal_the_table_that_was_written(name: str, data: st.DataObject) -> None:
    function, storage = FUNCTIONS[name]
    drawn = [data.draw(tables(function.operand, function.layout)) for _ in range(4)]
    loads = [(table, inputs_of(function.operand, table)) for table in drawn]
    assert answers(function, storage, loads) == expected(function, loads)


def test_words_beyond_the_table_and_disabled_writes_change_nothing() -> None:
    function = IntegerFunction(I8, I8, Layout(2, 8, 8, 8, (3, 3)))
    table = Table((3,), (64, -32), (0, 5), 4, 6)
    module = module_of(function, "latch")
    unit = list(module.ops)[-1]
    assert isinstance(unit, hw.HWModuleOp)
    beyond = [Write(address, 0xFF) for address in range(6, 8)]
    steps = [*function.program(table), *beyond, Input(0), *map(Input, range(256))]
    got = drive(systemverilog.emit(module), Ports.of(unit), steps)
    assert got[1:] == expected(function, [(table, np.r_[0:128, -128:0])])


@pytest.mark.parametrize("mutation", ["slope", "breakpoint", "shift"])
def test_a_wrong_word_is_caught(mutation: Literal["slope", "breakpoint", "shift"]) -> None:
    function = IntegerFunction(I8, I8, Layout(2, 8, 8, 8, (3, 3)))
    table = Table((3,), (64, -32), (0, 5), 4, 6)
    address = {"slope": 0, "breakpoint": 4, "shift": 5}[mutation]
    unit = list(module_of(function, "flipflop").ops)[-1]
    assert isinstance(unit, hw.HWModuleOp)
    writes = [Write(w.address, w.data ^ (w.address == address)) for w in function.program(table)]
    inputs = np.arange(-128, 128)
    text = systemverilog.emit(module_of(function, "flipflop"))
    got = drive(text, Ports.of(unit), [*writes, *map(Input, inputs.tolist())])
    assert got != expected(function, [(table, inputs)])


def test_a_program_repeats_the_last_entry_and_drops_what_no_input_reaches() -> None:
    table = Table((-200, 3, 128), (1, 2, 3, 4), (5, 6, 7, 8), 2, 1)
    layout = Layout(4, 8, 8, 8, (3, 3))
    words = dict(integer_program(table, I8, layout))
    assert [words[i] for i in range(4)] == [1, 2, 3, 3]
    assert [words[i] for i in range(4, 8)] == [5, 6, 7, 7]
    assert [words[i] for i in range(8, 11)] == [0x80, 3, 3]
    assert words[11] == 2 | 1 << 3


def test_tables_that_do_not_fit_are_refused() -> None:
    layout = Layout(2, 8, 8, 8, (2, 2))
    with pytest.raises(ValueError, match="has 3 entries, the unit has 2"):
        integer_program(Table((0, 1), (1, 2, 3), (0, 0, 0)), I8, layout)
    with pytest.raises(ValueError, match="shifts by 4 and 0"):
        integer_program(Table((), (1,), (0,), 4), I8, layout)
    with pytest.raises(ValueError, match="parameters are wider"):
        integer_program(Table((), (1,), (0,), param_bits=16), I8, layout)
    with pytest.raises(ValueError, match="breakpoint 7 is inside of a segment"):
        integer_program(Table((-64, 7), (1, 2, 3), (0, 0, 0)), I8, Layout(8, 8, 8, 0, (2, 2)))
    with pytest.raises(ValueError, match="entries must be one of 2, 4"):
        Layout(12, 8, 8, 8)


def test_words_fit_the_tables_and_every_scale() -> None:
    tables_ = [Table((), (1,), (0,), 4, 6), Table((), (1,), (0,), 9, 0, 8, 12)]
    assert fit_layout(tables_, I8, 8, I8) == Layout(8, 8, 12, 8, (4, 3))
    raw = fit_layout([Table((), (1,), (0,), 4, 0)], I8, 8, I32)
    assert raw == Layout(8, 8, 8, 8, (3, 0))
    assert (raw.address_bits, raw.data_bits, raw.table_bits) == (5, 8, 8 * 16 + 7 * 8 + 3)


MODULE = """
!q = !quant.uniform<i8:f32, 6.250000e-02>
!p = !quant.uniform<i8:f32, 3.125000e-02>
func.func @host(%x: !q, %z: !p) -> (!q, !p) {
  %0 = pwl.apply #pwl.fn<gelu> %x table #pwl.table<i8, breakpoints = [-30, 7],
    slopes = [0, 12, 64], intercepts = [0, 5, 0], intercept_shift = 4, result_shift = 6> : !q -> !q
  %1 = pwl.apply #pwl.fn<silu> %z table #pwl.table<i8, breakpoints = [-50, 17, 20],
    slopes = [0, 12, 64, 3], intercepts = [0, 5, 0, -100], intercept_shift = 5, result_shift = 5>
    : !p -> !p
  func.return %0, %1 : !q, !p
}
"""


@pytest.mark.parametrize(
    "options", ["storage=latch pipeline=2", "storage=gated select=binary", "target=fpga pipeline=1"]
)
def test_the_pass_makes_one_unit_and_a_program_for_each_table(options: str) -> None:
    module = parse(MODULE, "m.mlir", context()).module
    text = f"unit=programmable entries=4 {options}"
    from_text(ConvertPwlToHwPass, text).apply(Context(), module)
    module.verify()
    ((name, unit),) = units_of(modules := modules_of(module)).items()
    assert isinstance(unit, ProgrammableUnit)
    assert [program.function for program in unit.programs] == ["gelu", "silu"]
    steps: list[Write | Input] = []
    for program in unit.programs:
        steps += [*program.writes, *map(Input, range(256))]
    got = drive(systemverilog.emit(module), Ports.of(modules[name]), steps)
    q = np.r_[0:128, -128:0]
    gelu = Table((-30, 7), (0, 12, 64), (0, 5, 0), 4, 6)
    silu = Table((-50, 17, 20), (0, 12, 64, 3), (0, 5, 0, -100), 5, 5)
    results = [table.evaluate(q, I8) for table in (gelu, silu)]
    assert got == [int(y) & 0xFF for y in np.concatenate(results)]
