"""What a calibration saw of an op's inputs, as weights for the search."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr

from lut_opt.dialects.pwl import ApplyOp
from lut_opt.dialects.pwl.certificate import Samples
from lut_opt.dialects.quantization import Reals
from lut_opt.passes.support.declarations import HISTOGRAM, RANGE, declared_range
from lut_opt.passes.support.diagnostics import OpError

UNSEEN = 1e-3
"""Weight of an input that the calibration never saw, in average weights."""


def calibrated_weights(op: ApplyOp, points: Samples) -> Reals:
    """How often each counted input occurs; OpError for an op without a usable histogram."""
    operand = op.input_quantization
    histogram = op.attributes.get(HISTOGRAM)
    if not isinstance(histogram, DenseIntOrFPElementsAttr):
        raise OpError(
            op, f"weights=calibrated needs {HISTOGRAM} = dense<…>: one count for each input"
        )
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
        seen = counts[points.q - operand.minimum]
    else:  # the counts of a narrower storage
        seen = np.interp(points.x, np.linspace(*interval, len(counts)), counts)
    return np.maximum(seen, UNSEEN * max(float(seen.mean()), 1.0))
