"""
The streaming layer norm and RMS norm: exactly `units.Norm.evaluate`, row after row.

    x ─▶ buffer, Σc, Σc² ─▶ variance, inverse root ─▶ a·r, rounding, γ, β, rounding ─▶ y

Two passes over a row, one beat a cycle in each, over two rows at the same time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.ir import SSAValue

from lut_opt.dialects.pwl import units
from lut_opt.dialects.quantization import storage_range
from lut_opt.passes.hw.beats import Lane, Shape, flags, join
from lut_opt.passes.hw.circuit import Wire, width_of
from lut_opt.passes.hw.octave import leading_one, mantissa
from lut_opt.passes.hw.pipeline import Pipeline, StallingPipeline
from lut_opt.passes.hw.row_stream import Sink, Source, TableStyle, look_up
from lut_opt.passes.hw.rows import RowBuffer
from lut_opt.passes.hw.sequential import Sequential


@dataclass(frozen=True)
class WritePort:
    """Where gamma and beta are loaded: beat `index` of those that the unit has."""

    write: SSAValue
    index: SSAValue
    values: Mapping[str, SSAValue]


def build_norm(
    c: Sequential,
    unit: units.Norm,
    shape: Shape,
    source: Source,
    port: WritePort | None,
    sink_ready: SSAValue,
    how: TableStyle,
) -> Sink:
    """Rows of `shape.length` elements, which are whole beats."""
    low, high = unit.operand.minimum, unit.operand.maximum
    row = RowBuffer(c, "row", shape, low, high)
    x = shape.split(c, source.data, low, high)
    arrival = row.accept(source.valid, x, None)
    sums = Pipeline(c, "sums")
    ends = {"first": Wire(arrival.first, 0, 1), "last": Wire(arrival.last, 0, 1)}
    offered = dict(zip(shape.names("x"), x, strict=True))
    centred = shape.each("c", offered, lambda lane: _centre(c, lane("x"), unit))
    wires = sums.stage({**centred, **ends}, arrival.taken)
    finish = Pipeline(c, "inverse")
    valid, wires = _sums(sums, wires, shape)
    summary = _inverse_root(finish, valid, wires, unit, shape.length, how)
    row.finish(finish.valid, summary)
    outer = StallingPipeline(c, "out", sink_ready)
    wires = _scale(outer, row, unit, port)
    y = join(c, [c.resize(wires[name], unit.result.bits) for name in shape.names("y")])
    return Sink(row.ready, outer.valid, wires["last"].value, y)


def latency(beats: int, steps: int) -> int:
    """Cycles from a row's first beat to its first result, if nothing holds it up."""
    return beats + 13 + steps


def _centre(c: Sequential, x: Wire, unit: units.Norm) -> Wire:
    return c.subtract(x, c.constant(unit.operand.zero_point))


def _square(c: Sequential, wire: Wire) -> Wire:
    product = c.times(wire, wire)
    high = max(wire.low**2, wire.high**2)
    return Wire(product.value, 0, high)


def _sums(
    pipeline: Pipeline, wires: dict[str, Wire], shape: Shape
) -> tuple[SSAValue, dict[str, Wire]]:
    """`total` Σc and `square` Σc² of a row, and when they are complete."""
    c = pipeline.circuit
    squares = shape.each("square", wires, lambda lane: _square(c, lane("c")))
    wires = pipeline.stage({**wires, **squares})
    valid, sums = pipeline.valid, dict[str, Wire]()
    for name, term in (("total", "c"), ("square", "square")):
        terms = [wires[lane] for lane in shape.names(term)]
        state = c.state(name, shape.length * terms[0].low, shape.length * terms[0].high)
        before = c.mux(wires["first"].value, c.constant(0), state.wire)
        c.drive(state, c.add([before, *terms], state.wire.low, state.wire.high), valid)
        sums[name] = state.wire
    done = c.state("sums_done", 0, 1, initial=0)
    c.drive(done, Wire(c.all_of(valid, wires["last"].value), 0, 1))
    return done.wire.value, sums


