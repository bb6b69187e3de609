"""
Bits of tables at equal accuracy: a setting for each operator against one for all.

A small transformer (weights and data random, seeded) is compiled once for each uniform setting, and
once for each target, with settings chosen per operator. A row a target: the uniform setting of
fewest table bits that meets it on held-out batches, and the choice. All figures are of compiled
code.

    python benchmarks/network_choice.py            three targets, minutes
    python benchmarks/network_choice.py --quick    one target, two settings
"""

from __future__ import annotations

import argparse

import torch
from torch import nn

import lut_opt
from lut_opt.accuracy import Recipe
from lut_opt.compiling import Compiled
from lut_opt.compiling.candidates import SETTINGS, Setting
from lut_opt.passes.lower_nonlinear_to_pwl import LowerNonlinearToPwlPass
from lut_opt.passes.pwl_search import PwlSearchPass

TARGETS = (25.0, 30.0, 35.0)
"""Decibels of the network's output."""

WIDTH, TOKENS = 32, 8


class Block(nn.Module):
    """Attention with one head, and a feed-forward part, before each a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(self.first(x)).chunk(3, -1)
        x = x + torch.softmax(q @ k.transpose(-2, -1) * WIDTH**-0.5, -1) @ v
        return x + self.down(nn.functional.gelu(self.up(self.second(x))))


def batches(count: int = 8) -> list[torch.Tensor]:
    """Normal random numbers, the same in every run."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(4, TOKENS, WIDTH, generator=generator) for _ in range(count)]


def compiled(
    model: nn.Module, target: float | None = None, setting: Setting | None = None
) -> Compiled:
    """The model with a uniform setting, or with one chosen for a target."""
    recipe = None
    if setting is not None:
        recipe = Recipe(
            LowerNonlinearToPwlPass(input_bits=setting.bits),
            PwlSearchPass(entries=setting.entries, param_bits=setting.param_bits, allow_lossy=True),
        )
    return lut_opt.compile(
        model,
        calibrate=batches(),
        target=None if target is None else f"sqnr >= {target}",
        recipe=recipe,
        operators=False,
    )


def sqnr(network: Compiled) -> float:
    """Decibels on the held-out batches."""
    value = network.accuracy.outputs["result"].sqnr
    assert value is not None
    return value


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--quick", action="store_true", help="one target, two settings")
    quick = parser.parse_args().quick
    torch.manual_seed(0)
    model = nn.Sequential(*(Block() for _ in range(1 if quick else 2))).eval()
    settings = SETTINGS[1:3] if quick else SETTINGS
    uniform = [(compiled(model, setting=setting), setting) for setting in settings]
    print(f"{'target':>8} {'uniform':>38} {'bits':>7} {'dB':>6} {'chosen bits':>12} {'dB':>6}")
    for target in (15.0,) if quick else TARGETS:
        enough = [(u.table_bits, sqnr(u), str(s)) for u, s in uniform if sqnr(u) >= target]
        bits, decibels, setting = min(enough) if enough else (0, 0.0, "none")
        chosen = compiled(model, target)
        mark = "" if chosen.accuracy.met else "  NOT MET"
        print(
            f"{target:5.0f} dB {setting:>38} {bits:7} {decibels:6.1f} {chosen.table_bits:12} "
            f"{sqnr(chosen):6.1f}{mark}",
            flush=True,
        )


if __name__ == "__main__":
    main()
