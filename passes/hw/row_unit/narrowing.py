"""
Wide elements of a norm in steps that fit their row, before anything is squared.

    x ─▶ buffer, least, largest ─▶ x − middle, shift, rounding ─▶ c and the shift of its row

Each row is shifted by its own leading zeros: rows that differ by 10^5 in size keep as many bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xdsl.ir import SSAValue

from lut_opt.dialects.pwl import units
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.builder.circuit import Wire, width_of
from lut_opt.passes.hw.builder.octave import leading_one
from lut_opt.passes.hw.builder.pipeline import Pipeline, StallingPipeline
from lut_opt.passes.hw.builder.sequential import Sequential
from lut_opt.passes.hw.row_unit.beats import Lane, Shape, flags, largest
from lut_opt.passes.hw.row_unit.ends import Source, row_ends
from lut_opt.passes.hw.row_unit.rows import Accepted, RowBuffer

_LARGEST = 1 << units.MAX_CENTRED_BITS


@dataclass(frozen=True)
class Narrowed:
    """A stream of narrowed elements, and whether wide ones are taken."""

    ready: SSAValue
    valid: SSAValue
    elements: Sequence[Wire]
    row: dict[str, Wire]
    """With each beat the shift of its row, and `select` where there is one."""


def narrow_unit(unit: units.Norm) -> units.Norm:
    """What a norm is to its narrowed elements, which are less the zero point; else itself."""
    if not unit.is_wide:
        return unit
    bits = units.MAX_CENTRED_BITS + 2
    return replace(
        unit, operand=Quantization(bits, True, unit.operand.scale, 0, -_LARGEST, _LARGEST)
    )


def narrow(
    c: Sequential, unit: units.Norm, shape: Shape, source: Source, sink_ready: SSAValue
) -> Narrowed:
    """Rows of `shape.length` elements, which are whole beats."""
    low, high = unit.operand.minimum, unit.operand.maximum
    rows = RowBuffer(c, "wide", shape, low, high)
    x = shape.split(c, source.data, low, high)
    arrival = rows.accept(source.valid, x, None)
    finish = Pipeline(c, "extent")
    row = dict[str, Wire]()
    if source.choice is not None:
        row["select"] = _held(c, arrival, source.choice.wire)
    summary = _extent(c, finish, arrival, x, unit, row)
    rows.finish(finish.valid, summary)
    inner = StallingPipeline(c, "narrow", sink_ready)
    given = rows.read(inner, "q")
    wires = inner.stage(given.wires, given.valid)

    def distance(lane: Lane) -> Wire:
        return c.subtract(lane("q"), lane("middle"))

    def rounded(lane: Lane) -> Wire:
        # Doubled, so that a shift of 0 is one of 1.
        y = c.round_shift(c.shift_left(lane("d"), 1), lane("narrowing"), 1)
        return Wire(c.resize(y, width_of(-_LARGEST, _LARGEST)), -_LARGEST, _LARGEST)

    wires = inner.stage({**shape.each("d", wires, distance), **_of_row(wires), **flags(wires)})
    wires = inner.stage({**shape.each("c", wires, rounded), **_of_row(wires), **flags(wires)})
    inner.close()
    elements = [wires[name] for name in shape.names("c")]
    return Narrowed(rows.ready, inner.valid, elements, _of_row(wires))


def _extent(
    c: Sequential,
    finish: Pipeline,
    arrival: Accepted,
    beat: Sequence[Wire],
    unit: units.Norm,
    row: dict[str, Wire],
) -> dict[str, Wire]:
    """From where a row is measured, by how much it is narrowed, and what `row` has."""
    top, bottom = (_end(c, arrival, beat, name) for name in ("top", "bottom"))
    valid = row_ends(c, arrival, "extent_valid")
    ends = finish.stage({"top": top, "bottom": bottom, **row}, valid)
    middle = c.constant(unit.operand.zero_point)
    if unit.centred:
        middle = c.shift_right(c.plus(ends["top"], ends["bottom"]), 1)
    row = {name: ends[name] for name in row}
    wires = finish.stage({**ends, "middle": middle})
    sides = (("top", "middle"), ("middle", "bottom"))
    distances = [c.subtract(wires[a], wires[b]) for a, b in sides]
    low, high = min(each.low for each in distances), max(each.high for each in distances)
    width = width_of(low, high)
    above, below = (Wire(c.resize(each, width), low, high) for each in distances)
    size = c.mux(c.at_least(above, below), above, below)
    size = c.clamp(size, 1, size.high)
    row = {name: wires[name] for name in row}
    wires = finish.stage({"size": size, "middle": wires["middle"], **row})
    width = wires["size"].width
    _, moved = leading_one(c, wires["size"], 1, width)
    excess = c.subtract(c.constant(width - units.MAX_CENTRED_BITS), moved)
    narrowing = c.clamp(excess, 0, excess.high)
    row = {name: wires[name] for name in row}
    return finish.stage({"middle": wires["middle"], "narrowing": narrowing, **row})


def _of_row(wires: dict[str, Wire]) -> dict[str, Wire]:
    """What beats of one row have in common, and the norm behind must know."""
    return {name: wires[name] for name in ("narrowing", "select") if name in wires}


def _held(c: Sequential, arrival: Accepted, select: Wire) -> Wire:
    """What came with the last beat that was taken."""
    state = c.state("wide_select", select.low, select.high)
    c.drive(state, select, arrival.taken)
    return state.wire


def _end(c: Sequential, arrival: Accepted, beat: Sequence[Wire], name: str) -> Wire:
    """The largest or the least element of a row so far."""
    x = largest(c, beat) if name == "top" else _least(c, beat)
    end = c.state(f"wide_{name}", x.low, x.high)
    further = c.at_least(x, end.wire) if name == "top" else c.at_least(end.wire, x)
    replaces = c.any_of(arrival.first, further)
    c.drive(end, c.mux(replaces, x, end.wire), arrival.taken)
    return end.wire


def _least(c: Sequential, wires: Sequence[Wire]) -> Wire:
    """The least of a power of two of wires with the same range, in a balanced tree."""
    level = list(wires)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [c.mux(c.at_least(a, b), b, a) for a, b in pairs]
    return level[0]
