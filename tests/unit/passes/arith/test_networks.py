"""Compiled weightless blocks against their NumPy semantics, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import networks
import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import DYNAMIC_INDEX, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp

from lut_opt.backends import jit
from lut_opt.dialects.assembly import Program
from lut_opt.dialects.lutnet.network import Block, Luts, Thermometer
from lut_opt.dialects.lutnet.ops import LayerOp
from lut_opt.dialects.quantization import Integers, Quantization
from lut_opt.passes.convert_lutnet_to_arith import ConvertLutnetToArithPass
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass

Layout = Literal["auto", "gather", "words"]


def run(module: ModuleOp, q: Integers, layout: Layout, operand: Quantization) -> Integers:
    ConvertLutnetToArithPass(layout).apply(Context(), module)
    module.verify()
    ConvertPwlToArithPass().apply(Context(), module)
    module.verify()
    width = f"int{max(8, operand.bits)}"
    return jit.compile(Program(module, ""))(q.astype(width))


def storage_bits(y: Integers, result: Quantization) -> Integers:
    """Stored values as the signed integers of their bits."""
    half = 1 << (result.bits - 1)
    return (y + half) % (2 * half) - half


@pytest.mark.parametrize("readout", ["popcount", "grouped", "dense"])
@pytest.mark.parametrize("layout", ["gather", "words"])
@pytest.mark.parametrize("tokens", [(64,), (2, 5, 7)])
def test_every_read_out(readout: str, layout: Layout, tokens: tuple[int, ...]):
    block = networks.block(4, readout=readout, layers=(13, 9))
    q = networks.stored(block, tokens)
    module = networks.program(block, tokens, popcount=readout == "popcount")
    found = run(module, q, layout, block.operand)
    assert np.array_equal(found, block.evaluate(q))


@pytest.mark.parametrize("largest", [(1 << 15) - 1, 1 << 15, 100_000])
def test_weights_beside_those_of_16_bits(largest: int):
    """Dense sums of narrow weights are products of 16 bits."""
    block = networks.block(4, readout="dense", layers=(13,))
    weights = [list(row) for row in block.readout.weights]
    weights[0][0], weights[1][2] = largest, -largest
    readout = replace(block.readout, weights=tuple(map(tuple, weights)), shift=12)
    block = replace(block, readout=readout)
    q = networks.stored(block, (64,))
    found = run(networks.program(block, (64,)), q, "words", block.operand)
    assert np.array_equal(found, block.evaluate(q))
    assert len(np.unique(found)) > 2


def test_one_token_and_any_number_of_tokens():
    block = networks.block(8)
    q = networks.stored(block, ())
    assert np.array_equal(
        run(networks.program(block, ()), q, "auto", block.operand), block.evaluate(q)
    )
    q = networks.stored(block, (3, 37))
    found = run(networks.program(block, (DYNAMIC_INDEX, 37)), q, "auto", block.operand)
    assert np.array_equal(found, block.evaluate(q))


@pytest.mark.parametrize("layout", ["gather", "words"])
@pytest.mark.parametrize(
    ("operand", "result"),
    [
        (Quantization(8, False, 0.5, 7), Quantization(8, False, 0.25, 100)),
        (Quantization(16, True, 0.5), Quantization(16, True, 0.25, 0, -300, 500)),
        (Quantization(32, True, 0.5), Quantization(32, False, 0.25)),
    ],
)
def test_types(layout: Layout, operand: Quantization, result: Quantization):
    block = networks.block(6, operand=operand, result=result, thresholds=5)
    q = networks.stored(block, (70,))
    bits = storage_bits(q, operand)
    found = run(networks.program(block, (70,)), bits, layout, operand)
    assert np.array_equal(found, storage_bits(block.evaluate(q), result))


@pytest.mark.parametrize("layout", ["gather", "words"])
def test_luts_without_inputs(layout: Layout):
    block = networks.block(6, layers=(5,), arity=0)
    q = networks.stored(block, (66,))
    found = run(networks.program(block, (66,)), q, layout, block.operand)
    assert np.array_equal(found, block.evaluate(q))


@pytest.mark.parametrize("layout", ["gather", "words"])
def test_bits_that_a_function_returns(layout: Layout):
    """They are i1, whatever the layout inside."""
    thermometer = Thermometer(((-5, 3), (0, 9)))
    luts = Luts(((0, 1), (2, 3), (1,)), (0x6, 0x8, 0x1))
    block = Block(
        networks.OPERAND, thermometer, (luts,), networks.block(0).readout, networks.RESULT
    )
    module = networks.program(block, (100,))
    (function,) = (op for op in module.walk() if isinstance(op, FuncOp))
    (layer,) = (op for op in function.walk() if isinstance(op, LayerOp))
    (final,) = (op for op in function.walk() if isinstance(op, ReturnOp))
    final.operands[0] = layer.result
    function.update_function_type()
    for op in list(function.body.block.ops):
        if op.name == "lutnet.sum":
            op.detach()
            op.erase()
    q = networks.stored(block, (100,))
    assert np.array_equal(run(module, q, layout, block.operand), block.bits(q)[-1])
