"""The simulation finds what differs, and says when it cannot run."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from xdsl.dialects import test as ir
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.errors import BackendError
from lut_opt.backends.simulate.tables import Mismatch, simulate, sweep, units, vectors
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl import ApplyOp, FnAttr, NamedFunction, Table, TableAttr
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.dialects.quant import UniformQuantizedType
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.table_unit.unit import build_unit

pytest.importorskip("pycde")
if shutil.which("iverilog") is None:
    pytest.skip("iverilog is not installed", allow_module_level=True)

SIXTEENTHS = Quantization(8, True, 2.0**-4)
TABLE = Table((-30, 7), (0, 12, 64), (0, 5, 0), intercept_shift=4, result_shift=6)
UNIT = TableUnit("unit", "gelu", TABLE, SIXTEENTHS, SIXTEENTHS)


def verilog(*units_: TableUnit) -> str:
    """SystemVerilog of some units."""
    return systemverilog.emit(ModuleOp([build_unit(unit) for unit in units_]))


def test_equal_units_pass() -> None:
    (result,) = sweep(verilog(UNIT), [UNIT])
    assert result.passed
    assert (result.inputs, result.equal, result.exhaustive) == (256, 256, True)
    assert str(result) == "unit: 256 of all 256 inputs equal"


def test_no_units_need_no_simulator() -> None:
    assert sweep("", []) == []


@pytest.mark.parametrize(
    "mutant",
    [
        replace(TABLE, slopes=(0, 13, 64)),
        replace(TABLE, intercepts=(2, 5, 0)),
        replace(TABLE, breakpoints=(-30, 8)),
        replace(TABLE, result_shift=5),
    ],
    ids=["slope", "intercept", "breakpoint", "shift"],
)
def test_one_changed_constant_is_caught(mutant: Table) -> None:
    (result,) = sweep(verilog(replace(UNIT, table=mutant)), [UNIT])
    assert not result.passed
    q = SIXTEENTHS.values
    right, wrong = TABLE.evaluate(q, SIXTEENTHS), mutant.evaluate(q, SIXTEENTHS)
    first = int(np.flatnonzero(right != wrong)[0])
    assert result.first_mismatch == Mismatch(int(q[first]), int(right[first]), int(wrong[first]))
    assert result.equal == int(np.count_nonzero(right == wrong))
    assert "first difference at x = " in str(result)


def test_a_wrong_latency_is_caught() -> None:
    staged = replace(UNIT, latency=2)
    (result,) = sweep(verilog(staged), [replace(UNIT, latency=1)])
    assert not result.passed


def test_undefined_outputs_differ() -> None:
    text = "module unit(input [7:0] x, output [7:0] y); assign y = 8'hx; endmodule\n"
    (result,) = sweep(text, [UNIT])
    assert result.equal == 0
    assert result.first_mismatch is not None
    assert result.first_mismatch.actual is None
    assert "undefined" in str(result)


def test_text_that_does_not_compile_is_reported() -> None:
    with pytest.raises(BackendError, match="iverilog failed"):
        sweep("module unit(", [UNIT])


def test_missing_simulator_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BackendError, match="apt install iverilog"):
        sweep("", [UNIT])


def test_sixteen_bits_are_swept_whole() -> None:
    word = Quantization(16, True, 2.0**-12)
    table = Table((-30000, 0, 7), (1, -300, 5, 7), (0, -5, 5, 0), 12, 6, 16)
    unit = TableUnit("unit", "f", table, word, word, latency=3)
    (result,) = sweep(verilog(unit), [unit])
    assert (result.passed, result.inputs, result.exhaustive) == (True, 65536, True)


def test_wide_inputs_are_sampled_around_what_matters() -> None:
    wide = Quantization(32, True, 2.0**-12)
    unit = TableUnit("unit", "f", Table((-5, 1 << 20), (1, 2, 3), (0, 1, 2)), wide, wide)
    x = unit.stimuli()
    wanted = {wide.minimum, wide.maximum, 0, -6, -5, -4, (1 << 20) - 1, 1 << 20}
    assert wanted <= set(x.tolist())
    assert np.array_equal(x, unit.stimuli())
    (result,) = sweep(verilog(unit), [unit])
    assert result.passed
    assert not result.exhaustive


def test_vectors_are_raw_bits() -> None:
    lines = vectors(UNIT).splitlines()
    assert len(lines) == 256
    assert lines[0].split() == ["80", "00"]
    assert lines[-1].split() == ["7f", "7f"]


def test_a_module_is_converted_for_simulation_and_left_alone() -> None:
    type_ = UniformQuantizedType.from_quantization(SIXTEENTHS)
    source = ir.TestOp(result_types=[type_])
    function = FnAttr(NamedFunction("gelu"))
    apply = ApplyOp(function, source, result_type=type_, table=TableAttr(TABLE))
    module = ModuleOp([source, apply])
    before = str(module)
    (result,) = simulate(module, pipeline=2)
    assert result.passed
    assert str(module) == before
    assert units(module) == []
