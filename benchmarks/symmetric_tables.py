"""
What relu(x) − h(|x|) saves: tables of `symmetry=relu` against free ones of as many entries.

    python benchmarks/symmetric_tables.py [--quick] [--bits 8 …] [--liberty FILE[,FILE…] …]
    python benchmarks/symmetric_tables.py --network minilm      what a network makes of it

Mean squared errors of the proven optima, and the area of the smallest circuit with segments: of the
free table, of the symmetric one without folding, and folded, which holds half of the entries. With
8 bits the direct truth table, which no table changes much, is smaller than any of them. Results of
synthesis are remembered in the temporary directory. Of a network: decibels of its output, every
operator on integers, on batches that the calibration has not seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from measure import progress, report, table
from synthesized import gates, libraries, searched

from lut_opt.accuracy import Recipe
from lut_opt.accuracy.checking import tabulated
from lut_opt.backends.synthesis.liberty import Library
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.passes.hw.table_unit.circuits import styles
from lut_opt.passes.hw.table_unit.unit import build_unit
from lut_opt.passes.pwl_search import PwlSearchPass

FUNCTIONS = ("gelu", "silu", "hardswish", "softplus, 1.0, 20.0")
SEGMENTED = ("compare", "onehot", "decode", "rows")

HEADER = ("function", "bits", "entries", "MSE free", "MSE relu", "area free", "relu", "folded")


def smallest(unit: TableUnit, library: Library, names: Sequence[str]) -> float:
    """Least area of the circuits that can be built."""
    possible = {name: styles()[name] for name in names}
    return min(
        gates(build_unit(unit, style), library, power=False).area
        for style in possible.values()
        if style.obstacle(unit.table, unit.operand) is None
    )


def measure(function: str, bits: int, entries: int, library: Library) -> list[object]:
    """A line: both tables, and their areas."""
    kind = f"i{bits}:f32, {2.0 ** (3 - (bits - 1)):e}"  # inputs and results in [−8, 8)
    options = {"entries": entries, "param_bits": bits}
    free, symmetric = (
        searched(function, kind, kind, {**options, "symmetry": symmetry})[0].named("unit")
        for symmetry in ("none", "relu")
    )
    losses = [f"{unit.fit.mse:.3g}" for unit in (free, symmetric) if unit.fit is not None]
    areas = [
        smallest(free, library, SEGMENTED),
        smallest(symmetric, library, SEGMENTED),
        smallest(symmetric, library, ["folded"]),
    ]
    name = function.partition(",")[0]
    return [name, str(bits), str(entries), *losses, *(f"{area:.0f}" for area in areas)]


def of_network(name: str) -> list[list[object]]:
    """For each number of entries the network's decibels with free tables, and with these."""
    from network_choice import calibrated_model, measured

    given = calibrated_model(name)
    rows: list[list[object]] = []
    for entries in (4, 8):
        rows.append([str(entries)])
        for symmetry in ("none", "relu"):
            recipe = Recipe(search=PwlSearchPass(entries=entries, symmetry=symmetry))
            _, decibels = measured(given, tabulated(given.program, recipe))
            rows[-1].append(f"{decibels:.1f}")
    return rows


def main() -> None:
    """Measure and print for each library, or for a network."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="GELU of 8 bits alone")
    parser.add_argument("--liberty", action="append", default=[], metavar="FILE[,FILE…]")
    parser.add_argument("--bits", type=int, nargs="+", default=[8], help="of inputs and results")
    parser.add_argument(
        "--network", choices=("block", "minilm", "vit"), help="no circuits, but this"
    )
    arguments = parser.parse_args()
    if arguments.network is not None:
        rows = of_network(arguments.network)
        how = "decibels of the output on held-out batches, default widths"
        title = f"Tables of relu(x) − h(|x|) in {arguments.network}"
        report(title, how, table(("entries", "free", "relu"), rows), ("torch",))
        return
    functions = FUNCTIONS[:1] if arguments.quick else FUNCTIONS
    widths = arguments.bits
    for library in libraries(arguments.liberty).values():
        rows: list[list[object]] = []
        for bits in widths:
            for function in functions:
                for entries in (4, 8):
                    rows.append(measure(function, bits, entries, library))
                    progress(f"{library.name}: {len(rows)} of {len(widths) * len(functions) * 2}")
        title = f"Tables of relu(x) − h(|x|), {library.name}: area in {library.area_unit}"
        how = "inputs and results in [−8, 8), parameters as wide as they, combinational"
        report(title, how, table(HEADER, rows), ("pyosys",))


if __name__ == "__main__":
    main()
