"""
Table 3 and Figures 2(a) and 3 of GQA-LUT (Dong et al., DAC 2024), rerun, and how far they can go.

    python benchmarks/seed_tables.py [--seeds 10] [--quick] [--plot DIR] [--jobs N]

The metric is the paper's: S in {2^0 … 2^−6}, INT8 inputs in [R_n, R_p], squared error of
S·(k·q + b/S) with nothing rounded after the multiply, MSE per S, plain mean over S. DIV and RSQRT
are measured on the grid of 1/32. Medians over the seeds.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.quantization import Reals
from lut_opt.passes.search import search
from lut_opt.passes.search.heuristic.genetic import Rounding
from lut_opt.passes.search.heuristic.neural import NeuralConfig, train
from lut_opt.passes.search.heuristic.presets import (
    SEED_FUNCTIONS,
    Variant,
    fraction_bits,
    genetic_preset,
    per_scale_mse,
    scale_problem,
    search_real_table,
    seed_function,
    shared_problem,
)
from lut_opt.passes.search.model.real_table import RealTable

TITLES = {
    "gelu": "GELU",
    "hardswish": "HSWISH",
    "exp": "EXP",
    "silu": "SiLU",
    "reciprocal": "DIV",
    "rsqrt": "RSQRT",
}
SIZES = (8, 16)

# GQA-LUT Table 3, 8 and 16 entries
PUBLISHED = {
    "NN-LUT": {
        "gelu": (1.3e-3, 2.7e-4),
        "hardswish": (1.2e-3, 7.9e-4),
        "exp": (6.4e-4, 2.3e-4),
        "reciprocal": (2.7e-3, 2.4e-3),
        "rsqrt": (1.1e-2, 2.8e-3),
    },
    "GQA-LUT w/o RM": {
        "gelu": (1.5e-4, 9.9e-5),
        "hardswish": (3.1e-4, 2.8e-4),
        "exp": (1.3e-4, 1.1e-4),
        "reciprocal": (7.8e-4, 1.3e-3),
        "rsqrt": (1.2e-3, 5.0e-4),
    },
    "GQA-LUT w/ RM": {
        "gelu": (9.4e-5, 9.6e-5),
        "hardswish": (2.9e-4, 2.2e-4),
        "exp": (1.2e-4, 7.4e-5),
        "reciprocal": (8.3e-4, 1.4e-3),
        "rsqrt": (1.7e-3, 1.2e-3),
    },
}

NOTES = """
Why the reruns differ from the published figures

1. The published figures are single runs. The authors' program, rerun with its fixed seed 42, writes
   exactly the 8-entry tables that they released; under this metric those have 9.97e-5 (GELU),
   3.08e-4 (HSWISH) and 1.22e-4 (EXP). With other seeds (1 to 6) the same program has 1.05e-4 to
   4.99e-4 on GELU, median 3.0e-4, and so has our rerun of it. Of our seeds 0 to 99 the published
   figure is reached (within 6 %) by 1 for GELU-8, 2 for GELU-16, 4 for HSWISH-8, 60 for EXP-8.
   [m_a, m_b] in Table 1 differs from cell to cell, which fits a choice made for that one seed.
2. Rounding breakpoints to nearest decides the error at S = 1 and 1/2, and the fitness does not see
   it. By ceiling no input changes its segment: the same tables are up to 40 times better. With
   and without rounding mutation the medians are within the spread of the seeds.
3. Algorithm 2 as printed replaces the noise by rounding: after a few generations no new value can
   enter the population. The authors' program rounds or adds noise of deviation 0.2 (`mixed` here),
   puts the ends of the outer chords at +-10^4 (-16 for EXP) so that they are the tails, rounds
   slopes and intercepts to 6 bits, not 5, and judges them rounded. "As printed" judges
   them in FP32 and rounds to lambda = 5 at the end, which alone costs 3e-4 to 1e-3.
4. DIV and RSQRT: that rounding at the end explains the published 5e-4 to 1.7e-3. The authors'
   program at 6 bits reaches 4e-5, with slopes up to 4 that take 9 bits, so it can lie below the
   optimum of 8-bit tables (lambda = 5); it is compared with the optimum of its own width. Table 1
   has theta_r = 0 for both; the rows with RM use 0.05 and [0, 5].
5. NN-LUT is trained here with 100 K samples, the L1 loss and Adam, then rounded to the same format
   as GQA-LUT as the paper says. SiLU is not in the paper.
