"""
Pictures of weightless blocks: accuracy over energy, trained tables, and what one result is made of.

Their ink is one that a light and a dark page bear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path as Curve
from numpy.typing import NDArray

from lut_opt.dialects.lutnet.network import Block, Luts

INK, CLEAR = "#808890", "#00000000"
ZERO, ONE, LEARNED, CLEARED = "#80889030", "#4a7fe0", "#f2a03d", "#a3402c"
"""Bits of tables: as they began, and as training set or cleared them."""
COLOURS = {
    "MLP": "#e8833a",
    "popcount": "#4a7fe0",
    "grouped": "#2ea27a",
    "dense": "#b565d8",
    "dense 2048": "#d85a8c",
}
mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "quweit_plots"}
mpl.rcParams |= dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), INK)
mpl.rcParams |= dict.fromkeys(("xtick.color", "ytick.color"), INK)


@dataclass(frozen=True)
class Point:
    """A kind of block in a design: scores of its seeds; nJ a token settled, and with glitches."""

    kind: str
    design: str
    scores: tuple[float, ...]
    settled: float
    glitches: float


def energy(points: Sequence[Point], controls: dict[str, Sequence[float]], path: Path) -> None:
    """Gains over the first of the controls, seed by seed, over energy; controls take none."""
    nothing = np.array(next(iter(controls.values())))
    figure = Figure(figsize=(7.5, 4.4), layout="constrained")
    axes: Any = figure.subplots()
    for (name, scores), line in zip(controls.items(), ("-", ":"), strict=True):
        gain, _ = _gain(scores, nothing)
        axes.axhline(gain, color=INK, lw=1, ls=line, label=name)
    for point in points:
        colour, wired = COLOURS[point.kind], point.design == "hard-wired"
        gain, error = _gain(point.scores, nothing)
        ends = (point.settled, point.glitches)
        axes.plot(ends, [gain] * 2, color=colour, lw=2, ls="-" if wired else ":", alpha=0.6)
        axes.errorbar(
            ends[0], gain, error, fmt="o" if wired else "s", ms=8, color=colour, mec=colour,
            mfc=colour if wired else CLEAR, capsize=3, elinewidth=1,
            label=f"{point.kind}, {point.design}",
        )  # fmt: skip
    axes.set(xscale="log", xlabel="nJ a token and block: settled (mark), to with glitches (line)")
    axes.set(ylabel="accuracy over no MLP, points")
    axes.set_title("What a block brings, and what it takes: Nangate 45 nm, without memories")
    axes.grid(alpha=0.25)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.margins(x=0.1, y=0.15)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    _save(figure, path)


def _gain(scores: Sequence[float], nothing: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard error over the seeds that both have."""
    count = min(len(scores), len(nothing))
    gains = np.array(scores[:count]) - nothing[:count]
    return float(gains.mean()), float(gains.std(ddof=1) / count**0.5) if count > 1 else 0.0


def tables(trained: Luts, started: Luts, path: Path, columns: int = 16) -> None:
    """
    A square of tables out of a layer, evenly from the fewest set bits to the most.

    Each is a square of its bits. Its inputs are sorted by influence, and those that rather clear
    the answer are taken inverted, so that what a neuron with a threshold would answer is a
    staircase.
    """
    most = max(map(len, trained.connections))
    now, before = (_bits(each, most) for each in (trained, started))
    order = np.argsort(now.sum(1), kind="stable")
    order = order[np.linspace(0, len(order) - 1, columns**2).round().astype(int)]
    half = 1 << most // 2
    sheet = np.zeros((columns * (half + 2), columns * (half + 2), 4))
    colours = np.array([mpl.colors.to_rgba(each) for each in (ZERO, CLEARED, LEARNED, ONE)])
    for place, lut in enumerate(order):
        squares = [_square(bits[lut], before[lut]) for bits in (before, now)]
        y, x = (part * (half + 2) + 1 for part in divmod(place, columns))
        sheet[y : y + half, x : x + half] = colours[squares[0] + 2 * squares[1]]
    figure = Figure(figsize=(7.5, 8.2), layout="constrained")
    axes: Any = figure.subplots()
    axes.imshow(sheet, interpolation="none")
    axes.set_axis_off()
    changed = 100 * (now != before).mean()
    of = f"{len(order)} of {len(now)} tables of {1 << most} bits"
    axes.set_title(f"{of}; training turned {changed:.1f} % of all bits")
    marks = {"set": ONE, "set by training": LEARNED, "cleared by training": CLEARED, "0": ZERO}
    handles = [Line2D([], [], ls="", marker="s", color=each) for each in marks.values()]
    figure.legend(handles, marks, loc="outside lower center", ncols=4, frameon=False)
    _save(figure, path)


