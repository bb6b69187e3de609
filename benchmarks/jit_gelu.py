"""
The compiled integer GELU against PyTorch's floating-point one, one thread each, in one run.

Claim: an 8-entry table from INT8 to INT8 (S = 2^-4) runs at least twice as fast as PyTorch's fp32
GELU on a tensor of the same shape, and its results are those of the table on every element. The
floor is one copy of the tensor. The last row is the whole drop-in replacement, float to float: it
quantizes, looks up and dequantizes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Literal

import numpy as np
from measure import paired, report, table

from lut_opt.backends import jit
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import ApplyOp
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.pwl_search import PwlSearchPass

Select = Literal["chain", "binary", "direct"]
SELECTS: tuple[Select, ...] = ("chain", "binary", "direct")
SCALE = 2.0**-4


def compiled(body: str, kind: str, entries: int, select: Select) -> tuple[jit.Executable, ApplyOp]:
    """The compiled function of one argument `%x`, and the searched op that it came from."""
    ctx = context()
    text = f"func.func @main(%x: {kind}) -> {kind} {{\n{body}\nreturn %y : {kind}\n}}"
    program = parse(text, "gelu.mlir", ctx)
    PwlSearchPass(entries=entries).apply(ctx, program.module)
    (apply,) = (op for op in program.module.walk() if isinstance(op, ApplyOp))
    kept = apply.clone({apply.input: apply.input})
    ConvertPwlToArithPass(select=select).apply(ctx, program.module)
    return jit.compile(program), kept


def integer_gelu(size: int, entries: int, select: Select) -> tuple[jit.Executable, ApplyOp]:
    """INT8 to INT8."""
    kind = f"tensor<{size}x!quant.uniform<i8:f32, {SCALE!r}>>"
    return compiled(f"%y = pwl.apply #pwl.fn<gelu> %x : {kind} -> {kind}", kind, entries, select)


def float_gelu(size: int, entries: int) -> jit.Executable:
    """Float to float, with the casts."""
    real = f"tensor<{size}xf32>"
    kind = f"tensor<{size}x!quant.uniform<i8:f32, {SCALE!r}>>"
    body = (
        f"%q = quant.qcast %x : {real} to {kind}\n"
        f"%t = pwl.apply #pwl.fn<gelu> %q : {kind} -> {kind}\n"
        f"%y = quant.dcast %t : {kind} to {real}"
    )
    return compiled(body, real, entries, "chain")[0]


def runs(size: int, entries: int) -> dict[str, Callable[[], object]]:
    """What is compared, by name; every table is checked first."""
    import torch
    from torch.nn.functional import gelu

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    q = rng.integers(-128, 128, size).astype(np.int8)
    real = rng.normal(0, 2, size).astype(np.float32)
    x = torch.from_numpy(real)
    made: dict[str, Callable[[], object]] = {
        "PyTorch fp32 GELU": lambda: gelu(x),
        "PyTorch fp32 GELU, tanh": lambda: gelu(x, approximate="tanh"),
        "copy of the int8 tensor": lambda: q.copy(),
    }
    for select in SELECTS:
        executable, apply = integer_gelu(size, entries, select)
        assert apply.table is not None
        expected = apply.table.data.evaluate(q, apply.result_quantization)
        if not np.array_equal(executable(q), expected):
            raise SystemExit(f"select={select}: the compiled code differs from its table")
        made[f"lut-opt int8, select={select}"] = lambda executable=executable: executable(q)
    whole = float_gelu(size, entries)
    made["lut-opt fp32 → int8 → fp32"] = lambda: whole(real)
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--size", type=int, default=1 << 20, help="elements (default: 2^20)")
    parser.add_argument("--entries", type=int, default=8)
    parser.add_argument("--repetitions", type=int, default=100)
    options = parser.parse_args()
    timings = paired(runs(options.size, options.entries), options.repetitions, warm_up=10)
    peer = timings["PyTorch fp32 GELU"]
    rows = [
        (
            name,
            f"{timing.median * 1e3:.4f}",
            f"{timing.minimum * 1e3:.4f}",
            f"{peer.median / timing.median:.2f}×",
            f"{peer.minimum / timing.minimum:.2f}×",
        )
        for name, timing in timings.items()
    ]
    report(
        f"GELU of {options.size} elements, {options.entries} entries: milliseconds a call",
        f"{options.repetitions} calls each, in turn, one thread; ratios against PyTorch fp32",
        table(("", "median", "minimum", "ratio (median)", "ratio (minimum)"), rows),
        packages=("torch", "torch-mlir"),
    )


if __name__ == "__main__":
    main()
