"""
Reciprocal and rsqrt of operands up to 32 bits, through one small table and a range reduction.

Claim: normalizing by leading zeros to one octave (two for rsqrt) keeps the relative error of an
8-entry table below 0.75 % over the whole 32-bit range, where GQA-LUT's multi-range input scaling
(Table 2) comes to 3 to 5 % if it is continued up to 2^32, from R_n on; as printed, its last range
saturates. Each table is the optimum of its kind; the largest error is that of every input, and in
the mean square every octave counts alike.
"""

from __future__ import annotations

import argparse

from measure import table

from lut_opt.dialects.pwl.reduction import PERIOD
from lut_opt.passes.search.wide import LeadingZero, Reduction, Wide, relative_errors, table_2
from lut_opt.passes.search.wide_design import design

FUNCTIONS: tuple[Wide, ...] = ("reciprocal", "rsqrt")


def reductions(function: Wide) -> dict[str, Reduction]:
    """What is compared, by name; the ends of the octaves are inputs, too."""
    octaves = PERIOD[function]
    return {
        "Table 2 as printed": table_2(function),
        "Table 2 continued to 32 bits": table_2(function, complete=True),
        "leading zeros, 8-bit table input": LeadingZero(function, 8 - octaves),
        "leading zeros, 10-bit table input": LeadingZero(function, 10 - octaves),
    }


def rows(entries: int, param_bits: int) -> list[tuple[str, ...]]:
    """A row for each function and reduction."""
    made: list[tuple[str, ...]] = []
    for function in FUNCTIONS:
        for name, reduction in reductions(function).items():
            unit = design(reduction, entries=entries, param_bits=param_bits)
            first = reduction.reach[0]
            errors = relative_errors(unit, first)
            figures = f"{errors.max_relative:.3g}", f"{errors.mean_square:.3g}"
            made.append((function, name, f"{first * 2.0**-reduction.frac:g}", *figures))
    return made


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=8)
    parser.add_argument("--param-bits", type=int, default=8)
    options = parser.parse_args()
    print(f"{options.entries} entries, {options.param_bits}-bit parameters, inputs of 32 bits\n")
    header = ("function", "reduction", "from", "max relative error", "mean squared relative error")
    print(table(header, rows(options.entries, options.param_bits)))


if __name__ == "__main__":
    main()
