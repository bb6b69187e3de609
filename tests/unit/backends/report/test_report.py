"""The report names every non-linear operator that is left in floats, and nothing else."""

from __future__ import annotations

import pytest

from lut_opt import cli
from lut_opt.backends.remaining import Remaining, remaining_nonlinear
from lut_opt.backends.report.report import emit
from lut_opt.dialects.assembly import context, parse, print_program
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass

X = "!torch.vtensor<[2,8],f32>"


def remaining(body: str, arguments: str = f"%x: {X}, %y: {X}") -> list[Remaining]:
    """What is left in a function with that body."""
    text = f"func.func @f({arguments}) {{\n{body}\n  return\n}}"
    return remaining_nonlinear(parse(text, "m.mlir", context(allow_unregistered=True)).module)


@pytest.mark.parametrize(
    "name", ["erf", "silu", "rsqrt", "softplus", "mish", "log1p", "hardswish", "square", "std"]
)
def test_a_function_of_torch_is_left(name: str) -> None:
    (left,) = remaining(f"%0 = torch.aten.{name} %x : {X} -> {X}")
    assert (left.name, left.kind, left.kept) == (f"torch.aten.{name}", "function", False)
    assert left.location == "m.mlir:2:1"


@pytest.mark.parametrize("name", ["relu", "neg", "abs", "sign", "ceil", "amax", "mean", "sum"])
def test_what_needs_no_table_is_not(name: str) -> None:
    assert remaining(f"%0 = torch.aten.{name} %x : {X} -> {X}") == []


def test_a_division_by_a_tensor_is_a_function_and_by_a_constant_is_linear() -> None:
    left = remaining(
        f"""%c = torch.constant.float 8.0
        %w = torch.vtensor.literal(dense<3.0> : tensor<8xf32>) : !torch.vtensor<[8],f32>
        %0 = torch.aten.div.Tensor %x, %y : {X}, {X} -> {X}
        %1 = torch.aten.div.Scalar %x, %c : {X}, !torch.float -> {X}
        %2 = torch.aten.div.Tensor %x, %w : {X}, !torch.vtensor<[8],f32> -> {X}
        %3 = torch.aten.fmod.Scalar %x, %c : {X}, !torch.float -> {X}"""
    )
    kinds = ["function", "division by a constant", "division by a constant", "function"]
    assert [r.kind for r in left] == kinds


def test_integers_do_not_count() -> None:
    i = "!torch.vtensor<[2],si64>"
    body = f"%0 = torch.aten.remainder.Tensor %x, %x : {i}, {i} -> {i}"
    assert remaining(body, f"%x: {i}") == []
    assert remaining("%0 = math.absi %x : i32\n%1 = arith.divsi %x, %x : i32", "%x: i32") == []


def test_builtin_dialects_inside_linalg() -> None:
    left = remaining(
        """%n = arith.constant 197.0 : f32
        %e = tensor.empty() : tensor<8xf32>
        %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                             iterator_types = ["parallel"]}
             ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
        ^bb0(%a: f32, %o: f32):
          %1 = math.absf %a : f32
          %2 = math.roundeven %1 : f32
          %3 = arith.divf %2, %n : f32
          %4 = arith.divf %n, %3 : f32
          %5 = math.exp %4 : f32
          linalg.yield %5 : f32
        } -> tensor<8xf32>
        %6 = "arith.remf"(%n, %n) : (f32, f32) -> f32""",
        "%x: tensor<8xf32>",
    )
    assert [(r.name, r.kind, r.constant) for r in left] == [
        ("arith.divf", "division by a constant", False),
        ("arith.divf", "function", False),
        ("math.exp", "function", False),
        ("arith.remf", "function", True),
    ]


MODEL = """\
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = math.tanh %x {pwl.range = [-4.0, 3.96875]} : tensor<4xf32>
  %1 = math.exp %0 : tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
"""


def test_the_text_says_what_became_tables_and_what_was_kept() -> None:
    program = parse(MODEL, "m.mlir", context())
    LowerNonlinearToPwlPass(keep=("exp",)).apply(context(), program.module)
    PwlSearchPass(entries=4).apply(context(), program.module)
    assert emit(program.module) == (
        "became tables and units\n"
        "     1 tanh (pwl.apply)\n"
        "       m.mlir:2:3, snr 30.8 dB\n"
        "  1 operators: 1 tables, 1 distinct\n"
        "\n"
        "left in floating point: none\n"
        "kept by keep=: 1\n"
        "     1 math.exp\n"
        "       m.mlir:3:3\n"
        "divisions by constants: none\n"
    )


def test_the_command_prints_it(
    capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("report") / "m.mlir"
    path.write_text(MODEL)
    assert cli.main([str(path), "-t", "report"]) == 0
    text = capsys.readouterr().out
    assert "no table and no unit in this module" in text
    assert "left in floating point: 2" in text


def test_what_conversion_prints_is_read_again() -> None:
    """A norm's statistics are a `linalg.generic` with several results."""
    x = "tensor<2x8xf32>"
    quantized = "tensor<2x8x!quant.uniform<i16:f32, 1.562500e-02>>"
    text = f"""func.func @f(%x: {x}) -> {x} {{
      %q = quant.qcast %x : {x} to {quantized}
      %m = pwl.layer_norm %q {{epsilon = 1.0e-5 : f64, normalized = 1 : i64,
        rsqrt = #pwl.table<i8, breakpoints = [], slopes = [-32], intercepts = [96],
                           intercept_shift = 9>}} : {quantized} -> {quantized}
      %r = quant.dcast %m : {quantized} to {x}
      func.return %r : {x}
    }}"""
    program = parse(text, "m.mlir", context())
    ConvertPwlToArithPass().apply(context(), program.module)
    printed = print_program(program)
    assert "-> (" in printed
    assert print_program(parse(printed, "again.mlir", context())) == printed
