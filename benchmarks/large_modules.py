"""
Lowering of large modules: seconds for twice the operators.

Claim: `lower-nonlinear-to-pwl` takes time in proportion to the operators, whether they follow one
another, stand side by side on one value, or lie between matrix products.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from collections.abc import Callable

from measure import table

from lut_opt.dialects.assembly import context, parse
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass

RANGE = "{pwl.range = [-4.0, 4.0]}"


def chain(count: int) -> str:
    """tanh of tanh of tanh …"""
    lines = [f"%x{i + 1} = math.tanh %x{i} {RANGE} : tensor<8xf32>" for i in range(count)]
    return _function(lines, f"%x{count}", "tensor<8xf32>")


def wide(count: int) -> str:
    """A sum of sigmoids of one value, each shifted by another constant."""
    lines = ["%s0 = arith.constant dense<0.0> : tensor<8xf32>"]
    for i in range(count // 4):
        lines += [
            f"%c{i} = arith.constant dense<{i / 8}> : tensor<8xf32>",
            f"%d{i} = arith.subf %x0, %c{i} : tensor<8xf32>",
            f"%t{i} = math.tanh %d{i} {RANGE} : tensor<8xf32>",
            f"%s{i + 1} = arith.addf %s{i}, %t{i} : tensor<8xf32>",
        ]
    return _function(lines, f"%s{count // 4}", "tensor<8xf32>")


def layers(count: int) -> str:
    """Matrix products with a tanh after each."""
    kind = "tensor<8x8xf32>"
    lines = [f"%z = arith.constant dense<0.0> : {kind}"]
    for i in range(count // 2):
        lines += [
            f"%m{i} = linalg.matmul ins(%x{i}, %x{i} : {kind}, {kind}) outs(%z : {kind}) -> {kind}",
            f"%x{i + 1} = math.tanh %m{i} {RANGE} : {kind}",
        ]
    return _function(lines, f"%x{count // 2}", kind)


SHAPES: dict[str, Callable[[int], str]] = {"chain": chain, "wide": wide, "layers": layers}


def _function(lines: list[str], result: str, kind: str) -> str:
    body = "\n  ".join(lines)
    return f"func.func @f(%x0: {kind}) -> {kind} {{\n  {body}\n  func.return {result} : {kind}\n}}"


def seconds(text: str) -> float:
    """Processor seconds of one lowering, without reading the text."""
    ctx = context()
    module = parse(text, "large.mlir", ctx).module
    started = time.process_time()
    with contextlib.redirect_stderr(io.StringIO()):
        LowerNonlinearToPwlPass().apply(ctx, module)
    return time.process_time() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operators", type=int, nargs="+", default=[500, 1000, 2000, 4000])
    options = parser.parse_args()
    seconds(chain(4))  # what is imported on first use
    rows = [
        [name, *(f"{seconds(shape(count)):.2f}" for count in options.operators)]
        for name, shape in SHAPES.items()
    ]
    print(table(["seconds for … operators", *map(str, options.operators)], rows))


if __name__ == "__main__":
    main()
