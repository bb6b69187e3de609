"""
Tables of relu(x) − h(|x|): half of them decides the rest, and all semantics compute the whole.

GELU, SiLU, HSWISH and softplus on all 256 inputs of 8 bits: NumPy, the interpreter, compiled
arithmetic, the PyTorch operator, and the folded circuit, simulated and proved.
"""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerType, ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.interpreters.func import FuncFunctions
from xdsl.interpreters.shaped_array import ShapedArray
from xdsl.interpreters.utils.ptr import TypedPtr

from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.dialects.pwl import ApplyOp, NamedFunction
from lut_opt.dialects.pwl.interpreter import PwlFunctions
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.verify_pwl import VerifyPwlPass

FUNCTIONS = {"gelu": "", "silu": "", "hardswish": "", "softplus": ", 1.0, 20.0"}
SCALES = (4, 5)
Q: Any = np.arange(-128, 128)

FUNCTION = """
func.func @NAME(%x: tensor<256x!quant.uniform<i8:f32, SCALE>>)
    -> tensor<256x!quant.uniform<i8:f32, SCALE>> {
  %y = pwl.apply #pwl.fn<FN> %x
    : tensor<256x!quant.uniform<i8:f32, SCALE>> -> tensor<256x!quant.uniform<i8:f32, SCALE>>
  func.return %y : tensor<256x!quant.uniform<i8:f32, SCALE>>
}
"""


@pytest.fixture(scope="module", params=[4, 8], ids=lambda entries: f"{entries} entries")
def module(request: pytest.FixtureRequest) -> ModuleOp:
    """Each function at each scale, its certificate and its symmetry verified."""
    text = "".join(
        FUNCTION.replace("NAME", f"{name}_{scale}")
        .replace("FN", name + parameters)
        .replace("SCALE", f"{2.0**-scale:e}")
        for name, parameters in FUNCTIONS.items()
        for scale in SCALES
    )
    found = parse(text, "functions.mlir", context()).module
    for step in (PwlSearchPass(symmetry="relu", entries=request.param), VerifyPwlPass()):
        step.apply(Context(), found)
    found.verify()
    return found


def applies(module: ModuleOp) -> dict[str, ApplyOp]:
    found = [op for op in module.walk() if isinstance(op, ApplyOp)]
    names = [f"{name}_{scale}" for name in FUNCTIONS for scale in SCALES]
    return dict(zip(names, found, strict=True))


def expected(apply: ApplyOp) -> np.ndarray:
    assert apply.table is not None
    return apply.table.data.evaluate(Q, apply.result_quantization)


def test_the_table_is_a_ramp_less_an_even_table(module: ModuleOp) -> None:
    for name, apply in applies(module).items():
        assert apply.table is not None
        table = apply.table.data
        ramp = round(2.0**table.result_shift)  # the scales of input and result are the same
        rest = table.accumulate(Q[1:]) - ramp * np.maximum(Q[1:], 0)
        assert np.array_equal(rest, rest[::-1]), name


def test_the_interpreter_agrees(module: ModuleOp) -> None:
    interpreter = Interpreter(module)
    interpreter.register_implementations(PwlFunctions())
    interpreter.register_implementations(FuncFunctions())
    for name, apply in applies(module).items():
        array = ShapedArray(TypedPtr.new(Q.tolist(), xtype=IntegerType(8)), [256])
        (result,) = interpreter.call_op(name, (array,))
        assert result.data == expected(apply).tolist(), name


def test_compiled_arithmetic_agrees(module: ModuleOp) -> None:
    jit = pytest.importorskip("lut_opt.backends.jit")
    pytest.importorskip("torch_mlir")
    converted = module.clone()
    ConvertPwlToArithPass().apply(Context(), converted)
    executable = jit.compile(Program(converted, ""), opt_level=1)
    for name, apply in applies(module).items():
        assert np.array_equal(executable.run(name, Q.astype(np.int8)), expected(apply)), name


def test_the_pytorch_operator_agrees(module: ModuleOp) -> None:
    torch = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
    operator = pytest.importorskip("lut_opt.frontends.torch.operator")
    for name, apply in applies(module).items():
        assert apply.table is not None
        function = NamedFunction(name.partition("_")[0], (1.0, 20.0) if "soft" in name else ())
        operand, result = apply.input_quantization, apply.result_quantization
        applied = operator.Applied(function, operand, result, apply.table.data)
        y = operator.Apply([applied])(torch.from_numpy(operand.dequantize(Q).astype(np.float32)))
        assert np.array_equal(y.detach().numpy() / result.scale, expected(apply)), name


def test_folded_hardware_agrees_and_is_proved(module: ModuleOp) -> None:
    simulate = pytest.importorskip("lut_opt.backends.simulate.tables")
    formal = pytest.importorskip("lut_opt.backends.formal.check")
    pytest.importorskip("pycde")
    pytest.importorskip("pyosys")
    if shutil.which("iverilog") is None:
        pytest.skip("needs iverilog: make apt")
    converted = module.clone()
    ConvertPwlToHwPass(implementation="folded").apply(Context(), converted)
    sweeps = simulate.simulate(converted)
    assert len(sweeps) == len(applies(module))
    assert [str(sweep) for sweep in sweeps if not sweep.passed or sweep.inputs != 256] == []
    assert all(line.endswith("proved: all 256 inputs") for line in formal.check(converted))
