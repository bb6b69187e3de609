"""
Integer softmax, layer norm and GELU on a CPU against PyTorch's fp32, one thread each, in one run.

Measured are the units as a model has them: softmax of attention scores (batch 8, 12 heads, 128
tokens, 16-bit scores), layer norm of tokens of 768 16-bit values, and GELU from 16-bit and 8-bit
inputs, compiled by the JIT and by IREE. Every unit is first checked against its NumPy semantics, on
every element. `float` rows take and give floats: they quantize, compute and dequantize, as a
drop-in replacement does. The limit of each is a copy of as many bytes as it reads and writes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from measure import paired, report, table

from lut_opt.backends import iree, jit
from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.dialects.pwl import ApplyOp, UnitOp
from lut_opt.dialects.quantization import Integers, Quantization
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.pwl_search import PwlSearchPass

SCORES = Quantization(16, True, 2.0**-8)
PROBABILITIES = Quantization(16, False, 2.0**-15)
CLIP = -4095


@dataclass(frozen=True)
class Unit:
    """A lowered unit, what it should answer, and inputs for it."""

    program: Program
    expected: Callable[[Integers], Integers]


def unit(op: str, shape: tuple[int, ...], sides: tuple[Quantization, Quantization]) -> Unit:
    """One op, `%y = op %x`, with its tables, between stored integers."""
    source, target = (_type(shape, side) for side in sides)
    text = f"func.func @main(%x: {source}) -> {target} {{\n{op} : {source} -> {target}\n"
    ctx = context()
    program = parse(f"{text}return %y : {target}\n}}", "unit.mlir", ctx)
    PwlSearchPass(param_bits=10).apply(ctx, program.module)
    expected = _semantics(program)
    ConvertPwlToArithPass().apply(ctx, program.module)
    return Unit(program, expected)


def drop_in(op: str, shape: tuple[int, ...], sides: tuple[Quantization, Quantization]) -> Program:
    """The same from floats to floats."""
    source, target = (_type(shape, side) for side in sides)
    real = f"tensor<{'x'.join(map(str, shape))}xf32>"
    ctx = context()
    program = parse(
        f"func.func @main(%r: {real}) -> {real} {{\n"
        f"%x = quant.qcast %r : {real} to {source}\n{op} : {source} -> {target}\n"
        f"%z = quant.dcast %y : {target} to {real}\nreturn %z : {real}\n}}",
        "float.mlir",
        ctx,
    )
    PwlSearchPass(param_bits=10).apply(ctx, program.module)
    ConvertPwlToArithPass().apply(ctx, program.module)
    return program


def _type(shape: tuple[int, ...], side: Quantization) -> str:
    kind = f"{'i' if side.signed else 'u'}{side.bits}"
    return f"tensor<{'x'.join(map(str, shape))}x!quant.uniform<{kind}:f32, {side.scale!r}>>"


def _semantics(program: Program) -> Callable[[Integers], Integers]:
    for op in program.module.walk():
        if isinstance(op, UnitOp):
            made, axes = op.unit(), op.row_axes
            return lambda q: made.evaluate(q, axes=axes)
        if isinstance(op, ApplyOp) and op.table is not None:
            lookup, result = op.table.data, op.result_quantization
            return lambda q: lookup.evaluate(q, result)
    raise ValueError("no unit in the module")


def executables(
    made: Unit, whole: Program, q: Integers, real: Any, backends: dict[str, ModuleType]
) -> dict[str, Callable[[], object]]:
    """Runs by name, after a comparison of every element with the semantics."""
    stored = q.astype(f"int{16 if q.max() > 127 else 8}")
    copied, copied_floats = _apart(stored), _apart(real)
    runs: dict[str, Callable[[], object]] = {
        "limit: copy of the integers": lambda: np.copyto(copied, stored),
        "limit: copy of the floats": lambda: np.copyto(copied_floats, real),
    }
    for name, backend in backends.items():
        options = {"threads": 1} if backend is iree else {}
        integer = backend.compile(made.program, **options)
        given = integer(stored)
        if not np.array_equal(given, made.expected(q).astype(given.dtype)):
            raise SystemExit(f"{name}: the compiled unit differs from its semantics")
        floats = backend.compile(whole, **options)
        runs[f"integer, {name}"] = lambda run=integer, x=stored: run(x)
        runs[f"float to float, {name}"] = lambda run=floats: run(real)
    return runs


def _apart(array: Any) -> Any:
    """An array like another, half a page from it modulo pages: else stores seem to meet loads."""
    page = 4096
    room = np.empty(array.nbytes + page, np.uint8)
    start = (array.ctypes.data + page // 2 - room.ctypes.data) % page
    return room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)


def softmax_runs(rows: int, backends: dict[str, ModuleType]) -> dict[str, Callable[[], object]]:
    """Attention scores of 8 × 12 × rows × 128."""
    import torch

    shape = (8, 12, rows, 128)
    real = np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)
    op = f"%y = pwl.softmax %x {{axis = 3 : i64, clip = {CLIP} : i64}}"
    sides = SCORES, PROBABILITIES
    x = torch.from_numpy(real)
    q = SCORES.quantize(real.astype(np.float64))
    runs = executables(unit(op, shape, sides), drop_in(op, shape, sides), q, real, backends)
    return {"PyTorch fp32": lambda: torch.softmax(x, -1), **runs}


def norm_runs(tokens: int, backends: dict[str, ModuleType]) -> dict[str, Callable[[], object]]:
    """Tokens of 768 features, without gamma and beta: those are the next matrix product's."""
    import torch

    shape = (tokens, 768)
    side = Quantization(16, True, 2.0**-12)
    real = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    op = "%y = pwl.layer_norm %x {epsilon = 1.0e-05, normalized = 1 : i64}"
    x = torch.from_numpy(real)
    q = side.quantize(real.astype(np.float64))
    made, whole = unit(op, shape, (side, side)), drop_in(op, shape, (side, side))
    runs = executables(made, whole, q, real, backends)
    return {"PyTorch fp32": lambda: torch.nn.functional.layer_norm(x, shape[1:]), **runs}


