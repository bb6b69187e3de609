"""
The streaming layer norm and RMS norm: exactly `evaluate` of their semantics, row after row.

    x ─▶ buffer, Σc, Σc² ─▶ variance, inverse root ─▶ a·r, rounding, γ, β, rounding ─▶ y

Two passes over a row, one beat a cycle in each, over two rows at the same time. Wide elements are
narrowed in a pass before (`narrowing.py`). What would be the longest path is done by halves, whose
products are added up behind registers: (Σc)², and what γ is multiplied with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from xdsl.ir import SSAValue

from lut_opt.dialects.pwl import units
from lut_opt.dialects.quantization import Quantization, storage_range
from lut_opt.passes.hw.builder.circuit import Wire, half_of, width_of
from lut_opt.passes.hw.builder.pipeline import Pipeline, StallingPipeline
from lut_opt.passes.hw.builder.sequential import Sequential
from lut_opt.passes.hw.row_unit.beats import Lane, Shape, flags, join
from lut_opt.passes.hw.row_unit.ends import (
    FINE,
    RowCircuit,
    Sink,
    Source,
    TableStyle,
    WritePort,
    choose,
)
from lut_opt.passes.hw.row_unit.narrowing import narrow, narrow_unit
from lut_opt.passes.hw.row_unit.rows import Given, RowBuffer
from lut_opt.passes.hw.row_unit.variance import centre, inverse_root, sums_of


def build_norm(
    c: Sequential,
    unit: units.Norm,
    shape: Shape,
    source: Source,
    sink_ready: SSAValue,
    how: TableStyle,
) -> Sink:
    """Rows of `shape.length` elements, which are whole beats."""
    norms = [unit] if source.choice is None else source.choice.norms
    given, norms = unit, [narrow_unit(each) for each in norms]
    unit = norms[0]
    low, high = unit.operand.minimum, unit.operand.maximum
    row = RowBuffer(c, "row", shape, low, high)
    ready, offered, of_row = row.ready, source.valid, dict[str, Wire]()
    if given.is_wide:
        narrowed = narrow(c, given, shape, source, row.ready)
        ready, offered, x = narrowed.ready, narrowed.valid, narrowed.elements
        of_row = narrowed.row
    else:
        x = shape.split(c, source.data, low, high)
        of_row = {} if source.choice is None else {"select": source.choice.wire}
    arrival = row.accept(offered, x, None)
    sums = Pipeline(c, "sums")
    ends = {"first": Wire(arrival.first, 0, 1), "last": Wire(arrival.last, 0, 1)}
    lanes = dict(zip(shape.names("x"), x, strict=True))
    centred = shape.each("c", lanes, lambda lane: centre(c, lane("x"), unit))
    wires = sums.stage({**centred, **ends, **of_row}, arrival.taken)
    finish = Pipeline(c, "inverse")
    valid, wires = sums_of(sums, wires, shape)
    summary = inverse_root(finish, valid, wires, norms, shape.length, how)
    row.finish(finish.valid, summary)
    outer = StallingPipeline(c, "out", sink_ready)
    wires = _scale(outer, row, norms, source.port)
    y = join(c, [c.resize(wires[name], unit.result.bits) for name in shape.names("y")])
    return Sink(ready, outer.valid, wires["last"].value, y)


def _latency(unit: units.Norm, beats: int, steps: int) -> int:
    stages = 12 + 2 * unit.centred + (unit.gamma is not None) + (steps >= FINE)
    return beats + stages + steps + (beats + 8 if unit.is_wide else 0)


NORM = RowCircuit(build_norm, _latency)


def _scale(
    pipeline: StallingPipeline,
    row: RowBuffer,
    norms: Sequence[units.Norm],
    port: WritePort | None,
) -> dict[str, Wire]:
    """The rounded result `y` of each element."""
    c, shape, unit = pipeline.circuit, row.shape, norms[0]
    given = row.read(pipeline, "q")
    affine = _parameters(c, norms, shape, port, given)
    wires = pipeline.stage({**given.wires, **affine}, given.valid)
    names = ("last", *affine, *(("select",) if "select" in wires else ()))
    a = shape.each("a", wires, lambda lane: _deviation(c, lane, unit, shape.length))
    kept = {name: wires[name] for name in (*names, "m")}
    wires = pipeline.stage({**kept, **a, "r": wires["r"]})
    product = shape.each("product", wires, lambda lane: c.times(lane("a"), lane("r")))
    kept = {name: wires[name] for name in (*names, "m")}
    wires = pipeline.stage({**kept, **product})
    normal = shape.each("acc", wires, lambda lane: _normalized(c, lane, shape.length))
    wires = pipeline.stage({**{name: wires[name] for name in names}, **normal})
    names = (*flags(wires), *(name for name in ("select",) if name in wires))
    if unit.gamma is not None:
        beta = {name: wires[name] for name in shape.names("beta") if name in wires}
        kept = {name: wires[name] for name in names}
        wires = pipeline.stage({**kept, **beta, **_times_gamma(c, shape, wires, unit.gamma)})
    acc = shape.each("acc", wires, lambda lane: _affine(c, lane, unit))
    wires = pipeline.stage({**acc, **{name: wires[name] for name in names}})
    y = shape.each("y", wires, lambda lane: _store(c, lane("acc"), norms, wires.get("select")))
    wires = pipeline.stage({**y, **flags(wires)})
    pipeline.close()
    return wires


def _deviation(c: Sequential, lane: Lane, unit: units.Norm, length: int) -> Wire:
    a = c.times(c.constant(length), centre(c, lane("q"), unit))
    return c.subtract(a, lane("total")) if unit.centred else a


def _normalized(c: Sequential, lane: Lane, length: int) -> Wire:
    """An element of mean 0 and deviation 1, before the affine part."""
    acc = c.round_shift(lane("product"), lane("m"), 2)
    # |a| ≤ √n·√v and the root of v's mantissa is at least half of its power of two.
    bound = (2 * (math.isqrt(length) + 1) << units.NORM_FRACTION) + 1
    low, high = max(acc.low, -bound), min(acc.high, bound)
    return Wire(c.resize(acc, width_of(low, high)), low, high)


def _parameters(
    c: Sequential, norms: Sequence[units.Norm], shape: Shape, port: WritePort | None, given: Given
) -> dict[str, Wire]:
    """Gamma and beta of the elements that are read, those of all norms one after the other."""
    if port is None:
        return {}
    beats, words = shape.beats, len(norms) * shape.beats
    index = c.state("index", 0, beats - 1, initial=0)
    ends = c.equals(index.wire, beats - 1)
    c.drive(index, c.mux(ends, c.constant(0), c.plus(index.wire, c.constant(1))), given.given)
    place = index.wire
    if "select" in given.wires:
        # No norm is beyond the end.
        first = choose(c, given.wires["select"], [c.constant(i * beats) for i in range(len(norms))])
        place = c.add([first, place], 0, words - 1)
    wires: dict[str, Wire] = {}
    for name, kind in norms[0].parameters.items():
        memory = c.memory(f"{name}s", words, shape.lanes * kind.bits)
        memory.write(Wire(port.index, 0, words - 1), port.values[name], port.write)
        read = shape.split(c, memory.read(place), *storage_range(kind.bits, kind.signed))
        wires |= zip(shape.names(name), read, strict=True)
    return wires


def _times_gamma(
    c: Sequential, shape: Shape, wires: Mapping[str, Wire], gamma: Quantization
) -> dict[str, Wire]:
    """Each element times the two halves of its gamma, which are added a cycle later."""
    bits = half_of(gamma.bits)

    def lower(lane: Lane) -> Wire:
        return c.times(lane("acc"), c.lower(lane("gamma"), bits))

    def upper(lane: Lane) -> Wire:
        return c.times(lane("acc"), c.shift_right(lane("gamma"), bits))

    return shape.each("lower", wires, lower) | shape.each("upper", wires, upper)


def _affine(c: Sequential, lane: Lane, unit: units.Norm) -> Wire:
    if unit.gamma is None:
        acc = lane("acc")
    else:
        acc = c.plus(lane("lower"), c.shift_left(lane("upper"), half_of(unit.gamma.bits)))
    if unit.beta is not None:
        acc = c.plus(acc, c.shift_left(lane("beta"), unit.beta_shift))
    return acc


def _store(c: Sequential, acc: Wire, norms: Sequence[units.Norm], select: Wire | None) -> Wire:
    """Rounded to the result's scale and clamped to its storage."""
    shifts, result = [each.result_shift for each in norms], norms[0].result
    if len(set(shifts)) == 1:
        del shifts[1:]
    y = choose(c, select, [_rounded(c, acc, shift) for shift in shifts])
    y = c.plus(y, c.constant(result.zero_point))
    return c.clamp(y, result.minimum, result.maximum)


def _rounded(c: Sequential, acc: Wire, shift: int) -> Wire:
    half = c.constant(1 << shift >> 1)
    return c.shift_right(c.plus(acc, half), shift) if shift else acc
