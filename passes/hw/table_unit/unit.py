"""
A hardware unit: one table in one `hw.module`, which carries what it computes as attributes.

The attributes `pwl.function`, `pwl.table`, `pwl.operand`, `pwl.result`, `pwl.fit`, `pwl.latency`
and `pwl.throughput` let a backend check, prove and describe the unit without the code that it was
made from; `comment` is the header that CIRCT writes above the module.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from xdsl.dialects import hw, seq
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, IntegerType, StringAttr
from xdsl.ir import Attribute, Block, Region, TypeAttribute

from lut_opt.dialects.pwl import Fit, FitAttr, Table, TableAttr
from lut_opt.dialects.pwl.reduction import Reduced
from lut_opt.dialects.quant import UniformQuantizedType
from lut_opt.dialects.quantization import Integers, Quantization, exact_log2, storage_range
from lut_opt.passes.hw.builder.arithmetic import Arithmetic
from lut_opt.passes.hw.builder.circuit import ClockDomain
from lut_opt.passes.hw.builder.timing import describe_timing, timing
from lut_opt.passes.hw.datapath.fixed import Style, build_datapath
from lut_opt.passes.hw.datapath.reduced import build_reduced, reduced_of, reduction_attribute

ATTRIBUTE_PREFIX = "pwl."
"""Attributes of a unit that only lut-opt reads; CIRCT's tools do not know their types."""


@dataclass(frozen=True)
class Unit:
    """What one `hw.module` computes: `evaluate`, `latency` cycles after its input."""

    module: str
    function: str
    table: Table
    operand: Quantization
    result: Quantization
    fit: Fit | None = None
    latency: int = 0
    reduced: Reduced | None = None
    """The meaning of a unit whose operand is reduced to the table's range."""

    def evaluate(self, x: Integers) -> Integers:
        """Stored results of stored inputs."""
        if self.reduced is not None:
            return self.reduced.evaluate(x)
        return self.table.evaluate(x, self.result)


def build_unit(unit: Unit, style: Style = Style()) -> hw.HWModuleOp:
    """The module of a unit: ports `clock` and `reset` if it has registers, `x`, and `y`."""
    bits_in, bits_out = IntegerType(unit.operand.bits), IntegerType(unit.result.bits)
    inputs: list[tuple[str, TypeAttribute]] = [("x", bits_in)]
    if unit.latency:
        inputs = [("clock", seq.ClockType()), ("reset", IntegerType(1)), *inputs]
    block = Block(arg_types=[type_ for _, type_ in inputs])
    for argument, (name, _) in zip(block.args, inputs, strict=True):
        argument.name_hint = name
    domain = ClockDomain(block.args[0], block.args[1]) if unit.latency else None
    circuit, port = Arithmetic(block, domain), block.args[-1]
    if unit.reduced is not None:
        y = build_reduced(circuit, port, unit.reduced, unit.latency, style)
    else:
        sides = unit.operand, unit.result
        y = build_datapath(circuit, port, unit.table, *sides, unit.latency, style)
    circuit.output([y])
    ports = [hw.ModulePort(StringAttr(n), t, _INPUT) for n, t in inputs]
    ports.append(hw.ModulePort(StringAttr("y"), bits_out, _OUTPUT))
    op = hw.HWModuleOp(StringAttr(unit.module), hw.ModuleType(ArrayAttr(ports)), Region(block))
    op.attributes.update(_attributes(unit))
    return op


_INPUT = hw.DirectionAttr(hw.Direction.INPUT)
_OUTPUT = hw.DirectionAttr(hw.Direction.OUTPUT)


def unit_of(op: hw.HWModuleOp) -> Unit | None:
    """What a module says that it computes; None for a module that is not one of ours."""
    attributes = op.attributes
    function, table = attributes.get("pwl.function"), attributes.get("pwl.table")
    operand, result = attributes.get("pwl.operand"), attributes.get("pwl.result")
    fit, latency = attributes.get("pwl.fit"), attributes.get("pwl.latency")
    if not (
        isinstance(function, StringAttr)
        and isinstance(table, TableAttr)
        and isinstance(operand, UniformQuantizedType)
        and isinstance(result, UniformQuantizedType)
    ):
        return None
    return Unit(
        op.sym_name.data,
        function.data,
        table.data,
        operand.quantization,
        result.quantization,
        fit.data if isinstance(fit, FitAttr) else None,
        latency.value.data if isinstance(latency, IntegerAttr) else 0,
        reduced_of(attributes, table.data, operand.quantization, result.quantization),
    )


def unit_name(function: str, operand: Quantization, result: Quantization) -> str:
    """
    A legal SystemVerilog name, such as `pwl_gelu_i8_i8_s2m4_s2m4` for scales of 2^-4.

    Other scales are spelled out (`s0p1` is 0.1, `s1em05` is 1e-05); a zero point of −3 adds `zm3`.
    """
    sides = (operand, result)
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


def _attributes(unit: Unit) -> dict[str, Attribute]:
    attributes: dict[str, Attribute] = {
        "comment": StringAttr(comment(unit)),
        "pwl.function": StringAttr(unit.function),
        "pwl.table": TableAttr(unit.table),
        "pwl.operand": UniformQuantizedType.from_quantization(unit.operand),
        "pwl.result": UniformQuantizedType.from_quantization(unit.result),
        **timing(unit.latency),
    }
    if unit.fit is not None:
        attributes["pwl.fit"] = FitAttr(unit.fit)
    if unit.reduced is not None:
        attributes["pwl.reduction"] = reduction_attribute(unit.reduced.core.reduction)
    return attributes


def comment(unit: Unit) -> str:
    """The header of the module in SystemVerilog."""
    entries = f"{unit.table.entries} entr{'y' if unit.table.entries == 1 else 'ies'}"
    lines = [
        f"{unit.module}: {unit.function}, piecewise linear",
        f"  table:     {entries}, digest {digest(unit.table)}",
        f"  x:         {describe_side('x', unit.operand)}",
        f"  y:         {describe_side('y', unit.result)}",
        f"  latency:   {describe_timing(unit.latency)}",
    ]
    if unit.reduced is not None:
        lines.append(f"  reduction: {reduction_attribute(unit.reduced.core.reduction)}")
        lines.append(f"  max error: {unit.reduced.error_bound():.6g} output steps")
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
