"""The best table behind a reduction of a wide operand."""

from __future__ import annotations

import numpy as np

from lut_opt.dialects.pwl.certificate import Samples
from lut_opt.dialects.pwl.range_reduction import Reduction as IntegerReduction
from lut_opt.dialects.pwl.reduction import LOGARITHMS, PERIOD
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Quantization, Reals, exact_log2
from lut_opt.passes.search.model.formulate import Form, Goal, Shape, formulate
from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.strategies import search
from lut_opt.passes.search.wide.units import Reduction, WideUnit, exact, octave_inputs


def design(reduction: Reduction, *, entries: int, param_bits: int = 8) -> WideUnit:
    """
    The table of least mean squared relative error over `reach`, every octave counting alike.

    Inputs that share q become one point, with the mean of their targets: what they leave does not
    depend on the table. Both forms and the fraction bits around the default are tried, each solved
    by `optimal`; the result is the best of them, and none of the same format is better.
    """
    points, weights = _points(reduction)
    best: tuple[float, Problem, Table] | None = None
    forms: tuple[Form, ...] = ("seed", "direct")
    for form in forms:
        for bits in _fraction_bits(reduction, points, weights, entries, param_bits, form):
            problem = _problem(reduction, points, weights, entries, param_bits, form, bits)
            found = search(problem, strategy="optimal")
            if best is None or found.loss < best[0]:
                best = found.loss, problem, found.table
    if best is None:
        raise ValueError(f"no table of {entries} entries and {param_bits}-bit parameters")
    unit = exact_log2(best[1].accumulator_scale)
    return WideUnit(reduction, best[2], 0 if unit is None else unit)


def relative_weights(function: str, reduction: IntegerReduction, points: Samples) -> Reals:
    """
    Weights that make a squared error a relative one, every octave of the operand counting alike.

    `points` are all inputs of the table. A logarithm's own errors count, not their ratios.
    """
    occurrence = reduction.occurrence(PERIOD[function])
    return occurrence if function in LOGARITHMS else occurrence / points.y**2


def _points(reduction: Reduction) -> tuple[Samples, Reals]:
    """Every table input that occurs, with its best answer and the weight of missing it."""
    first, end = reduction.reach
    parts: list[tuple[Integers, Reals, Reals]] = []
    for place in range(first.bit_length() - 1, (end - 1).bit_length()):
        v, weights = octave_inputs(place)
        keep = (v >= first) & (v < end)
        q, exponent = reduction.reduce(v[keep])
        parts.append((q, exact(reduction, v[keep]) * np.exp2(-exponent), weights[keep]))
    q, y, w = (np.concatenate(column) for column in zip(*parts, strict=True))
    values, index = np.unique(q, return_inverse=True)
    # Σ w (T/y − 1)² is a parabola in T with its vertex at Σ (w/y) / Σ (w/y²)
    curvature = np.bincount(index, w / y**2).astype(np.float64)
    target = np.bincount(index, w / y).astype(np.float64) / curvature
    return Samples(values, reduction.operand.dequantize(values), target), curvature


def _problem(
    reduction: Reduction,
    points: Samples,
    weights: Reals,
    entries: int,
    param_bits: int,
    form: Form,
    frac_bits: int | None,
) -> Problem:
    operand = reduction.operand
    return formulate(
        points,
        operand,
        Quantization(32, True, operand.scale),
        # All fraction bits around the best are tried; some saturate, and lose.
        Shape(
            entries=entries,
            param_bits=param_bits,
            form=form,
            frac_bits=frac_bits,
            saturates=True,
        ),
        Goal(weights=weights),
    )


def _fraction_bits(
    reduction: Reduction,
    points: Samples,
    weights: Reals,
    entries: int,
    param_bits: int,
    form: Form,
) -> range:
    """Fraction bits around those that `formulate` takes."""
    try:
        problem = _problem(reduction, points, weights, entries, param_bits, form, None)
    except ValueError:
        return range(0)
    return range(max(problem.result_shift - 1, 0), problem.result_shift + 2)
