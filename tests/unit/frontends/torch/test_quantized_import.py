"""Quantization of whatever spelling reaches the lowering, and computes what PyTorch computes."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")

from torch.nn import functional as F

from lut_opt.backends import jit
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import ApplyOp
from lut_opt.frontends.torch import ExportError, export_text
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass

importlib.import_module("torch.ao.quantization.fx._decomposed")
DECOMPOSED = torch.ops.quantized_decomposed


def whole(x: Any, scale: Any, zero: Any, dtype: Any) -> Any:
    """The pair that PT2E leaves; with tensors for a scale, that of dynamic quantizers."""
    limits = torch.iinfo(dtype)
    overload = "tensor" if isinstance(scale, torch.Tensor) else "default"
    arguments = (scale, zero, limits.min, limits.max, dtype)
    stored = getattr(DECOMPOSED.quantize_per_tensor, overload)(x, *arguments)
    return getattr(DECOMPOSED.dequantize_per_tensor, overload)(stored, *arguments)


SPELLINGS: dict[str, tuple[Any, tuple[int, bool, float, int]]] = {
    "int8": (lambda m, x: whole(x, 0.05, -3, torch.int8), (8, True, 0.05, -3)),
    "uint8": (lambda m, x: whole(x, 0.05, 128, torch.uint8), (8, False, 0.05, 128)),
    "int16": (lambda m, x: whole(x, 2.0**-10, 0, torch.int16), (16, True, 2.0**-10, 0)),
    "tensors": (lambda m, x: whole(x, m.scale, m.zero, torch.int8), (8, True, 0.0625, 5)),
    "fake": (
        lambda m, x: torch.fake_quantize_per_tensor_affine(x, 0.03, 7, 0, 255),
        (8, False, 0.03, 7),
    ),
    "fake tensors": (
        lambda m, x: torch.fake_quantize_per_tensor_affine(
            x, m.scale[0], m.zero[0].int(), -128, 127
        ),
        (8, True, 0.0625, 5),
    ),
    "qint8": (
        lambda m, x: torch.quantize_per_tensor(x, 0.04, 2, torch.qint8).dequantize(),
        (8, True, 0.04, 2),
    ),
    "module": (lambda m, x: m.fake(x), (8, False, 0.0234375, 85)),
}


class Quantized(torch.nn.Module):
    """GELU of each spelling, after a linear layer with a weight quantized by channel."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor([0.0625]))
        self.register_buffer("zero", torch.tensor([5]))
        self.register_buffer("weight", torch.randint(-127, 128, (8, 8), dtype=torch.int8))
        self.register_buffer("scales", torch.rand(8) / 100 + 0.01)
        self.register_buffer("zeros", torch.zeros(8, dtype=torch.int64))
        self.fake = torch.ao.quantization.FakeQuantize()
        self.fake(torch.tensor([-1.9921875, 3.984375]))
        self.fake.disable_observer()
        self.trained = torch.ao.quantization.FakeQuantize(
            observer=torch.ao.quantization.PerChannelMinMaxObserver,
            dtype=torch.qint8,
            qscheme=torch.per_channel_symmetric,
            quant_min=-128,
            quant_max=127,
            ch_axis=0,
        )
        self.linear = torch.nn.Linear(8, 8)
        self.trained(self.linear.weight)
        self.trained.disable_observer()

    def forward(self, x: Any) -> Any:
        weight = DECOMPOSED.dequantize_per_channel(
            self.weight, self.scales, self.zeros, 0, -127, 127, torch.int8
        )
        y = F.linear(x, weight)
        z = F.linear(y, self.trained(self.linear.weight))
        return (z, *(F.gelu(spelled(self, y)) for spelled, _ in SPELLINGS.values()))


@pytest.fixture(scope="module")
def exported() -> tuple[Any, Any, str]:
    torch.manual_seed(0)
    model = Quantized().eval()
    x = torch.randn(16, 8)
    return model, x, export_text(model, x)


def test_scales_are_found(exported: tuple[Any, Any, str]) -> None:
    ctx = context()
    program = parse(exported[2], "model.mlir", ctx)
    LowerNonlinearToPwlPass().apply(ctx, program.module)
    found = [op.input_quantization for op in program.module.walk() if isinstance(op, ApplyOp)]
    got = [(q.bits, q.signed, q.scale, q.zero_point) for q in found]
    for name, (_, wanted), one in zip(SPELLINGS, SPELLINGS.values(), got, strict=True):
        assert one == pytest.approx(wanted), name
    assert "dequantize_per_channel" in str(program.module)


def test_what_is_left_runs_and_is_exact(exported: tuple[Any, Any, str]) -> None:
    model, x, text = exported
    names = ("linear", *SPELLINGS)
    for name, got, wanted in zip(names, jit.compile(text)(x.numpy()), model(x), strict=True):
        np.testing.assert_allclose(got, wanted.detach(), atol=2e-6, err_msg=name)
    assert "forward" not in model.fake.__dict__


def test_scales_that_only_the_run_knows() -> None:
    class Dynamic(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return F.gelu(whole(x, x.abs().amax().reshape(1) / 127, self_zero(x), torch.int8))

    def self_zero(x: Any) -> Any:
        return torch.zeros(1, dtype=torch.int64)

    with pytest.raises(ExportError, match=r"test_quantized_import\.py:\d+: .*quantize_per_tensor"):
        export_text(Dynamic(), torch.randn(4))


def test_a_fake_quantizer_that_still_observes() -> None:
    fake = torch.ao.quantization.FakeQuantize()
    fake(torch.randn(4))
    model = torch.nn.Sequential(fake, torch.nn.GELU())
    with pytest.raises(ExportError, match=r"`0` still observes.*disable_observer"):
        export_text(model, torch.randn(4))
