"""What the README's "Extend it" says, done from outside the package and used through `lut-opt`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from lut_opt import cli
from lut_opt.dialects.pwl import ApplyOp, Table
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.builder.circuit import Circuit, Wire
from lut_opt.passes.hw.datapath.fixed import Form, Sides, Style
from lut_opt.passes.hw.table_unit.circuits import CIRCUITS, FixedCircuit
from lut_opt.universe import LUT_OPT_UNIVERSE

RELU = """\
!q = !quant.uniform<i8:f32, 1.0>
func.func @f(%x: !q) -> !q {
  %y = pwl.apply #pwl.fn<leaky_relu, 0.0> %x
    table #pwl.table<i8, breakpoints = [0], slopes = [0, 1], intercepts = [0, 0]> : !q -> !q
  func.return %y : !q
}
"""


@pytest.fixture
def relu(tmp_path: Path) -> str:
    path = tmp_path / "relu.mlir"
    path.write_text(RELU)
    return str(path)


@dataclass(frozen=True)
class CountTarget(Target):
    """How many tables there are."""

    name = "count"

    unit: str = "tables"
    """What to call them."""

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        """Write the number and the word."""
        found = sum(isinstance(op, ApplyOp) for op in module.walk())
        output.write(f"{found} {self.unit}\n")


def test_a_target(
    relu: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(LUT_OPT_UNIVERSE.all_targets, "count", lambda: CountTarget)
    assert cli.main([relu, "-t", "count"]) == 0
    assert capsys.readouterr().out == "1 tables\n"
    assert cli.main([relu, "-t", "count{unit=rows}"]) == 0
    assert capsys.readouterr().out == "1 rows\n"
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert "bundle, count (default: mlir)" in capsys.readouterr().out


def build_rectifier(
    circuit: Circuit, x: Wire, table: Table, sides: Sides, style: Style, cuts: Sequence[str]
) -> Wire:
    """A clamp at zero, for which no multiplication is needed."""
    return Wire(circuit.resize(circuit.clamp(x, 0, x.high), sides[1].bits), 0, x.high)


def not_a_rectifier(table: Table, operand: Quantization) -> str | None:
    """This circuit computes one table only."""
    return None if (table.breakpoints, table.slopes) == ((0,), (0, 1)) else "it is no rectifier"


RECTIFIER = FixedCircuit(
    "rectifier",
    "a clamp at zero",
    "a clamp at zero, without a table",
    lambda: Style(form=Form(build_rectifier, not_a_rectifier)),
)


def test_a_circuit(
    relu: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(CIRCUITS, RECTIFIER.name, RECTIFIER)
    asked = "--convert-pwl-to-hw=implementation=rectifier"
    assert cli.main([relu, asked]) == 0
    assert 'pwl.implementation = "rectifier"' in capsys.readouterr().out
    assert cli.main([relu, "--convert-pwl-to-hw=implementation=auto"]) == 0
    text = capsys.readouterr().out
    assert "rectifier: area" in text
    assert "rectifier = {area" in text
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "implementation=auto|compare|onehot|decode|rows|folded|direct|rectifier (" in text
    assert "`rectifier` a clamp at zero" in text
    Path(relu).write_text(RELU.replace("[0, 1]", "[0, 2]"))
    assert cli.main([relu, asked]) == 1
    assert "implementation=rectifier is impossible here: it is no" in capsys.readouterr().err


def test_a_circuit_is_proved_like_any_other(
    relu: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pycde")
    pytest.importorskip("z3")
    monkeypatch.setitem(CIRCUITS, RECTIFIER.name, RECTIFIER)
    asked = "--convert-pwl-to-hw=implementation=rectifier"
    assert cli.main([relu, asked, "--prove", "-t", "systemverilog"]) == 0
    assert "clamp at zero" in capsys.readouterr().out
