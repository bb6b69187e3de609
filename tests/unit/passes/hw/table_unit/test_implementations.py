"""Every implementation computes the table; `auto` takes the cheapest and says what others cost."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from tables import GELU
from xdsl.dialects import hw
from xdsl.dialects.builtin import DictionaryAttr, ModuleOp, StringAttr

from lut_opt.backends.simulate import tables as simulate
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl import NamedFunction, Table
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.cost.model import Figures, features, model_cost, register_cost
from lut_opt.passes.hw.datapath.folding import Symmetry, symmetry
from lut_opt.passes.hw.datapath.segments import segments
from lut_opt.passes.hw.datapath.selection import deciding_bits
from lut_opt.passes.hw.table_unit.circuits import styles
from lut_opt.passes.hw.table_unit.implementations import Request, build_fixed, exact_unit
from lut_opt.passes.hw.table_unit.unit import build_unit

BYTE = Quantization(8, True, 2.0**-4)
WORD = Quantization(16, True, 2.0**-12)
ODD = Table((-11, -2, 3, 12), (64, 30, 20, 30, 64), (9, 1, 0, -1, -9), 2, 3)
EVEN = Table((-11, 0, 12), (-9, -3, 3, 9), (4, 1, 1, 4), 2, 3)
SIGMOID = Table((-11, 0, 12), (3, 5, 5, 3), (9, 20, 20, 31), 2, 3)
RAMP = Table((-11, 0, 12), (0, 30, 34, 64), (-3, 1, 1, -3), 2, 6)
COARSE = Table((-64, 0, 96), (1, 5, -3, 2), (4, 3, 2, 1), 3, 2)
SYMMETRIC = {"odd": ODD, "even": EVEN, "sigmoid": SIGMOID, "ramp": RAMP}


def every_unit() -> list[tuple[TableUnit, hw.HWModuleOp]]:
    """Each table in each implementation, some of them with registers."""
    made: list[tuple[TableUnit, hw.HWModuleOp]] = []
    for name, table in {"gelu": GELU, "coarse": COARSE, **SYMMETRIC}.items():
        for way, style in styles().items():
            if style.obstacle(table, BYTE) is None:
                latency = len(made) % 5
                unit = TableUnit(f"{name}_{way}", name, table, BYTE, BYTE, latency=latency)
                made.append((unit, build_unit(unit, style)))
    return made


@pytest.fixture(scope="module")
def verilog() -> str:
    """All of them as SystemVerilog."""
    pytest.importorskip("pycde")
    return systemverilog.emit(ModuleOp([op for _, op in every_unit()]))


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
def test_every_implementation_equals_its_table_on_every_input(verilog: str) -> None:
    units = [unit for unit, _ in every_unit()]
    assert {unit.module for unit in units} >= {"odd_folded", "coarse_decode", "gelu_direct"}
    assert [str(s) for s in simulate.sweep(verilog, units) if not s.passed] == []


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
@pytest.mark.parametrize("way", ["direct", "rows"])
def test_one_changed_constant_is_caught(way: str) -> None:
    pytest.importorskip("pycde")
    slopes = (*GELU.slopes[:-1], GELU.slopes[-1] - 1)
    unit = TableUnit("unit", "gelu", GELU, BYTE, BYTE)
    mutant = build_unit(replace(unit, table=replace(GELU, slopes=slopes)), styles()[way])
    (sweep,) = simulate.sweep(systemverilog.emit(ModuleOp([mutant])), [unit])
    assert not sweep.passed


@pytest.mark.parametrize(
    ("table", "found"),
    [
        (ODD, Symmetry(-1, 0, 0)),
        (EVEN, Symmetry(1, 0, 0)),
        (SIGMOID, Symmetry(-1, 0, 160)),
        (RAMP, Symmetry(1, -64, 0)),
        (GELU, None),
    ],
)
def test_symmetry_is_found_on_the_accumulator(table: Table, found: Symmetry | None) -> None:
    assert symmetry(table, BYTE) == found
    assert symmetry(table, Quantization(8, False, 1.0)) is None


def test_bits_below_the_grid_of_breakpoints_are_not_decoded() -> None:
    assert deciding_bits(segments(COARSE, BYTE), 8) == 3  # multiples of 32
    assert deciding_bits(segments(GELU, BYTE), 8) == 8


def test_what_is_impossible_says_what_to_do() -> None:
    wide = TableUnit(
        "unit", "f", replace(GELU, breakpoints=(-9999, -99, -9, 0, 1, 2, 3)), WORD, WORD
    )
    for way, message in (
        ("direct", "up to 12 bits, not 16: use implementation=compare"),
        ("decode", "16 input bits tell the segments apart"),
        ("folded", "search with --pwl-search=symmetry=odd"),
    ):
        with pytest.raises(ValueError, match=f"implementation={way} is impossible.*{message}"):
            build_fixed(wide, Request(way), None)


def test_auto_takes_the_cheapest_and_lists_the_others() -> None:
    unit = TableUnit("unit", "gelu", GELU, BYTE, BYTE)
    exact = exact_unit(unit, NamedFunction("gelu"))
    module = build_fixed(unit, Request("auto"), exact)
    alternatives = module.attributes["pwl.alternatives"]
    assert isinstance(alternatives, DictionaryAttr)
    assert set(alternatives.data) == {*styles(), "exact"} - {"folded"}
    areas = {
        name: model_cost(build_unit(unit, style)).area
        for name, style in styles().items()
        if name != "folded"
    }
    taken = module.attributes["pwl.implementation"]
    assert taken == StringAttr(min(areas, key=areas.__getitem__))
    comment = module.attributes["comment"]
    assert isinstance(comment, StringAttr)
    assert "built as:  direct truth table" in comment.data
    assert "compare: area" in comment.data


def test_any_registered_cost_decides() -> None:
    preferred = build_unit(TableUnit("unit", "gelu", GELU, BYTE, BYTE), styles()["onehot"])

    def only_onehot(module: hw.HWModuleOp, liberty: tuple[str, ...]) -> Figures:
        assert liberty == ("a.lib",)
        found = module.is_structurally_equivalent(preferred)
        return Figures(1.0 if found else 2.0, 0.0, 0.0, "a test")

    register_cost("test", only_onehot)
    request = Request("auto", cost="test", liberty=("a.lib",))
    module = build_fixed(TableUnit("unit", "gelu", GELU, BYTE, BYTE), request, None)
    assert module.attributes["pwl.implementation"] == StringAttr("onehot")
    with pytest.raises(ValueError, match=r"cost=guess is not known here, only .*model"):
        build_fixed(
            TableUnit("unit", "gelu", GELU, BYTE, BYTE), Request("auto", cost="guess"), None
        )


def test_the_exact_function_is_another_table_and_taken_only_if_allowed() -> None:
    unit = TableUnit("unit", "gelu", GELU, BYTE, BYTE)
    exact = exact_unit(unit, NamedFunction("gelu"))
    assert exact is not None
    q = BYTE.values
    wanted = BYTE.quantize(NamedFunction("gelu")(BYTE.dequantize(q)))
    assert np.array_equal(exact.table.evaluate(q, BYTE), wanted)
    assert not np.array_equal(unit.table.evaluate(q, BYTE), wanted)
    assert exact.fit is not None
    assert exact.fit.exact == 1.0

    def exact_is_cheap(module: hw.HWModuleOp, liberty: tuple[str, ...]) -> Figures:
        cheap = "slopes = [0, 0, 0, 0, 0, 0, 0, 0, 0" in str(module.attributes["pwl.unit"])
        return Figures(1.0 if cheap else 2.0, 0.0, 0.0, "a test")

    register_cost("exact-is-cheap", exact_is_cheap)
    kept = build_fixed(unit, Request("auto", cost="exact-is-cheap"), exact)
    assert "wrong answer here" in str(kept.attributes["pwl.remark"])
    assert kept.attributes["pwl.implementation"] != StringAttr("exact")
    taken = build_fixed(unit, Request("auto", cost="exact-is-cheap", allow_exact=True), exact)
    assert taken.attributes["pwl.implementation"] == StringAttr("exact")
    assert "pwl.remark" not in taken.attributes


def test_functions_that_are_not_defined_everywhere_have_no_exact_unit() -> None:
    unit = TableUnit("unit", "log", GELU, BYTE, BYTE)
    assert exact_unit(unit, NamedFunction("log")) is None
    assert exact_unit(replace(unit, operand=WORD), NamedFunction("gelu")) is None


def test_the_model_sees_gates_levels_and_what_switches() -> None:
    compare, direct = (
        features(build_unit(TableUnit("unit", "gelu", GELU, BYTE, BYTE), styles()[way]))
        for way in ("compare", "direct")
    )
    assert direct.gates.sum() < compare.gates.sum()
    assert direct.levels < compare.levels
    assert direct.switching < compare.switching
