"""
Tables by method, for a site: one for each scale of its window.

The seeds' methods find one table of real numbers for a function, which every scale rounds in its
own way (GQA-LUT Eq. 3); the others find an integer table for each scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from lut_opt.dialects.pwl.attributes import NamedFunction
from lut_opt.dialects.pwl.certificate import Samples, samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.range_reduction import MultiRange
from lut_opt.dialects.pwl.reduction import Core, Reduced, Reducible, table_sides
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization, Reals
from lut_opt.frontends.torch.operator import Applied
from lut_opt.passes.search import Goal, Shape, formulate, search
from lut_opt.passes.search.heuristic.neural import NeuralConfig, train
from lut_opt.passes.search.heuristic.objective import integer_table
from lut_opt.passes.search.heuristic.presets import (
    fraction_bits,
    genetic_preset,
    search_real_table,
    seed_function,
)
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.model.real_table import RealTable
from training.layers import INPUT_BITS, Site

ENTRIES = 8

RANGES: dict[Reducible, MultiRange] = {
    "reciprocal": MultiRange((128, 1024, 8192), (3, 6, 9), 16, 128, 5),
    "rsqrt": MultiRange((128, 2048, 32768), (4, 8, 12), 8, 128, 5),
}
"""GQA-LUT's Table 2, on the grid of 1/32; its last range is open."""

WIDE_RESULT = Quantization(32, False, 2.0**-20)
"""Of DIV and RSQRT: as fine as the arithmetic gives them."""

Real = Callable[[str, int], RealTable]


@dataclass(frozen=True, order=True)
class Sizes:
    """What tables are made of; the paper's by default."""

    entries: int = ENTRIES
    param_bits: int = 8
    input_bits: int = INPUT_BITS
    """Of EXP, GELU and HSWISH; those of DIV and RSQRT are wide, and reduced to 8."""

    def params(self, function: str) -> int:
        """Bits of slopes and intercepts: slopes of DIV and RSQRT do not fit fewer than 6."""
        return max(self.param_bits, 6) if function in RANGES else self.param_bits

    def bits(self, functions: Sequence[str]) -> int:
        """Slopes, intercepts and breakpoints of a table for each of these functions."""
        inputs = [INPUT_BITS if each in RANGES else self.input_bits for each in functions]
        lines = 2 * self.entries * sum(map(self.params, functions))
        return lines + (self.entries - 1) * sum(inputs)


PAPER = Sizes()


def neural(function: str, seed: int) -> RealTable:
    """NN-LUT: a network of one hidden layer, turned into its table."""
    column = seed_function(function)
    network = train(
        FUNCTIONS[function], column.low, column.high, ENTRIES, NeuralConfig(), seed=seed
    )
    return network.table()


def _genetic(rounding: bool) -> Real:
    def find(function: str, seed: int) -> RealTable:
        # Table 1 has no rounding mutation for DIV and RSQRT.
        mutates = rounding and seed_function(function).rounding_rate > 0
        config = genetic_preset(function, ENTRIES, variant="authors", rounding_mutation=mutates)
        return search_real_table(function, ENTRIES, config, seed=seed)

    return find


REAL: dict[str, Real] = {
    "NN-LUT": neural,
    "GQA-LUT w/o RM": _genetic(False),
    "GQA-LUT w/ RM": _genetic(True),
}
STRATEGIES = {"uniform": "uniform", "optimal": "optimal", "optimal, calibrated": "optimal"}
METHODS = (*REAL, *STRATEGIES)


@cache
def _real(method: str, function: str, seed: int) -> RealTable:
    return REAL[method](function, seed)


def tables_of(site: Site, method: str, seed: int, sizes: Sizes = PAPER) -> list[Applied]:
    """One for each scale of the site's window, by a method of `METHODS`."""
    if site.wide:
        return [_reduced(site, method, seed, sizes)]
    kinds = [(operand, _result(site.name, operand, sizes)) for operand in site.operands()]
    return [
        Applied(NamedFunction(site.name), *sides, _table(site, *sides, method, seed, sizes))
        for sides in kinds
    ]


def _result(function: str, operand: Quantization, sizes: Sizes) -> Quantization:
    """The accumulator's own grid: nothing is rounded after the multiply, as in the paper."""
    fraction = fraction_bits(function, "integer") - (PAPER.param_bits - sizes.param_bits)
    return Quantization(32, True, operand.scale * 2.0**-fraction)


def _reduced(site: Site, method: str, seed: int, sizes: Sizes) -> Applied:
    name: Reducible = "reciprocal" if site.name == "reciprocal" else "rsqrt"
    (operand,) = site.operands()
    table = _table(site, *table_sides(name, RANGES[name]), method, seed, sizes)
    core = Core(name, RANGES[name], table)
    reduced = Reduced(core, operand, WIDE_RESULT)
    reduced.check()
    return Applied(NamedFunction(name), operand, WIDE_RESULT, table, reduced)


def _table(
    site: Site, operand: Quantization, result: Quantization, method: str, seed: int, sizes: Sizes
) -> Table:
    weights = _seen(site, operand) if method.endswith("calibrated") else None
    if weights is None:
        return _shared(site.name, operand, result, method, seed, sizes)
    points = samples(FUNCTIONS[site.name], (), operand, result)
    shape = _shape(site.name, sizes)
    problem = _problem(points, operand, result, shape, weights[points.q - operand.minimum])
    return search(problem, strategy="optimal").table


@cache
def _shared(
    function: str, operand: Quantization, result: Quantization, method: str, seed: int, sizes: Sizes
) -> Table:
    points = samples(FUNCTIONS[function], (), operand, result)
    problem = _problem(points, operand, result, _shape(function, sizes), None)
    if method in REAL:
        return integer_table(problem, _real(method, function, seed), "nearest")
    return search(problem, strategy=STRATEGIES[method.removesuffix(", calibrated")]).table


def _shape(function: str, sizes: Sizes) -> Shape:
    return Shape(entries=sizes.entries, param_bits=sizes.params(function), saturates=True)


def _problem(
    points: Samples,
    operand: Quantization,
    result: Quantization,
    shape: Shape,
    weights: Reals | None,
) -> Problem:
    return formulate(points, operand, result, shape, Goal(weights=weights))


def _seen(site: Site, operand: Quantization) -> Reals | None:
    """Relative densities of a site's inputs on a grid; a reduction's are not counted."""
    if site.wide or site.counts is None or site.quantizer is None:
        return None
    counts = site.counts.double().numpy()
    base = float(site.quantizer.scale().size.detach())
    at = (np.arange(len(counts)) - 128) * base
    density = np.interp(operand.dequantize(operand.values), at, counts, left=0.0, right=0.0)
    return density / max(density.sum(), 1.0) + 1e-4 / len(density)
