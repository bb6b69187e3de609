"""
Accuracy against area: GELU at 2 … 64 entries and 6 … 16 bits, in every implementation.

    python benchmarks/accuracy_area.py [--plot DIR] [--quick] [--liberty FILE[,FILE…]]

Inputs and results have as many bits as the parameters and cover [−8, 8); the error is that of the
rounded result over all inputs, in real units, so each width has a floor. Prints the Pareto fronts
of fixed and of programmable units. Tables of 16 bits are within 10 % of the least squares, the
others optimal.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from measure import progress, report, table
from synthesized import gates, libraries, searched
from xdsl.dialects.hw import HWModuleOp

from lut_opt.backends.synthesis.liberty import Library
from lut_opt.dialects.pwl.certificate import RealFunction
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.passes.hw.datapath.fixed import Style
from lut_opt.passes.hw.programmable.program import fit_layout
from lut_opt.passes.hw.programmable.unit import build_programmable
from lut_opt.passes.hw.programmable.words import IntegerFunction
from lut_opt.passes.hw.table_unit.circuits import styles
from lut_opt.passes.hw.table_unit.implementations import exact_unit
from lut_opt.passes.hw.table_unit.unit import build_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

ENTRIES = {
    6: (2, 4, 8),
    8: (2, 4, 8, 16),
    10: (2, 4, 8, 16),
    12: (2, 4, 8, 16, 32),
    16: (2, 4, 8, 16, 32, 64),
}
"""
Numbers of entries for each width. More err hardly less (at most 4 % were seen up to 64 entries):
the rounding of the result is then all that is left.
"""

QUICK = {6: (2, 4, 8), 8: (2, 4, 8)}

LIMIT = 8.0
"""Inputs cover [−LIMIT, LIMIT)."""

DIRECT_BITS = 10
"""Widest direct table that is synthesized: each bit doubles it, and at 12 it has lost."""

ROW_ENTRIES = 16
"""Most entries of `rows`, which multiplies by every slope."""

GAP = 0.1
"""How far 16-bit tables may be above the least squares: so 32 entries take a quarter as long."""

PROGRAMMABLE = "programmable"
SMALLEST = Style("binary", "recoded")
"""With the table in latches the smallest programmable unit (`seed_hardware.py`)."""

LOOKS = {
    "compare": ("o", "#3066be"),
    "onehot": ("s", "#2e933c"),
    "decode": ("D", "#8d6cab"),
    "rows": ("v", "#9aa0a6"),
    "folded": ("P", "#0f8b8d"),
    "direct": ("^", "#e8a33d"),
    "exact": ("*", "#d1495b"),
    PROGRAMMABLE: ("X", "#1a1a1a"),
}
"""Marker and colour."""

SIZES = {6: 22, 8: 34, 10: 50, 12: 70, 16: 100}
"""Area of a marker, in points, for each width."""


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
            return f"exact, {self.bits} bits"
        return f"{self.implementation}, {self.entries} × {self.bits} bits"


def measure(library: Library, sizes: Mapping[int, Sequence[int]]) -> list[Point]:
    """Search, build and synthesize."""
    points: list[Point] = []
    ways = styles()
    for width, entries in sizes.items():
        kind = f"i{width}:f32, {2 * LIMIT / (1 << width)}"
        for size in entries:
            options = {"entries": size, "param_bits": width}
            if width == 16:
                options["gap"] = GAP
            unit, op = searched("gelu", kind, kind, options)
            units = dict.fromkeys(
                (
                    name
                    for name, style in ways.items()
                    if _is_worth_it(unit, name) and style.obstacle(unit.table, unit.operand) is None
                ),
                unit,
            )
            exact = exact_unit(unit, real_function(op)) if width <= DIRECT_BITS else None
            if size == entries[0] and exact is not None:
                units["exact"] = exact
            made = {n: build_unit(one, ways.get(n, ways["direct"])) for n, one in units.items()}
            units[PROGRAMMABLE], made[PROGRAMMABLE] = unit, _programmable(unit, size)
            for name, module in made.items():
                found = gates(module, library, "quick", power=False)
                error = _error(units[name], real_function(op))
                points.append(Point(width, size, name, error, found.area, found.delay))
                progress(f"{len(points)} units")
    return points


def _programmable(unit: TableUnit, entries: int) -> HWModuleOp:
    """The smallest unit that software can write the table into, combinational from x to y."""
    layout = fit_layout([unit.table], unit.operand, entries, unit.result)
    function = IntegerFunction(unit.operand, unit.result, layout, 0, SMALLEST)
    return build_programmable("unit", function, "latch")


def _is_worth_it(unit: TableUnit, implementation: str) -> bool:
    if implementation == "direct":
        return unit.operand.bits <= DIRECT_BITS
    return implementation != "rows" or unit.table.entries <= ROW_ENTRIES


def _error(unit: TableUnit, function: RealFunction) -> float:
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


def kinds(points: Sequence[Point]) -> dict[str, list[Point]]:
    """The fronts of fixed and of programmable units."""
    programmable = [point for point in points if point.implementation == PROGRAMMABLE]
    fixed = [point for point in points if point.implementation != PROGRAMMABLE]
    return {"fixed": front(fixed), PROGRAMMABLE: front(programmable)}


def draw(points: Sequence[Point], library: Library, path: Path) -> None:
    """Write the picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 6.5), layout="constrained")
    axes = figure.subplots()
    for point in points:
        marker, colour = LOOKS[point.implementation]
        axes.scatter(
            point.area, point.error, s=SIZES[point.bits], marker=marker, color=colour,
            alpha=0.85, linewidths=0.4, edgecolors="white",
        )  # fmt: skip
    axes.set(xscale="log", yscale="log")
    for name, best in kinds(points).items():
        dash = "-" if name == "fixed" else "--"
        edge = [p.area for p in best], [p.error for p in best]
        axes.plot(*edge, color="black", lw=0.9, ls=dash, zorder=0, drawstyle="steps-post")
        _label(axes, best)
    axes.set_xlabel(f"area in {library.area_unit} ({library.name}, quick effort)")
    axes.set_ylabel("RMS error of GELU on [−8, 8), real units")
    axes.set_title("GELU: accuracy against area of combinational units (entries×bits)", fontsize=11)
    axes.grid(alpha=0.2, which="both")
    areas = [point.area for point in points]
    # Room for the labels, which stand left of the fronts.
    axes.set_xlim(min(areas) / 4, max(areas) * 1.6)
    figure.legend(handles=_legend(points), fontsize=8, loc="outside right upper")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def _label(axes: Axes, best: Sequence[Point]) -> None:
    """Say what is on a front, where the labels of neighbours would not lie on each other."""
    labelled: Point | None = None
    for point in best:
        if labelled is not None and labelled.error < 1.3 * point.error:
            continue
        labelled = point
        name = point.label.removeprefix(f"{PROGRAMMABLE}, ").replace(" × ", "×")
        axes.annotate(
            name.removesuffix(" bits") if "×" in name else name,
            (point.area, point.error), xytext=(-6, -10), fontsize=7,
            textcoords="offset points", ha="right", zorder=0.5,
        )  # fmt: skip


