"""Dynamic sizes from PyTorch to compiled code, run with others than those of the example."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")

from lut_opt.backends import jit
from lut_opt.dialects.assembly import context, parse
from lut_opt.frontends.torch import ExportError, calibrate, export_text
from lut_opt.frontends.torch.command import main
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass

F: Any = torch.nn.functional
Dim: Any = torch.export.Dim

WIDTH, HEADS = 16, 2


class Block(torch.nn.Module):
    """Attention and a feed-forward part; sizes are asked for, and axes joined and split."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.LayerNorm(WIDTH)
        self.qkv = torch.nn.Linear(WIDTH, 3 * WIDTH)
        self.out = torch.nn.Linear(WIDTH, WIDTH)
        self.up = torch.nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Any) -> Any:
        batch, length, width = x.shape
        joined = self.qkv(self.norm(x)).view(batch, length, 3, HEADS, width // HEADS)
        q, k, v = joined.permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, length, width)
        return F.gelu(self.up(x + self.out(y)))


class Function(torch.nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def sizes() -> Any:
    return ({0: Dim("batch"), 1: Dim("length")},)


def batches(count: int = 3) -> list[Any]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(4, 8, WIDTH, generator=generator) for _ in range(count)]


RUN: dict[str, Any] = {
    "a transformer's block": Block,
    "rows of any length": lambda: Function(lambda x: F.softmax(x, 1) + F.normalize(x, dim=1)),
}


@pytest.mark.parametrize("name", RUN)
def test_other_sizes_than_those_of_the_example(name: str) -> None:
    torch.manual_seed(0)
    model = RUN[name]().eval()
    dynamic_shapes = sizes()
    # Other sizes are calibrated with the one graph; a sum over an axis grows with its length.
    longest = torch.randn(2, 32, WIDTH, generator=torch.Generator().manual_seed(2))
    data = [*batches(), batches()[0][:2, :5], longest]
    calibration = calibrate(model, data, dynamic_shapes=dynamic_shapes)
    text = export_text(model, data[0], calibration=calibration, dynamic_shapes=dynamic_shapes)
    ctx = context()
    program = parse(text, "dynamic.mlir", ctx)
    for step in (LowerNonlinearToPwlPass(), PwlSearchPass(), ConvertPwlToArithPass()):
        step.apply(ctx, program.module)
    run = jit.compile(program, opt_level=1)
    for batch, length in ((4, 8), (3, 5), (1, 1), (2, 29)):
        x = torch.randn(batch, length, WIDTH, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            wanted = model(x).numpy()
        found = np.asarray(run(x.numpy()))
        assert found.shape == wanted.shape
        assert np.linalg.norm(found - wanted) < 0.03 * np.linalg.norm(wanted)


def loop(x: Any) -> Any:
    y = x[:, 0]
    for i in range(1, x.shape[1]):
        y = torch.tanh(y + x[:, i])
    return y


POSITIONS = torch.zeros(8, WIDTH)

REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "table of positions": (lambda x: torch.tanh(x + POSITIONS), r"`length` .* it is 8 in .*POSIT"),
    "fixed view": (
        lambda x: torch.tanh(x.reshape(-1, 8 * WIDTH)),
        r"`length` .* it is 8 in .*8 \*",
    ),
    "loop over a size": (loop, r"`length` cannot be dynamic, it is 8 in `"),
    "scan": (lambda x: torch.logcumsumexp(x, 1), r"`logcumsumexp` along an axis of dynamic size"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_dynamic_is_named_with_its_line(name: str) -> None:
    function, message = REFUSED[name]
    with pytest.raises(ExportError, match=rf"^{re.escape(__file__)}:\d+: .*{message}"):
        export_text(Function(function), batches()[0], dynamic_shapes=sizes())


def test_sizes_that_the_model_chooses_by() -> None:
    model = Function(lambda x: torch.tanh(x) if x.shape[1] > 6 else x)
    with pytest.raises(ExportError, match=r"`length` cannot be any number: .* 7 <= length"):
        export_text(model, batches()[0], dynamic_shapes=sizes())
    bounded = ({1: Dim("length", min=7, max=64)},)
    assert "[4,?,16]" in export_text(model, batches()[0], dynamic_shapes=bounded)


def test_an_example_of_size_one_is_too_small() -> None:
    with pytest.raises(ExportError, match="sizes 0 and 1 for constants: give a larger example"):
        export_text(Function(torch.tanh), batches()[0][:1], dynamic_shapes=sizes())


def test_sizes_that_depend_on_data_are_refused_at_export() -> None:
    model = Function(lambda x: torch.tanh(x[x > 0]))
    with pytest.raises(ExportError, match=r"test_dynamic_sizes\.py:\d+: `index\.Tensor` makes a"):
        export_text(model, batches()[0])


def test_sizes_by_the_name_of_an_input() -> None:
    class Two(torch.nn.Module):
        def forward(self, x: Any, mask: Any) -> Any:
            return torch.tanh(x) * mask[0]

    text = export_text(
        Two(), batches()[0], torch.ones(3, 1), dynamic_shapes={"mask": {0: Dim("rows")}, "x": None}
    )
    assert "(!torch.vtensor<[4,8,16],f32>, !torch.vtensor<[?,1],f32>)" in text


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model = tmp_path / "two.py"
    model.write_text(
        "import torch\n\n\nclass Two(torch.nn.Module):\n    def forward(self, x, y):\n"
        "        return torch.tanh(x + y)\n"
    )
    shapes = ["--dynamic", "x:0=batch,1=length:2-64", "--dynamic", "1:0=batch,1=length"]
    main([f"{model}:Two", "--input", "2x8xf32", "--input", "2x8xf32", *shapes])
    wanted = ", ".join(["!torch.vtensor<[?,?],f32>"] * 2)
    assert f"({wanted}) -> !torch.vtensor<[?,?],f32>" in capsys.readouterr().out
