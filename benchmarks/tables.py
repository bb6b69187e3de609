"""
How long one table takes: the proven optimum by dynamic programming, and genetic search.

Claim: the proven optimum of an INT8 table of 8 or 16 entries takes at most 10 ms at every function
and scale. Genetic search at the paper's configuration (50 individuals, 500 generations) takes about
100 ms, where the paper's own program took a minute; its distance from the optimum stands beside it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from measure import paired, report, table

from lut_opt.dialects.pwl.certificate import RealFunction, samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search import GeneticConfig, Problem, search
from lut_opt.passes.search.model.formulate import Shape, formulate

DOMAINS = {
    "gelu": (-4.0, 4.0),
    "hardswish": (-4.0, 4.0),
    "silu": (-4.0, 4.0),
    "exp": (-8.0, 0.0),
    "sigmoid": (-8.0, 8.0),
    "tanh": (-4.0, 4.0),
}
SCALES = tuple(2.0**-s for s in range(7))
ENTRIES = (8, 16, 32)
PAPER = GeneticConfig(population=50, generations=500, mutation="rounding")


def problem(function: RealFunction, domain: tuple[float, float], scale: float, n: int) -> Problem:
    """INT8 in, a 32-bit accumulator out, in the seed form with 8-bit parameters and λ = 6."""
    operand = Quantization(8, True, scale)
    result = Quantization(32, True, scale * 2.0**-6)
    points = samples(function, (), operand, result, domain)
    return formulate(points, operand, result, Shape(entries=n, frac_bits=6, form="seed"))


def optimal_rows(repetitions: int) -> list[tuple[str, str, float, float, float]]:
    """Median, least and largest milliseconds over the scales, by function and entries."""
    rows: list[tuple[str, str, float, float, float]] = []
    for name, domain in DOMAINS.items():
        for n in ENTRIES:
            made = {str(s): problem(FUNCTIONS[name], domain, s, n) for s in SCALES}
            runs = {key: lambda p=p: search(p, strategy="optimal") for key, p in made.items()}
            times = [timing.median * 1e3 for timing in paired(runs, repetitions).values()]
            rows.append((name, str(n), float(np.median(times)), min(times), max(times)))
    return rows


def genetic_rows(repetitions: int) -> list[tuple[str, str, float, str]]:
    """Milliseconds at S = 2^-4, and the loss as a multiple of the proven optimum's."""
    rows: list[tuple[str, str, float, str]] = []
    for name, domain in DOMAINS.items():
        for n in (8, 16):
            task = problem(FUNCTIONS[name], domain, 2.0**-4, n)
            best = search(task, strategy="optimal").loss
            for fitness in ("grid", "integer"):
                config = replace(PAPER, fitness=fitness)
                run = {"": lambda c=config, t=task: search(t, strategy="genetic", config=c)}
                milliseconds = paired(run, repetitions, warm_up=0)[""].minimum * 1e3
                loss = search(task, strategy="genetic", config=config).loss
                rows.append((name, f"{n} {fitness}", milliseconds, f"{loss / best:.2f}×"))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    report(
        "One proven-optimal INT8 table: milliseconds, search alone, warm",
        f"medians of {options.repetitions} runs each at 7 scales, 2^0 … 2^-6, in turn",
        table(
            ("function", "entries", "median scale", "fastest scale", "slowest scale"),
            optimal_rows(options.repetitions),
        ),
        packages=("numpy",),
    )
    report(
        "One genetic INT8 table at S = 2^-4: milliseconds, search alone, warm",
        "N_p = 50, T = 500, rounding mutation, one seed; fitness on the paper's grid or on the "
        "integer table; minimum of 2 runs; loss against the proven optimum",
        table(("function", "entries, fitness", "time", "loss"), genetic_rows(2)),
        packages=("numpy",),
    )


if __name__ == "__main__":
    main()
