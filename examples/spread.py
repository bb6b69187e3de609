"""
Weights under a seed with the spreads of trained ones.

A fresh transformer is nearly linear: its weights have a deviation of 0.02, its scores differ by
hundredths, its GELUs see ±0.1. Here every projection and convolution is scaled, layer by layer on
example inputs (Mishkin and Matas, "All you need is a good init", ICLR 2016), until its results
deviate by about 1, by layer more or less, with some channels twice as loud as others; gains and
shifts of norms vary as trained ones do, and batch norms hold the statistics of what they see.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

LAYERS, CHANNELS, GAINS, SHIFTS = 0.3, 0.3, 0.25, 0.2
"""Deviations: of the logarithms of spreads, by layer and by channel; of gains and of shifts."""

FRESH = 0.05
"""A deviation below which a parameter of two axes or more was never trained."""

LEAST_VARIANCE = 0.1
"""Of a batch norm's channel, as a share of the mean over its channels."""


def spread(model: nn.Module, inputs: Sequence[Any], seed: int = 0, **quieter: float) -> nn.Module:
    """
    Give a model in evaluation mode such weights, in place.

    `quieter` has factors for modules by their own names: q=0.25 where scores are not divided by √d.
    """
    generator = torch.Generator().manual_seed(seed)
    seen: set[object] = set()

    def scaled(module: nn.Module, arguments: tuple[Any, ...], result: torch.Tensor) -> torch.Tensor:
        # A weight that is tied to another is scaled where it is used first.
        if module.weight in seen:
            return result
        seen.add(module.weight)
        factor = quieter.get(names[module].rpartition(".")[2], 1.0)
        _scale(module, result, factor, generator)
        with torch.no_grad():
            return module.forward(*arguments)

    def counted(module: nn.Module, arguments: tuple[Any, ...]) -> None:
        if module not in seen:
            seen.add(module)
            _count(module, arguments[0])

    names = {module: name for name, module in model.named_modules()}
    hooks: list[Any] = []
    with torch.no_grad():
        for module in model.modules():
            _vary(module, generator)
            if _is_projection(module):
                hooks.append(module.register_forward_hook(scaled))
            elif isinstance(getattr(module, "running_var", None), torch.Tensor):
                hooks.append(module.register_forward_pre_hook(counted))
        model(*inputs)
    for hook in hooks:
        hook.remove()
    return model


def _is_projection(module: nn.Module) -> bool:
    """A linear layer, a convolution or an embedding, of PyTorch or of a library."""
    weight = getattr(module, "weight", None)
    kinds = nn.Linear | nn.modules.conv._ConvNd | nn.Embedding
    named = isinstance(module, kinds) or type(module).__name__ == "Conv1D"
    return named and isinstance(weight, nn.Parameter) and weight.ndim >= 2


def _scale(
    module: nn.Module, result: torch.Tensor, factor: float, generator: torch.Generator
) -> None:
    weight, bias = module.weight, getattr(module, "bias", None)
    assert isinstance(weight, torch.Tensor)
    if isinstance(bias, torch.Tensor):
        result = result - _along(module, bias, result)
        bias.normal_(0.0, SHIFTS, generator=generator)
    layer = float(torch.exp(LAYERS * torch.randn((), generator=generator)))
    deviation = float(result.std())
    if deviation > 0 and isinstance(module, nn.Embedding):
        weight.mul_(factor * layer / deviation)
    elif deviation > 0:
        # A transformer's Conv1D has its outputs last.
        axis = 1 if type(module).__name__ == "Conv1D" else 0
        sizes = [-1 if a == axis else 1 for a in range(weight.ndim)]
        loud = torch.exp(CHANNELS * torch.randn(weight.shape[axis], generator=generator))
        weight.mul_(loud.view(sizes) * factor * layer / deviation)


def _along(module: nn.Module, bias: torch.Tensor, result: torch.Tensor) -> torch.Tensor:
    """A bias in the shape of the results: channels are last, or those of a convolution first."""
    if not isinstance(module, nn.modules.conv._ConvNd):
        return bias
    return bias.view(-1, *[1] * (module.weight.ndim - 2))


def _vary(module: nn.Module, generator: torch.Generator) -> None:
    """Gains and shifts of norms; fresh parameters beside the projections."""
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    if isinstance(weight, torch.Tensor) and weight.ndim == 1 and weight.std() == 0:
        weight.mul_(torch.exp(GAINS * torch.randn(weight.shape, generator=generator)))
        if isinstance(bias, torch.Tensor):
            bias.normal_(0.0, SHIFTS, generator=generator)
    if _is_projection(module):
        return
    for parameter in module.parameters(recurse=False):
        if parameter.ndim >= 2 and 0 < parameter.std() < FRESH:
            parameter.mul_(parameter.shape[-1] ** -0.5 / parameter.std())


def _count(norm: nn.Module, x: torch.Tensor) -> None:
    """
    What a batch norm sees of its input: mean and variance of each channel.

    A channel that these inputs leave at rest would be amplified without bound on others.
    """
    axes = [axis for axis in range(x.ndim) if axis != 1]
    mean, variance = norm.running_mean, norm.running_var
    assert isinstance(mean, torch.Tensor)
    assert isinstance(variance, torch.Tensor)
    mean.copy_(x.mean(axes))
    seen = x.var(axes)
    variance.copy_(torch.maximum(seen, LEAST_VARIANCE * seen.mean()))
