"""Written-out activations: from PyTorch to compiled integers, one table each."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import SymbolRefAttr

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")

from torch.nn import functional as F

from lut_opt.backends import jit
from lut_opt.dialects.pwl import ApplyOp
from lut_opt.frontends.torch import calibrate, export
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass

WRITTEN: dict[str, Callable[[Any], Any]] = {
    "mish": lambda x: x * torch.tanh(F.softplus(x)),
    "hardswish": lambda x: x * F.relu6(x + 3) / 6,
    "hardswish_clamped": lambda x: x * torch.clamp(x + 3, 0, 6) / 6,
    "gelu": lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5)),
    "gelu_tanh": lambda x: (
        0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))
    ),
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "silu": lambda x: x * torch.sigmoid(x),
    "silu_divided": lambda x: x / (1 + torch.exp(-x)),
    "softsign": lambda x: x / (1 + x.abs()),
    "elu": lambda x: torch.where(x > 0, x, torch.exp(x) - 1),
    "@fused_tanh": lambda x: x - torch.tanh(x),
    "@fused_softplus_sqrt": lambda x: torch.sqrt(F.softplus(x)),
}
"""By the function of the registry that each spells, up to what follows an underscore."""

SCALE = 2.0**-5


class Each(torch.nn.Module):
    def forward(self, x: Any) -> Any:
        return tuple(function(x) for function in WRITTEN.values())


def test_one_table_each_within_its_certificate_of_pytorch() -> None:
    x = torch.arange(-128, 128).float().reshape(2, 128) * SCALE
    program = export(Each(), x)
    passes = (LowerNonlinearToPwlPass(input_scale=SCALE), PwlSearchPass(), ConvertPwlToArithPass())
    for step in passes[:2]:
        step.apply(Context(), program.module)
    applies = [op for op in program.module.walk() if isinstance(op, ApplyOp)]
    found = [
        ("@" if isinstance(op.function, SymbolRefAttr) else "") + op.function_name for op in applies
    ]
    for name, got in zip(WRITTEN, found, strict=True):
        assert name.startswith(got), (name, got)
    left = {op.name for op in program.module.walk() if op.name.startswith("torch.aten")}
    assert not left
    steps = [op.result_quantization for op in applies]
    bounds = [op.fit.data.max_error for op in applies if op.fit is not None]
    passes[2].apply(Context(), program.module)
    results = jit.compile(program)(x.numpy())
    for name, got, wanted, to, bound in zip(
        WRITTEN, results, Each()(x), steps, bounds, strict=True
    ):
        true = to.clip(wanted.numpy().astype(np.float64))
        # PyTorch's own float32 errors come on top.
        assert np.max(np.abs(got - true)) <= bound * to.scale + 1e-5, name


class Activations(torch.nn.Module):
    def __init__(self, functions: dict[str, Any]) -> None:
        super().__init__()
        self.functions = torch.nn.ModuleList(functions.values())

    def forward(self, x: Any) -> Any:
        return tuple(function(x) for function in self.functions)


WITHOUT = {"linear": 0, "relu": 0, "relu6": 0}
"""Activations of transformers that need no table."""


@pytest.mark.parametrize("calibrated", [False, True])
def test_every_activation_of_transformers_becomes_one_table(calibrated: bool) -> None:
    activations = pytest.importorskip("transformers.activations")
    names = list(activations.ACT2FN)
    model = Activations({name: activations.ACT2FN[name] for name in names}).eval()
    x = 2 * torch.randn(16, 16, generator=torch.Generator().manual_seed(0))
    calibration = calibrate(model, [x]) if calibrated else None
    program = export(model, x, calibration=calibration)
    scale = None if calibrated else 2.0**-4
    LowerNonlinearToPwlPass(input_scale=scale).apply(Context(), program.module)
    program.module.verify()
    applies = [op for op in program.module.walk() if isinstance(op, ApplyOp)]
    # A written-out PReLU has no operator that a calibration would look at.
    without = WITHOUT | ({"prelu": 0} if calibrated else {})
    assert len(applies) == len(names) - len(without)
    # But for constants, no operator with a name of its own is left.
    assert not {"tanh", "erf", "sigmoid", "exp", "expm1", "pow.Tensor_Scalar", "square", "sqrt"} & {
        op.name.removeprefix("torch.aten.") for op in program.module.walk()
    }
