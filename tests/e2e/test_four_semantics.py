"""
One table, four places: NumPy, the interpreter, compiled arithmetic, simulated SystemVerilog.

Every function of the registry at every power-of-two scale from 2^0 to 2^-6 goes through the
driver's own passes, starting from the torch operator; then the four must agree on all 256 inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, IntegerType, ModuleOp, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.interpreter import Interpreter
from xdsl.interpreters.func import FuncFunctions
from xdsl.interpreters.shaped_array import ShapedArray
from xdsl.interpreters.utils.ptr import TypedPtr
from xdsl.ir import Block, Region

from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.dialects.pwl import ApplyOp
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.interpreter import PwlFunctions
from lut_opt.dialects.quant import with_element_type
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.verify_pwl import VerifyPwlPass

SCALES = [2.0**-s for s in range(7)]

OPERANDS = {
    "gelu": ('torch.constant.str "none"', "!torch.str"),
    "gelu_tanh": ('torch.constant.str "tanh"', "!torch.str"),
    "leaky_relu": ("torch.constant.float 1.250000e-01", "!torch.float"),
    "celu": ("torch.constant.float 1.500000e+00", "!torch.float"),
    "pow": ("torch.constant.float 3.000000e+00", "!torch.float"),
}
"""Constant operands that an operator needs after its input."""

WRITTEN_OUT = {
    "softsign": """\
%one = torch.constant.int 1
%abs = torch.aten.abs %x : KIND -> KIND
%sum = torch.aten.add.Scalar %abs, %one, %one : KIND, !torch.int, !torch.int -> KIND
%y = torch.aten.div.Tensor %x, %sum BOUNDS : KIND, KIND -> KIND""",
    "quick_gelu": """\
%k = torch.constant.float 1.702000e+00
%0 = torch.aten.mul.Scalar %x, %k BOUNDS : KIND, !torch.float -> KIND
%1 = torch.aten.sigmoid %0 : KIND -> KIND
%y = torch.aten.mul.Tensor %x, %1 : KIND, KIND -> KIND""",
    "relu2": """\
