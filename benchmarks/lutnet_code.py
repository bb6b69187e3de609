"""
A weightless block on a CPU, token by token and in words of 64 tokens, against PyTorch's fp32 MLP.

The block has the size of the MLP that it replaces in a small vision transformer: 64 features, four
thresholds each, 512 LUT6, read out densely (512 × 64 weights) or by groups of 8 bits. Its data is
random: none of the code is faster for some tables than for others. Every executable is first
checked against the NumPy semantics, on every element.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from measure import paired, report, table
from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, ModuleOp, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block as IRBlock
from xdsl.ir import Region

from lut_opt.backends import jit
from lut_opt.dialects.assembly import Program
from lut_opt.dialects.lutnet.network import Block, ConditionalSum, Luts, Thermometer, tuples
from lut_opt.dialects.lutnet.ops import EncodeOp, LayerOp, SumOp
from lut_opt.dialects.quant import UniformQuantizedType
from lut_opt.dialects.quantization import Integers, Quantization
from lut_opt.passes.convert_lutnet_to_arith import ConvertLutnetToArithPass
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass

FEATURES, THRESHOLDS, LUTS, HIDDEN = 64, 4, 512, 256
SIDE = Quantization(8, True, 2.0**-5)


def block(dense: bool, luts: int) -> Block:
    """A block of random data."""
    rng = np.random.default_rng(0)
    encoder = Thermometer(tuples(np.sort(rng.integers(-80, 80, (FEATURES, THRESHOLDS)))))
    wires = tuples(rng.integers(0, encoder.bits, (luts, 6)))
    layer = Luts(wires, tuple(rng.integers(0, 1 << 64, luts, np.uint64).tolist()))
    shape = (FEATURES, luts if dense else luts // FEATURES)
    bits = None if dense else tuples(np.arange(luts).reshape(shape))
    weights = tuples(rng.integers(-127, 128, shape))
    return Block(SIDE, encoder, (layer,), ConditionalSum(weights, (0,) * FEATURES, 6, bits), SIDE)


def program(net: Block, tokens: int) -> ModuleOp:
    """`@main` computes the block."""
    kind = TensorType(UniformQuantizedType.from_quantization(SIDE), (tokens, FEATURES))
    entry = IRBlock(arg_types=[kind])
    encode = EncodeOp(entry.args[0], net.thermometer)
    layer = LayerOp(encode, net.layers[0])
    total = SumOp(layer, net.readout, kind)
    entry.add_ops([encode, layer, total, ReturnOp(total)])
    return ModuleOp([FuncOp("main", FunctionType.from_lists([kind], [kind]), Region(entry))])


def executable(net: Block, q: Integers, layout: str) -> Callable[[], object]:
    """One compiled layout, checked."""
    module = program(net, len(q))
    ConvertLutnetToArithPass(layout).apply(Context(), module)  # pyright: ignore[reportArgumentType]
    ConvertPwlToArithPass().apply(Context(), module)
    run, stored = jit.compile(Program(module, "")), q.astype(np.int8)
    if not np.array_equal(run(stored), net.evaluate(q)):
        raise SystemExit(f"layout={layout} differs from the semantics")
    return lambda: run(stored)


def main() -> None:
    """Measure and print."""
    import torch

    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--luts", type=int, default=LUTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    linear = torch.nn.Linear
    mlp = torch.nn.Sequential(linear(FEATURES, HIDDEN), torch.nn.GELU(), linear(HIDDEN, FEATURES))
    rows: list[tuple[object, ...]] = []
    for tokens in (1, 16, 32, 64, 256, 2048):
        q = np.random.default_rng(1).integers(-128, 128, (tokens, FEATURES))
        x = torch.randn(tokens, FEATURES)
        runs: dict[str, Callable[[], object]] = {"mlp": lambda x=x: mlp(x)}
        for name, dense in (("grouped", False), ("dense", True)):
            for layout in ("gather", "words"):
                net = block(dense, options.luts)
                runs[f"{name} {layout}"] = executable(net, q, layout)
        with torch.inference_mode():
            timings = paired(runs, options.repetitions, warm_up=3)
        rows.append((str(tokens), *(f"{each.median * 1e6:.0f}" for each in timings.values())))
    report(
        "A weightless block and the MLP in its place: microseconds a call",
        f"{FEATURES} features, {THRESHOLDS} thresholds each, {options.luts} LUT6, MLP {FEATURES}-"
        f"{HIDDEN}-{FEATURES} in fp32; medians of {options.repetitions} calls in turn, one thread",
        table(("tokens", "MLP", *("grouped gather", "words", "dense gather", "words")), rows),
        packages=("torch", "torch-mlir"),
    )


if __name__ == "__main__":
    main()
