"""An `hw.module` with the ports that a unit says that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects import hw, seq
from xdsl.dialects.builtin import ArrayAttr, IntegerType, StringAttr
from xdsl.ir import Block, Region, SSAValue, TypeAttribute

from lut_opt.dialects.pwl.hardware import ENABLE, Port
from lut_opt.passes.hw.builder.circuit import ClockDomain
from lut_opt.passes.hw.builder.clocks import DATAPATH_CLOCK


def hardware_module(
    name: str, ports: Sequence[Port], comment: str | None = None
) -> tuple[hw.HWModuleOp, Block, dict[str, SSAValue]]:
    """
    A module, its empty block, and the inputs by name; whoever asks fills the block.

    `comment` is the header that CIRCT writes above the module.
    """
    inputs = [port for port in ports if not port.output]
    block = Block(arg_types=[type_of(port) for port in inputs])
    values: dict[str, SSAValue] = {}
    for argument, port in zip(block.args, inputs, strict=True):
        argument.name_hint = port.name
        values[port.name] = argument
    made = ArrayAttr(map(_module_port, ports))
    op = hw.HWModuleOp(StringAttr(name), hw.ModuleType(made), Region(block))
    if comment is not None:
        op.attributes["comment"] = StringAttr(comment)
    return op, block, values


def domain_of(ports: Mapping[str, SSAValue]) -> ClockDomain | None:
    """The domain of the registers between x and y, by the inputs of their module."""
    if "clock" not in ports:
        return None
    clock = ports.get(DATAPATH_CLOCK, ports["clock"])
    return ClockDomain(clock, ports.get("reset"), ports.get(ENABLE))


def type_of(port: Port) -> TypeAttribute:
    """The type of a port's values."""
    return seq.ClockType() if port.bits is None else IntegerType(port.bits)


def _module_port(port: Port) -> hw.ModulePort:
    direction = hw.Direction.OUTPUT if port.output else hw.Direction.INPUT
    return hw.ModulePort(StringAttr(port.name), type_of(port), hw.DirectionAttr(direction))