%0 = torch.aten.relu %x BOUNDS : KIND -> KIND
%y = torch.aten.square %0 : KIND -> KIND""",
}
"""Functions that PyTorch has no operator for."""

UNSIGNED = ("log", "sqrt", "rsqrt", "reciprocal")


def torch_function(name: str, scale: float) -> str:
    """A `func.func` that applies the torch operator to 256 values of a declared range."""
    low, high = -128 * scale, 127 * scale
    if name in UNSIGNED:
        low, high = scale, 255 * scale
    if name == "log1p":
        low = -(1 - scale) if scale < 1 else 0.0
    bounds = f"{{pwl.range = [{low!r} : f64, {high!r} : f64]}}"
    kind = "!torch.vtensor<[256],f32>"
    symbol = f"{name}_{-int(np.log2(scale))}"
    lines: list[str] = []
    extra, types = "", ""
    if name in WRITTEN_OUT:
        body = WRITTEN_OUT[name].replace("BOUNDS", bounds).replace("KIND", kind)
        lines += body.splitlines()
    else:
        op = {"gelu_tanh": "gelu", "pow": "pow.Tensor_Scalar"}.get(name, name)
        if name in ("softplus", "elu"):
            count = len(FUNCTIONS[name].parameters)
            lines += [f"%c{i} = torch.constant.float {i + 1}.000000e+00" for i in range(count)]
            extra = "".join(f", %c{i}" for i in range(count))
            types = ", !torch.float" * count
        elif name in OPERANDS:
            constant, type_ = OPERANDS[name]
            lines.append(f"%c = {constant}")
            extra, types = ", %c", f", {type_}"
        lines.append(f"%y = torch.aten.{op} %x{extra} {bounds} : {kind}{types} -> {kind}")
    body = "\n    ".join(lines)
    return (
        f"  func.func @{symbol}(%x: {kind}) -> {kind} {{\n    {body}\n"
        f"    func.return %y : {kind}\n  }}\n"
    )


@dataclass
class Units:
    """One `func.func` around each searched `pwl.apply`, from 256 stored inputs to results."""

    module: ModuleOp
    applies: dict[str, ApplyOp]


@cache
def units() -> Units:
    """All functions at all scales, searched; shared by every test of this file."""
    text = "".join(torch_function(name, scale) for name in FUNCTIONS for scale in SCALES)
    ctx = context()
    program = parse(text, "functions.mlir", ctx)
    for step in (LowerNonlinearToPwlPass(), PwlSearchPass(), VerifyPwlPass()):
        step.apply(ctx, program.module)
    program.module.verify()
    functions: list[FuncOp] = []
    applies: dict[str, ApplyOp] = {}
    for function in program.module.ops:
        assert isinstance(function, FuncOp)
        (apply,) = (op for op in function.walk() if isinstance(op, ApplyOp))
        assert apply.result is not None
        block = Block(arg_types=[apply.input.type])
        copy = apply.clone({apply.input: block.args[0]})
        block.add_ops([copy, ReturnOp(copy)])
        kind = FunctionType.from_lists([apply.input.type], [apply.result.type])
        functions.append(FuncOp(function.sym_name.data, kind, Region(block)))
        applies[function.sym_name.data] = copy
    return Units(ModuleOp(functions), applies)


def patterns(apply: ApplyOp) -> np.ndarray:
    """All 256 bit patterns as stored inputs, ascending."""
    low = -128 if apply.input_quantization.signed else 0
    return np.arange(low, low + 256)


def expected(apply: ApplyOp) -> np.ndarray:
    assert apply.table is not None
    return apply.table.data.evaluate(patterns(apply), apply.result_quantization)


def test_every_function_is_covered_at_every_scale() -> None:
    assert len(units().applies) == len(FUNCTIONS) * len(SCALES)
    names = {apply.function_name for apply in units().applies.values()}
    # Beyond the exponent 2 and the like, `pow` keeps its own name.
    assert names == set(FUNCTIONS)


def test_interpreter_agrees_on_every_stored_input() -> None:
    interpreter = Interpreter(units().module)
    interpreter.register_implementations(PwlFunctions())
    interpreter.register_implementations(FuncFunctions())
    for name, apply in units().applies.items():
        storage = apply.input_quantization
        q = storage.values
        signless = ((q + 128) % 256 - 128).tolist()
        array = ShapedArray(TypedPtr.new(signless, xtype=IntegerType(8)), [len(q)])
        (result,) = interpreter.call_op(name, (array,))
        inside = expected(apply)[storage.minimum - patterns(apply)[0] :][: len(q)]
        assert result.data == inside.tolist(), name


@pytest.mark.parametrize("select", ["compare", "search", "direct"])
def test_compiled_arithmetic_agrees_on_every_bit_pattern(select: str) -> None:
    jit = pytest.importorskip("lut_opt.backends.jit")
    pytest.importorskip("torch_mlir")
    module = units().module.clone()
    ConvertPwlToArithPass(select=select).apply(Context(), module)  # pyright: ignore
    module.verify()
    executable = jit.compile(Program(module, ""), opt_level=1)
    for name, apply in units().applies.items():
        result = executable.run(name, patterns(apply).astype(np.uint8).view(np.int8))
        assert np.array_equal(result, expected(apply)), name


def test_simulated_hardware_agrees_on_every_bit_pattern() -> None:
    simulate = pytest.importorskip("lut_opt.backends.simulate")
    pytest.importorskip("pycde")
    if simulate.shutil.which("iverilog") is None:
        pytest.skip("needs iverilog: make apt")
    module = units().module.clone()
    ConvertPwlToHwPass().apply(Context(), module)
    sweeps = simulate.simulate(module)
    assert len(sweeps) > len(SCALES)
    failed = [str(sweep) for sweep in sweeps if not sweep.passed or sweep.inputs != 256]
    assert not failed


def test_types_stay_on_tensors() -> None:
    apply = next(iter(units().applies.values()))
    kind = with_element_type(apply.input.type, IntegerType(8))
    assert kind == TensorType(IntegerType(8), [256])
