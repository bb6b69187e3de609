"""
Bits of tables at equal accuracy: a setting for each operator against one for all.

A block of a transformer (weights and data random, seeded), a pretrained sentence encoder, or timm's
smallest vision transformer (weights and images random, seeded). A row a target: of the settings
that all operators could have alike, that of fewest table bits that meets the target, and what is
chosen operator by operator; both searched to the end, and measured with every operator on integers,
bit for bit, on batches that neither calibration nor choice has seen, but for the choice's repairs.

    python benchmarks/network_choice.py                    the block, five targets, minutes
    python benchmarks/network_choice.py --quick            one target, the two smallest settings
    python benchmarks/network_choice.py --model minilm --plot pareto.svg
    python benchmarks/network_choice.py --model minilm --equal       targets that settings reach
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from xdsl.utils.exceptions import PassFailedException

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from lut_opt.accuracy import Recipe, Requirements
from lut_opt.accuracy.checking import Calibrated, calibrated, figures, tabulated
from lut_opt.compiling import candidates
from lut_opt.compiling.candidates import declaring, table_bits, units_of, with_settings
from lut_opt.compiling.choice import choose, on_held_out, sensitivity
from lut_opt.compiling.store import Store, default_folder
from lut_opt.dialects.assembly import Program

Point = tuple[int, float, str]
"""Bits of distinct tables, decibels of the network's output, and what it is of."""

TARGETS = {
    "block": (35.0, 40.0, 45.0, 50.0, 55.0),
    "minilm": (20.0, 25.0, 30.0, 35.0, 40.0),
    "vit": (20.0, 25.0, 30.0, 35.0, 40.0),
}
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


def calibrated_model(name: str) -> Calibrated:
    """A model and its data."""
    if name == "minilm":
        from minilm_demo import load
        from sentences import CALIBRATION, EVALUATION

        demo = load()
        held_out = demo.batches(EVALUATION)
        return calibrated(demo.model, demo.batches(CALIBRATION), held_out=held_out)
    if name == "vit":
        import compile_vit

        return calibrated(compile_vit.model(), compile_vit.images(8))
    torch.manual_seed(0)
    return calibrated(Block().eval(), batches())


def uniform(given: Calibrated, recipe: Recipe) -> list[Point]:
    """Every setting that all operators can have alike."""
    operators = range(len(declaring(given.program)))
    found: list[Point] = []
    for setting in candidates.SETTINGS:
        source = with_settings(given.program, dict.fromkeys(operators, setting))
        try:
            found.append((*measured(given, tabulated(source, recipe)), str(setting)))
        except PassFailedException:
            continue  # some operator cannot have it, or keeps nothing of its signal
        bits, decibels, _ = found[-1]
        print(f"all alike: {setting!s:>40} {bits:6} bits {decibels:6.1f} dB", flush=True)
    return found


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both, ascending."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p[0], -p[1])):
        if point[1] > max((other[1] for other in best), default=0.0):
            best.append(point)
    return best


def row(target: float, alike: Sequence[Point], chosen: Point) -> str:
    """A line of the table."""
    enough = [(bits, -db, setting) for bits, db, setting in alike if db >= target]
    least, reached, setting = min(enough) if enough else (0, 0.0, "none is good enough")
    bits, decibels, steps = chosen
    mark = "" if decibels >= target else "  NOT MET"
    return (
        f"{target:5.1f} dB {setting:>40} {least:6} {-reached:6.1f}   {bits:12} {decibels:6.1f}"
        f"  {steps}{mark}"
    )


def plot(path: str, alike: Sequence[Point], chosen: Sequence[Point]) -> None:
    """Decibels over bits, of both, in colours that a light and a dark page bear."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    ink = "#808890"
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "network_choice"}
    mpl.rcParams |= dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), ink)
    mpl.rcParams |= dict.fromkeys(("xtick.color", "ytick.color"), ink)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes: Any = figure.subplots()
    for points, label, look in (
        (alike, "one setting for all operators", {"ls": "", "marker": "o", "color": "#e8833a"}),
        (chosen, "chosen operator by operator", {"marker": "s", "color": "#4a7fe0"}),
    ):
        bits, decibels, _ = zip(*points, strict=True)
        axes.plot(bits, decibels, label=label, **look)
    axes.set(xscale="log", xlabel="bits of distinct tables", ylabel="network's output, dB")
    axes.grid(alpha=0.25, which="both")
    axes.xaxis.set_minor_formatter("{x:.0f}")
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.tick_params(axis="x", which="minor", labelsize=8)
    axes.legend(framealpha=0.0)
    figure.savefig(path, transparent=True, metadata={"Date": None})


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--model", choices=tuple(TARGETS), default="block")
    parser.add_argument("--quick", action="store_true", help="one target, two settings")
    parser.add_argument(
        "--equal", action="store_true", help="for targets, what the best settings for all reach"
    )
    parser.add_argument("--plot", metavar="FILE", help="draw all points")
    options = parser.parse_args()
    targets = TARGETS[options.model]
    if options.quick:
        candidates.SETTINGS, targets = candidates.SETTINGS[:2], targets[:1]
    given, recipe = calibrated_model(options.model), Recipe()
    known = sensitivity(given, recipe, Store(default_folder()))
    alike = uniform(given, recipe)
    if options.equal:
        targets = tuple(decibels for _, decibels, _ in front(alike))
    print(
        f"{'target':>8} {'one for all':>40} {'bits':>6} {'dB':>6}   {'chosen: bits':>12} {'dB':>6}"
    )
    points: list[Point] = []
    for target in targets:
        _, program, choice = choose(given, recipe, Requirements.of(f"sqnr >= {target}"), known)
        steps = f"step {choice.steps} of {len(choice.ladder.steps)}"
        points.append((*measured(given, program), steps))
        print(row(target, alike, points[-1]), flush=True)
    if options.plot:
        plot(options.plot, alike, points)


if __name__ == "__main__":
    main()
