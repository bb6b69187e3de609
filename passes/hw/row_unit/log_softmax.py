"""
The streaming log-softmax: exactly `units.LogSoftmax.evaluate`, row after row.

    x ─▶ buffer, maximum ─▶ distance ─▶ buffer ──────────────────────────▶ − L, rounding ─▶ y
                            exp ─▶ sum ─▶ logarithm + octaves · ln 2 ─▶ L

As softmax, but it is distances that wait for the sum of their row, not their exponentials.
"""

from __future__ import annotations

from xdsl.ir import SSAValue

from lut_opt.dialects.pwl import units
from lut_opt.passes.hw.builder.circuit import Wire
from lut_opt.passes.hw.builder.pipeline import Pipeline, StallingPipeline
from lut_opt.passes.hw.builder.sequential import Sequential
from lut_opt.passes.hw.row_unit.beats import Lane, Shape, flags, join, kept
from lut_opt.passes.hw.row_unit.ends import (
    FINE,
    RowCircuit,
    Sink,
    Source,
    TableStyle,
    row_ends,
)
from lut_opt.passes.hw.row_unit.exponentials import (
    accept_scores,
    exponentials,
    look_up_sum,
    sum_of,
)
from lut_opt.passes.hw.row_unit.rows import RowBuffer


def build_log_softmax(
    c: Sequential,
    unit: units.LogSoftmax,
    shape: Shape,
    source: Source,
    sink_ready: SSAValue,
    how: TableStyle,
) -> Sink:
    """Rows of 1 to `shape.length` elements."""
    scores = accept_scores(c, unit, shape, source)
    distances = RowBuffer(c, "distances", shape, scores.low - scores.high, 0)
    inner = StallingPipeline(c, "exp", distances.ready)
    wires = exponentials(inner, scores, unit, how)
    keep = wires["keep"].value if shape.keeps else None
    e = kept(c, [wires[name] for name in shape.names("e")], keep, 0)
    beat = [wires[name] for name in shape.names("distance")]
    arrival = distances.accept(inner.valid, beat, wires["last"].value, keep)
    total = sum_of(c, arrival, e, shape)
    finish = Pipeline(c, "log")
    ends = row_ends(c, arrival, "sum_valid")
    wires = look_up_sum(finish, ends, total, unit, "log", how)
    summary = finish.stage({"log": _logarithm(c, wires, unit)})
    distances.finish(finish.valid, summary)
    outer = StallingPipeline(c, "out", sink_ready)
    wires = _subtract(outer, distances, unit)
    y = join(c, [c.resize(wires[name], unit.result.bits) for name in shape.names("y")])
    keep = wires["keep"].value if shape.keeps else None
    return Sink(scores.ready, outer.valid, wires["last"].value, y, keep)


def _latency(unit: units.LogSoftmax, beats: int, steps: int) -> int:
    return 2 * beats + 10 + 2 * steps + (steps >= FINE)


LOG_SOFTMAX = RowCircuit(build_log_softmax, _latency)


def _logarithm(c: Sequential, wires: dict[str, Wire], unit: units.LogSoftmax) -> Wire:
    """The logarithm of the sum, in which an exponential of 1 has `exp_fraction` octaves."""
    octaves = c.subtract(wires["k"], c.constant(unit.exp_fraction))
    return c.plus(wires["r"], c.times(octaves, c.constant(units.LOG_TWO)))


def _subtract(
    pipeline: StallingPipeline, distances: RowBuffer, unit: units.LogSoftmax
) -> dict[str, Wire]:
    """The rounded result `y` of each element; 0 in a lane without one."""
    c, shape, result = pipeline.circuit, distances.shape, unit.result
    given = distances.read(pipeline, "distance")
    wires = pipeline.stage(given.wires, given.valid)

    def difference(lane: Lane) -> Wire:
        return c.subtract(c.shift_left(lane("distance"), unit.distance_shift), lane("log"))

    wires = pipeline.stage({**shape.each("difference", wires, difference), **flags(wires)})
    shift = unit.result_shift
    half = c.constant((1 << shift) >> 1)

    def rounded(lane: Lane) -> Wire:
        y = c.shift_right(c.plus(lane("difference"), half), shift)
        return c.clamp(y, result.minimum, result.maximum)

    y = shape.each("y", wires, rounded)
    keep = wires["keep"].value if shape.keeps else None
    y = dict(zip(y, kept(c, list(y.values()), keep, 0), strict=True))
    wires = pipeline.stage({**y, **flags(wires)})
    pipeline.close()
    return wires
