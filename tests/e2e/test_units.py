"""Softmax and norms of a PyTorch model become integer units that compute the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lut_opt.backends import jit
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import LayerNormOp, RMSNormOp, SoftmaxOp
from lut_opt.frontends.torch import calibrate, export_text
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.verify_pwl import VerifyPwlPass

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir: pip install lut-opt[torch]")
nn = torch.nn


class WrittenOutNorm(nn.Module):
    """RMS norm as the Llama of model libraries has it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.5, 1.5, width))

    def forward(self, x: Any) -> Any:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Block(nn.Module):
    """Masked attention between norms of three kinds."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.first = nn.LayerNorm(width)
        self.second = nn.RMSNorm(width, eps=1e-5)
        self.third = WrittenOutNorm(width)
        self.project = nn.Linear(width, 3 * width)

    def forward(self, x: Any, mask: Any) -> Any:
        q, k, v = self.project(self.first(x)).chunk(3, -1)
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        scores = scores + torch.where(mask, 0.0, -torch.inf)[:, None, :]
        x = x + nn.functional.softmax(scores, -1) @ v
        return self.third(x + self.second(x))


def test_a_masked_block_computes_the_same() -> None:
    torch.manual_seed(0)
    model = Block().eval()
    x = torch.randn(4, 12, 32)
    mask = torch.arange(12)[None, :] < torch.tensor([12, 7, 3, 1])[:, None]
    calibration = calibrate(model, [(x, mask)])
    ctx = context()
    program = parse(export_text(model, x, mask, calibration=calibration), "block.mlir", ctx)
    LowerNonlinearToPwlPass(output_bits=16).apply(ctx, program.module)
    PwlSearchPass(param_bits=10).apply(ctx, program.module)
    VerifyPwlPass().apply(ctx, program.module)
    units = [
        type(op)
        for op in program.module.walk()
        if isinstance(op, SoftmaxOp | LayerNormOp | RMSNormOp)
    ]
    assert units == [LayerNormOp, SoftmaxOp, RMSNormOp, RMSNormOp]
    left = {op.name.removeprefix("torch.aten.") for op in program.module.walk()}
    assert not left & {"softmax.int", "_softmax", "layer_norm", "rms_norm", "rsqrt"}
    ConvertPwlToArithPass().apply(ctx, program.module)
    executable = jit.compile(program, opt_level=1)
    result = executable(x.numpy(), mask.numpy())
    with torch.no_grad():
        wanted = model(x, mask).numpy()
    assert np.abs(result - wanted).max() < 0.02
    # What is masked must not matter at all.
    changed = torch.where(mask[:, :, None], x, 3.0).numpy()
    again = executable(changed, mask.numpy())
    kept = mask.numpy()
    assert np.array_equal(again[kept], result[kept])
