"""
Whole attention in integers against PyTorch's, one thread each, in one run.

Softmax(Q·Kᵀ / √64)·V of 12 heads of 64 features: 8-bit operands, i32 sums, an integer softmax and
results of 8 bits, no float between, compiled by the JIT and by IREE. Beside it PyTorch's
`scaled_dot_product_attention` of fp32; torchao's of 8-bit integers has no kernel for CPUs in its
published package. The limit of all is a copy of what they read and write.

    python benchmarks/attention.py                  128 and 1024 tokens, minutes
    python benchmarks/attention.py --tokens 32 --repetitions 3
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from types import ModuleType

import numpy as np
import torch
from measure import paired, report, table
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from lut_opt.backends import iree, jit
from lut_opt.dialects.assembly import Program, context, parse
from lut_opt.frontends.torch import IntegerQuantizer, export_text
from lut_opt.passes.convert_pwl_to_arith import ConvertPwlToArithPass
from lut_opt.passes.convert_quantized_to_integer import ConvertQuantizedToIntegerPass
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass

HEADS, WIDTH = 12, 64

Runs = dict[str, Callable[[], object]]


class Attention(nn.Module):
    """Queries, keys and values (1, heads, tokens, features) to as many results."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """As `scaled_dot_product_attention`, spelled out."""
        return torch.softmax(q @ k.transpose(-2, -1) * WIDTH**-0.5, -1) @ v


def integers(inputs: tuple[Tensor, Tensor, Tensor]) -> Program:
    """The same in integers; what is not is an error."""
    model = torch.export.export(Attention().eval(), inputs).module()
    prepared = prepare_pt2e(model, IntegerQuantizer(8))
    prepared(*inputs)
    ctx = context()
    program = parse(export_text(convert_pt2e(prepared), *inputs), "attention.mlir", ctx)
    for a_pass in (
        LowerNonlinearToPwlPass(),
        PwlSearchPass(param_bits=10),
        ConvertQuantizedToIntegerPass(float="error"),
        ConvertPwlToArithPass(),
    ):
        a_pass.apply(ctx, program.module)
    return program


def runs(tokens: int, backends: dict[str, ModuleType]) -> Runs:
    """What is measured, by name; integers are first compared with fp32."""
    generator = torch.Generator().manual_seed(0)
    shape = (1, HEADS, tokens, WIDTH)
    q, k, v = (torch.randn(shape, generator=generator) for _ in range(3))
    inputs = q, k, v = 4 * q, k, v  # some tokens matter, as they do in trained attention
    arrays = [x.numpy() for x in inputs]
    copied = [np.empty_like(x) for x in (*arrays, arrays[0])]
    wanted = scaled_dot_product_attention(q, k, v).numpy()
    program = integers(inputs)
    found: Runs = {
        "limit: copy of the floats": lambda: [
            np.copyto(to, x) for to, x in zip(copied, (*arrays, arrays[0]), strict=True)
        ],
        "PyTorch fp32": lambda: scaled_dot_product_attention(q, k, v),
    }
    for name, backend in backends.items():
        run = backend.compile(program, **({"threads": 1} if backend is iree else {}))
        given = run(*arrays)
        cosine = float((given * wanted).sum() / np.linalg.norm(given) / np.linalg.norm(wanted))
        print(f"{name}, {tokens} tokens: cosine {cosine:.5f}")
        if cosine < 0.99:
            raise SystemExit(f"{name}: the integers are not the attention that they should be")
        found[f"integers, {name}"] = partial(run, *arrays)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--tokens", type=int, nargs="+", default=[128, 1024])
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--backends", nargs="+", choices=("jit", "iree"), default=["jit", "iree"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    known: dict[str, ModuleType] = {"jit": jit, "iree": iree}
    for tokens in options.tokens:
        timings = paired(
            runs(tokens, {name: known[name] for name in options.backends}), options.repetitions
        )
        peer = timings["PyTorch fp32"]
        report(
            f"attention of {HEADS} heads, {tokens} tokens of {WIDTH}: milliseconds a call",
            f"{options.repetitions} calls each, in turn, one thread; ratios against PyTorch fp32",
            table(
                ("", "median", "minimum", "ratio (minimum)"),
                [
                    (
                        name,
                        f"{timing.median * 1e3:.2f}",
                        f"{timing.minimum * 1e3:.2f}",
                        f"{peer.minimum / timing.minimum:.2f}×",
                    )
                    for name, timing in timings.items()
                ],
            ),
            packages=("torch", "torchao", "torch-mlir", "iree-base-compiler"),
        )


if __name__ == "__main__":
    main()
