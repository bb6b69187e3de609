"""
What softmax and log-softmax share: the maximum of a row, its exponentials, and their sum.

A lane without an element has the least score, and its exponential is 0: it changes neither maximum
nor sum.
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
from lut_opt.passes.hw.row_unit.beats import Lane, Shape, flags, kept, largest
from lut_opt.passes.hw.row_unit.ends import Source, TableStyle, look_up, row_ends
from lut_opt.passes.hw.row_unit.rows import Accepted, RowBuffer


def accept_scores(
    c: Sequential, unit: units.RowExponentials, shape: Shape, source: Source
) -> RowBuffer:
    """A buffer of scores, each row with its maximum `top`."""
    low, high = storage_range(unit.operand.bits, unit.operand.signed)
    scores = RowBuffer(c, "scores", shape, low, high)
    x = kept(c, shape.split(c, source.data, low, high), source.keep, low)
    arrival = scores.accept(source.valid, x, source.last, source.keep)
    scores.finish(row_ends(c, arrival, "top_valid"), {"top": _maximum(c, arrival, x)})
    return scores


def exponentials(
    pipeline: StallingPipeline, scores: RowBuffer, unit: units.RowExponentials, how: TableStyle
) -> dict[str, Wire]:
    """`e` of each element, and its `distance` to the maximum, which is not clipped."""
    c, shape = pipeline.circuit, scores.shape
    given = scores.read(pipeline, "q")
    wires = pipeline.stage(given.wires, given.valid)

    def distance(lane: Lane) -> Wire:
        found = c.subtract(lane("q"), lane("top"))
        # No element is above the maximum.
        return Wire(c.resize(found, width_of(found.low, 0)), found.low, 0)

    distances = shape.each("distance", wires, distance)
    clipped = shape.each("e", distances, lambda lane: c.clamp(lane("distance"), unit.clip, 0))
    wires = pipeline.stage({**clipped, **distances, **flags(wires)})
    wires = look_up(pipeline, wires, shape.names("e"), unit, "exp", how)
    pipeline.close()
    return wires


def sum_of(c: Sequential, arrival: Accepted, beat: Sequence[Wire], shape: Shape) -> Wire:
    """The exponentials of a row so far."""
    total = c.state("total", 0, shape.capacity * beat[0].high)
    before = c.mux(arrival.first, c.constant(0), total.wire)
    c.drive(total, c.add([before, *beat], 0, total.wire.high), arrival.taken)
    return total.wire


def look_up_sum(
    pipeline: Pipeline,
    valid: SSAValue,
    total: Wire,
    unit: units.RowExponentials,
    table: str,
    how: TableStyle,
) -> dict[str, Wire]:
    """What a table has for the normalized sum, `r`, and the position of its leading one, `k`."""
    c = pipeline.circuit
    wires = pipeline.stage({"total": total}, valid)
    aligned, moved = leading_one(c, wires["total"], 1, total.width)
    k = c.subtract(c.constant(total.width - 1), moved)
    wires = {"aligned": aligned, "k": k}
    if how.fine:
        wires = pipeline.stage(wires)
    r = mantissa(c, wires["aligned"], 1, units.RECIPROCAL_BITS)
    wires = pipeline.stage({"r": r, "k": wires["k"]})
    return look_up(pipeline, wires, ["r"], unit, table, how)


def _maximum(c: Sequential, arrival: Accepted, beat: Sequence[Wire]) -> Wire:
    x = largest(c, beat)
    top = c.state("top", x.low, x.high)
    replaces = c.any_of(arrival.first, c.at_least(x, top.wire))
    c.drive(top, c.mux(replaces, x, top.wire), arrival.taken)
    return top.wire
