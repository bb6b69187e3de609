"""Several norms in one streaming unit: scales, epsilons, gammas and betas of their own."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.report import json
from lut_opt.backends.simulate.benches import bench_files
from lut_opt.backends.simulate.row_bench import Stalls, sample
from lut_opt.backends.simulate.rows import simulate_rows
from lut_opt.backends.tools import icarus
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.assembly import parse
from lut_opt.dialects.assembly.context import context
from lut_opt.dialects.pwl import Table, units
from lut_opt.dialects.pwl.hardware import BlockUnit, RowUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.hw.modules import modules_of, units_of
from lut_opt.passes.hw.row_unit.unit import build_row_unit, row_unit
from lut_opt.passes.support.options import from_text

pytest.importorskip("pycde")
if shutil.which("iverilog") is None:
    pytest.skip("iverilog is not installed", allow_module_level=True)

RSQRT = Table((900,), (-38, -16), (5300, 4000), 4, 0, 16)
GAMMA, BETA = Quantization(8, True, 2.0**-6), Quantization(16, True, 2.0**-12)


def norms(
    bits: int, count: int, kind: type[units.Norm] = units.LayerNorm, affine: bool = True
) -> list[units.Norm]:
    """Norms whose scales and epsilons differ, by much."""
    parameters = (GAMMA, BETA) if affine else (None, None)
    return [
        kind(
            Quantization(bits, True, 2.0 ** (-4 - i)),
            Quantization(8, True, 2.0 ** (-4 + i)),
            RSQRT,
            1e-2 * 300.0**i,
            *parameters,
        )
        for i in range(count)
    ]


def built(each: list[units.Norm], lanes: int = 1) -> tuple[RowUnit, str]:
    unit = row_unit("norm", each[0], 6, 1, lanes=lanes, others=tuple(each[1:]))
    unit.check()
    return unit, systemverilog.emit(ModuleOp([build_row_unit(unit)]))


@pytest.mark.parametrize(
    ("each", "lanes"),
    [
        (norms(8, 2), 1),
        (norms(8, 3), 2),
        (norms(16, 2, units.RMSNorm), 1),
        (norms(24, 3), 1),
        (norms(32, 2, units.RMSNorm, affine=False), 2),
    ],
)
def test_each_row_is_of_its_norm(each: list[units.Norm], lanes: int) -> None:
    unit, text = built(each, lanes)
    stimulus = sample(unit)
    assert {*stimulus.selects} == {*range(len(each))}
    alone = replace(stimulus, selects=[0] * len(stimulus.rows)).expected()
    assert (alone != stimulus.expected()).mean() > 0.2
    (result,) = simulate_rows(text, [stimulus], Stalls(0.3))
    assert result.passed, str(result)


@pytest.mark.parametrize(
    ("bits", "old", "new"),
    [
        (8, "sums_select_1 <= sums_select;", "sums_select_1 <= select;"),
        (8, "inverse_select_1 <= inverse_select", "inverse_select_1 <= sums_select"),
        (8, "? out_select_3 :", "? out_select :"),
        (24, "wide_taken ? select", "wide_taken ? ~select"),
        (24, "? wide_summaries[wide_summary_read][0]", "? wide_select"),
    ],
)
def test_a_choice_of_another_row_is_found(bits: int, old: str, new: str) -> None:
    unit, text = built(norms(bits, 2))
    assert old in text
    (result,) = simulate_rows(text.replace(old, new), [sample(unit)], Stalls(0.3))
    assert not result.passed


def test_norms_that_differ_in_more_do_not_share() -> None:
    one, two = norms(8, 2)
    for other in (
        replace(two, rsqrt=Table((901,), (-38, -16), (5300, 4000), 4, 0, 16)),
        replace(two, gamma=Quantization(8, True, 2.0**-5)),
        replace(two, operand=Quantization(9, True, 2.0**-4)),
        norms(8, 2, units.RMSNorm)[1],
    ):
        with pytest.raises(ValueError, match="if scales and epsilon alone differ"):
            row_unit("norm", one, 6, others=(other,)).check()


TYPES = "!x = !quant.uniform<i8:f32, 6.25e-02>\n!y = !quant.uniform<i8:f32, 2.5e-01>\n"
NORM = """  %{n} = pwl.layer_norm %{x} gamma %g : tensor<4x!x> {{
    epsilon = 1.0e-03, normalized = 1 : i64,
    rsqrt = #pwl.table<i16, breakpoints = [900], slopes = [-38, -16], intercepts = [5300, 4000],
      intercept_shift = 4>}} : tensor<2x4x!{x}> -> tensor<2x4x!y>
"""
TWICE = f"""{TYPES}func.func @f(%x: tensor<2x4x!x>, %y: tensor<2x4x!y>, %g: tensor<4x!x>) {{
{NORM.format(n=0, x="x")}{NORM.format(n=1, x="y")}{NORM.format(n=2, x="x")}  func.return
}}
"""


def test_norms_of_a_program_share_a_unit_where_asked(tmp_path: Path) -> None:
    module = parse(TWICE, "norms.mlir", context()).module
    options = "interface=axis top=encoder share-norms=true"
    from_text(ConvertPwlToHwPass, options).apply(Context(), module)
    module.verify()
    text = str(module)
    assert str(parse(text, "norms.mlir", context()).module) == text
    found = units_of(modules_of(module))
    block, unit = found["encoder"], found["pwl_layer_norm4_i8_i8_s2m4_s2m2_n3"]
    assert isinstance(block, BlockUnit)
    assert isinstance(unit, RowUnit)
    # Two of one meaning are two still: each has its own gamma.
    assert [each.operand.scale for each in unit.choices] == [0.0625, 0.25, 0.0625]
    widths = block.widths
    assert (widths["s_axis_layer_norm_tuser"], widths["layer_norm_index"]) == (2, 4)
    files = bench_files(block, "bench", Stalls(0.25)) | {"units.sv": systemverilog.emit(module)}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert "PASS: " in icarus.run(tmp_path, "bench", ["bench.sv", "units.sv"])
    assert json.emit(module).count('"select": 2') == 3


def test_apart_by_default() -> None:
    module = parse(TWICE, "norms.mlir", context()).module
    ConvertPwlToHwPass().apply(Context(), module)
    assert len(modules_of(module)) == 2
