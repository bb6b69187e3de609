"""What there is to draw of a table: the function, what the table answers, and what was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr
from xdsl.ir import Operation

from lut_opt.dialects.pwl import ApplyOp, Table
from lut_opt.dialects.pwl.certificate import RealFunction
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.dialects.pwl.unit_ops import Lookup
from lut_opt.dialects.quantization import Integers, Quantization, Reals
from lut_opt.passes.support.declarations import HISTOGRAM, declared_quantiles, declared_range

POINTS = 320
"""Most stored inputs that a curve shows: more than a screen gives it pixels."""

BARS = 48
"""Bars of a histogram."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A table over its stored inputs; arrays of shape (points,), inputs ascending."""

    q: Integers
    x: Reals
    wanted: Reals
    """The function, saturated to what the result can represent; NaN where it is not defined."""
    answer: Reals
    """What the stored result stands for."""
    segments: Reals
    """The reals where one segment ends and the next begins."""
    seen: tuple[Reals, Reals] | None = None
    """Edges and heights (summing to 1) of what the calibration saw."""

    @property
    def error(self) -> Reals:
        """What the table answers less what it should."""
        return self.answer - self.wanted


def curve_of(op: ApplyOp) -> Curve | None:
    """The curve of an op; None before its search."""
    if op.table is None:
        return None
    table, result = op.table.data, op.result_quantization
    answer = table.evaluate if op.reduce is None else _reduced(op)
    curve = _curve(
        real_function(op),
        op.input_quantization,
        result,
        lambda q: answer(q, result),
        declared_range(op),
    )
    # A reduction's table has breakpoints of the reduced operand, not of the op's.
    breakpoints = table.breakpoints if op.reduce is None else ()
    return _complete(curve, breakpoints, op.input_quantization, _seen(op))


def lookup_curve(lookup: Lookup) -> Curve | None:
    """The curve of one table of a unit op; None before its search."""
    if lookup.table is None:
        return None
    table: Table = lookup.table.data
    operand, result = lookup.operand, lookup.result
    curve = _curve(lookup.function, operand, result, lambda q: table.evaluate(q, result), None)
    return _complete(curve, table.breakpoints, operand, None)


def _reduced(op: ApplyOp) -> Callable[[Integers, Quantization], Integers]:
    reduced = op.reduced()
    return lambda q, _: reduced.evaluate(q)


def _curve(
    function: RealFunction,
    operand: Quantization,
    result: Quantization,
    answer: Callable[[Integers], Integers],
    focus: tuple[float, float] | None,
) -> Curve:
    low, high = operand.minimum, operand.maximum
    if focus is not None:
        low, high = operand.quantize(np.array(focus)).tolist()
    q = np.unique(np.linspace(low, high, POINTS).round().astype(np.int64))
    x = operand.dequantize(q)
    with np.errstate(all="ignore"):
        wanted = np.where(function.is_defined(x), result.clip(function(x)), np.nan)
    return Curve(q, x, wanted, result.dequantize(answer(q)), np.empty(0))


def _complete(
    curve: Curve,
    breakpoints: tuple[int, ...],
    operand: Quantization,
    seen: tuple[Reals, Reals] | None,
) -> Curve:
    inside = [p for p in breakpoints if curve.q[0] < p <= curve.q[-1]]
    segments = operand.dequantize(np.array(inside, np.int64))
    return Curve(curve.q, curve.x, curve.wanted, curve.answer, segments, seen)


def _seen(op: Operation) -> tuple[Reals, Reals] | None:
    """A histogram of the calibrated inputs: counted, or from quantiles."""
    interval = declared_range(op)
    if interval is None:
        return None
    edges = np.linspace(*interval, BARS + 1)
    quantiles = declared_quantiles(op.attributes)
    if quantiles is not None:
        share = np.linspace(0.0, 1.0, len(quantiles))
        # Equal quantiles are a step of the distribution: the last of them says how high.
        x, last = np.unique(quantiles[::-1], return_index=True)
        below = np.interp(edges, x, share[::-1][last], left=0.0, right=1.0)
        return edges, np.diff(below, prepend=0.0)[1:]
    counted = op.attributes.get(HISTOGRAM)
    if not isinstance(counted, DenseIntOrFPElementsAttr):
        return None
    counts = np.array(counted.get_values(), np.float64)
    if counts.sum() <= 0:
        return None
    at = np.linspace(*interval, len(counts))
    heights, _ = np.histogram(at, edges, weights=counts / counts.sum())
    return edges, heights
