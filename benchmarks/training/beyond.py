"""Fewer bits than the paper's: how far tables can shrink where the network is trained with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from training.methods import PAPER, Sizes
from training.protocol import Cell, Score, Study

AXES: dict[str, tuple[Sizes, ...]] = {
    "entries": tuple(Sizes(entries=n) for n in (6, 5, 4)),
    "bits of parameters": tuple(Sizes(param_bits=n) for n in (7, 6, 5)),
    "bits of inputs": tuple(Sizes(input_bits=n) for n in (7, 6)),
    "together": (Sizes(6, 6, 7), Sizes(5, 6, 6), Sizes(4, 5, 6)),
}
"""One size smaller at a time, then all three."""

NETWORK, FUNCTIONS = "segformer", ("exp", "gelu", "reciprocal", "rsqrt")

Pairs = Sequence[tuple[Score, Score]]
"""Scores and the equally tuned baseline's, one pair for each seed."""


def cells(seeds: int) -> list[Cell]:
    """What to measure, seed by seed: all functions by optimal tables."""
    sizes = [PAPER, *(each for axis in AXES.values() for each in axis)]
    return [
        Cell(NETWORK, seed, FUNCTIONS, "optimal", each) for seed in range(seeds) for each in sizes
    ]


def show(study: Study, measured: Sequence[Cell]) -> None:
    """A row for each size: bits of tables, mIoU and pixels changed, without and with tuning."""
    study.say("")
    print(
        f"\n{NETWORK}, all functions by optimal tables; differences to the equally tuned baseline"
    )
    print(f"{'':20}{'sizes':>12}{'bits':>6}{'mIoU, untuned':>18}{'tuned':>18}{'pixels, %':>14}")
    for axis, size, pairs in _rows(study, measured):
        before = _spread([score.before - base.before for score, base in pairs])
        after = _spread([score.after - base.after for score, base in pairs])
        changed = mean(100.0 - score.agreement_after for score, _ in pairs)
        sizes = f"{size.entries}/{size.param_bits}/{size.input_bits}"
        bits = size.bits(FUNCTIONS)
        print(f"{axis:20}{sizes:>12}{bits:6}{before:>18}{after:>18}{changed:14.2f}")
    print(
        "\nsizes: entries, bits of slopes and intercepts, bits of inputs; bits: of one table for"
        "\neach function. mIoU in points, mean ± standard error over the seeds; pixels: those that"
        "\nare classed otherwise than by the baseline."
    )


def _rows(study: Study, measured: Sequence[Cell]) -> list[tuple[str, Sizes, Pairs]]:
    by_sizes: dict[Sizes, list[tuple[Score, Score]]] = {}
    for cell in measured:
        pair = study.measure(cell), study.measure(Cell(cell.network, cell.seed, ()))
        by_sizes.setdefault(cell.sizes, []).append(pair)
    axes = {size: axis for axis, sizes in AXES.items() for size in sizes}
    return [(axes.get(size, "the paper's"), size, pairs) for size, pairs in by_sizes.items()]


def _spread(values: Sequence[float]) -> str:
    if len(values) < 2:
        return f"{mean(values):+.2f}"
    return f"{mean(values):+.2f} ± {stdev(values) / len(values) ** 0.5:.2f}"


COLOURS: Mapping[str, str] = {
    "the paper's": "#808890",
    "entries": "#4a7fe0",
    "bits of parameters": "#e8833a",
    "bits of inputs": "#3a9a5b",
    "together": "#b05bc4",
}


def plot(study: Study, measured: Sequence[Cell], path: Path) -> None:
    """mIoU over bits of tables, in colours that a light and a dark page bear."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    ink = COLOURS["the paper's"]
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "beyond"}
    mpl.rcParams |= dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), ink)
    mpl.rcParams |= dict.fromkeys(("xtick.color", "ytick.color"), ink)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes: Any = figure.subplots()
    rows = _rows(study, measured)
    for axis, colour in COLOURS.items():
        own = [(size, pairs) for name, size, pairs in rows if name == axis]
        bits = [size.bits(FUNCTIONS) for size, _ in own]
        for tuned, look in ((False, {"mfc": "none"}), (True, {})):
            gains = [[_gain(*pair, tuned=tuned) for pair in pairs] for _, pairs in own]
            errors = [stdev(g) / len(g) ** 0.5 if len(g) > 1 else 0.0 for g in gains]
            marks = {"marker": "o", "ls": "", "color": colour, "label": axis if tuned else None}
            axes.errorbar(bits, list(map(mean, gains)), errors, elinewidth=1, **marks, **look)
        for size, _ in own:
            _label(axes, size, rows)
    axes.axhline(0.0, color=ink, linewidth=0.6)
    axes.set(xlabel="bits of tables", ylabel="mIoU less the baseline's, points")
    axes.set_title("Segformer-like, all functions: filled with fine-tuning, open without")
    axes.grid(alpha=0.25)
    axes.legend(framealpha=0.0)
    figure.savefig(path, transparent=True, metadata={"Date": None})


def _gain(score: Score, base: Score, *, tuned: bool) -> float:
    return score.after - base.after if tuned else score.before - base.before


def _label(axes: Any, size: Sizes, rows: Sequence[tuple[str, Sizes, Pairs]]) -> None:
    pairs = next(pairs for _, each, pairs in rows if each == size)
    at = size.bits(FUNCTIONS), mean(_gain(*pair, tuned=True) for pair in pairs)
    text = f"{size.entries}/{size.param_bits}/{size.input_bits}"
    axes.annotate(text, at, xytext=(4, 4), textcoords="offset points", fontsize=7)