def wires(block: Block, result: int, path: Path) -> None:
    """Everything that one result depends on: thresholds of features, LUTs, weights."""
    luts, terms = block.layers[0], block.readout.terms(result)
    chosen = [lut for lut, weight in terms if weight]
    used = {wire for lut in chosen for wire in luts.connections[lut]}
    figure = Figure(figsize=(8, 9), layout="constrained")
    axes: Any = figure.subplots()
    places = _thermometers(axes, block, used)
    for row, lut in enumerate(chosen):
        y = (row + 0.5) / len(chosen)
        colour = mpl.colors.hsv_to_rgb((0.05 + 0.85 * row / len(chosen), 0.65, 0.8))
        _lut(axes, luts, lut, y, 0.4 / len(chosen), colour)
        for pin, wire in enumerate(luts.connections[lut]):
            end = y + (pin - 2.5) * 0.12 / len(chosen)
            _curve(axes, places[wire], (0.6, end), colour)
        _curve(axes, (0.665, y), (0.93, 0.5), colour)
    axes.text(0.94, 0.5, f"result {result}\n= bits set", va="center", color=INK)
    axes.text(0.0, 1.02, "features, thresholds", color=INK)
    axes.text(0.6, 1.02, f"{len(chosen)} LUTs", color=INK)
    axes.set(xlim=(-0.06, 1.1), ylim=(1.0, -0.01))
    axes.set_axis_off()
    _save(figure, path)


def _thermometers(axes: Any, block: Block, used: set[int]) -> dict[int, tuple[float, float]]:
    """Each feature a line of stored values with its thresholds on it; where each of them is."""
    found: dict[int, tuple[float, float]] = {}
    values = [threshold for _, threshold in block.thermometer.places]
    low, high = min(values) - 4, max(values) + 4
    features = block.thermometer.features
    for wire, (feature, threshold) in enumerate(block.thermometer.places):
        y = (feature + 0.5) / features
        axes.plot([0, 0.16], [y, y], color=INK, lw=0.6, alpha=0.5)
        found[wire] = (0.16 * (threshold - low) / (high - low), y)
        marked = wire in used
        axes.plot(
            *found[wire], "o", ms=3.2 if marked else 1.6, color=INK, alpha=1 if marked else 0.6
        )
    for feature in range(0, features, 8):
        axes.text(-0.01, (feature + 0.5) / features, f"{feature}", ha="right", va="center")
    return found


def _lut(axes: Any, luts: Luts, lut: int, y: float, half: float, colour: Any) -> None:
    """A table as a square of bits."""
    count = len(luts.connections[lut])
    bits = _bits(luts, count)[lut]
    cells = np.array([mpl.colors.to_rgba(each) for each in (ZERO, colour)])[_square(bits, bits)]
    extent = (0.605, 0.655, y + half, y - half)
    axes.imshow(cells, extent=extent, interpolation="none", aspect="auto", zorder=3)


def _curve(axes: Any, start: tuple[float, float], end: tuple[float, float], colour: Any) -> None:
    middle = (start[0] + end[0]) / 2
    vertices = [start, (middle, start[1]), (middle, end[1]), end]
    codes = [Curve.MOVETO, *[Curve.CURVE4] * 3]
    line = mpl.patches.PathPatch(Curve(vertices, codes), fc="none", ec=colour, lw=0.8, alpha=0.75)
    axes.add_patch(line)


def _bits(luts: Luts, inputs: int) -> NDArray[np.int64]:
    """Tables as bits (LUTs, 2^inputs)."""
    return np.array([[table >> at & 1 for at in range(1 << inputs)] for table in luts.tables])


def _square(bits: NDArray[np.int64], sorted_by: NDArray[np.int64]) -> NDArray[np.int64]:
    """A table as rows and columns: the inputs of most influence halve the square first."""
    inputs = len(bits).bit_length() - 1
    at = np.arange(len(bits))
    # By how much more often each input sets the answer than it clears it.
    pulls = [(sorted_by * (2 * (at >> each & 1) - 1)).sum() for each in range(inputs)]
    inverted = sum(1 << each for each in range(inputs) if pulls[each] < 0)
    cube = bits[at ^ inverted].reshape((2,) * inputs)  # axis 0 is the highest bit of the address
    axes = [inputs - 1 - int(each) for each in np.argsort(-np.abs(pulls), kind="stable")]
    return cube.transpose(*axes[0::2], *axes[1::2]).reshape(1 << len(axes[0::2]), -1)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, transparent=True, metadata={"Date": None})
