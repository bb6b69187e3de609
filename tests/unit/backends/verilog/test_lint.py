"""
Verilator with all warnings, Icarus and Yosys read every kind of unit without a word.

Two of Verilator's rules are waived, each for what it says here and no more:

    DECLFILENAME   a file of many modules cannot be named after all of them
    UNUSEDSIGNAL   of *bits* only: arithmetic is exact, so a sum is as wide as it may become, and
                   rounding and a known range then drop bits of it. A whole signal that is not used
                   is dead logic, and not waived.

MULTITOP is not about a module, but about reading many of them at once.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import product
from pathlib import Path

import pytest
from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp, StringAttr

from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.assembly import parse
from lut_opt.dialects.assembly.context import context
from lut_opt.dialects.pwl.hardware import AxisUnit, BlockUnit, ProgrammableUnit, RowUnit, StreamUnit
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.hw.builder.clocks import CLOCK_GATE
from lut_opt.passes.hw.modules import modules_of, units_of
from lut_opt.passes.support.options import from_text

pytest.importorskip("pycde")
for tool in ("verilator", "iverilog", "yosys"):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed", allow_module_level=True)

TYPES = """
!byte = !quant.uniform<i8:f32, 6.250000e-02>
!zero = !quant.uniform<i8:f32, 6.250000e-02:-3>
!narrow = !quant.uniform<i8<-100:90>:f32, 6.250000e-02>
!ubyte = !quant.uniform<u8:f32, 1.000000e-01:7>
!word = !quant.uniform<i16:f32, 9.765625e-04>
!uword = !quant.uniform<u16:f32, 2.44140625e-04>
!long = !quant.uniform<i32:f32, 9.765625e-04>
!ulong = !quant.uniform<u32:f32, 9.765625e-04>
!ten = !quant.uniform<i10:f32, 1.25e-01:5>
!twelve = !quant.uniform<i12:f32, 1.5625e-02:3>
!prob = !quant.uniform<u8:f32, 3.906250e-03>
!short = !quant.uniform<i16:f32, 6.250000e-02>
!gamma = !quant.uniform<i16:f32, 1.220703125e-04>
!beta = !quant.uniform<i32:f32, 9.5367431640625e-07>
!coarse_beta = !quant.uniform<i32:f32, 6.103515625e-05>
!frac = !quant.uniform<i8:f32, 7.8125e-03>
"""


def table(bits: int, points: list[int], slopes: list[int], levels: list[int], *shifts: int) -> str:
    left, right = shifts or (0, 0)
    return (
        f"#pwl.table<i{bits}, breakpoints = {points}, slopes = {slopes}, intercepts = {levels}, "
        f"intercept_shift = {left}, result_shift = {right}>"
    )


GELU = table(
    8,
    [-50, -35, -18, -9, 3, 12, 28],
    [0, -4, -8, 2, 20, 45, 70, 64],
    [0, -12, -20, -9, 0, -6, -27, 0],
    4,
    6,
)
ODD = table(8, [-11, -2, 3, 12], [64, 30, 20, 30, 64], [9, 1, 0, -1, -9], 2, 3)
STEPS = table(8, [-9, 1], [0, 0, 0], [-1, 0, 1])
COARSE = table(8, [-64, 0, 64], [1, 5, -3, 2], [4, 3, 2, 1], 3, 2)
UPPER = table(8, [30, 60, 200], [9, 5, -3, 2], [4, 3, 2, 1], 3, 2)
WIDE = table(16, [-20000, 0, 16384], [-30000, 5, 7, 32767], [0, 1, 3, -9], 15, 16)
CELLS = table(16, [-16384, 0, 16384], [-30000, 5, 7, 32767], [0, 1, 3, -9], 15, 16)
LONG = table(32, [-20000, 0, 16384], [-30000, 5, 7, 32767], [0, 1, 3, -9], 15, 16)


FIT = (
    "#pwl.fit<optimal, form = seed, metric = mse, seed = 0, entries = 8, points = 256, "
    "mse = 1.7e-05, max_error = 0.75, exact = 0.96, optimal_mse = 1.7e-05>"
)


def functions(*rows: tuple[str, str, str]) -> str:
    """A function for each table, operand type and result type."""
    return TYPES + "".join(
        f"func.func @f{i}(%x: {a}) -> {b} {{\n"
        f"  %0 = pwl.apply #pwl.fn<gelu> %x table {t} fit {FIT} : {a} -> {b}\n"
        f"  func.return %0 : {b}\n}}\n"
        for i, (t, a, b) in enumerate(rows)
    )


BYTES = (
    (GELU, "!byte", "!byte"),
    (GELU, "!zero", "!ubyte"),
    (UPPER, "!ubyte", "!narrow"),
    (ODD, "!byte", "!word"),
    (STEPS, "!byte", "!byte"),
)
WORDS = ((WIDE, "!word", "!word"), (WIDE, "!word", "!ubyte"), (WIDE, "!word", "!long"))


REDUCTIONS = (
    ("#pwl.leading_zero<table_bits = 9>", 900, "!ulong", "!uword"),
    ("#pwl.leading_zero<table_bits = 7>", 150, "!ten", "!twelve"),
    (
        "#pwl.multi_range<bounds = [128, 512, 2048], shifts = [2, 4, 6], range = [16, 128], "
        "fraction = 5>",
        60,
        "!ten",
        "!uword",
    ),
)


def reductions() -> str:
    """Every function by leading zeros and by ranges, on unsigned and on signed operands."""
    text = TYPES
    for i, (function, (how, point, a, b)) in enumerate(
        product(("reciprocal", "rsqrt", "sqrt", "log"), REDUCTIONS)
    ):
        falls = function in ("reciprocal", "rsqrt")
        t = table(16, [point], [-6, -2] if falls else [5, 3], [3000, 2000], 2, 0)
        text += (
            f"func.func @r{i}(%x: {a}) -> {b} {{\n"
            f"  %0 = pwl.apply #pwl.fn<{function}> %x reduce {how} table {t} : {a} -> {b}\n"
            f"  func.return %0 : {b}\n}}\n"
        )
    return text


DIVISIONS = (
    (REDUCTIONS[0][0], 900, "!word", "!ulong", "!word"),
    (REDUCTIONS[1][0], 150, "!zero", "!ten", "!ubyte"),
    (REDUCTIONS[2][0], 60, "!ubyte", "!twelve", "!zero"),
    (REDUCTIONS[0][0], 900, "!uword", "!long", "!twelve"),
)


def divisions() -> str:
    """Numerators and denominators of all signs, with and without zero points."""
    return TYPES + "".join(
        f"func.func @d{i}(%x: {a}, %v: {b}) -> {y} {{\n"
        f"  %0 = pwl.divide %x, %v reduce {how} {{reciprocal = "
        f"{table(16, [point], [-6, -2], [3000, 2000], 2, 0)}}} : {a}, {b} -> {y}\n"
        f"  func.return %0 : {y}\n}}\n"
        for i, (how, point, a, b, y) in enumerate(DIVISIONS)
    )


EXP = table(16, [-64, -16], [0, 16, 200], [0, 1152, 4096])
RECIPROCAL = table(16, [1200], [-48, -25], [7000, 5200], 4, 0)
RSQRT = table(16, [900, 1500], [-38, -19, -13], [5300, 4260, 3700], 4, 0)
LOG = table(16, [1500], [54, 37], [-30000, -4500], 0, 0)
EXPONENTIAL = f"axis = 1 : i64, clip = -255 : i64, exp_fraction = 12 : i64, exp = {EXP}, "
ATTRIBUTES = {
    "softmax": f"{EXPONENTIAL}reciprocal = {RECIPROCAL}",
    "log_softmax": f"{EXPONENTIAL}log = {LOG}",
}
NORM = f"epsilon = 1.0e-5, normalized = 1 : i64, rsqrt = {RSQRT}"
GAMMA, BETA = "gamma %g : tensor<{n}x!gamma>", "beta %b : tensor<{n}x{beta}>"


def row(op: str, more: str, n: int, operand: str, result: str, beta: str = "!beta") -> str:
    attributes = ATTRIBUTES.get(op, NORM)
    more = more.format(n=n, beta=beta)
    return (
        f"func.func @{op}_{n}(%x: tensor<2x{n}x{operand}>, %g: tensor<{n}x!gamma>, "
        f"%b: tensor<{n}x{beta}>) -> tensor<2x{n}x{result}> {{\n  %0 = pwl.{op} %x {more} "
        f"{{{attributes}}} : tensor<2x{n}x{operand}> -> tensor<2x{n}x{result}>\n"
        f"  func.return %0 : tensor<2x{n}x{result}>\n}}\n"
    )


ROWS = TYPES + "".join(
    (
        row("softmax", "", 100, "!short", "!prob"),
        row("softmax", "", 1, "!zero", "!frac"),
        row("log_softmax", "", 100, "!short", "!short"),
        row("log_softmax", "", 1, "!zero", "!frac"),
        row("layer_norm", f"{GAMMA} {BETA}", 300, "!word", "!word"),
        row("layer_norm", BETA, 7, "!zero", "!frac", "!coarse_beta"),
        row("layer_norm", "", 1, "!zero", "!frac"),
        row("rms_norm", GAMMA, 64, "!word", "!word"),
        row("rms_norm", "", 5, "!zero", "!frac"),
    )
)


LANES = TYPES + "".join(
    (
        row("softmax", "", 100, "!short", "!prob"),
        row("log_softmax", "", 9, "!short", "!short"),
        row("layer_norm", f"{GAMMA} {BETA}", 32, "!word", "!word"),
        row("rms_norm", "", 4, "!zero", "!frac"),
    )
)

BLOCK = LANES + row("layer_norm", f"{GAMMA} {BETA}", 32, "!short", "!short").replace("@", "@next_")


def each(text: str, *choices: str) -> list[tuple[str, str]]:
    """The text with every combination of one option out of each list (of `a|b`)."""
    return [(text, " ".join(chosen)) for chosen in product(*(c.split("|") for c in choices))]


STREAM, STAGES = "interface=stream", "pipeline=0|pipeline=4"
SELECT, MULTIPLIER = "select=chain|select=binary", "multiplier=recoded|multiplier=inferred"
OTHER = "select=binary multiplier=inferred"
STORAGE = "storage=flipflop|storage=gated|storage=latch"
FPGA = "target=fpga|target=fpga family=ice40 storage=memory"
MASKED, DECODED = (
    "implementation=onehot|implementation=rows",
    "implementation=decode|implementation=direct",
)

SHARED = functions(*((t, "!byte", "!byte") for t in (GELU, ODD, STEPS)))
UNIFORM = functions((COARSE, "!byte", "!byte"), (CELLS, "!word", "!word"))
PROGRAMMABLE = f"unit=programmable {STREAM}"
FLOAT = f"{PROGRAMMABLE} number-format=float32"

KINDS = {
    "compare": each(functions(*BYTES, *WORDS), SELECT, MULTIPLIER, STAGES, STREAM),
    "other implementations": [
        *each(functions(*BYTES, *WORDS), MASKED, STAGES, STREAM),
        *each(functions(*BYTES), DECODED, STAGES, STREAM),
        *each(functions((CELLS, "!word", "!word")), "implementation=decode", STAGES, STREAM),
        *each(functions((ODD, "!byte", "!byte")), "implementation=folded", STAGES, STREAM),
    ],
    "reductions": each(reductions(), f"select=chain|{OTHER}", STAGES, STREAM),
    "divisions": [
        *each(divisions(), f"select=chain|{OTHER}", STAGES, STREAM),
        *each(divisions(), "pipeline=3 target=fpga", STREAM),
    ],
    "multi": [
        *each(SHARED, "unit=multi", SELECT, MULTIPLIER, STAGES, STREAM),
        *each(SHARED, "unit=multi implementation=direct", STAGES, STREAM),
    ],
    "programmable": [
        *each(functions(*BYTES[:3]), PROGRAMMABLE, STORAGE, f"pipeline=0|{OTHER} pipeline=4"),
        *each(functions(WORDS[0]), PROGRAMMABLE, STORAGE, "entries=16 pipeline=2 select=binary"),
        *each(functions((LONG, "!long", "!long")), PROGRAMMABLE, MULTIPLIER, "entries=4"),
        *each(UNIFORM, PROGRAMMABLE, STORAGE, "breakpoints=uniform", STAGES),
        *each(functions(*BYTES[:3]), PROGRAMMABLE, FPGA, f"{OTHER} pipeline=6"),
        *each(UNIFORM, PROGRAMMABLE, "target=fpga breakpoints=uniform"),
    ],
    "single precision": [
        *each(SHARED, FLOAT, "subnormals=flush|subnormals=keep", "pipeline=0"),
        *each(SHARED, FLOAT, "target=fpga pipeline=3"),
        *each(SHARED, FLOAT, "pipeline=7 storage=latch|pipeline=3 storage=gated", OTHER),
    ],
    "rows": each(ROWS, f"pipeline=0|{OTHER} pipeline=3"),
    "side by side": [
        *each(BLOCK, "interface=axis top=block share-norms=true", "lanes=1|lanes=4 pipeline=2"),
        *each(SHARED, "interface=axis pipeline=2 top=tables", "unit=fixed|unit=multi target=fpga"),
    ],
    "lanes": [*each(LANES, "lanes=4"), *each(LANES, "lanes=2 pipeline=2")],
}


def units(kind: str) -> ModuleOp:
    """All units of a kind in one module; the pass keeps those that are there, and names apart."""
    made = ModuleOp([])
    for text, options in KINDS[kind]:
        ctx = context()
        program = parse(text, f"{kind}.mlir", ctx).module
        program.verify()
        for op in list(program.ops):
            op.detach()
            made.body.block.add_op(op)
        from_text(ConvertPwlToHwPass, options).apply(ctx, made)
    made.verify()
    return made


def said(*command: str) -> list[str]:
    """What a tool that must succeed warned of."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    told = [line for line in lines if re.search(r"warning|error|sorry", line, re.IGNORECASE)]
    return told if told or not done.returncode else lines


