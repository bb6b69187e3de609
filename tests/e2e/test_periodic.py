"""Sine and cosine of arguments thousands of periods wide, as rotary embeddings have them."""

from __future__ import annotations

import numpy as np
import pytest

from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import ApplyOp
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass

jit = pytest.importorskip("lut_opt.backends.jit")
pytest.importorskip("torch_mlir")

TEXT = """
func.func @main(%x: !torch.vtensor<[64,8],f32>) -> !torch.vtensor<[64,8],f32> {
  %y = torch.aten.NAME %x {pwl.range = [0.0, 2047.0]}
      : !torch.vtensor<[64,8],f32> -> !torch.vtensor<[64,8],f32>
  func.return %y : !torch.vtensor<[64,8],f32>
}
"""


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_rotary_angles(name: str) -> None:
    ctx = context()
    made = parse(TEXT.replace("NAME", name), "rotary.mlir", ctx)
    for step in (
        LowerNonlinearToPwlPass(input_bits=10, output_bits=16),
        PwlSearchPass(entries=16, param_bits=12),
    ):
        step.apply(ctx, made.module)
    (apply,) = [op for op in made.module.walk() if isinstance(op, ApplyOp)]
    assert apply.fit is not None
    step_size = apply.result_quantization.scale
    ConvertPwlToArithPass().apply(ctx, made.module)
    positions = np.random.default_rng(0).integers(0, 2048, (64, 1))
    angles = (positions * 10000.0 ** (-np.arange(8) / 8)).astype(np.float32)
    actual = jit.compile(made, opt_level=1)(angles)
    exact = getattr(np, name)(angles.astype(np.float64))
    # the table, the rounding of u to 2^-10 at a slope of at most 2π, and that of t = 326 to a float
    bound = apply.fit.data.max_error * step_size + 2 * np.pi * (2.0**-11 + 2.0**-15)
    assert np.abs(actual - exact).max() <= bound
    assert bound < 0.01
