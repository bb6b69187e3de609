"""Range reduction in hardware: proved equal to its meaning on every input of small operands."""

from __future__ import annotations

import shutil

import pytest
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.formal.tables import prove_units
from lut_opt.backends.simulate import tables as simulate
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import Table
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.dialects.pwl.range_reduction import LeadingZero, MultiRange, Octaves, Reduction
from lut_opt.dialects.pwl.reduction import EXPONENTIALS, PERIOD, REDUCIBLE, Core, Reduced, Reducible
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.hw.modules import unit_of
from lut_opt.passes.hw.table_unit.unit import build_unit

pytest.importorskip("pycde")

SIGNED, UNSIGNED = Quantization(10, True, 2.0**-3, 5), Quantization(11, False, 2.0**-4)
RESULTS = [
    Quantization(12, True, 2.0**-6, 3),
    Quantization(16, False, 2.0**-9),
    Quantization(8, True, 2.0**3),
]
NORMALIZED = LeadingZero(7)
RANGES = MultiRange((128, 1024, 8192), (3, 6, 9), 16, 128, 5)
SQUARE_RANGES = MultiRange((128, 512, 2048), (2, 4, 6), 16, 128, 5)
# Coarse tables serve as well as good ones: unit and meaning must agree on any.
FALLING = Table((150,), (-6, -2), (3000, 2000), 2, 0, 16)
RISING = Table((150,), (5, 3), (3000, 2000), 2, 0, 16)


def unit(
    number: int, function: Reducible, reduction: Reduction, operand: Quantization
) -> TableUnit:
    """One of the units, with some result scale and some latency."""
    table = FALLING if function in ("reciprocal", "rsqrt") else RISING
    result = RESULTS[number % len(RESULTS)]
    reduced = Reduced(Core(function, reduction, table), operand, result)
    reduced.check()
    latency = number % 5
    return TableUnit(
        f"u{number}", function, table, operand, result, None, reduction, latency=latency
    )


def reductions(function: str) -> tuple[Reduction, ...]:
    if function in EXPONENTIALS:
        return (Octaves(9),)
    return NORMALIZED, SQUARE_RANGES if PERIOD[function] == 2 else RANGES


def units() -> list[TableUnit]:
    """Every function with its reductions, on signed and unsigned operands by turns."""
    kinds = [(function, reduction) for function in REDUCIBLE for reduction in reductions(function)]
    return [
        unit(number, function, reduction, UNSIGNED if number // 2 % 2 else SIGNED)
        for number, (function, reduction) in enumerate(kinds)
    ]


@pytest.mark.skipif(shutil.which("yosys") is None, reason="yosys is not installed")
def test_units_are_proved_equal_to_their_meaning() -> None:
    given = units()
    ops = [build_unit(each) for each in given]
    assert [unit_of(op, {}) for op in ops] == given
    for each, proof in zip(
        given, prove_units(systemverilog.emit(ModuleOp(ops)), given), strict=True
    ):
        assert proof.complete, f"{each.function}: {proof}"


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
def test_wide_operands_are_simulated() -> None:
    wide = Quantization(32, False, 2.0**-10)
    result = Quantization(16, False, 2.0**-12)
    core = Core("rsqrt", LeadingZero(9), Table((900,), (-38, -16), (5300, 4000), 4, 0, 16))
    one = TableUnit("wide", "rsqrt", core.table, wide, result, None, core.reduction, latency=3)
    (sweep,) = simulate.sweep(systemverilog.emit(ModuleOp([build_unit(one)])), [one])
    assert sweep.passed, str(sweep)
    assert sweep.inputs > 1 << 16


TEXT = """
!w = !quant.uniform<u32:f32, 9.765625e-04>
!r = !quant.uniform<u16:f32, 2.44140625e-04>
func.func @f(%x: !w) -> (!r, !r) {
  %0 = pwl.apply #pwl.fn<rsqrt> %x reduce #pwl.leading_zero<table_bits = 9> table TABLE : !w -> !r
  %1 = pwl.apply #pwl.fn<sqrt> %x reduce #pwl.leading_zero<table_bits = 9> table TABLE : !w -> !r
  func.return %0, %1 : !r, !r
}
"""


def test_the_pass_builds_them_and_the_header_says_so() -> None:
    table = (
        "#pwl.table<i16, breakpoints = [900], slopes = [-38, -16], intercepts = [5300, 4000], "
        "intercept_shift = 4, result_shift = 0>"
    )
    ctx = context()
    program = parse(TEXT.replace("TABLE", table), "wide.mlir", ctx)
    program.module.verify()
    ConvertPwlToHwPass(pipeline=1).apply(ctx, program.module)
    text = systemverilog.emit(program.module)
    # The same table means something else in another function.
    assert text.count("endmodule") == 2
    assert "//   reduction: #pwl.leading_zero<table_bits = 9>" in text
    assert "//   max error: " in text