def of_substance(line: str) -> bool:
    """See above; and where every warning counts as an error, Verilator adds how many there are."""
    return (
        re.search(r"UNUSEDSIGNAL: .* Bits of signal are not used|Exiting due to|/warn/", line)
        is None
    )


@pytest.fixture(scope="module", params=KINDS)
def made(request: pytest.FixtureRequest) -> ModuleOp:
    return units(request.param)


def test_tools_have_nothing_to_say(made: ModuleOp, tmp_path: Path) -> None:
    path = tmp_path / "units.sv"
    path.write_text(systemverilog.emit(made))
    verilator = ("verilator", "--lint-only", "-Wall", "-Wno-DECLFILENAME", "-Wno-MULTITOP")
    assert list(filter(of_substance, said(*verilator, str(path)))) == []
    assert said("iverilog", "-g2012", "-Wall", "-o", "/dev/null", str(path)) == []
    assert said("yosys", "-p", f"read_verilog -sv {path}; hierarchy; proc; check -assert") == []


def test_headers_and_attributes_say_what_to_expect(made: ModuleOp) -> None:
    units = units_of(modules_of(made))
    for op in made.ops:
        assert isinstance(op, hw.HWModuleOp)
        name, comment = op.sym_name.data, op.attributes["comment"]
        assert isinstance(comment, StringAttr)
        assert comment.data.startswith(f"{name}: ")
        if name == CLOCK_GATE:
            continue
        unit = units[name]
        cycles, rate = unit.latency, unit.throughput
        assert f"{cycles} cycle" in comment.data
        streams = "y_valid" in {port.port_name.data for port in op.module_type.ports}
        inputs = unit.lanes if isinstance(unit, RowUnit | AxisUnit) else 1
        apart = isinstance(unit, BlockUnit)
        assert rate == (inputs if (cycles or streams) and not apart else None)
        assert ("a cycle" in comment.data) == (rate is not None)
        # What is around units names them; single precision is rounded as IEEE 754 says.
        real = isinstance(unit, ProgrammableUnit) and unit.operand is None
        certain = isinstance(unit, StreamUnit | AxisUnit | BlockUnit) or real
        assert ("max error" in comment.data) != certain
