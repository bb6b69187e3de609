"""
Ways to build a fixed INT8 unit, synthesized alike: six functions at five scales.

    python benchmarks/fixed_units.py [--quick] [--effort deep] [--orders N] \\
        [--liberty FILE[,FILE…] …]

For every unit: the optimal table of eight entries in each implementation, the correctly rounded
function as a direct truth table, and what `implementation=auto allow-exact=true` takes, by its
model and by synthesis. `--orders N` asks the synthesizer N times more, of the same gates written in
other orders: how well it foretells itself is as well as any model can do that does not replay it.
Results are remembered in the temporary directory: a second run takes seconds.
"""

from __future__ import annotations

import argparse
import statistics
from collections import Counter
from dataclasses import dataclass

from measure import progress, report, table
from synthesized import Gates, gates, libraries, searched

from lut_opt.backends.synthesis.liberty import Library
from lut_opt.backends.synthesis.synthesize import Effort
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.passes.hw.cost.model import model_cost
from lut_opt.passes.hw.table_unit.circuits import styles
from lut_opt.passes.hw.table_unit.implementations import exact_unit
from lut_opt.passes.hw.table_unit.unit import build_unit

FUNCTIONS = ("gelu", "hardswish", "silu", "exp", "tanh", "sigmoid")
SCALES = (2, 3, 4, 5, 6)
QUICK = (("gelu", 4), ("tanh", 4))
BOUNDED = {"exp", "tanh", "sigmoid"}
"""Functions whose results are stored in steps of 2^-7; the others in steps of the input scale."""
NEAR = 1.15
"""Circuits that are at most so much larger than the smallest are written in other orders too."""

COLUMNS = ("compare", "onehot", "decode", "rows", "direct")


@dataclass(frozen=True)
class Row:
    """One function at one scale: gates of each implementation, and what auto takes by its model."""

    function: str
    scale: int
    found: dict[str, Gates]
    by_model: str
    again: list[dict[str, Gates]]
    """The near ones once more, in each other order of their gates."""

    @property
    def by_synthesis(self) -> str:
        """The smallest: what cost=synthesis takes, since it asks the same synthesizer."""
        return min(self.found, key=lambda name: self.found[name].area)

    @property
    def mean(self) -> dict[str, float]:
        """Areas of the near ones, averaged over the orders."""
        every = [self.found, *self.again]
        return {name: statistics.fmean(each[name].area for each in every) for name in self.again[0]}

    def loss(self, taken: str) -> float:
        """How far above the smallest the area of another is."""
        return self.found[taken].area / self.found[self.by_synthesis].area - 1

    def mean_loss(self, taken: str) -> float:
        """Likewise, areas averaged over the orders."""
        return self.mean[taken] / min(self.mean.values()) - 1


def measure(function: str, scale: int, library: Library, effort: Effort, orders: int) -> Row:
    """Build and synthesize every implementation of one unit, the near ones in other orders too."""
    step = 2.0**-scale
    result = 2.0**-7 if function in BOUNDED else step
    unit, op = searched(function, f"i8:f32, {step}", f"i8:f32, {result}", {"entries": 8})
    modules = {
        name: build_unit(unit, style)
        for name, style in styles().items()
        if style.obstacle(unit.table, unit.operand) is None
    }
    exact = exact_unit(unit, real_function(op))
    assert exact is not None
    modules["exact"] = build_unit(exact, styles()["direct"])
    found = {name: gates(module, library, effort, False) for name, module in modules.items()}
    by_model = min(modules, key=lambda name: model_cost(modules[name]).area)
    least = min(each.area for each in found.values())
    near = {
        name: module
        for name, module in modules.items()
        if found[name].area <= NEAR * least or name == by_model
    }
    again = [
        {name: gates(module, library, effort, False, order) for name, module in near.items()}
        for order in range(1, orders + 1)
    ]
    return Row(function, scale, found, by_model, again)


def show(library: Library, rows: list[Row], effort: Effort) -> None:
    """Print areas, delays of the two that count, and whether auto was right."""
    body: list[list[object]] = []
    for row in rows:
        area = {name: f"{row.found[name].area:.1f}" for name in row.found}
        auto, model = row.found[row.by_synthesis], row.found[row.by_model]
        cells = [area[name] for name in (*COLUMNS, "exact")]
        marks = [f"{auto.area:.1f} {row.by_synthesis}", f"{model.area:.1f} {row.by_model}"]
        best = min(one.delay for name, one in row.found.items() if name not in ("direct", "exact"))
        delays = [f"{best:.2f}", f"{row.found['exact'].delay:.2f}"]
        body.append([f"{row.function} 2^-{row.scale}", *cells, *marks, *delays])
    header = ["unit", *COLUMNS, "exact", "auto, synthesis", "auto, model", "ns pwl", "ns exact"]
    title = f"Fixed INT8 units, {library.name}: area in {library.area_unit}, {effort} effort"
    how = "8 entries (λ by the search), combinational; exact: the correctly rounded function"
    report(title, how, table(header, body), ("pyosys",))
    taken = Counter(row.by_synthesis for row in rows)
    kinds = ", ".join(f"{name} for {count}" for name, count in taken.most_common())
    print(f"the smallest is {kinds} of {len(rows)}")
    print(f"auto by model {_regret([row.loss(row.by_model) for row in rows])}")
    if rows[0].again:
        _show_orders(rows)
    print()


def _regret(losses: list[float]) -> str:
    return (
        f"takes the smallest in {losses.count(0.0)} of {len(losses)}, one within 3 % of it in "
        f"{sum(loss <= 0.03 for loss in losses)}; it loses {statistics.fmean(losses):.2%} on "
        f"average, {max(losses):.1%} at most"
    )


def _show_orders(rows: list[Row]) -> None:
    """How far the synthesizer agrees with itself, and what is left when that is averaged out."""
    changes = [
        each.area / row.found[name].area - 1
        for row in rows
        for again in row.again
        for name, each in again.items()
    ]
    for i in range(len(rows[0].again)):
        taken = [min(row.again[i], key=lambda name: row.again[i][name].area) for row in rows]
        losses = [row.loss(name) for row, name in zip(rows, taken, strict=True)]
        print(f"the synthesizer, by the same gates in another order, {_regret(losses)}")
    middle, most = statistics.median(map(abs, changes)), max(map(abs, changes))
    print(f"the order alone changes areas by {middle:.1%} in the median, {most:.1%} at most")
    for name, losses in (
        ("model", [row.mean_loss(row.by_model) for row in rows]),
        ("synthesis", [row.mean_loss(row.by_synthesis) for row in rows]),
    ):
        print(f"areas averaged over the orders, auto by {name} {_regret(losses)}")


def main() -> None:
    """Measure and print for each library."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two units instead of thirty")
    parser.add_argument("--effort", choices=["quick", "normal", "deep"], default="normal")
    parser.add_argument("--orders", type=int, default=0, metavar="N", help="other orders of gates")
    parser.add_argument("--liberty", action="append", default=[], metavar="FILE[,FILE…]")
    arguments = parser.parse_args()
    units = QUICK if arguments.quick else [(f, s) for f in FUNCTIONS for s in SCALES]
    for library in libraries(arguments.liberty).values():
        rows: list[Row] = []
        for function, scale in units:
            rows.append(measure(function, scale, library, arguments.effort, arguments.orders))
            progress(f"{library.name}: {len(rows)}/{len(units)}")
        show(library, rows, arguments.effort)


if __name__ == "__main__":
    main()
