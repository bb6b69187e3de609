"""Divisions in hardware: proved equal to their meaning, on every pair where there are few."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mutants import few, mutants
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.formal.clocks import plain
from lut_opt.backends.formal.divisions import WrongPart, prove_division
from lut_opt.backends.formal.netlist import read_netlists
from lut_opt.backends.formal.tables import prove_units
from lut_opt.backends.simulate.benches import bench_files
from lut_opt.backends.simulate.row_bench import Stalls
from lut_opt.backends.tools import icarus
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.pwl import Table, units
from lut_opt.dialects.pwl.hardware import DivideUnit
from lut_opt.dialects.pwl.range_reduction import LeadingZero, MultiRange, Octaves
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.divide_unit.unit import build_divide
from lut_opt.passes.hw.modules import unit_of

pytest.importorskip("pycde")
if shutil.which("iverilog") is None or shutil.which("yosys") is None:
    pytest.skip("iverilog or yosys is not installed", allow_module_level=True)

ZEROS = LeadingZero(7)
RANGES = MultiRange((128, 1024, 8192), (3, 6, 9), 16, 128, 5)
# A good table and a bad one: unit and meaning must agree on any.
GOOD = Table((176,), (-46, -23), (14080, 10006), 0, 0, 16)
BAD = Table((60, 150), (3, -9, 0), (-500, 3000, 0), 2, 0, 16)

BYTE = Quantization(8, True, 2.0**-4)
SEVEN, SIX = Quantization(7, True, 0.25, -9), Quantization(6, False, 2.0**-3)
NARROW = Quantization(6, True, 2.0**-4)
RANGED = Quantization(9, False, 0.25, 0, 3, 400)


def division(
    x: Quantization,
    denominator: Quantization,
    y: Quantization,
    table: Table = GOOD,
    reduction: LeadingZero | MultiRange = ZEROS,
) -> units.Division:
    return units.Division(x, y, denominator, reduction, table)


BYTES = division(BYTE, replace(BYTE, scale=2.0**-6), BYTE)
KINDS = {
    "unsigned": division(SIX, SIX, SIX),
    "signed by unsigned": division(replace(SEVEN, scale=0.3), SIX, replace(BYTE, zero_point=5)),
    "unsigned by signed": division(SIX, SEVEN, SEVEN, BAD),
    "wide results": division(SIX, SEVEN, Quantization(16, True, 2.0**-11)),
    "ranges": division(SIX, RANGED, BYTE, BAD, RANGES),
    "fine results": division(SIX, SEVEN, Quantization(8, True, 2.0**-30)),
    "coarse results": division(SIX, SEVEN, Quantization(8, True, 2.0**40)),
}
UNITS = [
    DivideUnit("divide_" + name.replace(" ", "_"), semantics, latency=number % 5)
    for number, (name, semantics) in enumerate(KINDS.items())
]


def verilog(*given: DivideUnit) -> str:
    ops = [build_divide(unit) for unit in given]
    assert [unit_of(op, {}) for op in ops] == list(given)
    return systemverilog.emit(ModuleOp(ops))


def test_every_pair_is_proved() -> None:
    for unit, proof in zip(UNITS, prove_units(verilog(*UNITS), UNITS), strict=True):
        assert proof.complete, str(proof)
        sides = unit.semantics.operand, unit.semantics.denominator
        assert proof.inputs == 1 << sum(side.bits for side in sides)


def test_bytes_by_bytes_are_near_the_quotient() -> None:
    unit = DivideUnit("bytes", BYTES, latency=4)
    (proof,) = prove_units(verilog(unit), [unit])
    assert str(proof) == "bytes: proved: all 65536 inputs"
    steps = unit.steps()
    x, v = (steps[name].astype(np.float64) for name in ("x", "denominator"))
    known = v != 0
    quotient = np.clip(x[known] / v[known] * 2.0**6, -128, 127)
    assert np.max(np.abs(steps["y"][known] - quotient)) <= BYTES.error_bound() < 6
    over_zero = {int(x): int(y) for x, v, y in zip(x, v, steps["y"], strict=True) if v == 0}
    assert {sign: over_zero[sign] for sign in (-1, 0, 1)} == {-1: -128, 0: 0, 1: 127}


FIVE = Quantization(5, False, 2.0**-5)
MUTATED = DivideUnit("mutated", division(NARROW, FIVE, BYTE), latency=2)


def simulated(unit: DivideUnit, text: str) -> bool:
    """Whether the unit's bench, which shares nothing with the proof, finds nothing wrong."""
    with tempfile.TemporaryDirectory(prefix="lut-opt-") as folder:
        files = bench_files(unit, "bench", Stalls()) | {"units.sv": text}
        for name, content in files.items():
            (Path(folder) / name).write_text(content)
        said = icarus.run(Path(folder), "bench", ["units.sv", "bench.sv"], may_fail=True)
    return "PASS: " in said


