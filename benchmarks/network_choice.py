"""
Bits of tables at equal accuracy: a setting for each operator against one for all.

A block of a transformer (weights and data random, seeded). A row a target: of the settings that all
operators could have alike, that of fewest table bits that meets the target, and what is chosen
operator by operator; both measured with every operator on integers, bit for bit, on batches that
neither calibration nor choice has seen, but for the choice's repairs.

    python benchmarks/network_choice.py            five targets, minutes
    python benchmarks/network_choice.py --quick    one target, the two smallest settings
"""

from __future__ import annotations

import argparse

import torch
from torch import nn

from lut_opt.accuracy import Recipe, Requirements
from lut_opt.accuracy.checking import Calibrated, calibrated, figures
from lut_opt.compiling import candidates
from lut_opt.compiling.candidates import table_bits, units_of
from lut_opt.compiling.choice import choose, on_held_out, sensitivity
from lut_opt.dialects.assembly import Program

TARGETS = (35.0, 40.0, 45.0, 50.0, 55.0)
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


def measured(given: Calibrated, program: Program) -> tuple[int, float]:
    """Bits of the distinct tables of a program, and the network's decibels on held-out batches."""
    value = figures(on_held_out(given, program))["result"].sqnr
    assert value is not None
    return table_bits(units_of(program)), value


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--quick", action="store_true", help="one target, two settings")
    quick = parser.parse_args().quick
    if quick:
        candidates.SETTINGS = candidates.SETTINGS[:2]
    torch.manual_seed(0)
    model = Block().eval()
    given = calibrated(model, batches())
    recipe = Recipe()
    known = sensitivity(given, recipe)
    uniform = [(*measured(given, program), str(s)) for s, program in known.programs.items()]
    print(
        f"{'target':>8} {'one for all':>40} {'bits':>6} {'dB':>6}   {'chosen: bits':>12} {'dB':>6}"
    )
    for target in TARGETS[:1] if quick else TARGETS:
        enough = [(bits, -db, setting) for bits, db, setting in uniform if db >= target]
        _, program, choice = choose(given, recipe, Requirements.of(f"sqnr >= {target}"), known)
        bits, decibels = measured(given, program)
        least, reached, setting = min(enough) if enough else (0, 0.0, "none is good enough")
        mark = "" if decibels >= target else "  NOT MET"
        print(
            f"{target:5.0f} dB {setting:>40} {least:6} {-reached:6.1f}   {bits:12} {decibels:6.1f}"
            f"  step {choice.steps} of {len(choice.ladder.steps)}{mark}",
            flush=True,
        )


if __name__ == "__main__":
    main()
