"""
The streaming softmax: exactly `units.Softmax.evaluate`, row after row.

    x ─▶ buffer, maximum ─▶ distance, exp ─▶ buffer, sum, reciprocal ─▶ product, rounding ─▶ y

Three passes over a row, one beat a cycle in each, over three rows at the same time.
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


def build_softmax(
    c: Sequential,
    unit: units.Softmax,
    shape: Shape,
    source: Source,
    sink_ready: SSAValue,
    how: TableStyle,
) -> Sink:
    """Rows of 1 to `shape.length` elements."""
    scores = accept_scores(c, unit, shape, source)
    exps = RowBuffer(c, "exps", shape, 0, 1 << unit.exp_fraction)
    inner = StallingPipeline(c, "exp", exps.ready)
    wires = exponentials(inner, scores, unit, how)
    keep = wires["keep"].value if shape.keeps else None
    e = kept(c, [wires[name] for name in shape.names("e")], keep, 0)
    arrival = exps.accept(inner.valid, e, wires["last"].value, keep)
    total = sum_of(c, arrival, e, shape)
    finish = Pipeline(c, "inverse")
    ends = row_ends(c, arrival, "sum_valid")
    summary = look_up_sum(finish, ends, total, unit, "reciprocal", how)
    exps.finish(finish.valid, summary)
    outer = StallingPipeline(c, "out", sink_ready)
    wires = _scale(outer, exps, unit, how.fine)
    y = join(c, [c.resize(wires[name], unit.result.bits) for name in shape.names("y")])
    keep = wires["keep"].value if shape.keeps else None
    return Sink(scores.ready, outer.valid, wires["last"].value, y, keep)


def _latency(unit: units.Softmax, beats: int, steps: int) -> int:
    return 2 * beats + 9 + 2 * steps + 2 * (steps >= FINE)


SOFTMAX = RowCircuit(build_softmax, _latency)


def _scale(
    pipeline: StallingPipeline, exps: RowBuffer, unit: units.Softmax, fine: bool
) -> dict[str, Wire]:
    """The rounded result `y` of each element, shifted in a stage of its own if `fine`."""
    c, shape, result = pipeline.circuit, exps.shape, unit.result
    given = exps.read(pipeline, "e")
    wires = pipeline.stage(given.wires, given.valid)
    product = shape.each("product", wires, lambda lane: c.times(lane("e"), lane("r")))
    wires = pipeline.stage({**product, "k": wires["k"], **flags(wires)})
    fixed = units.TABLE_FRACTION - unit.result_bits

    def shifted(lane: Lane) -> Wire:
        return c.variable_shift_right(c.shift_right(lane("product"), fixed - 1), lane("k"))

    def rounded(lane: Lane) -> Wire:
        return c.clamp(c.halve(lane("y")), result.minimum, result.maximum)

    y = shape.each("y", wires, shifted)
    if fine:
        y = wires = pipeline.stage({**y, **flags(wires)})
    wires = pipeline.stage({**shape.each("y", y, rounded), **flags(wires)})
    pipeline.close()
    return wires
