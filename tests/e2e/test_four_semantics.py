"""
One table, four places: NumPy, the interpreter, compiled arithmetic, simulated SystemVerilog.

Every function of the registry at the scales 2^0, 2^-2, 2^-4 and 2^-6 goes through the
driver's own passes, starting from the torch operator; then the four must agree on all 256 inputs.
"""

from __future__ import annotations

import shutil
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

SCALES = [2.0**-s for s in range(0, 7, 2)]

ENTRIES = 8

PARAMETERS = {
    "softplus": (1.0, 2.0),
    "elu": (1.0, 2.0, 3.0),
    "celu": (1.5,),
    "leaky_relu": (0.125,),
    "logit": (0.0625,),
    "exponential": (3.0,),
    "pow": (3.0,),
}

OPERATORS = {
    "gelu": "torch.aten.gelu %x, %none : KIND, !torch.str -> KIND",
    "gelu_tanh": "torch.aten.gelu %x, %tanh : KIND, !torch.str -> KIND",
    "pow": "torch.aten.pow.Tensor_Scalar %x, %p0 : KIND, !torch.float -> KIND",
    "exponential": "torch.aten.pow.Scalar %p0, %x : !torch.float, KIND -> KIND",
}
"""Operators that PyTorch calls by another name than the registry."""

WRITTEN_OUT = {
    "softsign": """\
%0 = torch.aten.abs %x : KIND -> KIND
%1 = torch.aten.add.Scalar %0, %one, %one : KIND, !torch.int, !torch.int -> KIND
%y = torch.aten.div.Tensor %x, %1 : KIND, KIND -> KIND""",
    "quick_gelu": """\
%k = torch.constant.float 1.702000e+00
%0 = torch.aten.mul.Scalar %x, %k : KIND, !torch.float -> KIND
%1 = torch.aten.sigmoid %0 : KIND -> KIND
%y = torch.aten.mul.Tensor %x, %1 : KIND, KIND -> KIND""",
    "relu2": """\
%0 = torch.aten.relu %x : KIND -> KIND
%y = torch.aten.square %0 : KIND -> KIND""",
    "cos_turns": """\
%0 = pwl.apply #pwl.fn<cos_turns> %q : STORED -> tensor<256x!quant.uniform<i8:f32, 7.812500e-03>>
%1 = quant.dcast %0 : tensor<256x!quant.uniform<i8:f32, 7.812500e-03>> to tensor<256xf32>
%y = torch_c.from_builtin_tensor %1 : tensor<256xf32> -> KIND""",
}
"""Functions that PyTorch has no operator for."""


def storage(name: str, scale: float) -> str:
    """
    Eight bits that hold the longest run of numbers for which the function has a value.

    Empty where fewer than a table has entries do, as for atanh at scale 1.
    """
    best, text = 0, ""
    for sign, low in (("i", -128), ("u", 0)):
        q = np.arange(low, low + 256)
        defined = FUNCTIONS[name].is_defined(q * scale, *PARAMETERS.get(name, ()))
        edges = np.flatnonzero(np.diff(np.concatenate(([False], defined, [False]))))
        for first, end in edges.reshape(-1, 2).tolist():
            if end - first > max(best, ENTRIES - 1):
                best = end - first
                bounds = "" if best == 256 else f"<{low + first}:{low + end - 1}>"
                text = f"!quant.uniform<{sign}8{bounds}:f32, {scale:e}>"
    return text


CASES = [(name, scale) for name in FUNCTIONS for scale in SCALES if storage(name, scale)]


def torch_function(name: str, scale: float) -> str:
    """A `func.func` that applies the torch operator to 256 quantized values."""
    kind = "!torch.vtensor<[256],f32>"
    quantized = f"tensor<256x{storage(name, scale)}>"
    parameters = PARAMETERS.get(name, ())
    extra = "".join(f", %p{i}" for i in range(len(parameters)))
    types = ", !torch.float" * len(parameters)
    plain = f"torch.aten.{name} %x{extra} : KIND{types} -> KIND"
    body = WRITTEN_OUT.get(name, f"%y = {OPERATORS.get(name, plain)}").replace("KIND", kind)
    body = body.replace("STORED", quantized)
    lines = [
        '%none = torch.constant.str "none"',
        '%tanh = torch.constant.str "tanh"',
        "%one = torch.constant.int 1",
        *(f"%p{i} = torch.constant.float {value:e}" for i, value in enumerate(parameters)),
        f"%r = quant.dcast %q : {quantized} to tensor<256xf32>",
        f"%x = torch_c.from_builtin_tensor %r : tensor<256xf32> -> {kind}",
        *body.splitlines(),
        f"func.return %y : {kind}",
    ]
    text = "\n    ".join(lines)
    symbol = f"{name}_{-int(np.log2(scale))}"
    return f"  func.func @{symbol}(%q: {quantized}) -> {kind} {{\n    {text}\n  }}\n"


@dataclass
class Units:
    """One `func.func` around each searched `pwl.apply`, from 256 stored inputs to results."""

    module: ModuleOp
    applies: dict[str, ApplyOp]


@cache
def units() -> Units:
    """All functions at all scales, searched; shared by every test of this file."""
    text = "".join(torch_function(name, scale) for name, scale in CASES)
    ctx = context()
    program = parse(text, "functions.mlir", ctx)
    for step in (LowerNonlinearToPwlPass(), PwlSearchPass(entries=ENTRIES), VerifyPwlPass()):
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
    assert len(units().applies) == len(CASES) >= len(FUNCTIONS) * len(SCALES) - 4
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
        assert result.data == inside.astype(np.uint8).view(np.int8).tolist(), name


@pytest.mark.parametrize("select", ["chain", "binary", "direct"])
def test_compiled_arithmetic_agrees_on_every_bit_pattern(select: str) -> None:
    jit = pytest.importorskip("lut_opt.backends.jit")
    pytest.importorskip("torch_mlir")
    module = units().module.clone()
    # The default at every scale, the other two at every other one: compiling takes long.
    kept = list(units().applies)[:: 1 if select == "chain" else 2]
    for function in list(module.ops):
        if isinstance(function, FuncOp) and function.sym_name.data not in kept:
            function.detach()
            function.erase()
    ConvertPwlToArithPass(select=select).apply(Context(), module)  # pyright: ignore
    module.verify()
    executable = jit.compile(Program(module, ""), opt_level=1)
    for name in kept:
        apply = units().applies[name]
        result = executable.run(name, patterns(apply).astype(np.uint8).view(np.int8))
        # Storage of either sign is signless in code.
        assert np.array_equal(result, expected(apply).astype(np.uint8).view(np.int8)), name


def test_simulated_hardware_agrees_on_every_bit_pattern() -> None:
    simulate = pytest.importorskip("lut_opt.backends.simulate.tables")
    pytest.importorskip("pycde")
    if shutil.which("iverilog") is None:
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
