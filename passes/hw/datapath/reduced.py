"""
The datapath of a table behind a range reduction: exactly `Reduced.evaluate`.

    x ─▶ v, |v| ─▶ table input q, exponent k ─▶ table ─▶ · m, or + k·L for logarithms ─▶ shift by k,
    round ─▶ zero point, clamp ─▶ y

The shift goes by the exponent, so it is a barrel shifter; everything else has constant widths.
"""

from __future__ import annotations

from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.range_reduction import LeadingZero, MultiRange
from lut_opt.dialects.pwl.reduction import EXPONENTIALS, LOG_FRACTION, LOGARITHMS, Reduced
from lut_opt.dialects.pwl.units import Division
from lut_opt.dialects.quantization import storage_range
from lut_opt.passes.hw.builder.arithmetic import Arithmetic
from lut_opt.passes.hw.builder.circuit import Wire
from lut_opt.passes.hw.builder.octave import leading_one, mantissa
from lut_opt.passes.hw.datapath.fixed import Style, build_datapath

_UPWARD = ("sqrt", *EXPONENTIALS)
"""Functions whose results grow with the exponent."""

CUTS = ("output", "product", "table", "input")
"""Where registers may stand; n stages take the first n."""


def build_reduced(
    c: Arithmetic, port: SSAValue, unit: Reduced, latency: int, style: Style
) -> SSAValue:
    """The raw result bits of the raw input bits of a port, `latency` cycles later."""
    cuts = CUTS[:latency]
    wires = {"x": Wire(port, *storage_range(unit.operand.bits, unit.operand.signed))}
    wires = cut(c, wires, "input" in cuts)
    wires = cut(c, reduce_operand(c, wires["x"], unit), "table" in cuts)
    operand, result = unit.core.sides
    q = c.resize(wires.pop("q"), operand.bits)
    r = build_datapath(c, q, unit.core.table, operand, result, 0, style)
    wires["r"] = Wire(r, result.minimum, result.maximum)
    wires = cut(c, _multiply(c, wires, unit), "product" in cuts)
    y = c.clamp(scale_back(c, wires, unit), unit.result.minimum, unit.result.maximum)
    if "valid" in wires:
        y = c.mux(wires["valid"].value, y, c.constant(unit.at_zero))
    y = Wire(c.resize(y, unit.result.bits), y.low, y.high)
    return cut(c, {"y": y}, "output" in cuts)["y"].value


def cut(c: Arithmetic, wires: dict[str, Wire], here: bool) -> dict[str, Wire]:
    """A register for each wire, if there are registers here."""
    if not here:
        return wires
    return {name: c.register(wire, f"{name}_register") for name, wire in wires.items()}


def reduce_operand(
    c: Arithmetic, x: Wire, unit: Reduced, *, named: bool = False
) -> dict[str, Wire]:
    """
    The table's input `q` and the exponent `k` of the operand's size.

    `negative` where the sign counts, `valid` where the operand may be out of the function's domain.
    If `named`, these and `size`, what is positive, have their names in the netlist.
    """
    v = c.subtract(x, c.constant(unit.operand.zero_point))
    if unit.core.function in EXPONENTIALS:
        return _split(c, v, unit)
    wires: dict[str, Wire] = {}
    if unit.core.function == "reciprocal" and v.low < 0:
        wires["negative"] = Wire(c.compare("lt", v, 0), 0, 1)
        v = c.mux(wires["negative"].value, c.subtract(c.constant(0), v), v)
        v = Wire(c.resize(v, v.high.bit_length()), 0, v.high)
    if v.low <= 0:
        wires["valid"] = Wire(c.compare("gt", v, 0), 0, 1)
        v = c.mux(wires["valid"].value, v, c.constant(1))
        v = Wire(c.resize(v, max(1, v.high.bit_length())), 1, v.high)
    if named:
        v = c.named(v, "size")
    found = wires | _exponent(c, v, unit)
    return {name: c.named(wire, name) for name, wire in found.items()} if named else found


