"""
Reciprocal and rsqrt of operands up to 32 bits, through one small table and a range reduction.

Claim: normalizing by leading zeros to one octave (two for rsqrt) keeps the relative error of an
8-entry table below 0.75 % over the whole 32-bit range, where GQA-LUT's multi-range input scaling
(Table 2) comes to 3 to 5 % if it is continued up to 2^32, from R_n on; as printed, its last range
saturates. Each table is the optimum of its kind; the largest error is that of every input, and in
the mean square every octave counts alike.

Then `pwl.divide`, with the tables of `pwl-search`: the largest relative error over denominators of
20 octaves against the proven bound, and softmax-free attention (ReLU features, 1,024 random tokens
of 32 channels, scales as `lower-nonlinear-to-pwl` chooses them) against floats.
"""

from __future__ import annotations

import argparse

import numpy as np
from measure import table
from xdsl.dialects.builtin import f32

from lut_opt.dialects.pwl.certificate import samples
from lut_opt.dialects.pwl.functions import FUNCTIONS as REAL
from lut_opt.dialects.pwl.range_reduction import LeadingZero as Normalize
from lut_opt.dialects.pwl.reduction import PERIOD, Core, table_sides
from lut_opt.dialects.pwl.units import Division
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.quantize.functions import power_of_two_scale
from lut_opt.passes.quantize.wide import TABLE_BITS, magnitudes, octave_storage
from lut_opt.passes.search import search
from lut_opt.passes.search.model.formulate import Goal, Shape, formulate
from lut_opt.passes.search.wide.design import design, relative_weights
from lut_opt.passes.search.wide.units import LeadingZero, Reduction, Wide, relative_errors, table_2

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


SIZES = ((8, 8), (8, 10), (16, 10))
"""Entries and parameter bits of the divisions."""


def reciprocal(entries: int, param_bits: int) -> Core:
    """What `pwl-search` puts behind the reduction of a division."""
    reduction = Normalize(TABLE_BITS[PERIOD["reciprocal"]])
    sides = table_sides("reciprocal", reduction)
    points = samples(REAL["reciprocal"], (), *sides)
    problem = formulate(
        points,
        *sides,
        Shape(entries=entries, param_bits=param_bits, form="direct"),
        Goal(weights=relative_weights("reciprocal", reduction, points)),
    )
    return Core("reciprocal", reduction, search(problem, strategy="optimal").table)


def quotients(core: Core) -> float:
    """Largest relative error of 32,767 over denominators of 12 to 32 bits."""
    rng = np.random.default_rng(0)
    v = np.exp2(rng.uniform(12, 32, 200_000)).astype(np.int64)
    result = Quantization(32, True, 2.0**-16)
    sides = Quantization(16, True, 1.0), result, Quantization(32, False, 2.0**-20)
    unit = Division(*sides, core.reduction, core.table)
    true = 32767 / (v * 2.0**-20)
    found = result.dequantize(unit.evaluate(np.full(len(v), 32767), v))
    return float(np.abs(found / true - 1)[true < 2**15].max())


def attention(core: Core) -> tuple[float, float, float]:
    """Largest result, largest error, and error in the root mean square, relative."""
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((8, 1024, 32)) for _ in range(3))
    q, k = np.maximum(q, 0), np.maximum(k, 0)
    a, b = q @ (k.transpose(0, 2, 1) @ v), q @ k.sum(-2)[..., None] + 1e-3
    numerator = Quantization(16, True, power_of_two_scale(a.min(), a.max(), 16, True))
    denominator = octave_storage(*magnitudes(b.min(), b.max()), False, f32)
    top = float(np.abs(a).max())
    result = octave_storage(top / float(b.max()), top / float(b.min()), True, f32)
    unit = Division(numerator, result, denominator, core.reduction, core.table)
    found = unit.evaluate(numerator.quantize(a), denominator.quantize(b))
    error, true = result.dequantize(found) - a / b, a / b
    root = float(np.sqrt(np.mean(error**2) / np.mean(true**2)))
    return float(np.abs(true).max()), float(np.abs(error).max()), root


def division_rows() -> list[tuple[str, ...]]:
    """A row for each size of the table of reciprocals."""
    made: list[tuple[str, ...]] = []
    for entries, param_bits in SIZES:
        core = reciprocal(entries, param_bits)
        figures = (quotients(core), core.error(), *attention(core))
        made.append((str(entries), str(param_bits), *(f"{figure:.3g}" for figure in figures)))
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
    header = ("entries", "bits", "a/b: worst relative", "bound")
    header += ("attention: largest", "largest error", "relative rms error")
    print(f"\n{table(header, division_rows())}")


if __name__ == "__main__":
    main()