def gelu_runs(
    size: int, bits: int, backends: dict[str, ModuleType]
) -> dict[str, Callable[[], object]]:
    """Pre-activations of a feed-forward layer."""
    import torch

    side = Quantization(bits, True, 2.0 ** (4 - bits))
    real = np.random.default_rng(0).normal(0, 2, size).astype(np.float32)
    op = "%y = pwl.apply #pwl.fn<gelu> %x"
    x = torch.from_numpy(real)
    q = side.quantize(real.astype(np.float64))
    made, whole = unit(op, (size,), (side, side)), drop_in(op, (size,), (side, side))
    runs = executables(made, whole, q, real, backends)
    return {"PyTorch fp32": lambda: torch.nn.functional.gelu(x), **runs}


def main() -> None:
    """Measure and print."""
    import torch

    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--rows", type=int, default=128, help="rows of each head (default: 128)")
    parser.add_argument("--size", type=int, default=1 << 20, help="elements of GELU")
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--backend", choices=("jit", "iree", "both"), default="both")
    options = parser.parse_args()
    torch.set_num_threads(1)
    known: dict[str, ModuleType] = {"jit": jit, "iree": iree}
    backends = {name: known[name] for name in known if options.backend in (name, "both")}
    for title, runs in (
        (f"softmax of 8×12×{options.rows}×128", softmax_runs(options.rows, backends)),
        (f"layer norm of {8 * options.rows}×768", norm_runs(8 * options.rows, backends)),
        (f"GELU of {options.size} 16-bit inputs", gelu_runs(options.size, 16, backends)),
        (f"GELU of {options.size} 8-bit inputs", gelu_runs(options.size, 8, backends)),
    ):
        timings = paired(runs, options.repetitions, warm_up=2)
        peer = timings["PyTorch fp32"]
        rows = [
            (
                name,
                f"{timing.median * 1e3:.3f}",
                f"{timing.minimum * 1e3:.3f}",
                f"{peer.median / timing.median:.2f}×",
                f"{peer.minimum / timing.minimum:.2f}×",
            )
            for name, timing in timings.items()
        ]
        report(
            f"{title}: milliseconds a call",
            f"8 entries of 10 bits; {options.repetitions} calls each, in turn, one thread; ratios "
            "against PyTorch",
            table(("", "median", "minimum", "ratio (median)", "ratio (minimum)"), rows),
            packages=("torch", "torch-mlir", "iree-base-compiler"),
        )


if __name__ == "__main__":
    main()
