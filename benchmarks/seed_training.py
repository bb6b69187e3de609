"""
Tables 4 and 5 of GQA-LUT (Dong et al., DAC 2024) on scenes of Fashion-MNIST: what tables cost a
network, without and with fine-tuning.

    python benchmarks/seed_training.py [--quick] [--seeds 3] [--folder build/training] [--plot DIR]

Cityscapes cannot be had here. The networks and the scenes are small (`benchmarks/training/`), the
protocol is the paper's: fp32, then INT8 by LSQ with exact functions (the baseline), then functions
replaced by 8-entry tables, then fine-tuning. Every figure is a difference to the baseline of the
same seed that got the same fine-tuning, over the same test scenes. Everything done is kept in the
folder: the same command goes on where it stopped.

`--beyond` asks instead how few entries and bits optimal tables need in the first network.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from training import beyond
from training.layers import NAMES
from training.methods import METHODS
from training.protocol import CONTROL, Cell, Plan, Study
from training.report import draw, show

ROWS: dict[str, tuple[tuple[str, ...], ...]] = {
    "segformer": (
        ("exp",),
        ("gelu",),
        ("reciprocal",),
        ("rsqrt",),
        ("exp", "gelu", "reciprocal", "rsqrt"),
    ),
    "efficientvit": (("hardswish",), ("reciprocal",), ("hardswish", "reciprocal")),
}
"""Functions replaced, row by row; the last is the paper's "altogether"."""

WHOLE = Plan(fp32=1500, quantized=300, tuned=50, scenes=2048)
QUICK = Plan(fp32=100, quantized=20, tuned=5, scenes=128)


def cells(networks: Sequence[str], seeds: int, *, altogether: bool) -> list[Cell]:
    """What to measure, seed by seed, "altogether" first."""
    found: list[Cell] = []
    for seed in range(seeds):
        for network in networks:
            rows = ROWS[network][-1:] if altogether else ROWS[network][::-1]
            found.append(Cell(network, seed, (), CONTROL))
            found += [Cell(network, seed, row, each) for row in rows for each in METHODS]
    return found


def main() -> None:
    """Measure what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="minutes: small steps, one seed")
    parser.add_argument("--seeds", type=int, default=3, help="base networks of each kind")
    parser.add_argument("--networks", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--altogether", action="store_true", help="that row alone")
    parser.add_argument("--beyond", action="store_true", help="fewer entries and bits instead")
    parser.add_argument("--folder", type=Path, default=Path("build/training"))
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--plot", type=Path, help="also draw the table and a sheet of scenes")
    options = parser.parse_args()
    plan, seeds = (QUICK, 1) if options.quick else (WHOLE, options.seeds)
    study = Study(plan, options.folder / ("quick" if options.quick else "whole"), options.device)
    altogether = options.altogether or options.quick
    given = cells(options.networks, seeds, altogether=altogether)
    wanted = beyond.cells(seeds) if options.beyond else given
    for number, cell in enumerate(wanted):
        study.say(f"{number + 1}/{len(wanted)} {cell.title(NAMES)}")
        study.measure(cell)
    if options.beyond:
        beyond.show(study, wanted)
        if options.plot:
            beyond.plot(study, wanted, options.plot / "training-beyond.svg")
        return
    show(study, wanted, NAMES)
    if options.plot:
        draw(study, wanted, NAMES, options.plot)


if __name__ == "__main__":
    main()
