"""Pictures of `seed_tables.py`: Table 3 as bars, Figures 2(a) and 3 as curves."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

mpl.use("Agg")

Column = dict[str, NDArray[np.float64]]

SHOWN = {
    "NN-LUT, lambda 5": ("NN-LUT", "#9aa0a6", ":"),
    "w/o RM, program": ("GQA-LUT w/o RM", "#e8a33d", "--"),
    "w/ RM, program": ("GQA-LUT w/ RM", "#d1495b", "--"),
    "w/ RM, program, ceiling": ("the same, ceiling", "#d1495b", "-"),
    "genetic w/ RM, ours": ("genetic w/ RM, ours", "#3066be", "-"),
    "optimal, one shared table": ("optimal, shared", "#2e933c", "--"),
    "optimal, a table per S": ("optimal, per S", "#2e933c", "-"),
}


def draw(results: dict[tuple[str, int], Column], folder: Path, titles: dict[str, str]) -> None:
    """Write table_3.png, figure_2a.png and figure_3.png into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    scaled = {
        key: column for key, column in results.items() if column[next(iter(SHOWN))].shape[1] > 1
    }
    _bars(results, titles).savefig(folder / "table_3.png", dpi=150)
    one = {key: column for key, column in scaled.items() if key == ("gelu", 8)}
    _curves(one, titles).savefig(folder / "figure_2a.png", dpi=150)
    _curves(scaled, titles).savefig(folder / "figure_3.png", dpi=150)


def _bars(results: dict[tuple[str, int], Column], titles: dict[str, str]) -> Figure:
    """Medians over the seeds of the average MSE; whiskers from the best to the worst seed."""
    sizes = sorted({entries for _, entries in results})
    functions = list(dict.fromkeys(function for function, _ in results))
    figure = Figure(figsize=(2.0 + 2.0 * len(functions), 7.0), layout="constrained")
    axes = figure.subplots(len(sizes), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    width = 0.8 / len(SHOWN)
    for ax, entries in zip(axes, sizes, strict=True):
        for i, (method, (label, colour, line)) in enumerate(SHOWN.items()):
            runs = [results[f, entries][method].mean(axis=1) for f in functions]
            middle = np.array([np.median(r) for r in runs])
            spread = np.array([[np.median(r) - r.min(), r.max() - np.median(r)] for r in runs]).T
            at = np.arange(len(functions)) + (i - (len(SHOWN) - 1) / 2) * width
            ax.bar(
                at, middle, width, yerr=spread, label=label, color=colour,
                alpha=1.0 if line == "-" else 0.55, error_kw={"lw": 0.8},
            )  # fmt: skip
        _finish(ax, f"{entries} entries")
        ax.set_xticks(range(len(functions)), [titles[f] for f in functions])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle("Average MSE (metric of GQA-LUT, Table 3)")
    return figure


def _curves(results: dict[tuple[str, int], Column], titles: dict[str, str]) -> Figure:
    """Median MSE at each scale, one panel for each function and size."""
    sizes = sorted({entries for _, entries in results})
    functions = list(dict.fromkeys(function for function, _ in results))
    size = (1.5 + 3.6 * len(functions), 1.6 + 3.0 * len(sizes))
    figure = Figure(figsize=(max(size[0], 6.5), size[1]), layout="constrained")
    axes = figure.subplots(len(sizes), len(functions), sharey=True, squeeze=False)
    for (function, entries), column in results.items():
        ax = axes[sizes.index(entries), functions.index(function)]
        for method, (label, colour, line) in SHOWN.items():
            curve = np.median(column[method], axis=0)
            ax.plot(curve, line, color=colour, label=label, marker="o", markersize=3)
        _finish(ax, f"{titles[function]}, {entries} entries")
        ax.label_outer()
        ax.set_xticks(range(7), [f"$2^{{{-s}}}$" for s in range(7)])
        ax.set_xlabel("scale S")
    handles, columns = axes[0, 0].get_legend_handles_labels(), 4 if len(functions) > 1 else 2
    figure.legend(*handles, loc="outside lower center", ncols=columns)
    return figure


def _finish(ax: Axes, title: str) -> None:
    ax.set_yscale("log")
    ax.set_title(title)
    ax.set_ylabel("MSE")
    ax.grid(axis="y", alpha=0.3)
