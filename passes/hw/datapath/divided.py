"""
The datapath of a division: exactly `units.Division.evaluate`.

    denominator ─▶ size |v| ─▶ table input q, exponent k ─▶ table ─▶ r · n ─▶ product
    x ─▶ n = (x − zero point) · m, with the sign of v
    product ─▶ shift by k, round ─▶ zero point, clamp ─▶ y

Of the constant of the scales, only its odd part is multiplied, and beside the table, not behind it:
where scales are powers of two, it is 1. `size`, `negative`, `valid`, `q`, `k`, `n` and `product`
are wires with these names, at which a proof cuts the circuit.
"""

from __future__ import annotations

from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.reduction import Reduced
from lut_opt.dialects.pwl.units import Division
from lut_opt.dialects.quantization import storage_range
from lut_opt.passes.hw.builder.arithmetic import Arithmetic
from lut_opt.passes.hw.builder.circuit import Wire
from lut_opt.passes.hw.datapath.fixed import Style, build_datapath
from lut_opt.passes.hw.datapath.reduced import CUTS, cut, reduce_operand, scale_back


def build_division(
    c: Arithmetic, ports: tuple[SSAValue, SSAValue], unit: Division, latency: int, style: Style
) -> SSAValue:
    """The raw result bits of those of numerator and denominator, `latency` cycles later."""
    cuts = CUTS[:latency]
    sides = zip(("x", "v"), ports, (unit.operand, unit.denominator), strict=True)
    wires = {name: Wire(port, *storage_range(s.bits, s.signed)) for name, port, s in sides}
    wires = cut(c, wires, "input" in cuts)
    reduced = Reduced(unit.core, unit.denominator, unit.result)
    found = reduce_operand(c, wires["v"], reduced, named=True)
    negative = found.pop("negative", None)
    found["n"] = c.named(_numerator(c, wires["x"], negative, unit), "n")
    wires = cut(c, found, "table" in cuts)
    wires = cut(c, _multiply(c, wires, unit, style), "product" in cuts)
    y = c.clamp(scale_back(c, wires, unit), unit.result.minimum, unit.result.maximum)
    if "valid" in wires:
        y = c.mux(wires["valid"].value, y, _limit(c, wires, unit))
    y = Wire(c.resize(y, unit.result.bits), y.low, y.high)
    return cut(c, {"y": y}, "output" in cuts)["y"].value


def _numerator(c: Arithmetic, x: Wire, negative: Wire | None, unit: Division) -> Wire:
    """The numerator times the odd part of the constant, its sign that of the quotient."""
    n = c.subtract(x, c.constant(unit.operand.zero_point))
    if negative is not None:
        n = c.mux(negative.value, c.subtract(c.constant(0), n), n)
    odd, _ = unit.odd_factor
    return n if odd == 1 else c.times(n, c.constant(odd))


def _multiply(
    c: Arithmetic, wires: dict[str, Wire], unit: Division, style: Style
) -> dict[str, Wire]:
    """The table's result times the numerator, and what is known of the numerator."""
    operand, result = unit.core.sides
    q, n = c.resize(wires["q"], operand.bits), wires["n"]
    r = Wire(
        build_datapath(c, q, unit.reciprocal, operand, result, 0, style),
        result.minimum,
        result.maximum,
    )
    product = c.named(c.times(r, n), "product")
    found = {name: wires[name] for name in ("valid", "k") if name in wires}
    if "valid" in wires:
        found["zero"] = Wire(c.equals(n, 0), 0, 1)
        if n.low < 0:
            found["below"] = Wire(c.compare("lt", n, 0), 0, 1)
    return found | {"product": c.shift_left(product, unit.odd_factor[1])}


def _limit(c: Arithmetic, wires: dict[str, Wire], unit: Division) -> Wire:
    """What a numerator over 0 gives: the largest or least result, and 0 for 0/0."""
    low, high = unit.result.minimum, unit.result.maximum
    found = c.constant(high)
    if "below" in wires:
        found = c.mux(wires["below"].value, c.constant(low), found)
    zero = min(max(unit.result.zero_point, low), high)
    return c.mux(wires["zero"].value, c.constant(zero), found)
