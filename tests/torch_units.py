"""Units whose tables are made at once: good enough to compare bits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from lut_opt.dialects.pwl import units
from lut_opt.dialects.pwl.attributes import NamedFunction
from lut_opt.dialects.pwl.certificate import samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.range_reduction import Reduction
from lut_opt.dialects.pwl.reduction import Core, Reduced, Reducible, table_function, table_sides
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Quantization
from lut_opt.frontends.torch.operator import Applied
from lut_opt.passes.search import Shape, formulate, search


@cache
def table(
    function: str, operand: Quantization, result: Quantization, bits: int = 8, entries: int = 8
) -> Table:
    """Equal segments, fitted."""
    points = samples(FUNCTIONS[function], (), operand, result, None)
    problem = formulate(points, operand, result, Shape(entries=entries, param_bits=bits))
    return search(problem, strategy="uniform").table


def applied(name: str, operand: Quantization, result: Quantization, bits: int = 8) -> Applied:
    """A function of the registry and its table."""
    return Applied(NamedFunction(name), operand, result, table(name, operand, result, bits))


def reduced(
    name: Reducible, reduction: Reduction, operand: Quantization, result: Quantization
) -> Applied:
    """A function with a range reduction around its table."""
    core = Core(name, reduction, table(table_function(name).name, *table_sides(name, reduction)))
    whole = Reduced(core, operand, result)
    whole.check()
    return Applied(NamedFunction(name), operand, result, core.table, whole)


def _exp(scale: float, clip: int, fraction: int) -> Table:
    """An exponential that is 0 at the clip."""
    found = table("exp", units.exp_operand(scale, clip), units.exp_result(fraction), 10, 64)
    breakpoints = (clip + 1, *found.breakpoints)
    return Table(
        tuple(sorted(breakpoints)),
        (0, *found.slopes),
        (0, *found.intercepts),
        found.intercept_shift,
        found.result_shift,
        found.param_bits,
    )


def softmax(operand: Quantization, result: Quantization, clip: int = -255) -> units.Softmax:
    reciprocal = table("reciprocal", units.RECIPROCAL_OPERAND, units.INVERSE_RESULT)
    return units.Softmax(operand, result, clip, 12, _exp(operand.scale, clip, 12), reciprocal)


def log_softmax(operand: Quantization, result: Quantization, clip: int = -255) -> units.LogSoftmax:
    log = table("log", units.RECIPROCAL_OPERAND, units.LOG_RESULT)
    return units.LogSoftmax(operand, result, clip, 12, _exp(operand.scale, clip, 12), log)


def norm(
    kind: type[units.Norm],
    operand: Quantization,
    result: Quantization,
    gamma: Quantization | None = None,
    beta: Quantization | None = None,
) -> units.Norm:
    rsqrt = table("rsqrt", units.RSQRT_OPERAND, units.INVERSE_RESULT)
    return kind(operand, result, rsqrt, 1e-5, gamma, beta)


def division(
    operand: Quantization, below: Quantization, result: Quantization, reduction: Reduction
) -> units.Division:
    reciprocal = table("reciprocal", *table_sides("reciprocal", reduction))
    return units.Division(operand, result, below, reduction, reciprocal)


def rows(operand: Quantization, n: int, more: Sequence[int] = ()) -> Integers:
    """Random rows of several spreads, constant, one-hot, alternating and extreme ones."""
    low, high = operand.minimum, operand.maximum
    rng = np.random.default_rng(n)
    made = [rng.normal(0, spread, (4, n)) for spread in (1, 10, 1000)]
    made += [rng.integers(low, high + 1, (4, n))]
    made += [np.full((1, n), value) for value in (low, -1, 0, 1, high, *more)]
    one_hot = np.arange(n) == n // 2
    made += [np.where(one_hot, *pair)[None] for pair in ((high, low), (low, high), (1, 0), (0, 1))]
    made += [np.where(np.arange(n) % 2, low, high)[None]]
    return np.clip(np.rint(np.concatenate(made)), low, high).astype(np.int64)
