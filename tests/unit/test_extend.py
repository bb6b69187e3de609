"""What the README's "Extend it" says, done from outside the package: one new thing of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lut_opt import cli
from lut_opt.dialects.pwl.functions import FUNCTIONS, Function, Operator

BENT_IDENTITY = Function(
    "bent_identity",
    lambda x: (np.hypot(x, 1.0) - 1.0) / 2.0 + x,
    derivative=lambda x: x / (2.0 * np.hypot(x, 1.0)) + 1.0,
    formula=lambda x: ((x * x + 1.0).power(0.5) - 1.0) / 2.0 + x,
    operators=(Operator("torch.aten.bent_identity"), Operator("my.bent")),
)

PROGRAM = """\
func.func @torch(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %0 = torch.aten.bent_identity %x {pwl.range = [-4.0, 4.0]}
    : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  func.return %0 : !torch.vtensor<[4],f32>
}
func.func @other(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "my.bent"(%x) {pwl.range = [-2.0, 2.0]} : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func @chain(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %0 = torch.aten.bent_identity %x {pwl.range = [-1.0, 1.0]}
    : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  %1 = torch.aten.tanh %0 : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
  func.return %1 : !torch.vtensor<[4],f32>
}
"""


@pytest.fixture
def bent_identity() -> Iterator[Function]:
    FUNCTIONS.add(BENT_IDENTITY)
    yield BENT_IDENTITY
    FUNCTIONS.remove(BENT_IDENTITY.name)


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "bent.mlir"
    path.write_text(PROGRAM)
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main([*words, "--allow-unregistered-dialect"])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_function(
    bent_identity: Function, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lower, search = "--lower-nonlinear-to-pwl", "--pwl-search=entries=4"
    code, text, err = run(capsys, program, lower, search, "--verify-pwl")
    assert (code, err) == (0, "")
    # By either name, and written out in a chain.
    assert text.count("pwl.apply #pwl.fn<bent_identity>") == 2
    assert text.count("pwl.apply @fused_bent_identity_tanh") == 1
    assert "math.powf" in text

    code, text, _ = run(capsys, program, f"{lower}=keep=bent_identity,tanh", "-t", "report")
    assert code == 0
    assert "left in floating point: none" in text
    assert "2 torch.aten.bent_identity" in text
    assert "1 my.bent" in text

    code, _, err = run(capsys, program, f"{lower}=keep=bentidentity")
    assert code == 1
    assert "nothing is called keep=bentidentity: did you mean bent_identity?" in err


def test_without_it_there_is_no_table(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, program, "--lower-nonlinear-to-pwl=input-scale=0.0625")
    assert code == 1
    assert "no table for torch.aten.bent_identity" in err
    code, text, _ = run(capsys, program, "-t", "report")
    assert "2 torch.aten.bent_identity" in text
    assert "1 my.bent" in text


def test_what_is_registered_has_the_slope_it_says(bent_identity: Function) -> None:
    x = np.linspace(-3.0, 3.0, 61)
    wanted = (bent_identity(x + 1e-6) - bent_identity(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(bent_identity.slope(x), wanted, rtol=1e-8)
