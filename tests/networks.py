"""Random weightless blocks, and programs of them."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import FunctionType, ModuleOp, StringAttr, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block as IRBlock
from xdsl.ir import Region

from lut_opt.dialects.lutnet.network import Block, ConditionalSum, Luts, Thermometer, tuples
from lut_opt.dialects.lutnet.ops import EncodeOp, LayerOp, PopcountOp, SumOp
from lut_opt.dialects.quant import UniformQuantizedType
from lut_opt.dialects.quantization import Integers, Quantization

OPERAND = Quantization(8, True, 2.0**-4)
RESULT = Quantization(8, True, 2.0**-3)


def luts(rng: np.random.Generator, inputs: int, count: int, arity: int) -> Luts:
    """Random wires and tables, each LUT of 0 … `arity` inputs, mostly of all."""
    arities = np.where(rng.random(count) < 0.8, arity, rng.integers(0, arity + 1, count))
    rows = [rng.integers(0, inputs, n).tolist() for n in arities.tolist()]
    tables = [int.from_bytes(rng.bytes(8)) & ((1 << (1 << n)) - 1) for n in arities.tolist()]
    return Luts(tuples(rows), tuple(tables))


def block(
    seed: int,
    *,
    features: int = 4,
    thresholds: int = 3,
    layers: tuple[int, ...] = (12,),
    arity: int = 6,
    results: int = 3,
    readout: str = "dense",
    operand: Quantization = OPERAND,
    result: Quantization = RESULT,
) -> Block:
    """A random block; `readout` is popcount, grouped or dense."""
    rng = np.random.default_rng(seed)
    low, high = operand.minimum - 3, operand.maximum + 3
    encoder = Thermometer(tuples(np.sort(rng.integers(low, high, (features, thresholds)))))
    made: list[Luts] = []
    inputs = encoder.bits
    for count in layers:
        made.append(luts(rng, inputs, count, arity))
        inputs = count
    bias = tuple(rng.integers(-60, 60, results).tolist())
    if readout == "dense":
        total = ConditionalSum(tuples(rng.integers(-40, 41, (results, inputs))), bias, 2)
    else:
        size = inputs // results
        members = np.arange(results * size).reshape(results, size)
        ones = np.ones_like(members)
        weights = ones if readout == "popcount" else rng.integers(-90, 90, members.shape)
        total = ConditionalSum(
            tuples(weights),
            (0,) * results if readout == "popcount" else bias,
            0 if readout == "popcount" else 1,
            tuples(members),
        )
    return Block(operand, encoder, tuple(made), total, result)


def program(net: Block, tokens: tuple[int, ...], popcount: bool = False) -> ModuleOp:
    """`@main` computes the block on tensors of tokens."""

    def kind(size: int, quantization: Quantization) -> TensorType[UniformQuantizedType]:
        element = UniformQuantizedType.from_quantization(quantization)
        return TensorType(element, (*tokens, size))

    source = kind(net.thermometer.features, net.operand)
    target = kind(net.readout.results, net.result)
    entry = IRBlock(arg_types=[source])
    encode = EncodeOp(entry.args[0], net.thermometer)
    entry.add_op(encode)
    bits = encode.result
    for each in net.layers:
        layer = LayerOp(bits, each)
        entry.add_op(layer)
        bits = layer.result
    final = PopcountOp(bits, target) if popcount else SumOp(bits, net.readout, target)
    entry.add_ops([final, ReturnOp(final.result)])
    function = FuncOp(
        StringAttr("main").data, FunctionType.from_lists([source], [target]), Region(entry)
    )
    return ModuleOp([function])


def stored(net: Block, tokens: tuple[int, ...], seed: int = 0) -> Integers:
    """Random stored inputs."""
    shape = (*tokens, net.thermometer.features)
    rng = np.random.default_rng(seed)
    return rng.integers(net.operand.minimum, net.operand.maximum, shape, np.int64, endpoint=True)
