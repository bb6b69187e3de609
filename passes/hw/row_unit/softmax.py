"""
The streaming softmax: exactly `units.Softmax.evaluate`, row after row.

    x ─▶ buffer, maximum ─▶ distance, exp ─▶ buffer, sum, reciprocal ─▶ product, rounding ─▶ y

Three passes over a row, one beat a cycle in each, over three rows at the same time. A lane without
an element has the least score, and its exponential is 0: it changes neither maximum nor sum.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue

from lut_opt.dialects.pwl import units
from lut_opt.dialects.quantization import storage_range
from lut_opt.passes.hw.builder.circuit import Wire, width_of
from lut_opt.passes.hw.builder.octave import leading_one, mantissa
from lut_opt.passes.hw.builder.pipeline import Pipeline, StallingPipeline
from lut_opt.passes.hw.builder.sequential import Sequential
from lut_opt.passes.hw.row_unit.beats import Lane, Shape, flags, join, kept, largest
from lut_opt.passes.hw.row_unit.ends import (
    RowCircuit,
    Sink,
    Source,
    TableStyle,
    look_up,
    row_ends,
)
from lut_opt.passes.hw.row_unit.rows import Accepted, RowBuffer


def build_softmax(
    c: Sequential,
    unit: units.Softmax,
    shape: Shape,
    source: Source,
    sink_ready: SSAValue,
    how: TableStyle,
) -> Sink:
    """Rows of 1 to `shape.length` elements."""
    low, high = storage_range(unit.operand.bits, unit.operand.signed)
    scores = RowBuffer(c, "scores", shape, low, high)
    exps = RowBuffer(c, "exps", shape, 0, 1 << unit.exp_fraction)
    x = kept(c, shape.split(c, source.data, low, high), source.keep, low)
    arrival = scores.accept(source.valid, x, source.last, source.keep)
    scores.finish(row_ends(c, arrival, "top_valid"), {"top": _maximum(c, arrival, x)})
    inner = StallingPipeline(c, "exp", exps.ready)
    wires = _exponential(inner, scores, unit, how)
    keep = wires["keep"].value if shape.keeps else None
    e = kept(c, [wires[name] for name in shape.names("e")], keep, 0)
    arrival = exps.accept(inner.valid, e, wires["last"].value, keep)
    total = _sum(c, arrival, e, shape)
    finish = Pipeline(c, "inverse")
    summary = _reciprocal(finish, row_ends(c, arrival, "sum_valid"), total, unit, how)
    exps.finish(finish.valid, summary)
    outer = StallingPipeline(c, "out", sink_ready)
    wires = _scale(outer, exps, unit)
    y = join(c, [c.resize(wires[name], unit.result.bits) for name in shape.names("y")])
    keep = wires["keep"].value if shape.keeps else None
    return Sink(scores.ready, outer.valid, wires["last"].value, y, keep)


SOFTMAX = RowCircuit(build_softmax, lambda _, beats, steps: 2 * beats + 9 + 2 * steps)


def _maximum(c: Sequential, arrival: Accepted, beat: Sequence[Wire]) -> Wire:
    x = largest(c, beat)
    top = c.state("top", x.low, x.high)
    replaces = c.any_of(arrival.first, c.at_least(x, top.wire))
    c.drive(top, c.mux(replaces, x, top.wire), arrival.taken)
    return top.wire


def _exponential(
    pipeline: StallingPipeline, scores: RowBuffer, unit: units.Softmax, how: TableStyle
) -> dict[str, Wire]:
    """`e` of each element."""
    c, shape = pipeline.circuit, scores.shape
    given = scores.read(pipeline, "q")
    wires = pipeline.stage(given.wires, given.valid)

    def clipped(lane: Lane) -> Wire:
        distance = c.subtract(lane("q"), lane("top"))
        # No element is above the maximum.
        negative = Wire(c.resize(distance, width_of(distance.low, 0)), distance.low, 0)
        return c.clamp(negative, unit.clip, 0)

    wires = pipeline.stage({**shape.each("e", wires, clipped), **flags(wires)})
    wires = look_up(pipeline, wires, shape.names("e"), unit, "exp", how)
    pipeline.close()
    return wires


def _sum(c: Sequential, arrival: Accepted, beat: Sequence[Wire], shape: Shape) -> Wire:
    total = c.state("total", 0, shape.capacity * beat[0].high)
    before = c.mux(arrival.first, c.constant(0), total.wire)
    c.drive(total, c.add([before, *beat], 0, total.wire.high), arrival.taken)
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
    return look_up(pipeline, wires, ["r"], unit, "reciprocal", how)


def _scale(pipeline: StallingPipeline, exps: RowBuffer, unit: units.Softmax) -> dict[str, Wire]:
    """The rounded result `y` of each element."""
    c, shape, result = pipeline.circuit, exps.shape, unit.result
    given = exps.read(pipeline, "e")
    wires = pipeline.stage(given.wires, given.valid)
    product = shape.each("product", wires, lambda lane: c.times(lane("e"), lane("r")))
    wires = pipeline.stage({**product, "k": wires["k"], **flags(wires)})
    fixed = units.TABLE_FRACTION - unit.result_bits

    def rounded(lane: Lane) -> Wire:
        y = c.round_shift(lane("product"), lane("k"), fixed)
        return c.clamp(y, result.minimum, result.maximum)

    wires = pipeline.stage({**shape.each("y", wires, rounded), **flags(wires)})
    pipeline.close()
    return wires
