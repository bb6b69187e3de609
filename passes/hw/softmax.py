"""
The streaming softmax: exactly `units.Softmax.evaluate`, row after row.

    x ─▶ buffer, maximum ─▶ distance, exp ─▶ buffer, sum, reciprocal ─▶ product, rounding ─▶ y

Three passes over a row, one element a cycle in each, over three rows at the same time.
"""

from __future__ import annotations

from xdsl.ir import SSAValue

from lut_opt.dialects.pwl import units
from lut_opt.dialects.quantization import storage_range
from lut_opt.passes.hw.circuit import Wire, width_of
from lut_opt.passes.hw.octave import leading_one, mantissa
from lut_opt.passes.hw.pipeline import Pipeline, StallingPipeline
from lut_opt.passes.hw.row_stream import Sink, Source, TableStyle, look_up, row_ends
from lut_opt.passes.hw.rows import Accepted, RowBuffer
from lut_opt.passes.hw.sequential import Sequential


def build_softmax(
    c: Sequential,
    unit: units.Softmax,
    length: int,
    source: Source,
    sink_ready: SSAValue,
    how: TableStyle,
) -> Sink:
    """Rows of 1 to `length` elements."""
    low, high = storage_range(unit.operand.bits, unit.operand.signed)
    scores = RowBuffer(c, "scores", length, low, high)
    exps = RowBuffer(c, "exps", length, 0, 1 << unit.exp_fraction)
    x = Wire(source.data, low, high)
    arrival = scores.accept(source.valid, x, source.last)
    scores.finish(row_ends(c, arrival, "top_valid"), {"top": _maximum(c, arrival, x)})
    inner = StallingPipeline(c, "exp", exps.ready)
    wires = _exponential(inner, scores, unit, how)
    arrival = exps.accept(inner.valid, wires["e"], wires["last"].value)
    total = _sum(c, arrival, wires["e"], length)
    finish = Pipeline(c, "inverse")
    summary = _reciprocal(finish, row_ends(c, arrival, "sum_valid"), total, unit, how)
    exps.finish(finish.valid, summary)
    outer = StallingPipeline(c, "out", sink_ready)
    wires = _scale(outer, exps, unit)
    y = c.resize(wires["y"], unit.result.bits)
    return Sink(scores.ready, outer.valid, wires["last"].value, y)


def latency(length: int, steps: int) -> int:
    """Cycles from a row's first element to its first result, if nothing holds it up."""
    return 2 * length + 9 + 2 * steps


def _maximum(c: Sequential, arrival: Accepted, x: Wire) -> Wire:
    top = c.state("top", x.low, x.high)
    replaces = c.any_of(arrival.first, c.at_least(x, top.wire))
    c.drive(top, c.mux(replaces, x, top.wire), arrival.taken)
    return top.wire


def _exponential(
    pipeline: StallingPipeline, scores: RowBuffer, unit: units.Softmax, how: TableStyle
) -> dict[str, Wire]:
    """`e` of each element."""
    c = pipeline.circuit
    given = scores.read(pipeline, "q")
    wires = pipeline.stage(given.wires, given.valid)
    distance = c.subtract(wires["q"], wires["top"])
    # No element is above the maximum.
    negative = Wire(c.resize(distance, width_of(distance.low, 0)), distance.low, 0)
    clipped = c.clamp(negative, unit.clip, 0)
    wires = pipeline.stage({"e": clipped, "last": wires["last"]})
    sides = (
        units.exp_operand(unit.operand.scale, unit.clip),
        units.exp_result(unit.exp_fraction),
    )
    wires = look_up(pipeline, wires, "e", unit.exp, *sides, how)
    pipeline.close()
    return wires


def _sum(c: Sequential, arrival: Accepted, e: Wire, length: int) -> Wire:
    total = c.state("total", 0, length * e.high)
    before = c.mux(arrival.first, c.constant(0), total.wire)
    c.drive(total, c.add([before, e], 0, total.wire.high), arrival.taken)
    return total.wire


def _reciprocal(
    pipeline: Pipeline, valid: SSAValue, total: Wire, unit: units.Softmax, how: TableStyle
) -> dict[str, Wire]:
    """The reciprocal of the normalized sum, `r`, and the position of the sum's leading one, `k`."""
    c = pipeline.circuit
    wires = pipeline.stage({"total": total}, valid)
    aligned, moved = leading_one(c, wires["total"], 1, total.width)
    k = c.subtract(c.constant(total.width - 1), moved)
    wires = pipeline.stage({"r": mantissa(c, aligned, 1, units.RECIPROCAL_BITS), "k": k})
    sides = units.RECIPROCAL_OPERAND, units.INVERSE_RESULT
    return look_up(pipeline, wires, "r", unit.reciprocal, *sides, how)


def _scale(pipeline: StallingPipeline, exps: RowBuffer, unit: units.Softmax) -> dict[str, Wire]:
    """The rounded result `y` of each element."""
    c = pipeline.circuit
    given = exps.read(pipeline, "e")
    wires = pipeline.stage(given.wires, given.valid)
    product = c.times(wires["e"], wires["r"])
    wires = pipeline.stage({"product": product, "k": wires["k"], "last": wires["last"]})
    fixed = units.TABLE_FRACTION - unit.result_bits
    rounded = c.round_shift(wires["product"], wires["k"], fixed)
    y = c.clamp(rounded, unit.result.minimum, unit.result.maximum)
    wires = pipeline.stage({"y": y, "last": wires["last"]})
    pipeline.close()
    return wires
