"""What torch-mlir prints of a model in other dialects comes back as the same module."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lut_opt.dialects.assembly import context, parse, print_program

torch: Any = pytest.importorskip("torch")
fx: Any = pytest.importorskip("torch_mlir.fx")

READER = shutil.which("torch-mlir-opt", path=str(Path(sys.executable).parent))


class Block(torch.nn.Module):
    """A convolution, a norm, a softmax and what activations there are, pooled and joined."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.LayerNorm(4)

    def forward(self, x: Any) -> Any:
        y = torch.nn.functional.max_pool2d(torch.nn.functional.silu(self.conv(x)), 2)
        y = torch.softmax(self.norm(y.mean((2, 3))), -1)
        y = torch.tanh(y) + torch.erf(y) * torch.exp(y) / (y.abs() + 1).sqrt()
        y = torch.where(y > 0, y, torch.nn.functional.elu(y)).clamp(-1, 1)
        return torch.cat([y, torch.nn.functional.gelu(y)], 1).reshape(-1, 2).t().pow(1.5)


def canonical(text: str) -> str:
    """The text as torch-mlir reads and prints it."""
    assert READER is not None
    return subprocess.run([READER], input=text, text=True, capture_output=True, check=True).stdout


@pytest.mark.skipif(READER is None, reason="torch-mlir-opt is not installed")
@pytest.mark.parametrize("dialect", ["stablehlo", "tosa", "linalg-on-tensors"])
def test_what_torch_mlir_prints_comes_back_as_the_same_module(dialect: str) -> None:
    x = torch.randn(1, 2, 8, 8)
    text = str(fx.export_and_import(Block().eval(), x, output_type=dialect))
    ours = print_program(parse(text, dialect, context()))
    assert canonical(ours) == canonical(text)
