"""
What a norm needs of a whole row: Σc, Σc², and the inverse root of its variance.

The sums grow by a beat a cycle; the rest happens once for a row.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue

from lut_opt.dialects.pwl import units
from lut_opt.passes.hw.builder.circuit import Wire, half_of, width_of
from lut_opt.passes.hw.builder.octave import leading_one, mantissa
from lut_opt.passes.hw.builder.pipeline import Pipeline
from lut_opt.passes.hw.builder.sequential import Sequential
from lut_opt.passes.hw.row_unit.beats import Shape, join
from lut_opt.passes.hw.row_unit.ends import TableStyle, choose, look_up


def centre(c: Sequential, x: Wire, unit: units.Norm) -> Wire:
    """An element less its zero point."""
    return c.subtract(x, c.constant(unit.operand.zero_point))


def _square(c: Sequential, wire: Wire) -> Wire:
    product = c.times(wire, wire)
    high = max(wire.low**2, wire.high**2)
    return Wire(product.value, 0, high)


def sums_of(
    pipeline: Pipeline, wires: dict[str, Wire], shape: Shape
) -> tuple[SSAValue, dict[str, Wire]]:
    """`total` Σc and `square` Σc² of a row, what goes with it, and when they are complete."""
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
    for name in (name for name in ("narrowing", "select") if name in wires):
        state = c.state(f"sums_{name}", wires[name].low, wires[name].high)
        c.drive(state, wires[name], valid)
        sums[name] = state.wire
    done = c.state("sums_done", 0, 1, initial=0)
    c.drive(done, Wire(c.all_of(valid, wires["last"].value), 0, 1))
    return done.wire.value, sums


def inverse_root(
    pipeline: Pipeline,
    valid: SSAValue,
    wires: dict[str, Wire],
    norms: Sequence[units.Norm],
    length: int,
    how: TableStyle,
) -> dict[str, Wire]:
    """
    The inverse root `r` of the normalized variance, half its exponent `m`, and `total`.

    Of several norms, `select` says whose row it is, and stays with it.
    """
    c, unit = pipeline.circuit, norms[0]
    kept = (*(("total",) if unit.centred else ()), *(("select",) if "select" in wires else ()))
    waiting = (*kept, *(("narrowing",) if "narrowing" in wires else ()))
    products = {"v": c.times(c.constant(length), wires["square"])}
    half = half_of(wires["total"].width)
    if unit.centred:
        products |= _squared_halves(c, wires["total"], half)
    wires = pipeline.stage({**products, **{name: wires[name] for name in waiting}}, valid)
    if unit.centred:
        wires = _less_total(pipeline, wires, half, waiting)
    narrowing, select = wires.get("narrowing"), wires.get("select")
    epsilon = choose(c, select, [_epsilon(c, each, length, narrowing) for each in norms])
    v = c.plus(c.shift_left(wires["v"], unit.square_fraction), epsilon)
    v = c.clamp(v, 1 << unit.square_fraction, v.high)
    wires = pipeline.stage({**{name: wires[name] for name in kept}, "v": v})
    top = wires["v"].width + wires["v"].width % 2
    aligned, moved = leading_one(c, wires["v"], 2, top)
    if how.fine:
        wires = pipeline.stage({**{name: wires[name] for name in kept}, "a": aligned, "n": moved})
        aligned, moved = wires["a"], wires["n"]
    m = c.subtract(c.constant(top // 2 - 1 - unit.square_fraction // 2), moved)
    m = Wire(c.resize(m, max(1, m.high.bit_length())), 0, m.high)
    t = mantissa(c, aligned, 2, units.RSQRT_BITS)
    wires = pipeline.stage({"r": t, "m": m, **{name: wires[name] for name in kept}})
    return look_up(pipeline, wires, ["r"], unit, "rsqrt", how)


def _squared_halves(c: Sequential, total: Wire, half: int) -> dict[str, Wire]:
    """For (h·2^k + l)² = h²·2^2k + 2·h·l·2^k + l², k = `half`: `upper`, `mixed` and `lower`."""
    low, high = c.lower(total, half), c.shift_right(total, half)
    return {"upper": _square(c, high), "mixed": c.times(high, low), "lower": _square(c, low)}


def _less_total(
    pipeline: Pipeline, wires: dict[str, Wire], half: int, waiting: Sequence[str]
) -> dict[str, Wire]:
    """`v` less the square of what `_squared_halves` was asked for, in two steps."""
    c, largest = pipeline.circuit, wires["v"].high
    upper, lower = wires["upper"], wires["lower"]
    # These two do not overlap.
    ends = join(c, [c.resize(lower, 2 * half), upper.value])
    v = c.subtract(wires["v"], Wire(ends, 0, (upper.high << 2 * half) + lower.high))
    kept = {name: wires[name] for name in ("mixed", *waiting)}
    wires = pipeline.stage({"v": v, **kept})
    v = c.subtract(wires["v"], c.shift_left(wires["mixed"], half + 1))
    v = Wire(c.resize(v, width_of(0, largest)), 0, largest)
    return pipeline.stage({"v": v, **{name: wires[name] for name in waiting}})


def _epsilon(c: Sequential, unit: units.Norm, length: int, narrowing: Wire | None) -> Wire:
    """n² times epsilon in 2^−F of the row's steps."""
    parts, shift = unit.epsilon_parts
    scaled = length * length * parts
    epsilon = c.constant(scaled >> shift)
    for steps in range(1, 0 if narrowing is None else narrowing.high + 1):
        assert narrowing is not None
        smaller = scaled >> min(shift + 2 * steps, units.MAX_EPSILON_SHIFT)
        epsilon = c.mux(c.equals(narrowing, steps), c.constant(smaller), epsilon)
    return epsilon
