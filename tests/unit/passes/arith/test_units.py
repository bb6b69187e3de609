"""The compiled units against their NumPy semantics, bit for bit."""

from __future__ import annotations

import importlib
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
from lut_opt.dialects.pwl import UnitOp
from lut_opt.dialects.pwl.interpreter import PwlFunctions
from lut_opt.dialects.quant import UniformQuantizedType, element_type
from lut_opt.dialects.quantization import Integers
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.pwl_search import PwlSearchPass

SEED = 7
PROGRAM = Path(__file__).with_name("units.mlir")
KINDS = ["uniform", "uneven", "narrow", "extremes", "constant", "one_hot", "spike", "far"]


@cache
def program() -> Program:
    return searched(PROGRAM, PwlSearchPass(param_bits=10, entries=6))


def units() -> dict[str, UnitOp]:
    return {
        function.sym_name.data: op
        for function in program().module.ops
        if isinstance(function, FuncOp)
        for op in function.walk()
        if isinstance(op, UnitOp)
    }


def inputs(op: UnitOp, kind: str) -> list[Integers]:
    """Arguments of one function: random ones, or extremes."""
    rng = np.random.default_rng(SEED)
    arrays: list[Integers] = []
    for operand in op.operands:
        q = quantization(operand.type)
        shape = [9 if size < 0 else size for size in operand.type.get_shape()]  # pyright: ignore
        match kind:
            case "uniform":
                array = rng.integers(q.minimum, q.maximum + 1, shape)
            case "uneven":  # rows of any size
                sizes = rng.integers(0, q.bits, (shape[0], *[1] * (len(shape) - 1)))
                array = rng.integers(q.minimum, q.maximum + 1, shape) >> sizes
            case "narrow":
                array = np.rint(rng.normal(0, 20, shape)).astype(np.int64)
            case "extremes":
                array = rng.choice([q.minimum, q.minimum, q.maximum, 0], shape)
            case "constant":
                array = np.full(shape, q.minimum)
            case "spike":  # the largest normalized value that a row of its length has
                array = np.full(shape, q.minimum)
                array.reshape(-1)[0] = q.maximum
            case "far":  # the smallest variance beside the largest mean
                array = q.minimum + rng.integers(0, 2, shape)
            case _:
                array = (np.arange(np.prod(shape)) == 1).reshape(shape).astype(np.int64)
        arrays.append(np.clip(array, q.minimum, q.maximum).astype(np.int64))
    return arrays


def expected(op: UnitOp, arrays: list[Integers]) -> Integers:
    return op.unit().evaluate(*arrays, axes=op.row_axes)


def stored(array: Integers, bits: int) -> Any:
    """The bit patterns as signless integers, which NumPy calls signed."""
    return array.astype({8: np.int8, 16: np.int16, 32: np.int32}[bits])


@pytest.mark.parametrize("backend", ["jit", "iree"])
def test_compiled_units_agree_bit_for_bit(backend: str) -> None:
    pytest.importorskip("torch_mlir")
    if backend == "iree":
        pytest.importorskip("iree.runtime", reason="needs IREE: pip install lut-opt[iree]")
    compiler = importlib.import_module(f"lut_opt.backends.{backend}")
    module = program().module.clone()
    ConvertPwlToArithPass().apply(context(), module)
    module.verify()
    executable = compiler.compile(Program(module, ""))
    for name, op in units().items():
        bits = [quantization(operand.type).bits for operand in op.operands]
        for kind in KINDS:
            arrays = inputs(op, kind)
            given = [stored(array, width) for array, width in zip(arrays, bits, strict=True)]
            wanted = stored(expected(op, arrays), op.result_quantization.bits)
            assert np.array_equal(executable.run(name, *given), wanted), (name, kind)


def test_interpreted_units_agree() -> None:
    interpreter = Interpreter(program().module)
    interpreter.register_implementations(PwlFunctions())
    interpreter.register_implementations(FuncFunctions())
    for name, op in units().items():
        arrays = inputs(op, "narrow")
        given = [
            ShapedArray(
                TypedPtr.new(
                    stored(array, quantization(value.type).bits).reshape(-1).tolist(),
                    xtype=quantization_storage(value.type),
                ),
                list(array.shape),
            )
            for array, value in zip(arrays, op.operands, strict=True)
        ]
        (result,) = interpreter.call_op(name, tuple(given))
        wanted = stored(expected(op, arrays), op.result_quantization.bits)
        assert result.data == wanted.reshape(-1).tolist(), name


def quantization_storage(type_: Any) -> Any:
    element = element_type(type_)
    assert isinstance(element, UniformQuantizedType)
    return element.storage_type


def test_units_without_tables_are_refused() -> None:
    ctx = context()
    bare = parse(PROGRAM.read_text(), "units.mlir", ctx)
    with pytest.raises(Exception, match=r"pwl\.softmax has no tables: run --pwl-search first"):
        ConvertPwlToArithPass().apply(ctx, bare.module)