def _exponent(c: Arithmetic, v: Wire, unit: Reduced) -> dict[str, Wire]:
    """The table's input and the exponent of a positive operand."""
    reduction, period = unit.core.reduction, unit.core.period
    if isinstance(reduction, MultiRange):
        return _sub_range(c, v, reduction, period)
    assert isinstance(reduction, LeadingZero)
    top = -(-v.high.bit_length() // period) * period
    aligned, moved = leading_one(c, v, period, top)
    k = c.subtract(c.constant(top // period - 1), moved)
    return {"q": mantissa(c, aligned, period, reduction.table_bits), "k": k}


def _split(c: Arithmetic, v: Wire, unit: Reduced) -> dict[str, Wire]:
    """The exponent in turns of an octave: its fraction and its integer part."""
    turn, shift = unit.turn
    half = c.constant((1 << shift) >> 1)
    u = c.shift_right(c.plus(c.times(v, c.constant(turn)), half), shift)
    bits = unit.core.sides[0].bits
    return {"q": Wire(c.resize(u, bits), 0, (1 << bits) - 1), "k": c.shift_right(u, bits)}


def _sub_range(c: Arithmetic, v: Wire, reduction: MultiRange, period: int) -> dict[str, Wire]:
    """The operand shifted as its sub-range says, rounded and saturated."""
    q, k = v, c.constant(0)
    for bound, shift in zip(reduction.bounds, reduction.shifts, strict=True):
        if bound > v.high:
            break
        half = c.constant((1 << shift) >> 1)
        shifted = c.shift_right(c.plus(v, half), shift)
        exponent = c.constant(shift // period)
        if bound <= v.low:
            q, k = shifted, exponent
            continue
        here = c.compare("gt", v, bound - 1)
        q, k = c.mux(here, shifted, q), c.mux(here, exponent, k)
    return {"q": c.clamp(q, reduction.low, reduction.high), "k": k}


def _multiply(c: Arithmetic, wires: dict[str, Wire], unit: Reduced) -> dict[str, Wire]:
    """The table's result times the constant of the scales, with its sign; or the logarithm."""
    factor = c.constant(unit.factor[0])
    kept = {name: wires[name] for name in ("valid", "k") if name in wires}
    if unit.core.function in LOGARITHMS:
        step, offset = unit.log_terms
        r = c.shift_left(wires["r"], LOG_FRACTION - unit.core.fraction)
        r = c.plus(c.plus(r, c.times(wires["k"], c.constant(step))), c.constant(offset))
        return kept | {"product": c.times(r, factor)}
    product = c.times(wires["r"], factor)
    if "negative" in wires:
        product = c.mux(wires["negative"].value, c.subtract(c.constant(0), product), product)
    return kept | {"product": product}


def scale_back(c: Arithmetic, wires: dict[str, Wire], unit: Reduced | Division) -> Wire:
    """The product shifted by the exponent, rounded, with the zero point."""
    product, zero = wires["product"], c.constant(unit.result.zero_point)
    shift = unit.factor[1]
    if unit.core.function in LOGARITHMS:
        shift += LOG_FRACTION
        half = c.constant((1 << shift) >> 1)
        return c.plus(c.shift_right(c.plus(product, half), shift), zero)
    # One less than the shift, for the rounding; below 0, nothing is shifted.
    base = c.constant(unit.core.fraction + shift - 1)
    k = wires["k"]
    amount = c.subtract(base, k) if unit.core.function in _UPWARD else c.plus(base, k)
    if amount.high < 0:
        return c.plus(product, zero)
    positive = c.clamp(amount, 0, amount.high)
    left = c.subtract(positive, c.constant(positive.low))
    rounded = c.round_shift(product, left, positive.low + 1)
    if amount.low < 0:
        rounded = c.mux(c.compare("lt", amount, 0), product, rounded)
    return c.plus(rounded, zero)
