"""What a calibration saw of an op's inputs, as weights for the search."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr

from lut_opt.dialects.pwl import ApplyOp
from lut_opt.dialects.pwl.certificate import Samples
from lut_opt.dialects.quantization import Quantization, Reals
from lut_opt.passes.support.declarations import (
    HISTOGRAM,
    QUANTILES,
    RANGE,
    declared_quantiles,
    declared_range,
)
from lut_opt.passes.support.diagnostics import OpError
from lut_opt.passes.tabulate.options import Weights

UNSEEN = 1e-3
"""Weight of an input that the calibration never saw, in average weights."""


def weights_of(op: ApplyOp, asked: Weights, points: Samples) -> Reals | None:
    """
    How often each counted input occurs, by the histogram or else by the quantiles.

    None where all count alike. OpError for a histogram that is not usable, and where `calibrated`
    is asked for and the op has neither.
    """
    if asked == "uniform":
        return None
    quantiles = declared_quantiles(op.attributes)
    if HISTOGRAM in op.attributes:
        seen = _counted(op, points)
    elif quantiles is not None:
        seen = _spread(quantiles, op.input_quantization, points)
    elif asked == "auto":
        return None
    else:
        raise OpError(op, f"weights=calibrated needs {HISTOGRAM} or {QUANTILES}: calibrate first")
    mean = float(seen.mean())
    return np.maximum(seen, UNSEEN * mean) if mean > 0 else None


def _counted(op: ApplyOp, points: Samples) -> Reals:
    """By the histogram: one count for each stored input, or fewer spread evenly over the range."""
    operand, histogram = op.input_quantization, op.attributes[HISTOGRAM]
    if not isinstance(histogram, DenseIntOrFPElementsAttr):
        raise OpError(op, f"{HISTOGRAM} must be dense<…>: one count for each input")
    counts, interval = np.asarray(list(histogram.get_values()), np.float64), declared_range(op)
    whole = len(counts) == len(operand.values)
    known = whole or (interval is not None and len(counts) > 1)
    if not known or np.any(counts < 0) or not np.any(counts > 0):
        raise OpError(
            op,
            f"{HISTOGRAM} must hold {len(operand.values)} counts, or fewer spread evenly over "
            f"{RANGE}, not all of them zero",
        )
    if whole or interval is None:
        return counts[points.q - operand.minimum]
    return np.interp(points.x, np.linspace(*interval, len(counts)), counts)


def _spread(quantiles: Reals, operand: Quantization, points: Samples) -> Reals:
    """
    By quantiles: the share of the reals that each stored input is the nearest one to.

    Between neighbouring quantiles, which hold equally many inputs, these are spread evenly; what
    lies beyond the storage saturates.
    """
    half, steps = operand.scale / 2, np.linspace(0.0, 1.0, len(quantiles))
    below = np.interp(points.x - half, quantiles, steps)
    above = np.interp(points.x + half, quantiles, steps)
    below[points.q == operand.minimum], above[points.q == operand.maximum] = 0.0, 1.0
    return np.maximum(above - below, 0.0)