def _inverse_root(
    pipeline: Pipeline,
    valid: SSAValue,
    wires: dict[str, Wire],
    unit: units.Norm,
    length: int,
    how: TableStyle,
) -> dict[str, Wire]:
    """The inverse root `r` of the normalized variance, half its exponent `m`, and `total`."""
    c = pipeline.circuit
    kept = ("total",) if unit.centred else ()
    total, square = wires["total"], wires["square"]
    scaled = c.times(c.constant(length), square)
    squares = {"scaled": scaled, **({"of_total": _square(c, total)} if unit.centred else {})}
    wires = pipeline.stage({**squares, **{name: wires[name] for name in kept}}, valid)
    variance = wires["scaled"]
    if unit.centred:
        difference = c.subtract(variance, wires["of_total"])
        variance = Wire(c.resize(difference, variance.width), 0, variance.high)
    wires = pipeline.stage({"v": variance, **{name: wires[name] for name in kept}})
    wires = pipeline.stage({**wires, "v": _with_epsilon(c, wires["v"], unit, length)})
    top = wires["v"].width + wires["v"].width % 2
    aligned, moved = leading_one(c, wires["v"], 2, top)
    m = c.subtract(c.constant(top // 2 - 1 - unit.square_fraction // 2), moved)
    m = Wire(c.resize(m, max(1, m.high.bit_length())), 0, m.high)
    t = mantissa(c, aligned, 2, units.RSQRT_BITS)
    wires = pipeline.stage({"r": t, "m": m, **{name: wires[name] for name in kept}})
    sides = units.RSQRT_OPERAND, units.INVERSE_RESULT
    return look_up(pipeline, wires, ["r"], unit.rsqrt, *sides, how)


def _with_epsilon(c: Sequential, variance: Wire, unit: units.Norm, length: int) -> Wire:
    """`v`: n² times the variance plus epsilon, in 2^−F and at least 1."""
    fraction, (parts, shift) = unit.square_fraction, unit.epsilon_parts
    epsilon = (length * length * parts) >> shift
    v = c.plus(c.shift_left(variance, fraction), c.constant(epsilon))
    return c.clamp(v, 1 << fraction, v.high)


def _scale(
    pipeline: StallingPipeline,
    row: RowBuffer,
    unit: units.Norm,
    port: WritePort | None,
) -> dict[str, Wire]:
    """The rounded result `y` of each element."""
    c, shape = pipeline.circuit, row.shape
    given = row.read(pipeline, "q")
    affine = _parameters(c, unit, shape, port, given.given)
    wires = pipeline.stage({**given.wires, **affine}, given.valid)
    names = ("last", *affine)
    a = shape.each("a", wires, lambda lane: _deviation(c, lane, unit, shape.length))
    kept = {name: wires[name] for name in (*names, "m")}
    wires = pipeline.stage({**kept, **a, "r": wires["r"]})
    product = shape.each("product", wires, lambda lane: c.times(lane("a"), lane("r")))
    kept = {name: wires[name] for name in (*names, "m")}
    wires = pipeline.stage({**kept, **product})
    normal = shape.each("acc", wires, lambda lane: _normalized(c, lane, shape.length))
    wires = pipeline.stage({**{name: wires[name] for name in names}, **normal})
    acc = shape.each("acc", wires, lambda lane: _affine(c, lane, unit))
    wires = pipeline.stage({**acc, **flags(wires)})
    y = shape.each("y", wires, lambda lane: _store(c, lane("acc"), unit))
    wires = pipeline.stage({**y, **flags(wires)})
    pipeline.close()
    return wires


def _deviation(c: Sequential, lane: Lane, unit: units.Norm, length: int) -> Wire:
    a = c.times(c.constant(length), _centre(c, lane("q"), unit))
    return c.subtract(a, lane("total")) if unit.centred else a


def _normalized(c: Sequential, lane: Lane, length: int) -> Wire:
    """An element of mean 0 and deviation 1, before the affine part."""
    acc = c.round_shift(lane("product"), lane("m"), 2)
    # |a| ≤ √n·√v and the root of v's mantissa is at least half of its power of two.
    bound = (2 * (math.isqrt(length) + 1) << units.NORM_FRACTION) + 1
    low, high = max(acc.low, -bound), min(acc.high, bound)
    return Wire(c.resize(acc, width_of(low, high)), low, high)


def _parameters(
    c: Sequential, unit: units.Norm, shape: Shape, port: WritePort | None, given: SSAValue
) -> dict[str, Wire]:
    """Gamma and beta of the elements that are read."""
    if port is None:
        return {}
    beats = shape.beats
    index = c.state("index", 0, beats - 1, initial=0)
    ends = c.equals(index.wire, beats - 1)
    c.drive(index, c.mux(ends, c.constant(0), c.plus(index.wire, c.constant(1))), given)
    wires: dict[str, Wire] = {}
    for name, kind in (("gamma", unit.gamma), ("beta", unit.beta)):
        if kind is None:
            continue
        memory = c.memory(f"{name}s", beats, shape.lanes * kind.bits)
        memory.write(Wire(port.index, 0, beats - 1), port.values[name], port.write)
        read = shape.split(c, memory.read(index.wire), *storage_range(kind.bits, kind.signed))
        wires |= zip(shape.names(name), read, strict=True)
    return wires


def _affine(c: Sequential, lane: Lane, unit: units.Norm) -> Wire:
    acc = lane("acc")
    if unit.gamma is not None:
        acc = c.times(acc, lane("gamma"))
    if unit.beta is not None:
        acc = c.plus(acc, c.shift_left(lane("beta"), unit.beta_shift))
    return acc


def _store(c: Sequential, acc: Wire, unit: units.Norm) -> Wire:
    """Rounded to the result's scale and clamped to its storage."""
    if unit.result_shift:
        half = c.constant(1 << (unit.result_shift - 1))
        acc = c.shift_right(c.plus(acc, half), unit.result_shift)
    y = c.plus(acc, c.constant(unit.result.zero_point))
    return c.clamp(y, unit.result.minimum, unit.result.maximum)
