"""
Does an exponent for each entry pay, as LUT-APP (a published fork of GQA-LUT) has it?

At equal storage an entry is either two 8-bit numbers with one λ for the table, or two 7-bit numbers
and two bits that choose among four λ, one octave apart. Both columns are proven optima under the
metric of GQA-LUT's Table 3, averaged over seven scales, with the best λ (or four of them) for each.

Claim, for 8 and 16 entries: it pays for EXP (0.67 and 0.32 of the error) and for SIGMOID with 8
(0.82, but 1.35 with 16); GELU and HSWISH are within 2 % with 8 and lose 5 % and 15 % with 16; SiLU
and TANH lose with both, 1.4 to 2.1 times the error. `pwl-search` has it as `exponent-bits`.
"""

from __future__ import annotations

import argparse

import numpy as np
from measure import table
from tables import DOMAINS, SCALES

from lut_opt.dialects.pwl.certificate import samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.quantization import Quantization, Reals
from lut_opt.passes.search.model.costs import Costs
from lut_opt.passes.search.model.dynamic import forward
from lut_opt.passes.search.model.formulate import Shape, formulate

FRACTION_BITS = range(4, 11)
OCTAVES = 4


def run_costs(function: str, scale: float, frac_bits: int, param_bits: int) -> Reals:
    """Least squared error, in real units, of every run; shape (points + 1, points + 1)."""
    operand = Quantization(8, True, scale)
    result = Quantization(32, True, scale * 2.0**-frac_bits)
    points = samples(FUNCTIONS[function], (), operand, result, DOMAINS[function])
    problem = formulate(
        points,
        operand,
        result,
        Shape(entries=1, param_bits=param_bits, frac_bits=frac_bits, form="seed"),
    )
    first, end = np.triu_indices(problem.points + 1, 1)
    costs = np.full((problem.points + 1,) * 2, np.inf)
    costs[first, end] = Costs(problem).scan(first, end).cost * problem.accumulator_scale**2
    return costs


def least(costs: Reals, entries: int) -> float:
    """Mean squared error of the best table with these costs."""
    points = len(costs) - 1
    return float(forward(costs, min(entries, points))[:, points].min()) / points


def compare(function: str, entries: int) -> tuple[float, float]:
    """Mean over the scales: one λ with 8 bits, and four λ with 7 bits and an exponent."""
    single: list[float] = []
    several: list[float] = []
    for scale in SCALES:
        wide = [run_costs(function, scale, bits, 8) for bits in FRACTION_BITS]
        narrow = [run_costs(function, scale, bits, 7) for bits in FRACTION_BITS]
        groups = [narrow[i : i + OCTAVES] for i in range(len(narrow) - OCTAVES + 1)]
        single.append(min(least(costs, entries) for costs in wide))
        several.append(min(least(np.minimum.reduce(group), entries) for group in groups))
    return float(np.mean(single)), float(np.mean(several))


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--functions", nargs="*", choices=sorted(DOMAINS), default=list(DOMAINS))
    options = parser.parse_args()
    rows: list[tuple[str, str, str, str, str]] = []
    for function in options.functions:
        for entries in (8, 16):
            one, four = compare(function, entries)
            rows.append((function, str(entries), f"{one:.3e}", f"{four:.3e}", f"{four / one:.2f}"))
    print(table(("function", "entries", "8+8 bits, one λ", "7+7+2 bits", "ratio"), rows))


if __name__ == "__main__":
    main()
