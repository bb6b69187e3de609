"""The tables as text, beside the paper's figures, and as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

import numpy as np

from training.methods import METHODS
from training.protocol import CONTROL, Cell, Score, Study
from training.scenes import CLASSES, scenes

PAPER: Mapping[tuple[str, str], tuple[float, ...]] = {
    ("segformer", "none"): (74.60, 74.60, 74.60),
    ("segformer", "EXP"): (73.88, 74.31, 74.59),
    ("segformer", "GELU"): (73.61, 74.24, 74.57),
    ("segformer", "DIV"): (74.15, 74.37, 74.58),
    ("segformer", "RSQRT"): (73.94, 74.17, 74.51),
    ("segformer", "altogether"): (73.46, 74.28, 74.53),
    ("efficientvit", "none"): (74.17, 74.17, 74.17),
    ("efficientvit", "HSWISH"): (73.55, 73.98, 74.20),
    ("efficientvit", "DIV"): (73.21, 73.30, 74.08),
    ("efficientvit", "altogether"): (73.27, 73.79, 74.15),
}
"""mIoU in Tables 4 and 5, percent, by the first three methods."""


def show(study: Study, cells: Sequence[Cell], names: Mapping[str, str]) -> None:
    """Print a table for each network."""
    study.say("")
    for network in dict.fromkeys(cell.network for cell in cells):
        own = [cell for cell in cells if cell.network == network and cell.functions]
        seeds = sorted({cell.seed for cell in own})
        baselines = {seed: study.measure(Cell(network, seed, ())) for seed in seeds}
        base = _spread([score.after for score in baselines.values()])
        print(f"\n{network}: baseline INT8, exact functions, mIoU {base} %, {len(seeds)} seeds")
        _control(study, baselines, network)
        print(f"{'':12}{''.join(f'{method:>24}' for method in METHODS)}")
        for functions in dict.fromkeys(cell.functions for cell in own):
            row = [cell for cell in own if cell.functions == functions]
            _row(study, row, baselines, _name(functions, own, names), network)
    print(
        "\nmIoU less the equally tuned baseline's, points, mean ± standard error over the seeds;"
        "\nbelow, pixels classed otherwise than by that baseline, percent: without and with tuning."
    )


def _control(study: Study, baselines: Mapping[int, Score], network: str) -> None:
    """What fine-tuning on other scenes alone does to the baseline."""
    found = [(study.measure(Cell(network, s, (), CONTROL)), base) for s, base in baselines.items()]
    gain = _spread([score.after - base.after for score, base in found], sign=True)
    changed = _spread([100.0 - score.agreement_after for score, _ in found])
    print(f"tuned on other scenes: mIoU {gain} points, {changed} % of pixels classed otherwise")


def _name(functions: tuple[str, ...], cells: Sequence[Cell], names: Mapping[str, str]) -> str:
    most = max(len(cell.functions) for cell in cells)
    return "altogether" if len(functions) == most else "+".join(names[each] for each in functions)


def _row(
    study: Study,
    row: Sequence[Cell],
    baselines: Mapping[int, Score],
    name: str,
    network: str,
) -> None:
    scores = {method: [] for method in METHODS}
    for cell in row:
        scores[cell.method].append((study.measure(cell), baselines[cell.seed]))
    lines: dict[str, list[str]] = {name: [], "  untuned": [], "  changed": []}
    for pairs in scores.values():
        lines[name].append(_spread([score.after - base.after for score, base in pairs], sign=True))
        untuned = [score.before - base.before for score, base in pairs]
        lines["  untuned"].append(_spread(untuned, sign=True))
        before = mean(100.0 - score.agreement_before for score, _ in pairs)
        after = mean(100.0 - score.agreement_after for score, _ in pairs)
        lines["  changed"].append(f"{before:.2f}, {after:.2f}")
    published = zip(PAPER[network, name], PAPER[network, "none"], strict=True)
    lines["  paper"] = [f"{value - base:+.2f}" for value, base in published]
    for title, texts in lines.items():
        print(f"{title:12}{''.join(f'{text:>24}' for text in texts)}")


def _spread(values: Sequence[float], *, sign: bool = False) -> str:
    text = f"{mean(values):+.2f}" if sign else f"{mean(values):.2f}"
    if len(values) < 2:
        return text
    return f"{text} ± {stdev(values) / len(values) ** 0.5:.2f}"


def draw(study: Study, cells: Sequence[Cell], names: Mapping[str, str], folder: Path) -> None:
    """`tables.svg`: differences by method; `scenes.png`: what networks see in six test scenes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    networks = list(dict.fromkeys(cell.network for cell in cells))
    figure, axes = pyplot.subplots(1, len(networks), figsize=(6 * len(networks), 4), squeeze=False)
    for axis, network in zip(axes[0], networks, strict=True):
        most = max((c.functions for c in cells if c.network == network), key=len)
        for at, method in enumerate(METHODS):
            own = [
                c for c in cells if (c.network, c.functions, c.method) == (network, most, method)
            ]
            pairs = [(study.measure(c), study.measure(Cell(network, c.seed, ()))) for c in own]
            values = [score.after - base.after for score, base in pairs]
            axis.scatter([at] * len(values), values, s=14, color="grey")
            axis.scatter([at], [mean(values)], s=60, marker="_", color="tab:blue")
        axis.axhline(0.0, color="black", linewidth=0.6)
        axis.set_xticks(range(len(METHODS)), METHODS, rotation=25, ha="right", fontsize=8)
        axis.set_title(f"{network}, altogether, after fine-tuning", fontsize=10)
        axis.set_ylabel("mIoU less the baseline's, points")
    figure.tight_layout()
    figure.savefig(folder / "tables.svg")
    _sheet(study, cells, folder / "scenes.png")


def _sheet(study: Study, cells: Sequence[Cell], path: Path) -> None:
    from matplotlib import pyplot

    cell = next(cell for cell in cells if cell.functions)
    image, classes = next(scenes("t10k", 10_000, 32))
    columns = {"scene": image[:6, 0].numpy(), "truth": classes[:6].numpy()}
    base = study.folder / f"{Cell(cell.network, cell.seed, ()).key}-after.npy"
    columns["INT8, exact"] = np.load(base)[:6]
    for method in ("NN-LUT", "optimal"):
        model = study.replaced(Cell(cell.network, cell.seed, cell.functions, method))
        columns[f"{method}, untuned"] = study.classes(model)[:6]
    figure, axes = pyplot.subplots(6, len(columns), figsize=(2 * len(columns), 12))
    for column, (title, pictures) in enumerate(columns.items()):
        axes[0][column].set_title(title, fontsize=9)
        for row in range(6):
            axis, scale = (
                axes[row][column],
                {} if title == "scene" else {"vmin": 0, "vmax": CLASSES},
            )
            axis.imshow(pictures[row], cmap="gray" if title == "scene" else "tab20", **scale)
            axis.set_axis_off()
    figure.tight_layout()
    figure.savefig(path, dpi=80)


__all__ = ["draw", "show"]
