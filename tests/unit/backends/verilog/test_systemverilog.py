"""The SystemVerilog computes the tables, headers say what it is, and errors name their cure."""

from __future__ import annotations

import importlib
import re
import shutil

import pytest
from tables import GELU
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i8

from lut_opt.backends.errors import BackendError
from lut_opt.backends.simulate.tables import sweep
from lut_opt.backends.verilog.systemverilog import emit
from lut_opt.dialects.pwl import Fit, Table
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.table_unit.unit import build_unit

pytest.importorskip("pycde")

SIXTEENTHS = Quantization(8, True, 2.0**-4)
FIT = Fit("optimal", "seed", "mse", 0, 8, 129, 1.7e-05, 0.75, 0.96)
WIDE = Table((-20000, 0, 0, 20000), (-30000, 5, 6, 7, 32767), (0, 1, 2, 3, -9), 16, 15, 16)


def units() -> list[TableUnit]:
    """Signed, unsigned, wide, clamped, constant and registered units."""
    byte, word = Quantization(8, False, 0.1, 3), Quantization(16, True, 2.0**-9)
    return [
        TableUnit("plain", "gelu", GELU, SIXTEENTHS, SIXTEENTHS, FIT),
        TableUnit("staged", "gelu", GELU, SIXTEENTHS, byte, FIT, latency=4),
        TableUnit("wide", "erf", WIDE, word, Quantization(32, True, 1e-5), latency=2),
        TableUnit("narrow", "erf", WIDE, word, Quantization(4, False, 1.0)),
        TableUnit("constant", "zero", Table((), (0,), (-7,)), byte, byte),
        TableUnit("steps", "sign", Table((0, 1), (0, 0, 0), (-1, 0, 1)), SIXTEENTHS, SIXTEENTHS),
        TableUnit("linear", "x", Table((), (1,), (0,)), SIXTEENTHS, SIXTEENTHS, latency=1),
    ]


@pytest.fixture(scope="module")
def verilog() -> str:
    """The text of all units."""
    return emit(ModuleOp([build_unit(unit) for unit in units()]))


def test_units_equal_their_tables(verilog: str) -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")
    assert [str(s) for s in sweep(verilog, units()) if not s.passed] == []


def test_header_says_what_a_module_computes(verilog: str) -> None:
    header = verilog[: verilog.index("module plain(")]
    assert "// plain: gelu, piecewise linear\n" in header
    assert re.search(r"//   table:     8 entries, digest [0-9a-f]{12}\n", header)
    assert "//   x:         signed 8-bit, real value x * 2^-4\n" in header
    assert "latency:   0 cycles (combinational)" in header
    assert "max error: 0.75 output steps; MSE 1.7e-05" in header
    assert "unsigned 8-bit, real value (y - 3) * 0.1" in verilog


def test_lut_opt_attributes_do_not_reach_circt(verilog: str) -> None:
    assert "pwl." not in verilog
    assert "#pwl" not in verilog


def test_emission_is_deterministic_and_leaves_the_module_alone(verilog: str) -> None:
    module = ModuleOp([build_unit(unit) for unit in units()])
    before = str(module)
    assert emit(module) == verilog
    assert str(module) == before


def test_what_is_not_hardware_is_refused() -> None:
    module = ModuleOp([arith.ConstantOp(IntegerAttr(1, i8))])
    with pytest.raises(BackendError, match=r"'arith.constant' is not hardware.*convert-pwl-to-hw"):
        emit(module)


def test_an_empty_module_is_refused() -> None:
    with pytest.raises(BackendError, match="empty"):
        emit(ModuleOp([]))


def test_missing_circt_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(BackendError, match=r"pip install 'lut-opt\[rtl\]'"):
        emit(ModuleOp([build_unit(units()[0])]))
