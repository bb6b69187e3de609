"""
What is left of a function's signal when an op answers for it, in decibels.

Over the reals that count (as a calibration saw them, else evenly over the declared range) the op's
real results are compared with the function's: rounding and saturation of the input, the table, and
rounding and saturation of the result all count. An op without a range has been given its types by
hand; then its stored inputs count, and the function saturated to its result.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lut_opt.dialects.pwl import ApplyOp, FitAttr
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.dialects.quantization import Reals
from lut_opt.passes.quantize.choose import points_that_count
from lut_opt.passes.support.declarations import declared_quantiles, declared_range
from lut_opt.passes.support.diagnostics import OpError, warning

WARNED = 20.0
"""Below so many decibels, noise of a tenth of the signal, an op is worth a warning."""

MOST = 300.0
"""More decibels than double precision can tell apart: what an op without noise has."""


def signal_to_noise(op: ApplyOp) -> float | None:
    """Decibels of an op that has its table; None where no real counts."""
    operand, result, function = op.input_quantization, op.result_quantization, real_function(op)
    x, declared = _reals(op), declared_range(op) is not None
    counts = function.is_defined(x)
    if not declared and op.fit is not None and op.fit.data.domain is not None:
        low, high = op.fit.data.domain
        counts = counts & (x >= low) & (x <= high)
    x = x[counts]
    y = function(x) if declared else result.clip(function(x))
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    if not len(x):
        return None
    q = operand.quantize(x)
    if op.reduce is not None:
        stored = op.reduced().evaluate(q)
    else:
        assert op.table is not None
        stored = op.table.data.evaluate(q, result)
    noise = float(np.mean(np.square(result.dequantize(stored) - y)))
    signal = float(np.mean(np.square(y)))
    if not noise or not math.isfinite(noise):
        return MOST if not noise else -MOST
    decibels = 10.0 * math.log10(signal / noise) if signal else -MOST
    return round(max(min(decibels, MOST), -MOST), 2)


def _reals(op: ApplyOp) -> Reals:
    operand, interval = op.input_quantization, declared_range(op)
    if interval is not None:
        return points_that_count(interval, declared_quantiles(op.attributes))
    if operand.bits <= 16:
        return operand.dequantize(operand.values)
    low, high = operand.dequantize(operand.ends).tolist()
    return points_that_count((low, high), None)


def state_signal(op: ApplyOp, pass_name: str, *, allow_lossy: bool) -> None:
    """
    Write the ratio into the op's certificate.

    A warning where an op loses much of its signal; OpError where it loses all, unless that is
    allowed.
    """
    decibels = signal_to_noise(op)
    if op.fit is not None:
        op.fit = FitAttr(replace(op.fit.data, snr=decibels))
    if decibels is None or decibels >= WARNED:
        return
    name, sides = op.function_name, f"{op.input.type} to {op.result_type}"
    what = f"{name} keeps {decibels:.1f} dB of its signal from {sides}"
    remedy = (
        "give it more bits (input-bits=16 output-bits=16), more entries or param-bits, or a "
        "pwl.range and scales that fit what it sees"
    )
    if decibels > 0.0 or allow_lossy:
        warning(op, pass_name, f"{what}: {remedy}")
    else:
        raise OpError(
            op,
            f"{what}: its results are no better than zeros; {remedy}; allow-lossy=true takes it",
        )


def state_mirror(op: ApplyOp, pass_name: str) -> None:
    """
    A warning where results of an odd table are not odd.

    Its accumulators are; rounded half up, those just between two steps are no mirror images. What
    saturates does not count.
    """
    assert op.table is not None
    operand, result = op.input_quantization, op.result_quantization
    q = operand.values[(operand.values > 0) & (operand.values <= -operand.minimum)]
    here = op.table.data.evaluate(q, result)
    there = op.table.data.evaluate(-q, result)
    inside = (here > result.minimum) & (here < result.maximum)
    inside &= (there > result.minimum) & (there < result.maximum)
    between = q[inside & (here != -there)]
    if len(between):
        warning(
            op,
            pass_name,
            f"{len(between)} results of the odd table are not odd, the first at x = "
            f"±{operand.dequantize(between[:1])[0]:g}: they lie just between two steps, which "
            "rounds up on both sides; other entries or frac-bits may avoid that",
        )
