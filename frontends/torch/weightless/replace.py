"""Blocks in the place of a model's MLPs, and their start by distillation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from lut_opt.frontends.torch.weightless.blocks import WeightlessBlock, WeightlessConfig

_PAIRS = (("fc1", "fc2"), ("c_fc", "c_proj"), ("lin1", "lin2"))
"""How MLPs of timm, of GPT-2 and nanoGPT, and of DistilBERT call their two linear layers."""


def replace_mlps(
    model: nn.Module,
    config: WeightlessConfig,
    make: Callable[[int, int, WeightlessConfig], nn.Module] = WeightlessBlock,
) -> dict[str, nn.Module]:
    """
    Put a block in the place of every MLP of a model; what was there, by name.

    An MLP is a module with two linear layers of the names that timm, GPT-2 or DistilBERT use, or a
    `Sequential` that begins and ends with a `Linear`. Each block has another seed. `make` builds
    something else from the sizes, such as a control. Raises `ValueError` where there is none.
    """
    modules = cast("dict[str, nn.Module]", dict(cast(Any, model).named_modules()))
    found = {name: sizes for name, each in modules.items() if (sizes := _sizes(each))}
    if not found:
        pairs = ", ".join("/".join(pair) for pair in _PAIRS)
        raise ValueError(f"the model has no MLP: a module with {pairs}, or a Sequential")
    for number, (name, sizes) in enumerate(found.items()):
        parent, _, last = name.rpartition(".")
        made = make(*sizes, replace(config, seed=config.seed + number))
        setattr(modules[parent], last, made)
    return {name: modules[name] for name in found}


def _sizes(module: nn.Module) -> tuple[int, int] | None:
    """Features and results of an MLP, None for what is none."""
    if isinstance(module, nn.Sequential):
        ends = [module[0], module[-1]] if len(module) > 2 else []
    else:
        names = next((pair for pair in _PAIRS if all(hasattr(module, n) for n in pair)), ())
        ends = [getattr(module, name) for name in names]
    if not ends or not all(map(_is_linear, ends)):
        return None
    return _shape(ends[0])[0], _shape(ends[1])[1]


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"


def _shape(module: nn.Module) -> tuple[int, int]:
    """Inputs and outputs; the weight of transformers' `Conv1D` is not transposed."""
    rows, columns = cast(Tensor, module.weight).shape
    return (columns, rows) if isinstance(module, nn.Linear) else (rows, columns)


def distill(
    block: WeightlessBlock,
    teacher: Callable[[Tensor], Tensor],
    tokens: Tensor,
    *,
    steps: int = 300,
    batch: int = 1024,
    rate: float = 1e-2,
    seed: int = 0,
) -> float:
    """
    Fit a block to what an MLP answers on tokens (count, features); the last mean squared error.

    The encoder is calibrated first. Deterministic for a seed.
    """
    generator = torch.Generator()
    generator.manual_seed(seed)
    block.encoder.calibrate(tokens)
    with torch.no_grad():
        wanted = teacher(tokens)
    optimizer = torch.optim.Adam(block.parameters(), lr=rate)
    block.train()
    loss = torch.zeros(())
    for _ in range(steps):
        chosen = torch.randint(len(tokens), (min(batch, len(tokens)),), generator=generator)
        chosen = chosen.to(tokens.device)
        loss = torch.nn.functional.mse_loss(block(tokens[chosen]), wanted[chosen])
        optimizer.zero_grad()
        cast(Any, loss).backward()
        cast(Any, optimizer).step()
    return float(loss.detach())