""".strip()


@dataclass(frozen=True)
class Method:
    """One row: a search, and the format in which its tables are stored."""

    title: str
    find: Callable[[str, int, int], Reals]
    """(function, entries, seed) to the MSE at each scale."""
    bits: Callable[[str], int]
    """Fraction bits λ of a function's tables."""
    param_bits: int = 8
    published: str | None = None
    seeded: bool = True


def neural(rounding: Rounding, variant: Variant, function: str, entries: int, seed: int) -> Reals:
    """NN-LUT: train on [R_n, R_p], round to the format."""
    table = trained(function, entries, seed)
    lam = fraction_bits(function, variant)
    return per_scale_mse(function, table, frac_bits=lam, rounding=rounding)


@cache
def trained(function: str, entries: int, seed: int) -> RealTable:
    """NN-LUT's table in floating point."""
    column = seed_function(function)
    curve, config = FUNCTIONS[function], NeuralConfig()
    return train(curve, column.low, column.high, entries, config, seed=seed).table()


@cache
def evolved(variant: Variant, mutates: bool, function: str, entries: int, seed: int) -> RealTable:
    """GQA-LUT's table before anything is rounded."""
    config = genetic_preset(function, entries, variant=variant, rounding_mutation=mutates)
    margins = variant == "authors"
    return search_real_table(function, entries, config, seed=seed, margins=margins)


def published(
    variant: Variant, mutates: bool, rounding: Rounding, function: str, entries: int, seed: int
) -> Reals:
    """GQA-LUT as printed, or as the authors' program has it."""
    table = evolved(variant, mutates, function, entries, seed)
    width = WIDE if variant == "authors" else 8
    lam = fraction_bits(function, variant)
    return per_scale_mse(function, table, frac_bits=lam, param_bits=width, rounding=rounding)


def ours(function: str, entries: int, seed: int) -> Reals:
    """Our genetic search with rounding mutation: the fitness is the shared integer table's loss."""
    joint = shared_problem(function, entries, fraction_bits(function, "integer"))
    config = genetic_preset(function, entries, variant="integer", rounding_mutation=True)
    curve = FUNCTIONS[function]
    found = search(joint.merged, curve, strategy="genetic", seed=seed, config=config)
    return np.array(joint.losses(found.table))


def optimal_shared(function: str, entries: int, seed: int) -> Reals:
    """The proven best table that all scales share."""
    joint = shared_problem(function, entries, fraction_bits(function, "integer"))
    return np.array(joint.losses(search(joint.merged, strategy="optimal").table))


def optimal_per_scale(
    function: str, entries: int, seed: int, bits: int | None = None, param_bits: int = 8
) -> Reals:
    """The proven best table of each scale."""
    lam = fraction_bits(function, "integer") if bits is None else bits
    problems = (
        scale_problem(function, entries, shift, lam, param_bits)
        for shift in seed_function(function).shifts
    )
    return np.array([search(p, strategy="optimal").loss for p in problems])


WIDE = 16
"""Bits of the parameters of the authors' program, which bounds no width."""

_printed = partial(fraction_bits, variant="printed")
_authors = partial(fraction_bits, variant="authors")
_ours = partial(fraction_bits, variant="integer")
_run = partial(partial, published)
METHODS = (
    Method("NN-LUT, lambda 5", partial(neural, "nearest", "printed"), _printed, 8, "NN-LUT"),
    Method("NN-LUT, ceiling, ours", partial(neural, "ceiling", "integer"), _ours),
    Method("w/o RM, printed", _run("printed", False, "nearest"), _printed, 8, "GQA-LUT w/o RM"),
    Method("w/o RM, program", _run("authors", False, "nearest"), _authors, WIDE, "GQA-LUT w/o RM"),
    Method("w/o RM, program, ceiling", _run("authors", False, "ceiling"), _authors, WIDE),
    Method("w/ RM, printed", _run("printed", True, "nearest"), _printed, 8, "GQA-LUT w/ RM"),
    Method("w/ RM, program", _run("authors", True, "nearest"), _authors, WIDE, "GQA-LUT w/ RM"),
    Method("w/ RM, program, ceiling", _run("authors", True, "ceiling"), _authors, WIDE),
    Method("genetic w/ RM, ours", ours, _ours, 8, "GQA-LUT w/ RM"),
    Method("optimal, one shared table", optimal_shared, _ours, seeded=False),
    Method("optimal, a table per S", optimal_per_scale, _ours, seeded=False),
)

Column = dict[str, Reals]
"""MSE of each method, shape (seeds, scales)."""
Results = dict[tuple[str, int], Column]
"""By function and entries."""


