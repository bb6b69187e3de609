"""
Accuracy against area: GELU at 2 … 64 entries and 6 … 16 bits, in every implementation.

    python benchmarks/accuracy_area.py [--plot DIR] [--quick] [--liberty FILE[,FILE…]]

Inputs and results have as many bits as the parameters and cover [−8, 8); the error is that of the
rounded result over all inputs, in real units, so each width has a floor. Prints the Pareto front.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measure import progress, report, table
from synthesized import gates, libraries, searched

from lut_opt.backends.liberty import Library
from lut_opt.dialects.pwl.certificate import RealFunction
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.passes.hw.datapath import obstacle
from lut_opt.passes.hw.implementations import STYLES, exact_unit
from lut_opt.passes.hw.unit import Unit, build_unit

BITS = (6, 8, 10, 12, 16)
ENTRIES = (2, 4, 8, 16, 32, 64)
LIMIT = 8.0
"""Inputs cover [−LIMIT, LIMIT)."""

DIRECT_BITS = 10
"""Widest direct table that is synthesized: each bit doubles it, and at 12 it has lost."""

ROW_ENTRIES = 16
"""Most entries of `rows`, which multiplies by every slope."""

COLOURS = {
    "compare": "#3066be",
    "onehot": "#2e933c",
    "decode": "#8d6cab",
    "rows": "#9aa0a6",
    "folded": "#4cc3c7",
    "direct": "#e8a33d",
    "exact": "#d1495b",
}
MARKERS = {6: "v", 8: "o", 10: "s", 12: "D", 16: "^"}


@dataclass(frozen=True)
class Point:
    """One unit: RMS error in real units, area of its gates."""

    bits: int
    entries: int
    implementation: str
    error: float
    area: float
    delay: float

    @property
    def label(self) -> str:
        """The unit in a few characters."""
        if self.implementation == "exact":
            return f"exact i{self.bits}"
        return f"{self.implementation} {self.entries}×i{self.bits}"


def measure(library: Library, bits: Sequence[int], entries: Sequence[int]) -> list[Point]:
    """Search, build and synthesize."""
    points: list[Point] = []
    for width in bits:
        kind = f"i{width}:f32, {2 * LIMIT / (1 << width)}"
        for size in entries:
            if size > 1 << (width - 2):
                continue
            unit, op = searched("gelu", kind, kind, {"entries": size, "param_bits": width})
            made = {
                name: build_unit(unit, style)
                for name, style in STYLES.items()
                if _is_worth_it(unit, name) and obstacle(unit.table, unit.operand, style) is None
            }
            units = dict.fromkeys(made, unit)
            exact = exact_unit(unit, real_function(op)) if width <= DIRECT_BITS else None
            if size == entries[0] and exact is not None:
                made["exact"], units["exact"] = build_unit(exact, STYLES["direct"]), exact
            for name, module in made.items():
                found = gates(module, library, "quick")
                error = _error(units[name], real_function(op))
                points.append(Point(width, size, name, error, found.area, found.delay))
                progress(f"{len(points)} units")
    return points


def _is_worth_it(unit: Unit, implementation: str) -> bool:
    if implementation == "direct":
        return unit.operand.bits <= DIRECT_BITS
    return implementation != "rows" or unit.table.entries <= ROW_ENTRIES


def _error(unit: Unit, function: RealFunction) -> float:
    q = unit.operand.values
    wanted = function(unit.operand.dequantize(q))
    got = unit.result.dequantize(unit.table.evaluate(q, unit.result))
    return float(np.sqrt(np.mean((got - unit.result.clip(wanted)) ** 2)))


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both, by area."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.area, p.error)):
        if not best or point.error < best[-1].error:
            best.append(point)
    return best


def draw(points: Sequence[Point], library: Library, path: Path) -> None:
    """Write the picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(9.0, 6.0), layout="constrained")
    axes = figure.subplots()
    for point in points:
        axes.scatter(
            point.area, point.error, s=28, marker=MARKERS[point.bits],
            color=COLOURS[point.implementation], alpha=0.75, linewidths=0,
        )  # fmt: skip
    best = front(points)
    edge = [p.area for p in best], [p.error for p in best]
    axes.plot(*edge, color="black", lw=1.0, zorder=0, drawstyle="steps-post")
    labelled = best[0]
    for point in best:
        # The labels of neighbours would lie on each other.
        if point is best[0] or labelled.error > 1.3 * point.error:
            labelled = point
            axes.annotate(
                point.label, (point.area, point.error), xytext=(-4, -10), fontsize=7,
                textcoords="offset points", ha="right",
            )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel=f"area of {library.name} in {library.area_unit}")
    axes.set_ylabel("RMS error of GELU on [−8, 8), real units")
    axes.grid(alpha=0.25, which="both")
    used = [name for name in COLOURS if any(p.implementation == name for p in points)]
    ways = [Line2D([], [], marker="o", ls="", color=COLOURS[name], label=name) for name in used]
    widths = [
        Line2D([], [], marker=marker, ls="", color="grey", label=f"{bits} bits")
        for bits, marker in MARKERS.items()
    ]
    line = Line2D([], [], color="black", lw=1.0, label="Pareto front")
    axes.legend(handles=[*ways, *widths, line], fontsize=8, ncols=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Measure, print the front, draw."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--plot", type=Path, metavar="DIR", help="write accuracy_area.png there")
    parser.add_argument("--quick", action="store_true", help="two widths, three sizes")
    parser.add_argument("--liberty", action="append", default=[], metavar="FILE[,FILE…]")
    arguments = parser.parse_args()
    sizes = (BITS[:2], ENTRIES[:3]) if arguments.quick else (BITS, ENTRIES)
    library = next(iter(libraries(arguments.liberty).values()))
    points = measure(library, *sizes)
    rows = [[p.label, p.area, p.error, p.delay] for p in front(points)]
    report(
        "GELU, accuracy against area: the Pareto front",
        f"{len(points)} units, {library.name}, quick effort, combinational",
        table(["unit", f"area, {library.area_unit}", "RMS error", "ns"], rows),
        ("pyosys",),
    )
    if arguments.plot is not None:
        draw(points, library, arguments.plot / "accuracy_area.png")


if __name__ == "__main__":
    main()