def check_mutants(found: dict[str, str]) -> None:
    """A mutant is refuted exactly if it computes something else."""
    named = {f"mutant_{i}": text for i, text in enumerate(found.values())}
    texts = [text.replace("module mutated(", f"module {name}(") for name, text in named.items()]
    made = [replace(MUTATED, module=name) for name in named]
    proofs = prove_units("".join(texts), made)
    for what, unit, text, proof in zip(found, made, texts, proofs, strict=True):
        right = simulated(unit, text) and not what.startswith("register")
        assert (proof.complete, proof.refuted) == (right, not right), (what, str(proof))
    caught = {what.split()[0] for what, p in zip(found, proofs, strict=True) if p.refuted}
    assert {"constant", "comparison", "operator", "register"} <= caught


def test_mutants_are_refuted() -> None:
    chosen = few(mutants(verilog(MUTATED)), 3)
    assert len(chosen) >= 10
    check_mutants(chosen)


@pytest.mark.hardware
def test_every_mutant_is_refuted() -> None:
    check_mutants(mutants(verilog(MUTATED)))


WIDE = Quantization(32, True, 2.0**-20, 7)
BY_PARTS = DivideUnit("wide", division(NARROW, WIDE, BYTE), latency=3)


def test_wide_denominators_are_proved_by_parts() -> None:
    text = verilog(BY_PARTS)
    (proof,) = prove_units(text, [BY_PARTS])
    assert str(proof) == (
        "wide: proved by parts, each for all its inputs: sizes of all denominators, 32 octaves, "
        "129 x 65 products, 32 shifts"
    )
    # Without the names nothing is known but samples.
    (proof,) = prove_units(re.sub(r"\bproduct\b", "other", text), [BY_PARTS])
    assert re.fullmatch(
        r"wide: checked: \d+ samples \(the text has no wire named product\)", str(proof)
    )


def refused(old: str, new: str, said: str) -> None:
    """One thing of the text changed, and what the proof says of it."""
    text, count = re.subn(old, new, verilog(replace(BY_PARTS, latency=0)), count=1)
    assert count == 1
    with pytest.raises(WrongPart, match=said):
        prove_division(plain(read_netlists(text)["wide"]), BY_PARTS)


def test_a_wrong_part_is_named() -> None:
    refused(r"(?<=product =\n)", "q == 9'h85 & &n[4:1] ? 20'h0 : ", "product: q = 133, n = ")


@pytest.mark.hardware
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        # Each is right for most operands, some for all of a sample.
        (r"negative \? ", "negative & |x ? ", "size depends on x"),
        (r"(?<=q = )", "k == 5'h11 ? 9'h93 : ", "octave 17: size = "),
        (r"(?<=k = )", "size == 32'h123457 ? 5'h3 : ", "octave 20: size = 1193047 gives"),
        (r"(?<=n = )", "x == 6'h15 ? 7'h14 : ", "n: x = 21 gives"),
        (r"\+ 28'h1;", "+ 28'h3;", "y of k = 0 is not"),
        (r"\? 8'h80 : 8'h7F;", "? 8'h81 : 8'h7F;", "y over 0 is not"),
    ],
)
def test_every_wrong_part_is_named(old: str, new: str, said: str) -> None:
    refused(old, new, said)


def test_what_no_division_is_made_for_is_refused() -> None:
    wide = replace(BYTES, operand=replace(BYTE, bits=17))
    with pytest.raises(ValueError, match=r"numerator of pwl\.divide has at most 16 bits"):
        DivideUnit("wide", wide).check()
    with pytest.raises(ValueError, match="octaves are split off exponentials"):
        DivideUnit("octaves", replace(BYTES, reduction=Octaves(9))).check()
