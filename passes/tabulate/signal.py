"""
What is left of a function's signal when an op answers for it, in decibels.

Over the reals that count (as a calibration saw them, else evenly over the declared range) the op's
real results are compared with the function's: rounding and saturation of the input, the table, and
rounding and saturation of the result all count. Units get whole rows, drawn as their declarations
say (`rows.py`). An op without a range has been given its types by hand; then its stored inputs
count, and the function saturated to its result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from xdsl.dialects.builtin import FloatAttr, f64

from lut_opt.dialects.pwl import ApplyOp, FitAttr, UnitOp
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.dialects.quantization import Quantization, Reals
from lut_opt.passes.quantize.choose import points_that_count
from lut_opt.passes.support.declarations import declared_quantiles, declared_range
from lut_opt.passes.support.diagnostics import OpError, warning
from lut_opt.passes.tabulate.rows import draw

WARNED = 20.0
"""Below so many decibels, noise of a tenth of the signal, an op is worth a warning."""

MOST = 300.0
"""More decibels than double precision can tell apart: what an op without noise has."""


@dataclass(frozen=True)
class _Measured:
    """Results at the reals that count, in arrays of one shape."""

    wanted: Reals
    """The function's."""
    given: Reals
    """The op's."""
    of_stored: Reals
    """The function's, of the inputs as they are stored."""
    stored: Reals
    """The function's, as they are stored."""

    @property
    def decibels(self) -> float | None:
        """Signal over noise, None where nothing counts."""
        if not self.wanted.size:
            return None
        noise, signal = _power(self.given - self.wanted), _power(self.wanted)
        if not noise or not math.isfinite(noise):
            return MOST if not noise else -MOST
        decibels = 10.0 * math.log10(signal / noise) if signal else -MOST
        return round(max(min(decibels, MOST), -MOST), 2)

    @property
    def remedy(self) -> str:
        """What to do about whatever costs most."""
        whole = _power(self.given - self.wanted)
        costs = {
            "its input's storage costs most: give it more bits (input-bits=16), or a pwl.range or "
            "scale that fits what it sees": _power(self.of_stored - self.wanted),
            "its result's storage costs most: give it more bits (output-bits=16), or a scale that "
            "fits its values": _power(self.stored - self.wanted),
        }
        tables = "its tables cost most: give them more entries or param-bits (of units, unit-bits)"
        costs[tables] = whole - sum(costs.values())
        return max(costs, key=lambda what: costs[what])


def _power(y: Reals) -> float:
    return float(np.mean(np.square(np.nan_to_num(y, nan=np.inf))))


def signal_to_noise(op: ApplyOp | UnitOp) -> float | None:
    """Decibels of an op that has its tables; None where no real counts."""
    return _measure(op).decibels


def _measure(op: ApplyOp | UnitOp) -> _Measured:
    with np.errstate(all="ignore"):
        return _unit(op) if isinstance(op, UnitOp) else _apply(op)


def _unit(op: UnitOp) -> _Measured:
    unit = op.unit()
    drawn = draw(op, unit)
    stored = [
        (kind, kind.quantize(values))
        for kind, values in zip(
            (unit.operand, *unit.parameters.values()), (drawn.x, *drawn.parameters), strict=True
        )
    ]
    wanted = unit.real(drawn.x, *drawn.parameters)
    if not drawn.declared:
        wanted = unit.result.clip(wanted)
    given = unit.result.dequantize(unit.evaluate(*(q for _, q in stored)))
    of_stored = unit.real(*(kind.dequantize(q) for kind, q in stored))
    # A row without a size, or a quotient by nothing, has no result to be compared with.
    counts = np.isfinite(wanted).all(-1)
    return _measured(wanted[counts], given[counts], of_stored[counts], unit.result)


def _apply(op: ApplyOp) -> _Measured:
    operand, result, function = op.input_quantization, op.result_quantization, real_function(op)
    x, declared = _reals(op), declared_range(op) is not None
    counts = function.is_defined(x)
    if not declared and op.fit is not None and op.fit.data.domain is not None:
        low, high = op.fit.data.domain
        counts = counts & (x >= low) & (x <= high)
    x = x[counts]
    y = function(x) if declared else result.clip(function(x))
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    q = operand.quantize(x)
    if op.reduce is not None:
        stored = op.reduced().evaluate(q)
    else:
        assert op.table is not None
        stored = op.table.data.evaluate(q, result)
    return _measured(y, result.dequantize(stored), function(operand.dequantize(q)), result)


def _measured(wanted: Reals, given: Reals, of_stored: Reals, result: Quantization) -> _Measured:
    return _Measured(wanted, given, of_stored, result.dequantize(result.quantize(wanted)))


def _reals(op: ApplyOp) -> Reals:
    operand, interval = op.input_quantization, declared_range(op)
    if interval is not None:
        return points_that_count(interval, declared_quantiles(op.attributes))
    if operand.bits <= 16:
        return operand.dequantize(operand.values)
    low, high = operand.dequantize(operand.ends).tolist()
    return points_that_count((low, high), None)


def state_signal(op: ApplyOp | UnitOp, pass_name: str, *, allow_lossy: bool) -> None:
    """
    Write the ratio into the op's certificate, or on the unit.

    A warning where an op loses much of its signal; OpError where it loses all, unless that is
    allowed.
    """
    measured = _measure(op)
    decibels = measured.decibels
    if isinstance(op, UnitOp):
        op.snr = None if decibels is None else FloatAttr(decibels, f64)
    elif op.fit is not None:
        op.fit = FitAttr(replace(op.fit.data, snr=decibels))
    if decibels is None or decibels >= WARNED:
        return
    what = f"{_name(op)} keeps {decibels:.1f} dB of its signal from {_sides(op)}"
    if declared_range(op) is None:
        what = f"{what} (no pwl.range: over all that is stored)"
    if decibels > 0.0 or allow_lossy:
        warning(op, pass_name, f"{what}: {measured.remedy}")
    else:
        raise OpError(
            op,
            f"{what}: its results are no better than zeros; {measured.remedy}; allow-lossy=true "
            "takes it",
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


def _name(op: ApplyOp | UnitOp) -> str:
    return op.UNIT.name if isinstance(op, UnitOp) else op.function_name


def _sides(op: ApplyOp | UnitOp) -> str:
    if isinstance(op, UnitOp):
        operands = (op.input.type, *(value.type for value in op.parameters.values()))
        return f"{', '.join(map(str, operands))} to {op.result.type}"
    return f"{op.input.type} to {op.result_type}"
