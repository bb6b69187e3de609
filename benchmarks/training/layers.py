"""
Layers on INT8: linear and convolution with fake quantization, and the sites of functions.

The baseline is the paper's: weights of 8 bits for each channel, activations of 8 bits with learnt
step sizes (LSQ), the input of each non-linear function at a learnt power of two. A site computes
its function exactly, or by tables: then bit for bit what is deployed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lut_opt.dialects.quantization import Quantization
from lut_opt.frontends.torch.operator import Applied, Apply, Quantizer, Scale

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "exp": torch.exp,
    "gelu": functional.gelu,
    "hardswish": functional.hardswish,
    "reciprocal": torch.reciprocal,
    "rsqrt": torch.rsqrt,
}
NAMES = {"exp": "EXP", "gelu": "GELU", "hardswish": "HSWISH", "reciprocal": "DIV", "rsqrt": "RSQRT"}

WINDOW = (-7, 0)
"""Exponents of two that the scale of an INT8 input may have."""

INPUT_BITS = 8
"""Of the inputs of all other functions."""

WIDE_BITS = 16
"""Of the inputs of DIV and RSQRT: sums and variances, never negative."""


class Activation(nn.Module):
    """LSQ (Esser et al., ICLR 2020): 8 bits, a learnt step; it starts from the first batch."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Parameter(torch.ones(1))
        self.zero = nn.Parameter(torch.zeros(1), requires_grad=False)
        self.started = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.started:
            with torch.no_grad():
                self.step.fill_(float(2.0 * x.abs().mean() / math.sqrt(127.0)) or 1.0)
            self.started = True
        gain = 1.0 / math.sqrt(x.numel() * 127.0)
        return torch._fake_quantize_learnable_per_tensor_affine(
            x, self.step, self.zero, -128, 127, gain
        )


def _weight(weight: Tensor) -> Tensor:
    """Symmetric 8 bits for each output channel, the gradient passed straight."""
    largest = weight.detach().flatten(1).abs().amax(1).clamp(min=1e-8)
    step = (largest / 127.0).view(-1, *[1] * (weight.dim() - 1))
    return weight + ((weight / step).round() * step - weight).detach()


class Linear(nn.Linear):
    """A linear layer whose weights and inputs are INT8 once `quantized`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.activation, self.quantized = Activation(), False

    def forward(self, input: Tensor) -> Tensor:
        if not self.quantized:
            return functional.linear(input, self.weight, self.bias)
        return functional.linear(self.activation(input), _weight(self.weight), self.bias)


class Conv(nn.Conv2d):
    """A convolution whose weights and inputs are INT8 once `quantized`."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1):
        super().__init__(inputs, outputs, size, stride, size // 2, groups=groups)
        self.activation, self.quantized = Activation(), False

    def forward(self, input: Tensor) -> Tensor:
        if not self.quantized:
            return self._conv_forward(input, self.weight, self.bias)
        return self._conv_forward(self.activation(input), _weight(self.weight), self.bias)


class Site(nn.Module):
    """A function in a network: in floats, on stored inputs, or by tables on stored inputs."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.function, self.bits = name, FUNCTIONS[name], INPUT_BITS
        self.quantizer: Quantizer | None = None
        self.tables: nn.Module | None = None
        self.seen: Tensor | None = None
        """Counts of stored inputs while they are counted."""
        self.counts: Tensor | None = None
        """Counts of stored inputs of the scale in use."""

    @property
    def wide(self) -> bool:
        """Whether the input is wide and reduced."""
        return self.name in ("reciprocal", "rsqrt")

    def quantize(self, seen: Tensor) -> None:
        """
        Store inputs like those seen: in `bits` at a learnt scale, or 16 bits at a given one.

        The scale starts where the function's values lose least by it.
        """
        if self.wide:
            largest = 2.0 * float(seen.max())
            scale = Scale([2.0 ** math.ceil(math.log2(largest / (1 << WIDE_BITS)))])
        else:
            scale = Scale.window(*WINDOW, self._best(seen))
        self.quantizer = Quantizer(self.operands(scale)[0], scale)

    def narrow(self, bits: int, seen: Tensor) -> None:
        """Store inputs in other bits from here on, of those that are not wide."""
        assert self.quantizer is not None
        if self.wide or bits == self.bits:
            return
        self.bits, scale = bits, self.quantizer.scale
        with torch.no_grad():
            scale.exponent.fill_(self._best(seen))
        self.quantizer = Quantizer(self.operands(scale)[0], scale)

    def _best(self, seen: Tensor) -> int:
        """The exponent at which the function's values lose least by it."""
        first, last = WINDOW
        losses = [self._loss(seen, 2.0**exponent) for exponent in range(first, last + 1)]
        return first + losses.index(min(losses))

    def _loss(self, seen: Tensor, size: float) -> float:
        stored = (seen / size).round().clamp(*self._ends()) * size
        return float((self.function(stored) - self.function(seen)).square().mean())

    def _ends(self) -> tuple[int, int]:
        half = 1 << (self.bits - 1)
        return -half, 0 if self.name == "exp" else half - 1

    def operands(self, scale: Scale | None = None) -> list[Quantization]:
        """How inputs are stored, at each scale of the window."""
        scale = self.quantizer.scale if self.quantizer is not None and scale is None else scale
        assert scale is not None
        sizes = [float(size) for size in scale.sizes]
        if self.wide:
            return [
                Quantization(WIDE_BITS, False, size, 0, 1, (1 << WIDE_BITS) - 1) for size in sizes
            ]
        return [Quantization(self.bits, True, size, 0, *self._ends()) for size in sizes]

    def use(self, applied: Sequence[Applied] | None) -> None:
        """Answer by these tables, one for each scale of the window; None: exactly again."""
        assert self.quantizer is not None
        self.tables = None if applied is None else Apply(applied, self.quantizer.scale).tables

    def forward(self, x: Tensor) -> Tensor:
        if self.quantizer is None:
            return self.function(x)
        real, step = self.quantizer(x)
        if self.seen is not None:
            self._count(real, step.size)
        if self.tables is None:
            return self.function(real)
        return self.tables(real, step.size, step.octave)

    def _count(self, real: Tensor, step: Tensor) -> None:
        assert self.seen is not None
        stored = (real.detach() / step.detach()).long().flatten()
        low = self._ends()[0] if not self.wide else 0
        self.seen += torch.bincount(stored - low, minlength=len(self.seen))


def sites(model: nn.Module) -> Iterator[Site]:
    """The sites of a network, in order."""
    return (module for module in model.modules() if isinstance(module, Site))


class Softmax(nn.Module):
    """exp(x − max), and the reciprocal of the row's sum: the paper's EXP and DIV."""

    def __init__(self) -> None:
        super().__init__()
        self.exp, self.reciprocal = Site("exp"), Site("reciprocal")

    def forward(self, x: Tensor) -> Tensor:
        e = self.exp(x - x.amax(-1, keepdim=True).detach())
        return e * self.reciprocal(e.sum(-1, keepdim=True))


class LayerNorm(nn.Module):
    """Mean and variance exactly, the inverse root at a site: the paper's RSQRT."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(size)), nn.Parameter(torch.zeros(size))
        self.rsqrt = Site("rsqrt")

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        variance = centred.square().mean(-1, keepdim=True)
        return centred * self.rsqrt(variance + 1e-3) * self.gamma + self.beta
