"""Range reductions and divisions: compiled, interpreted and bounded against their semantics."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tables import quantization, searched
from xdsl.dialects.func import FuncOp
from xdsl.interpreter import Interpreter
from xdsl.interpreters.func import FuncFunctions
from xdsl.interpreters.shaped_array import ShapedArray
from xdsl.interpreters.utils.ptr import TypedPtr

from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.dialects.pwl import ApplyOp, DivideOp
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.interpreter import PwlFunctions
from lut_opt.dialects.quant import UniformQuantizedType, element_type
from lut_opt.dialects.quantization import Integers, Quantization, Reals
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.verify_pwl import VerifyPwlPass

PROGRAM = Path(__file__).with_name("reductions.mlir")

WIDE = 40_000
"""Random and adversarial operands of 32 bits."""


@cache
def program() -> Program:
    program = searched(PROGRAM, PwlSearchPass(entries=8))
    VerifyPwlPass().apply(context(), program.module)
    return program


def reductions() -> dict[str, ApplyOp | DivideOp]:
    return {
        function.sym_name.data: op
        for function in program().module.ops
        if isinstance(function, FuncOp)
        for op in function.walk()
        if isinstance(op, ApplyOp | DivideOp)
    }


NAMES = re.findall(r"func.func @(\w+)", PROGRAM.read_text())


def stored(q: Integers, by: Quantization) -> Any:
    """The bit patterns as signless integers, which NumPy calls signed."""
    return q.astype({8: np.int8, 16: np.int16, 32: np.int32}[by.bits])


def operands(by: Quantization) -> Integers:
    """Every stored value, or of wide storage, each power of two with its neighbours, and others."""
    if by.bits <= 16:
        return by.values
    rng = np.random.default_rng(3)
    near = (1 << np.arange(by.bits))[:, None] + np.arange(-3, 4)
    # midpoints between table inputs, where rounding goes either way
    cells = rng.integers(1 << 11, 1 << 12, 4000)[:, None] << np.arange(0, 20)[None, :]
    middle = (cells + (cells >> 12)).reshape(-1)
    spread = np.exp2(rng.uniform(0, by.bits, WIDE)).astype(np.int64)
    v = np.concatenate([near.reshape(-1), middle, spread, [0]]) * rng.choice([-1, 1])
    v = np.concatenate([v, -v, [by.minimum, by.maximum]]) + by.zero_point
    return np.unique(v[(v >= by.minimum) & (v <= by.maximum)])


def arguments(op: ApplyOp | DivideOp) -> list[Integers]:
    if isinstance(op, ApplyOp):
        return [operands(op.input_quantization)]
    rng = np.random.default_rng(5)
    b = operands(op.denominator_quantization)
    a = op.input_quantization
    some = rng.choice([a.minimum, a.maximum, a.zero_point, a.zero_point + 1], len(b))
    drawn = rng.integers(a.minimum, a.maximum + 1, len(b))
    return [np.where(rng.random(len(b)) < 0.5, some, drawn), b]


def expected(op: ApplyOp | DivideOp, given: list[Integers]) -> Integers:
    if isinstance(op, ApplyOp):
        return op.reduced().evaluate(given[0])
    return op.unit().evaluate(*given)


def exact(op: ApplyOp | DivideOp, given: list[Integers]) -> Reals:
    """The results in output steps, in double precision, NaN where there is no value."""
    result = op.result_quantization
    with np.errstate(all="ignore"):
        if isinstance(op, ApplyOp):
            function = FUNCTIONS[op.function_name]
            x = op.input_quantization.dequantize(given[0])
            y = np.where(function.is_defined(x) & (x != 0), function(x), np.nan)
        else:
            a = op.input_quantization.dequantize(given[0])
            b = op.denominator_quantization.dequantize(given[1])
            y = np.where(b != 0, a / b, np.nan)
    return np.clip(y / result.scale + result.zero_point, result.minimum, result.maximum)


@pytest.mark.parametrize("name", NAMES)
def test_no_result_misses_by_more_than_the_bound(name: str) -> None:
    op = reductions()[name]
    given = arguments(op)
    unit = op.reduced() if isinstance(op, ApplyOp) else op.unit()
    error = np.abs(expected(op, given) - exact(op, given))
    bound = unit.error_bound()
    worst = np.nanmax(error)
    assert worst <= bound
    # The bound is no empty promise: few octaves reach few of the worst mantissas.
    assert bound <= 10 * worst + 2
    assert np.isnan(error).any()


@pytest.mark.parametrize("name", NAMES)
def test_an_input_without_a_value_saturates(name: str) -> None:
    op = reductions()[name]
    result = op.result_quantization
    if isinstance(op, DivideOp):
        a, b = op.input_quantization, op.denominator_quantization
        numerators = np.array([a.minimum, a.zero_point, a.maximum])
        wanted = [result.minimum, result.zero_point, result.maximum]
        if a.minimum == a.zero_point:
            wanted[0] = result.zero_point
        found = op.unit().evaluate(numerators, np.array(b.zero_point))
    else:
        zero = op.input_quantization.zero_point
        v = [zero] if op.function_name == "reciprocal" else [zero, op.input_quantization.minimum]
        found = op.reduced().evaluate(np.array(v))
        at_zero = {"log": result.minimum, "sqrt": result.zero_point}
        wanted = [at_zero.get(op.function_name, result.maximum)] * len(v)
    assert found.tolist() == wanted


def test_compiled_reductions_agree_bit_for_bit() -> None:
    jit = pytest.importorskip("lut_opt.backends.jit")
    pytest.importorskip("torch_mlir")
    module = program().module.clone()
    ConvertPwlToArithPass().apply(context(), module)
    module.verify()
    executable = jit.compile(Program(module, ""), opt_level=1)
    for name, op in reductions().items():
        given = arguments(op)
        sides = [quantization(operand.type) for operand in op.operands]
        arrays = [stored(q, by) for q, by in zip(given, sides, strict=True)]
        wanted = stored(expected(op, given), op.result_quantization)
        assert np.array_equal(executable.run(name, *arrays), wanted), name


TABLE = "#pwl.table<i8, breakpoints = [], slopes = [-32], intercepts = [96], intercept_shift = 9>"
DIVIDE = f"reduce #pwl.leading_zero<table_bits = 9> {{reciprocal = {TABLE}}}"
APPLY = f"reduce #pwl.leading_zero<table_bits = 9> table {TABLE}"
SHAPES = f"""
!a = !quant.uniform<i16:f32, 1.0>
!b = !quant.uniform<u16:f32, 0.5>
func.func @broadcast(%a: tensor<?x1x1x4x!a>, %b: tensor<3x1x?x!b>) -> tensor<?x3x1x4x!a> {{
  %y = pwl.divide %a, %b {DIVIDE} : tensor<?x1x1x4x!a>, tensor<3x1x?x!b> -> tensor<?x3x1x4x!a>
  func.return %y : tensor<?x3x1x4x!a>
}}
func.func @inside(%a: tensor<5x!a>, %b: tensor<5x!b>, %o: tensor<5x!a>) -> tensor<5x!a> {{
  %y = linalg.generic {{indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>,
      affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}}
      ins(%a, %b : tensor<5x!a>, tensor<5x!b>) outs(%o : tensor<5x!a>) {{
  ^bb0(%p: !a, %q: !b, %r: !a):
    %z = pwl.divide %p, %q {DIVIDE} : !a, !b -> !a
    %w = pwl.apply #pwl.fn<reciprocal> %z {APPLY} : !a -> !a
    linalg.yield %w : !a
  }} -> tensor<5x!a>
  func.return %y : tensor<5x!a>
}}
"""


def test_shapes() -> None:
    """Broadcasting, dynamic sizes, and scalars in the body of another loop."""
    jit = pytest.importorskip("lut_opt.backends.jit")
    pytest.importorskip("torch_mlir")
    ctx = context()
    program = parse(SHAPES, "shapes.mlir", ctx)
    program.module.verify()
    divide, apply = (
        next(op for op in program.module.walk() if isinstance(op, kind))
        for kind in (DivideOp, ApplyOp)
    )
    division, reciprocal = divide.unit(), apply.reduced()
    ConvertPwlToArithPass().apply(ctx, program.module)
    executable = jit.compile(program, opt_level=1)
    rng = np.random.default_rng(1)
    a = rng.integers(-(1 << 15), 1 << 15, (2, 1, 1, 4))
    b = rng.integers(0, 1 << 10, (3, 1, 4))
    found = executable.run("broadcast", a.astype(np.int16), b.astype(np.int16))
    assert np.array_equal(found, division.evaluate(a, b))
    a, b = rng.integers(-(1 << 15), 1 << 15, 5), np.array([0, 1, 7, 300, 65535])
    shape = np.zeros(5, np.int16)
    found = executable.run("inside", a.astype(np.int16), b.astype(np.uint16).view(np.int16), shape)
    assert np.array_equal(found, reciprocal.evaluate(division.evaluate(a, b)))


HALF = f"""
!b = !quant.uniform<u32:f16, 5.9604644775390625E-8>
!y = !quant.uniform<i32:f16, 3.0517578125E-5>
func.func @f(%x: tensor<6xf16>) -> tensor<6xf16> {{
  %q = quant.qcast %x : tensor<6xf16> to tensor<6x!b>
  %r = pwl.apply #pwl.fn<reciprocal> %q {APPLY} : tensor<6x!b> -> tensor<6x!y>
  %y = quant.dcast %r : tensor<6x!y> to tensor<6xf16>
  func.return %y : tensor<6xf16>
}}
"""


def test_half_precision_holds_wide_operands() -> None:
    """32 bits of storage under f16, whose own integers end at 2,048 and values at 65,504."""
    jit = pytest.importorskip("lut_opt.backends.jit")
    pytest.importorskip("torch_mlir")
    ctx = context()
    program = parse(HALF, "half.mlir", ctx)
    ConvertPwlToArithPass().apply(ctx, program.module)
    x = np.array([0.001, 0.25, 1.0, 3.0, 40.0, 250.0], np.float16)
    found = jit.compile(program, opt_level=1)(x)
    # The chord of 1/t over an octave is off by up to an eighth.
    assert np.all(np.abs(found * x.astype(np.float64) - 1) < 0.126)
    assert found[1] == 4.0


def test_interpreted_reductions_agree() -> None:
    interpreter = Interpreter(program().module)
    interpreter.register_implementations(PwlFunctions())
    interpreter.register_implementations(FuncFunctions())
    for name, op in reductions().items():
        given = [q[::97] for q in arguments(op)]
        arrays = [
            ShapedArray(
                TypedPtr.new(
                    stored(q, quantization(value.type)).tolist(), xtype=storage(value.type)
                ),
                [len(q)],
            )
            for q, value in zip(given, op.operands, strict=True)
        ]
        (result,) = interpreter.call_op(name, tuple(arrays))
        wanted = stored(expected(op, given), op.result_quantization)
        assert result.data == wanted.tolist(), name


def storage(type_: Any) -> Any:
    element = element_type(type_)
    assert isinstance(element, UniformQuantizedType)
    return element.storage_type