def measure(function: str, entries: int, seeds: int) -> Column:
    """All methods on one function; raises `AssertionError` where one beats the proven optimum."""
    column: Column = {}
    for method in METHODS:
        runs = range(seeds if method.seeded else 1)
        column[method.title] = np.array([method.find(function, entries, s) for s in runs])
        bits = method.bits(function)
        optimum = optimal_per_scale(function, entries, 0, bits, method.param_bits)
        if not np.all(column[method.title] >= optimum * (1 - 1e-9)):
            raise AssertionError(f"{method.title} beats the optimum on {function}, {entries}")
    return column


def median(runs: Reals) -> float:
    """Median over the seeds of the mean over the scales."""
    return float(np.median(runs.mean(axis=1)))


def best(runs: Reals) -> float:
    """The best seed's mean over the scales."""
    return float(runs.mean(axis=1).min())


def pair(values: tuple[float, float] | None, pattern: str = "{:.1e} / {:.1e}") -> str:
    """8 and 16 entries."""
    return pattern.format(*values) if values else "-"


def table_3(results: Results) -> str:
    """Average MSE of each method, the published figures in the row above."""
    functions = list(dict.fromkeys(function for function, _ in results))
    lines = ["Table 3: average MSE, 8 / 16 entries (published figures in brackets)", ""]
    lines.append(" " * 27 + "".join(f"{TITLES[f]:>22}" for f in functions))
    before: str | None = None
    for method in METHODS:
        if method.published and method.published != before:
            before = method.published
            cells = [pair(PUBLISHED[before].get(f), "[{:.1e} / {:.1e}]") for f in functions]
            lines.append(f"{f'[{before}]':27}" + "".join(f"{c:>22}" for c in cells))
        rows = [(results[f, 8][method.title], results[f, 16][method.title]) for f in functions]
        cells = [pair((median(small), median(large))) for small, large in rows]
        lines.append(f"{method.title:27}" + "".join(f"{c:>21} " for c in cells))
    return "\n".join(lines)


def figure(title: str, function: str, entries: int, column: Column) -> str:
    """MSE at each scale, medians over the seeds."""
    shifts = seed_function(function).shifts
    lines = [f"{title}: {TITLES[function]}, {entries} entries, MSE at S = 2^-s", ""]
    lines.append(f"{'s':27}" + "".join(f"{s:>9}" for s in shifts))
    for name, runs in column.items():
        lines.append(f"{name:27}" + "".join(f"{v:>9.1e}" for v in np.median(runs, axis=0)))
    return "\n".join(lines)


def against_published(results: Results) -> str:
    """How far each rerun is from the published figure, as a factor."""
    functions = list(dict.fromkeys(function for function, _ in results))
    functions = [f for f in functions if f in PUBLISHED["NN-LUT"]]
    lines = ["Over the published figure: median and best seed, 8; 16 entries", ""]
    lines.append(" " * 27 + "".join(f"{TITLES[f]:>26}" for f in functions))
    for method in METHODS:
        if method.published is None:
            continue
        line = f"{method.title:27}"
        for f in functions:
            known = PUBLISHED[method.published][f]
            parts = [
                f"{median(results[f, n][method.title]) / known[i]:.2f} "
                f"({best(results[f, n][method.title]) / known[i]:.2f})"
                for i, n in enumerate(SIZES)
            ]
            line += f"{'; '.join(parts):>26}"
        lines.append(line)
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and draw where asked."""
    parser = argparse.ArgumentParser(description="GQA-LUT's Table 3, rerun and bounded")
    parser.add_argument("--seeds", type=int, default=10, help="runs of each random method")
    parser.add_argument("--quick", action="store_true", help="two seeds, GELU and DIV only")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="write the figures as PNG")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    options = parser.parse_args()
    functions = ["gelu", "reciprocal"] if options.quick else list(TITLES)
    seeds = 2 if options.quick else options.seeds
    cells = [(f, n) for f in functions for n in SIZES]
    with ProcessPoolExecutor(max(options.jobs, 1)) as pool:
        columns = pool.map(measure, *zip(*cells, strict=True), [seeds] * len(cells))
        results = dict(zip(cells, columns, strict=True))
    print(table_3(results), against_published(results), sep="\n\n")
    print("\n" + figure("Figure 2(a)", "gelu", 8, results["gelu", 8]))
    for (function, entries), column in results.items():
        if len(SEED_FUNCTIONS[function].shifts) > 1:
            print("\n" + figure("Figure 3", function, entries, column))
    print("\nEvery table was checked against the proven optimum of its own format.\n\n" + NOTES)
    if options.plot:
        from seed_plots import draw  # beside this file; matplotlib only where it is asked for

        draw(results, options.plot, TITLES)


if __name__ == "__main__":
    main()
