"""PyTorch runs a lowered program: all units on integers as compiled code does, or real, or one."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")

from lut_opt.backends import jit
from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.frontends.torch import calibrate, export_text
from lut_opt.frontends.torch.evaluator import Evaluator
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.support.diagnostics import OpError

F: Any = torch.nn.functional


class Everything(torch.nn.Module):
    """Every kind of unit: tables, a chain, a range reduction, rows along an axis, a quotient."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.LayerNorm(8)
        torch.nn.init.uniform_(self.norm.weight, 0.5, 2.0)

    def forward(self, x: Any) -> Any:
        a = self.norm(x) * torch.tanh(F.softplus(x))
        b = torch.softmax(x, 1) + F.log_softmax(x, -1)
        c = F.rms_norm(x, (3, 8)) + F.gelu(x)
        return a, b, c, x / (x.abs().sum(1, keepdim=True) + 0.1), torch.rsqrt(x * x + 1e-3)


def program() -> tuple[Any, Any, Program]:
    torch.manual_seed(0)
    model = Everything().eval()
    data = [torch.randn(4, 3, 8) for _ in range(3)]
    text = export_text(model, data[0], calibration=calibrate(model, data))
    ctx = context()
    made = parse(text, "everything.mlir", ctx)
    for step in (LowerNonlinearToPwlPass(), PwlSearchPass()):
        step.apply(ctx, made.module)
    return model, data[1], made


def test_integers_are_those_of_compiled_code_and_reals_are_the_model_s() -> None:
    model, x, made = program()
    evaluator = Evaluator(made)
    names = sorted({type(unit).name for unit in evaluator.units})
    assert names == [
        "pwl.apply",
        "pwl.divide",
        "pwl.layer_norm",
        "pwl.log_softmax",
        "pwl.rms_norm",
        "pwl.softmax",
    ]
    values = evaluator.run([x])
    with torch.no_grad():
        for real, wanted in zip(evaluator.outputs(values), model(x), strict=True):
            torch.testing.assert_close(real, wanted, rtol=1e-5, atol=1e-6)
    integers = evaluator.outputs(evaluator.run([x], evaluator.units))
    last = evaluator.units[-1]
    changed = [
        not torch.equal(alone, real)
        for alone, real in zip(
            evaluator.alone(values, last), evaluator.outputs(values), strict=True
        )
    ]
    assert changed == [False, False, False, False, True]
    ConvertPwlToArithPass().apply(context(), made.module)
    compiled = jit.compile(made, opt_level=1)(x.numpy())
    for evaluated, wanted in zip(integers, compiled, strict=True):
        # Sums and products between the units are rounded to float32 in both.
        np.testing.assert_allclose(evaluated.numpy(), wanted, rtol=1e-6, atol=1e-6)


def test_what_pytorch_does_not_have_is_named() -> None:
    text = """
    func.func @main(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
      %y = torch.aten.no_such_operator %x : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
      return %y : !torch.vtensor<[2],f32>
    }
    """
    with pytest.raises(OpError, match=r"`aten\.no_such_operator` has no operator of PyTorch"):
        Evaluator(parse(text, "x.mlir", context()))
