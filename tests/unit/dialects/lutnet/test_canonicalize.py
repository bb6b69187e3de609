"""Canonicalization keeps every result, and the interpreter computes them."""

from __future__ import annotations

import networks
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, i8
from xdsl.interpreter import Interpreter
from xdsl.interpreters.func import FuncFunctions
from xdsl.interpreters.shaped_array import ShapedArray
from xdsl.interpreters.utils.ptr import TypedPtr
from xdsl.transforms.canonicalize import CanonicalizePass

from lut_opt.dialects.lutnet.interpreter import LutnetFunctions
from lut_opt.dialects.lutnet.ops import EncodeOp, LayerOp
from lut_opt.dialects.quantization import Integers


def interpret(module: ModuleOp, q: Integers) -> Integers:
    interpreter = Interpreter(module)
    interpreter.register_implementations(LutnetFunctions())
    interpreter.register_implementations(FuncFunctions())
    data = TypedPtr[int].new(q.reshape(-1).tolist(), xtype=i8)
    (found,) = interpreter.call_op("main", (ShapedArray(data, list(q.shape)),))
    return np.asarray(found.data, np.int64).reshape(found.shape)


@pytest.mark.parametrize("readout", ["popcount", "grouped", "dense"])
def test_the_interpreter(readout: str):
    block = networks.block(3, readout=readout, layers=(12, 6))
    module = networks.program(block, (2, 5), popcount=readout == "popcount")
    module.verify()
    q = networks.stored(block, (2, 5))
    assert np.array_equal(interpret(module, q), block.evaluate(q))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    features=st.integers(1, 4),
    thresholds=st.integers(1, 3),
    layers=st.lists(st.integers(1, 14), max_size=3),
    arity=st.integers(0, 4),
    readout=st.sampled_from(["popcount", "grouped", "dense"]),
)
def test_every_result_stays(
    seed: int, features: int, thresholds: int, layers: list[int], arity: int, readout: str
):
    block = networks.block(
        seed,
        features=features,
        thresholds=thresholds,
        layers=tuple(layers),
        arity=arity,
        readout=readout,
        results=1 if readout != "dense" else 2,
    )
    module = networks.program(block, (40,), popcount=readout == "popcount")
    q = networks.stored(block, (40,), seed)
    CanonicalizePass().apply(Context(), module)
    module.verify()
    assert np.array_equal(interpret(module, q), block.evaluate(q))


def test_a_canonical_program_stays_as_it_is():
    block = networks.block(5, layers=(10, 8), arity=2)
    module = networks.program(block, (3,))
    CanonicalizePass().apply(Context(), module)
    once = str(module)
    CanonicalizePass().apply(Context(), module)
    assert str(module) == once
    sizes = [op.luts.data.count for op in module.walk() if isinstance(op, LayerOp)]
    assert sum(sizes) < 18
    (encode,) = (op for op in module.walk() if isinstance(op, EncodeOp))
    assert encode.thresholds.data.bits <= block.thermometer.bits
