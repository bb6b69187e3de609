"""The proof reads the text: what changes a unit's function is found, what does not is proved."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from mutants import few, mutants
from tables import GELU
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.errors import BackendError
from lut_opt.backends.formal import netlist
from lut_opt.backends.formal.tables import prove, prove_units
from lut_opt.backends.formal.unrolled import Counterexample
from lut_opt.backends.simulate.tables import sweep
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl import Table
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.table_unit.unit import build_unit

pytest.importorskip("pycde")
if shutil.which("iverilog") is None or shutil.which("yosys") is None:
    pytest.skip("iverilog or yosys is not installed", allow_module_level=True)

SIXTEENTHS = Quantization(8, True, 2.0**-4)
WORD = Quantization(16, True, 2.0**-12)
WIDE = Table((-30000, 0, 7), (1, -300, 5, 7), (0, -5, 5, 0), 12, 6, 16)
UNITS = [
    TableUnit("plain", "gelu", GELU, SIXTEENTHS, SIXTEENTHS),
    TableUnit("staged", "gelu", GELU, SIXTEENTHS, Quantization(8, False, 0.1, 3), latency=4),
    TableUnit("wide", "f", WIDE, WORD, WORD, latency=2),
    TableUnit("constant", "zero", Table((), (0,), (-7,)), SIXTEENTHS, SIXTEENTHS),
    TableUnit("line", "x", Table((), (1,), (0,)), SIXTEENTHS, SIXTEENTHS, latency=1),
]


def verilog(*units: TableUnit) -> str:
    return systemverilog.emit(ModuleOp([build_unit(unit) for unit in units]))


def test_units_are_proved_on_every_input() -> None:
    module = ModuleOp([build_unit(unit) for unit in UNITS])
    assert [str(proof) for proof in prove(module)] == [
        "plain: proved: all 256 inputs",
        "staged: proved: all 256 inputs",
        "wide: proved: all 65536 inputs",
        "constant: proved: all 256 inputs",
        "line: proved: all 256 inputs",
    ]


def test_another_table_is_refuted_with_its_first_counterexample() -> None:
    other = replace(GELU, slopes=(0, -4, -8, 2, 24, 45, 70, 64))
    (proof,) = prove_units(verilog(UNITS[0]), [replace(UNITS[0], table=other)])
    q = SIXTEENTHS.values
    right, wrong = other.evaluate(q, SIXTEENTHS), GELU.evaluate(q, SIXTEENTHS)
    first = int(np.flatnonzero(right != wrong)[0])
    found = Counterexample({"x": int(q[first])}, int(right[first]), int(wrong[first]))
    assert proof.counterexample == found
    assert (proof.refuted, proof.complete) == (True, False)
    assert str(proof).startswith(f"plain: wrong: x = {int(q[first])} gives {found.actual}, not")


@pytest.mark.parametrize("latency", [1, 3, 5])
def test_another_latency_is_no_proof(latency: int) -> None:
    (proof,) = prove_units(verilog(UNITS[1]), [replace(UNITS[1], latency=latency)])
    assert proof.refuted


# It jumps at each breakpoint, so that a comparison off by one makes a difference.
STEPS = Table((-50, -9, 12), (0, -4, 45, 64), (7, 60, 70, 0), intercept_shift=4, result_shift=6)
MUTATED = TableUnit("staged", "steps", STEPS, SIXTEENTHS, Quantization(8, False, 0.1, 3), latency=2)


def check_mutants(unit: TableUnit, found: dict[str, str]) -> None:
    """
    A mutant is refuted exactly if it computes something else.

    The simulator, which shares nothing with the proof, says which ones do. A register less makes a
    difference that its ascending inputs need not show.
    """
    modules = [f"mutant_{i}" for i in range(len(found))]
    text = "".join(
        re.sub(rf"\b{unit.module}\b", name, mutant)
        for name, mutant in zip(modules, found.values(), strict=True)
    )
    units = [replace(unit, module=name) for name in modules]
    proofs, sweeps = prove_units(text, units), sweep(text, units)
    for what, proof, simulated in zip(found, proofs, sweeps, strict=True):
        refuted = what.startswith("register") or not simulated.passed
        assert (proof.refuted, proof.complete) == (refuted, not refuted), (what, str(proof))
    caught = {what.split()[0] for what, p in zip(found, proofs, strict=True) if p.refuted}
    assert {"constant", "comparison", "operator"} <= caught
    assert ("register" in caught) == (unit.latency > 0)


def test_mutants_are_refuted() -> None:
    chosen = few(mutants(verilog(MUTATED)), 6)
    assert len(chosen) >= 20
    check_mutants(MUTATED, chosen)


@pytest.mark.hardware
@pytest.mark.parametrize("unit", UNITS[:2], ids=lambda unit: unit.module)
def test_every_mutant_is_refuted(unit: TableUnit) -> None:
    check_mutants(unit, mutants(verilog(unit)))


def test_undefined_values_are_never_proved() -> None:
    text = "module plain(input [7:0] x, output [7:0] y); assign y[7:1] = 0; endmodule\n"
    zero = TableUnit("plain", "f", Table((), (0,), (0,)), SIXTEENTHS, SIXTEENTHS)
    (proof,) = prove_units(text, [zero])
    assert proof.refuted
    assert proof.counterexample == Counterexample({"x": -128}, 0, 1)


def test_inputs_that_are_too_wide_are_only_checked() -> None:
    wide = Quantization(32, True, 2.0**-12)
    unit = TableUnit("unit", "f", Table((-5, 1 << 20), (1, 2, 3), (0, 1, 2)), wide, wide)
    (proof,) = prove_units(verilog(unit), [unit])
    assert not proof.complete
    assert re.fullmatch(
        r"unit: checked: \d+ samples \(32 input bits are too many for all\)", str(proof)
    )


def test_what_no_unit_has_is_refused() -> None:
    with pytest.raises(BackendError, match="no module plain"):
        prove_units("module other(); endmodule", [UNITS[0]])
    narrow = "module plain(input [7:0] x, output [3:0] y); assign y = x[3:0]; endmodule"
    with pytest.raises(BackendError, match="port y of the text has 4 bits, not 8"):
        prove_units(narrow, [UNITS[0]])
    falling = verilog(UNITS[4]).replace("posedge", "negedge")
    with pytest.raises(BackendError, match="not a register of the clock's rising edge"):
        prove_units(falling, [UNITS[4]])
    with pytest.raises(BackendError, match="Yosys"):
        prove_units("module plain(", [UNITS[0]])


def test_patterns_are_packed_and_found() -> None:
    values = np.arange(-70, 75, dtype=np.int64)
    words = netlist.planes(values, 9)
    assert [netlist.number(words, i) for i in range(145)] == [v & 511 for v in values.tolist()]
    assert netlist.first_set(words[8]) == 0
    assert netlist.first_set(np.zeros(3, np.uint64)) is None
