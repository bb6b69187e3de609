"""Softmax-free attention and other divisions of a PyTorch model, on integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lut_opt.backends import jit
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import ApplyOp, DivideOp
from lut_opt.frontends.torch import calibrate, export_text
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.verify_pwl import VerifyPwlPass

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir: pip install lut-opt[torch]")
nn = torch.nn


class LinearAttention(nn.Module):
    """ReLU features, as in EfficientViT: φ(q)·(φ(k)ᵀv) / φ(q)·Σφ(k)."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.project = nn.Linear(width, 3 * width)

    def forward(self, x: Any) -> Any:
        q, k, v = self.project(x).chunk(3, -1)
        q, k = torch.relu(q), torch.relu(k)
        total = q @ k.sum(-2, keepdim=True).transpose(-1, -2)
        return q @ (k.transpose(-1, -2) @ v) / (total + 1e-3)


class Octaves(nn.Module):
    """Functions of a value that spans six decades, and a division by a constant."""

    def forward(self, x: Any) -> Any:
        return torch.log(x) / 8 + torch.rsqrt(x) * torch.sqrt(x) + x * torch.reciprocal(x)


class Growth(nn.Module):
    """Functions that grow over some fourteen octaves, and one that shrinks."""

    def forward(self, x: Any) -> Any:
        return torch.stack([torch.expm1(x), torch.sinh(x), torch.cosh(x), 3.0**x, 0.4**x])


def lowered(model: Any, x: Any) -> Any:
    ctx = context()
    text = export_text(model, x, calibration=calibrate(model, [(x,)]))
    program = parse(text, "division.mlir", ctx)
    LowerNonlinearToPwlPass().apply(ctx, program.module)
    PwlSearchPass().apply(ctx, program.module)
    VerifyPwlPass().apply(ctx, program.module)
    return program


def run(program: Any, x: Any) -> Any:
    ConvertPwlToArithPass().apply(context(), program.module)
    return jit.compile(program, opt_level=1)(x.numpy())


def test_linear_attention() -> None:
    torch.manual_seed(0)
    model = LinearAttention().eval()
    x = torch.randn(2, 32, 16)
    program = lowered(model, x)
    divisions = [op for op in program.module.walk() if isinstance(op, DivideOp)]
    assert len(divisions) == 1
    assert not [op for op in program.module.walk() if "aten.div" in op.name]
    found = run(program, x)
    with torch.no_grad():
        wanted = model(x).numpy()
    # The table of reciprocals, 0.4 %, and 16 bits of the numerator.
    assert np.abs(found - wanted).max() < 0.005 * np.abs(wanted).max()
    assert np.abs(found - wanted).mean() < 0.002 * np.abs(wanted).mean()


def test_functions_over_many_octaves() -> None:
    model = Octaves().eval()
    x = torch.logspace(-3, 3, 500).reshape(5, 100)
    program = lowered(model, x)
    applies = [op for op in program.module.walk() if isinstance(op, ApplyOp)]
    assert len(applies) == 4
    assert all(op.reduce is not None for op in applies)
    assert not [op for op in program.module.walk() if "aten.div" in op.name]
    found = run(program, x)
    with torch.no_grad():
        wanted = model(x).numpy()
    assert np.abs(found - wanted).max() < 0.02


def test_exponentials_over_many_octaves() -> None:
    model = Growth().eval()
    x = torch.linspace(-10, 10, 512).reshape(8, 64)
    program = lowered(model, x)
    applies = [op for op in program.module.walk() if isinstance(op, ApplyOp)]
    # exp(x) three times, exp(−x) twice, and two powers of 2.
    assert sorted(op.function_name for op in applies) == ["exp"] * 5 + ["exp2"] * 2
    assert all(op.reduce is not None for op in applies)
    found = run(program, x)
    with torch.no_grad():
        wanted = model(x.double()).numpy()
    # Relative to what the exponentials are, and some steps of results of 22 octaves and more.
    terms = np.stack([wanted[0] + 2, wanted[2], wanted[2], wanted[3], wanted[4]])
    assert (np.abs(found - wanted) < 0.005 * terms + 2.0**-14).all()
