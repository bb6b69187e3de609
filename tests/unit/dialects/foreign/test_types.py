"""Types that no table takes end in a diagnostic, in the syntax of other dialects, too."""

from pathlib import Path

import pytest

from lut_opt import cli

TYPES = (
    *("vector<[4]xf32>", "tensor<4xf8E4M3FN>", "f80", "f128", "complex<f32>"),
    *("tensor<4xcomplex<f32>>", "tensor<*xf32>", "memref<*xf32>", "memref<4xf32>"),
)

FORMS = ("stablehlo.tanh %x : {0}", '"tosa.tanh"(%x) : ({0}) -> {0}', "chlo.erf %x : {0} -> {0}")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", TYPES)
def test_a_type_without_tables_is_refused_by_name(
    kind: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in.mlir", tmp_path / "out.mlir"
    line = f"%0 = {form.format(kind)}"
    source.write_text(f"func.func @f(%x: {kind}) -> {kind} {{\n{line}\nreturn %0 : {kind}\n}}")
    words = [str(source), "--lower-nonlinear-to-pwl=input-scale=0.125", "-o", str(output)]
    assert cli.main(words) == cli.EXIT_INPUT
    assert "in.mlir:2:1: error: [lower-nonlinear-to-pwl] " in capsys.readouterr().err
    assert not output.exists()
