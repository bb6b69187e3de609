"""Programmable units and streams are proved from their text, and what is wrong in it is found."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import product

import pytest
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.errors import BackendError
from lut_opt.backends.formal.tables import prove
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl import Table
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.datapath.fixed import Style
from lut_opt.passes.hw.programmable.float_datapath import FloatFunction
from lut_opt.passes.hw.programmable.program import Layout
from lut_opt.passes.hw.programmable.registers import Storage, clock_gate
from lut_opt.passes.hw.programmable.unit import Function, build_programmable
from lut_opt.passes.hw.programmable.words import IntegerFunction
from lut_opt.passes.hw.stream import build_stream
from lut_opt.passes.hw.table_unit.unit import build_unit

pytest.importorskip("pycde")
pytest.importorskip("z3")
if shutil.which("yosys") is None:
    pytest.skip("yosys is not installed", allow_module_level=True)

I5, U5, I8, I16, I20 = (
    Quantization(bits, signed, 1.0)
    for bits, signed in ((5, True), (5, False), (8, True), (16, True), (20, True))
)
NARROW = Quantization(5, True, 1.0, 0, -10, 9)
SMALL = Layout(4, 5, 5, 5, (2, 2))
BINARY = Style("binary", "inferred")
BLOCKS = Style("chain", "block")
CHAIN = IntegerFunction(I5, I5, SMALL)


def module_of(function: Function, storage: Storage, stream: bool = False) -> ModuleOp:
    unit = build_programmable("unit", function, storage, clocking="gate" if stream else "free")
    streams = [build_stream(unit, "unit_stream")] if stream else []
    return ModuleOp([clock_gate(), unit, *streams])


EVERY = "proved: every table of 4 entries, all 32 inputs"
PAIR = EVERY.replace("4 entries", "2 entries")
SELECTED = "proved: what an input selects in every table of {} entries; checked: 262144 random "
SELECTED += "slopes, intercepts and inputs"

CASES: dict[str, tuple[Function, Storage, str]] = {
    "chain": (CHAIN, "flipflop", EVERY),
    "binary": (IntegerFunction(U5, NARROW, SMALL, 2, BINARY), "gated", EVERY),
    "five stages": (IntegerFunction(I5, U5, SMALL, 5), "latch", EVERY),
    "product cut": (IntegerFunction(I5, U5, SMALL, 3), "flipflop", EVERY),
    "line cut": (IntegerFunction(U5, NARROW, SMALL, 6, BLOCKS), "flipflop", EVERY),
    "memory, line cut": (IntegerFunction(I5, NARROW, SMALL, 6, BLOCKS), "memory", EVERY),
    "uniform": (IntegerFunction(I5, I5, Layout(4, 5, 5, 0, (2, 2)), 1), "latch", EVERY),
    "memory": (IntegerFunction(I5, I5, SMALL, 1), "memory", EVERY),
    "memory, binary": (IntegerFunction(U5, NARROW, SMALL, 3, BINARY), "memory", EVERY),
    "memory, uniform": (IntegerFunction(U5, I5, Layout(4, 5, 5, 0, (2, 2)), 2), "memory", EVERY),
    "memory, two entries": (IntegerFunction(I5, I5, Layout(2, 5, 6, 5, (2, 2))), "memory", PAIR),
    "single precision in eight stages": (FloatFunction(2, True, 8), "flipflop", SELECTED.format(2)),
    "memory, single precision": (FloatFunction(2, True, 3), "memory", SELECTED.format(2)),
    "raw accumulator": (
        IntegerFunction(I5, I16, Layout(4, 5, 6, 5, (2, 0))),
        "flipflop",
        EVERY,
    ),
    "words of 16 bits": (
        IntegerFunction(I16, I16, Layout(4, 16, 16, 16, (4, 4)), 1),
        "gated",
        SELECTED.format(4),
    ),
    "words of 20 bits in halves": (
        IntegerFunction(I20, I20, Layout(2, 20, 20, 20, (4, 4)), 4),
        "flipflop",
        SELECTED.format(2),
    ),
    "words of 20 bits in halves, one product each": (
        IntegerFunction(I20, I20, Layout(2, 20, 20, 20, (4, 4)), 5, BINARY),
        "flipflop",
        SELECTED.format(2),
    ),
    "single precision": (FloatFunction(2, True, 3), "flipflop", SELECTED.format(2)),
    "single precision, subnormal numbers": (
        FloatFunction(2, False, 0, BINARY),
        "latch",
        SELECTED.format(2),
    ),
}


SLOW = {
    "single precision, subnormal numbers",
    "single precision in eight stages",
    "memory, single precision",
}


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[pytest.mark.hardware] * (case in SLOW)) for case in CASES],
)
def test_every_table_is_proved(case: str) -> None:
    function, storage, said = CASES[case]
    (proof,) = prove(module_of(function, storage))
    assert str(proof) == f"unit: {said}"
    assert proof.complete == (said in (EVERY, PAIR))


@pytest.mark.hardware
@pytest.mark.parametrize(
    ("entries", "storage"),
    [*product((8, 16), ("flipflop", "gated", "latch")), (8, "memory")],
)
def test_every_table_of_eight_bits_is_proved(entries: int, storage: Storage) -> None:
    function = IntegerFunction(I8, I8, Layout(entries, 8, 8, 8, (3, 3)), 2)
    (proof,) = prove(module_of(function, storage))
    assert str(proof) == f"unit: proved: every table of {entries} entries, all 256 inputs"


def proofs_of(module: ModuleOp, *changes: tuple[str, str]) -> list[str]:
    """What the proof says of the text after some changes, each of which must be possible."""
    text = systemverilog.emit(module)
    for old, new in changes:
        assert old in text, text
        text = text.replace(old, new, 1)
    return [str(proof) for proof in prove(module, text)]


MUTANTS: dict[str, tuple[Sequence[tuple[str, str]], str]] = {
    "a comparison off by one": (
        [(">= $signed(breakpoint1)", "> $signed(breakpoint1)")],
        "wrong: some table is not computed",
    ),
    "a word that is never chosen": (
        [("& slope2", "& slope1")],
        "wrong: no register takes bit 0 of data in exactly the writes to address 2 (slope2)",
    ),
    "words that change places": (
        [("& intercept0", "& swap"), ("& intercept1", "& intercept0"), ("swap", "intercept1")],
        "wrong: some table is not computed",
    ),
    "another address": (
        [("address[3:2] == 2'h1", "address[3:2] == 2'h0")],
        "wrong: no register takes bit 0 of data in exactly the writes to address 4 (intercept0)",
    ),
    "a write that is not asked for": (
        [("address[3:2] == 2'h2 & write_enable", "address[3:2] == 2'h2")],
        "wrong: no register takes bit 0 of data in exactly the writes to address 11 (shifts)",
    ),
    "another bit of data": (
        [("? data : slope3", "? {data[4:1], ~data[0]} : slope3")],
        "wrong: no register takes bit 0 of data in exactly the writes to address 3 (slope3)",
    ),
    "another bound": ([("5'hF", "5'hE")], "wrong: some table is not computed"),
    "no rounding": ([("4'h1 << shifts", "4'h0 << shifts")], "wrong: some table is not computed"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_refuted(mutant: str) -> None:
    changes, said = MUTANTS[mutant]
    (found,) = proofs_of(module_of(CHAIN, "flipflop"), *changes)
    assert found.startswith(f"unit: {said}")


def test_what_random_tables_do_not_find_the_solver_finds() -> None:
    """One input of one segment: that the breakpoint before is 32, and x its own neighbour."""
    rare = "wire [15:0] odd = {16{x == 16'h1234 & breakpoint0 == 16'h20}};\n"
    module = module_of(IntegerFunction(I16, I16, Layout(2, 16, 16, 16, (4, 4))), "flipflop")
    text = systemverilog.emit(module)
    line = next(row for row in text.splitlines() if "$signed(x) >=" in row)
    comparison = line.split("=", 1)[1].rstrip(";")
    changed = text.replace(line, rare + line.replace(comparison, f"{comparison} ^ odd[0]"))
    (proof,) = prove(module, changed)
    assert proof.refuted
    assert "some table is not computed: x = 4660, " in str(proof)


def test_another_latency_is_refuted() -> None:
    module = module_of(IntegerFunction(I5, I5, SMALL, 1), "flipflop")
    changed = ("always_ff @(posedge clock)\n    y_out <=", "always_comb\n    y_out =")
    assert proofs_of(module, changed) == [
        "unit: wrong: the result is not that of the input of 1 cycles ago"
    ]


def test_a_rounding_of_single_precision_is_checked() -> None:
    module = module_of(FloatFunction(2, True), "flipflop")
    text = systemverilog.emit(module)
    assert "22'h1FFFFF" not in text
    (row,) = [row for row in text.splitlines() if "assign y =" in row or "y_rounded =" in row][:1]
    changed = text.replace(row, row.replace("=", "= 32'h1 ^", 1), 1)
    (proof,) = prove(module, changed)
    assert proof.refuted


@pytest.mark.parametrize(
    ("storage", "old", "new", "said"),
    [
        (
            "latch",
            "address_held_open = ~clock",
            "address_held_open = clock",
            "may change while the clock is high",
        ),
        ("gated", "assign gated = clock & enable_held", "assign gated = clock & enable", "gates"),
        ("gated", "clock & enable_held", "clock | enable_held", "more than gated"),
        ("latch", "data_held <= data", "data_held <= ~data", "no register takes bit 0 of data"),
    ],
    ids=["a latch of the other phase", "no latch", "another gate", "other data"],
)
def test_clocks_are_checked_too(storage: Storage, old: str, new: str, said: str) -> None:
    try:
        (found,) = proofs_of(module_of(CHAIN, storage), (old, new))
    except BackendError as error:
        found = str(error)
    assert found.startswith("unit: ")
    assert said in found


TABLE = Table((-6, 3), (0, 12, 15), (0, 5, 0), intercept_shift=2, result_shift=3, param_bits=5)


def streamed(kind: str, latency: int) -> ModuleOp:
    """A unit and its stream."""
    if kind == "fixed":
        unit = build_unit(TableUnit("unit", "f", TABLE, I5, I5, latency=latency))
        return ModuleOp([clock_gate(), unit, build_stream(unit, "unit_stream")])
    return module_of(IntegerFunction(I5, I5, SMALL, latency), "latch", stream=True)


@pytest.mark.parametrize("latency", [0, 1, 3])
@pytest.mark.parametrize("kind", ["fixed", "programmable"])
def test_a_stream_is_proved_for_all_stalls(kind: str, latency: int) -> None:
    each = "all 32 inputs" if kind == "fixed" else EVERY.removeprefix("proved: ")
    unit, stream = prove(streamed(kind, latency))
    assert str(unit) == f"unit: proved: {each}"
    assert str(stream) == f"unit_stream: proved: {each}, whenever either side pauses"
    assert unit.complete
    assert stream.complete


MEMORY_MUTANTS: dict[str, tuple[tuple[str, str], str]] = {
    "always written": (("2'h1 & write_enable", "2'h1"), "wrong: no register takes bit 0 of data"),
    "another address": (("slopes[address[1:0]]", "slopes[~address[1:0]]"), "wrong: some table"),
    "another bit of data": (("<= data;", "<= data ^ 5'h4;"), "wrong: no register takes bit 2"),
    "another number": (("intercepts[segment]", "intercepts[~segment]"), "wrong: some table"),
    "a comparison off by one": ((">= $signed(b", "> $signed(b"), "wrong: some table"),
}


@pytest.mark.parametrize("mutant", MEMORY_MUTANTS)
def test_a_mutant_with_memories_is_refuted(mutant: str) -> None:
    change, said = MEMORY_MUTANTS[mutant]
    (found,) = proofs_of(module_of(CASES["memory"][0], "memory"), change)
    assert found.startswith(f"unit: {said}")


STREAM_MUTANTS = {
    "a result may be overwritten": ("moves = ~y_valid_out | y_ready", "moves = 1'b1"),
    "it waits for the reader": ("moves = ~y_valid_out | y_ready", "moves = y_ready"),
    "the unit goes on": (".enable (moves)", ".enable (1'b1)"),
    "valid stays": ("valid <= moves ? x_valid : valid", "valid <= x_valid"),
    "valid depends on data": (
        "y_valid_out <= moves ? valid :",
        "y_valid_out <= moves ? valid & x[0] :",
    ),
    "reset clears nothing": ("y_valid_out <= 1'h0", "y_valid_out <= y_valid_out"),
}


@pytest.mark.parametrize("mutant", STREAM_MUTANTS)
def test_a_mutant_of_a_stream_is_refuted(mutant: str) -> None:
    module = streamed("fixed", 2)
    unit, stream = proofs_of(module, STREAM_MUTANTS[mutant])
    assert unit == "unit: proved: all 32 inputs"
    assert stream.startswith("unit_stream: wrong: ")
