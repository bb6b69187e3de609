"""IREE runs what the JIT runs: the same bits of the tables, the same interface, the same errors."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir: pip install lut-opt[jit]")
pytest.importorskip("iree.runtime", reason="needs IREE: pip install lut-opt[iree]")

from lut_opt.backends import iree
from lut_opt.backends.iree import JitError
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import ApplyOp
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass

EVERY_TYPE = """
func.func @main(%a: i8, %b: f32, %c: i1, %d: f64, %n: index, %x: tensor<2x?xi16>, %m: tensor<3xi1>)
    -> (i8, f32, i1, f64, index, tensor<2x?xi16>, tensor<3xi1>) {
  %e = arith.addi %a, %a : i8
  %y = arith.addi %x, %x : tensor<2x?xi16>
  return %e, %b, %c, %d, %n, %y, %m : i8, f32, i1, f64, index, tensor<2x?xi16>, tensor<3xi1>
}
func.func @double(%x: tensor<2xf32>) -> tensor<2xf32> {
  %y = arith.addf %x, %x : tensor<2xf32>
  return %y : tensor<2xf32>
}
"""

FUNCTIONS = ("gelu", "silu", "hardswish", "exp", "sigmoid", "tanh", "erf", "mish", "cos")


def test_every_type_and_every_function() -> None:
    executable = iree.compile(EVERY_TYPE, threads=1)
    x = np.array([[1, -2, 300], [4, 5, -16384]], np.int16)
    mask = np.array([True, False, True])
    results = executable(-7, 1.5, True, 0.1, 12, x, mask)
    assert [r.dtype.name for r in results] == (
        ["int8", "float32", "bool", "float64", "int64", "int16", "bool"]
    )
    a, b, c, d, n, y, m = results
    assert (a, b, c, d, n) == (-14, 1.5, True, 0.1, 12)
    assert np.array_equal(y, x + x)
    assert np.array_equal(m, mask)
    given = np.array([0.5, -3.0], np.float32)
    assert np.array_equal(executable.run("double", given), given + given)
    assert np.array_equal(given, [0.5, -3.0])
    with pytest.raises(JitError, match="argument 0 of `@double` has dtype int64"):
        executable.run("double", np.array([1, 2]))
    with pytest.raises(JitError, match="no function `@triple`; the module has `@main`, `@double`"):
        executable.run("triple")


@pytest.mark.parametrize("bits", [8, 16])
def test_tables_agree_on_every_input(bits: int) -> None:
    """All functions in one module, every stored input."""
    kind = f"tensor<{1 << bits}x!quant.uniform<i{bits}:f32, {2.0 ** (3 - bits)!r}>>"
    names = FUNCTIONS if bits == 8 else ("gelu", "tanh")
    text = "\n".join(
        f"func.func @{name}(%x: {kind}) -> {kind} {{\n"
        f"  %y = pwl.apply #pwl.fn<{name}> %x : {kind} -> {kind}\n  return %y : {kind}\n}}"
        for name in names
    )
    ctx = context()
    program = parse(text, "tables.mlir", ctx)
    PwlSearchPass().apply(ctx, program.module)
    ops = [op for op in program.module.walk() if isinstance(op, ApplyOp)]
    tables = [(op.table, op.result_quantization) for op in ops]
    ConvertPwlToArithPass().apply(ctx, program.module)
    executable = iree.compile(program, threads=1)
    q = np.arange(-(1 << (bits - 1)), 1 << (bits - 1))
    stored: Any = np.int8 if bits == 8 else np.int16
    for name, (table, result) in zip(names, tables, strict=True):
        assert table is not None
        wanted = table.data.evaluate(q, result)
        assert np.array_equal(executable.run(name, q.astype(stored)), wanted), name


def test_a_torch_model_with_its_weights() -> None:
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install lut-opt[torch]")
    from lut_opt.frontends.torch import calibrate, export_text

    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(16, 32), torch.nn.GELU(), torch.nn.LayerNorm(32), torch.nn.Linear(32, 4)
    ).eval()
    x = torch.randn(6, 16)
    calibration = calibrate(model, [x])
    ctx = context()
    program = parse(export_text(model, x, calibration=calibration), "model.mlir", ctx)
    LowerNonlinearToPwlPass(input_bits=16).apply(ctx, program.module)
    PwlSearchPass(param_bits=10).apply(ctx, program.module)
    ConvertPwlToArithPass().apply(ctx, program.module)
    result = iree.compile(program)(x.numpy())
    with torch.no_grad():
        assert np.abs(result - model(x).numpy()).max() < 0.03
    from lut_opt.backends import jit

    assert np.allclose(result, jit.compile(program, opt_level=1)(x.numpy()), atol=2e-3)


def test_what_cannot_be_compiled() -> None:
    with pytest.raises(JitError, match="the module does not parse"):
        iree.compile("func.func @main(")
    with pytest.raises(JitError, match=r"memref<2xf32>; IREE passes tensors: use the JIT"):
        iree.compile("func.func @main(%x: memref<2xf32>) { return }")
    with pytest.raises(JitError, match="threads is 3; it must be 1, or None"):
        iree.compile("", threads=3)


def test_missing_iree_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"pip install lut-opt\[iree\]"):
        iree.compile(EVERY_TYPE)
