"""
What the integer semantics cost in training: forward and backward of each operator in PyTorch.

    python benchmarks/torch_operator.py [--rows 1024] [--length 1024] [--threads 1] [--compile]

Beside each stand, in the same run and turn by turn: the float module, the quantizer alone (which
any quantization-aware training has), and PyTorch's own learnable quantizer. Minima over the turns.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
from measure import machine, paired, table
from torch import nn

from lut_opt.dialects.pwl import units
from lut_opt.dialects.pwl.attributes import NamedFunction
from lut_opt.dialects.pwl.certificate import samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.range_reduction import LeadingZero
from lut_opt.dialects.pwl.reduction import table_function, table_sides
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization
from lut_opt.frontends.torch.operator import (
    Applied,
    Apply,
    DivisionModule,
    LogSoftmaxModule,
    NormModule,
    Quantizer,
    Scale,
    SoftmaxModule,
)
from lut_opt.passes.search import Shape, formulate, search

TURNS = 15

COLUMNS = ("float", "integers", "quantizer", "ATen's")

EXPONENTS = range(-8, -3)
WIDE = [Quantization(16, True, 2.0**e) for e in EXPONENTS]


def fitted(function: str, operand: Quantization, result: Quantization) -> Table:
    """Thirty-two equal segments: which they are costs nothing."""
    points = samples(FUNCTIONS[function], (), operand, result)
    shape = Shape(entries=32, param_bits=10)
    return search(formulate(points, operand, result, shape), strategy="uniform").table


def exponential(operand: Quantization) -> tuple[int, int, Table]:
    """Clip, fraction bits and table of an exponential that is 0 at the clip."""
    clip = -round(15 / operand.scale)
    found = fitted("exp", units.exp_operand(operand.scale, clip), units.exp_result(12))
    first = (clip + 1, *found.breakpoints)
    lines = (0, *found.slopes), (0, *found.intercepts)
    shifts = found.intercept_shift, found.result_shift
    return clip, 12, Table(first, *lines, *shifts, found.param_bits)


def scale() -> Scale:
    """A learnt scale in the middle of its window."""
    return Scale.window(EXPONENTS[0], EXPONENTS[-1], -6)


def gelu() -> Apply:
    """Eight bits in and out."""
    result = Quantization(8, True, 2.0**-5)
    window = [Quantization(8, True, 2.0**e) for e in EXPONENTS]
    applied = [Applied(NamedFunction("gelu"), q, result, fitted("gelu", q, result)) for q in window]
    return Apply(applied, scale())


def softmax() -> SoftmaxModule:
    """Sixteen bits in, eight out."""
    result = Quantization(8, False, 2.0**-8)
    reciprocal = fitted("reciprocal", units.RECIPROCAL_OPERAND, units.INVERSE_RESULT)
    window = [units.Softmax(q, result, *exponential(q), reciprocal) for q in WIDE]
    return SoftmaxModule(window, scale())


def log_softmax() -> LogSoftmaxModule:
    """Sixteen bits in and out."""
    result = Quantization(16, True, 2.0**-10)
    log = fitted("log", units.RECIPROCAL_OPERAND, units.LOG_RESULT)
    return LogSoftmaxModule(
        [units.LogSoftmax(q, result, *exponential(q), log) for q in WIDE], scale()
    )


def norm(kind: type[units.Norm], length: int) -> NormModule:
    """Sixteen bits in and out."""
    result, gamma = Quantization(16, True, 2.0**-12), Quantization(16, True, 2.0**-14)
    beta = gamma if kind is units.LayerNorm else None
    rsqrt = fitted("rsqrt", units.RSQRT_OPERAND, units.INVERSE_RESULT)
    window = [kind(q, result, rsqrt, 1e-5, gamma, beta) for q in WIDE]
    weight = nn.Parameter(torch.ones(length))
    bias = None if beta is None else nn.Parameter(torch.zeros(length))
    return NormModule(window, scale(), 1, weight, bias)


class Quotient(nn.Module):
    """Sixteen bits in and out, by what is at least a half."""

    def __init__(self, below: torch.Tensor) -> None:
        super().__init__()
        self.below = nn.Parameter(below)
        stored = Quantization(16, False, 2.0**-12)
        reduction = LeadingZero(8)
        core = table_function("reciprocal").name, *table_sides("reciprocal", reduction)
        result = Quantization(16, True, 2.0**-8)
        unit = units.Division(WIDE[2], result, stored, reduction, fitted(*core))
        self.division = DivisionModule(unit, scale())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The quotients."""
        return self.division(x, self.below)


class RealQuotient(nn.Module):
    """The same in floats."""

    def __init__(self, below: torch.Tensor) -> None:
        super().__init__()
        self.below = nn.Parameter(below)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The quotients."""
        return x / self.below


class Aten(nn.Module):
    """PyTorch's LSQ quantizer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([2.0**-6]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Learnable scale, zero point 0, 8 bits."""
        zero = torch.zeros(1)
        return torch._fake_quantize_learnable_per_tensor_affine(x, self.scale, zero, -128, 127, 1.0)


class Alone(nn.Module):
    """A quantizer by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.quantizer = Quantizer(Quantization(8, True, 2.0**-6), scale())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What x is stored as."""
        return self.quantizer(x)[0]


def step(module: Callable[..., Any], x: torch.Tensor, grad: torch.Tensor) -> Callable[[], None]:
    """One forward and backward pass."""

    def run() -> None:
        module(x.detach().requires_grad_()).backward(grad)

    return run


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="through torch.compile, both sides")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    n = options.length
    x, grad = torch.randn(options.rows, n), torch.randn(options.rows, n)
    below = 0.5 + torch.rand(options.rows, n)
    modules: dict[str, tuple[Callable[..., Any], nn.Module]] = {
        "gelu": (nn.GELU(), gelu()),
        "softmax": (nn.Softmax(-1), softmax()),
        "log_softmax": (nn.LogSoftmax(-1), log_softmax()),
        "layer_norm": (nn.LayerNorm(n), norm(units.LayerNorm, n)),
        "rms_norm": (nn.RMSNorm(n), norm(units.RMSNorm, n)),
        "division": (RealQuotient(below), Quotient(below)),
    }
    # What else a machine does takes no time of a thread; several threads have no such clock.
    clock = time.process_time if options.threads == 1 else time.perf_counter
    maybe: Callable[[Any], Any] = torch.compile if options.compile else lambda f: f
    rows: list[tuple[str, ...]] = []
    for name, sides in modules.items():
        each = dict(zip(COLUMNS, (*sides, Alone(), Aten()), strict=True))
        timings = paired({k: step(maybe(f), x, grad) for k, f in each.items()}, TURNS, clock=clock)
        real, integers, alone, aten = (1e3 * timings[k].minimum for k in COLUMNS)
        times = (f"{t:.2f}" for t in (real, integers, alone, aten, integers - alone))
        rows.append((name, *times, f"{integers / real:.1f}"))
    print(f"{options.rows} × {n} elements, threads: {options.threads}; forward and backward, in ms")
    print(table(("", *COLUMNS, "tables", "× float"), rows))
    print(machine(("torch",)))


if __name__ == "__main__":
    main()