def _legend(points: Sequence[Point]) -> list[Line2D]:
    """Implementations, widths, and the fronts."""
    from matplotlib.lines import Line2D

    used = {point.implementation for point in points}
    ways = [
        Line2D([], [], marker=marker, ls="", color=colour, label=name)
        for name, (marker, colour) in LOOKS.items()
        if name in used
    ]
    widths = [
        Line2D([], [], marker="o", ls="", color="grey", ms=SIZES[bits] ** 0.5, label=f"{bits} bits")
        for bits in sorted({point.bits for point in points})
    ]
    fronts = [
        Line2D([], [], color="black", lw=0.9, ls=dash, label=f"Pareto front, {name}")
        for name, dash in (("fixed", "-"), (PROGRAMMABLE, "--"))
    ]
    return [*ways, *widths, *fronts]


def main() -> None:
    """Measure, print the front, draw."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--plot", type=Path, metavar="DIR", help="write accuracy_area.png there")
    parser.add_argument("--quick", action="store_true", help="6 and 8 bits, up to 8 entries")
    parser.add_argument("--liberty", action="append", default=[], metavar="FILE[,FILE…]")
    arguments = parser.parse_args()
    library = next(iter(libraries(arguments.liberty).values()))
    start = time.perf_counter()
    points = measure(library, QUICK if arguments.quick else ENTRIES)
    seconds = time.perf_counter() - start
    for name, best in kinds(points).items():
        rows = [[p.label, p.area, p.error, p.delay] for p in best]
        report(
            f"GELU, accuracy against area: the Pareto front of {name} units",
            f"{len(points)} units, {library.name}, quick effort, combinational; {seconds:.0f} s",
            table(["unit", f"area, {library.area_unit}", "RMS error", library.time_unit], rows),
            ("pyosys",),
        )
    if arguments.plot is not None:
        draw(points, library, arguments.plot / "accuracy_area.png")


if __name__ == "__main__":
    main()
