"""
A hardware unit: one table in one `hw.module`, whose attribute `pwl.unit` says what it computes.

It lets a backend check, prove and describe the unit without the code that it was made from;
`comment` is the header that CIRCT writes above the module.
"""

from __future__ import annotations

import hashlib
import re

from xdsl.dialects import hw

from lut_opt.dialects.pwl import Fit, Table, TableAttr
from lut_opt.dialects.pwl.hardware import UNIT, TableUnit, unit_attribute
from lut_opt.dialects.pwl.reduction_attributes import reduction_attribute
from lut_opt.dialects.quantization import Quantization, exact_log2, storage_range
from lut_opt.passes.hw.builder.arithmetic import Arithmetic
from lut_opt.passes.hw.builder.module import domain_of, hardware_module
from lut_opt.passes.hw.builder.timing import describe_timing
from lut_opt.passes.hw.datapath.fixed import Style, build_datapath
from lut_opt.passes.hw.datapath.reduced import build_reduced


def build_unit(unit: TableUnit, style: Style = Style()) -> hw.HWModuleOp:
    """The module of a unit: ports `clock` and `reset` if it has registers, `x`, and `y`."""
    op, block, ports = hardware_module(unit.module, unit.ports, comment(unit))
    circuit, x = Arithmetic(block, domain_of(ports), style.blocks), ports["x"]
    if (reduced := unit.reduced) is not None:
        y = build_reduced(circuit, x, reduced, unit.latency, style)
    else:
        sides = unit.operand, unit.result
        y = build_datapath(circuit, x, unit.table, *sides, unit.latency, style)
    circuit.output([y])
    op.attributes[UNIT] = unit_attribute(unit)
    return op


def unit_name(function: str, *sides: Quantization) -> str:
    """
    A legal SystemVerilog name, such as `pwl_gelu_i8_i8_s2m4_s2m4` for scales of 2^-4.

    All widths come first, then all scales. Other scales are spelled out (`s0p1` is 0.1, `s1em05` is
    1e-05); a zero point of −3 adds `zm3`.
    """
    storages = [f"{'i' if side.signed else 'u'}{side.bits}" for side in sides]
    scales = [_spell_scale(side) for side in sides]
    return "_".join(("pwl", re.sub(r"\W", "_", function, flags=re.ASCII), *storages, *scales))


def _spell_scale(side: Quantization) -> str:
    exponent = exact_log2(side.scale)
    text = (
        repr(side.scale) if exponent is None else f"2{'m' if exponent < 0 else 'p'}{abs(exponent)}"
    )
    text = text.replace(".", "p").replace("-", "m").replace("+", "")
    if not side.zero_point:
        return f"s{text}"
    return f"s{text}z{side.zero_point}".replace("-", "m")


def digest(table: Table) -> str:
    """Twelve hexadecimal digits that tell tables apart."""
    return hashlib.sha256(str(TableAttr(table)).encode()).hexdigest()[:12]


def comment(unit: TableUnit) -> str:
    """The header of the module in SystemVerilog."""
    entries = f"{unit.table.entries} entr{'y' if unit.table.entries == 1 else 'ies'}"
    lines = [
        f"{unit.module}: {unit.function}, piecewise linear",
        f"  table:     {entries}, digest {digest(unit.table)}",
        f"  x:         {describe_side('x', unit.operand)}",
        f"  y:         {describe_side('y', unit.result)}",
        f"  latency:   {describe_timing(unit.latency)}",
    ]
    if (reduced := unit.reduced) is not None:
        lines.append(f"  reduction: {reduction_attribute(reduced.core.reduction)}")
        lines.append(f"  max error: {reduced.error_bound():.6g} output steps")
    elif unit.fit is not None:
        lines.append(f"  max error: {describe_error(unit.fit)}")
    return "\n".join(lines)


def describe_error(fit: Fit) -> str:
    """The errors of a certified table, in words."""
    return f"{fit.max_error:.6g} output steps; MSE {fit.mse:.6g}"


def describe_side(name: str, side: Quantization) -> str:
    """How the bits of a port stand for reals, in words."""
    minimum, maximum = storage_range(side.bits, side.signed)
    shifted = name if not side.zero_point else f"({name} - {side.zero_point})"
    stored = f"{'signed' if side.signed else 'unsigned'} {side.bits}-bit"
    if (side.minimum, side.maximum) != (minimum, maximum):
        stored += f" in {side.minimum} ... {side.maximum}"
    exponent = exact_log2(side.scale)
    scale = repr(side.scale) if exponent is None else f"2^{exponent}"
    return f"{stored}, real value {shifted} * {scale}"
