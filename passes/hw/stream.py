"""
A valid/ready stream around a unit.

    x, x_valid → x_ready      a value moves in a cycle in which valid and ready are both set
    y, y_valid → y_ready

While a result waits for its reader the unit stands still, so that nothing in it is lost: by a gate
of its clock, so that nothing in it needs an enable, or by the enable that its registers have, for
FPGAs, whose clocks are not gated. `y_valid` does not depend on `y_ready`,
and x_ready = y_ready where a result waits, without a register in between. The latency is the
unit's, more by the cycles in which nothing moves; one input a cycle may enter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects import comb, hw, seq
from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.hardware import (
    ENABLE,
    UNIT,
    ElementUnit,
    StreamUnit,
    StreamUnitAttr,
    UnitAttr,
)
from lut_opt.passes.hw.builder.circuit import Circuit
from lut_opt.passes.hw.builder.clocks import CLOCK_GATE, DATAPATH_CLOCK
from lut_opt.passes.hw.builder.module import hardware_module, type_of
from lut_opt.passes.hw.builder.timing import cycles
from lut_opt.passes.hw.datapath.runtime import invert


def build_stream(op: hw.HWModuleOp, name: str) -> hw.HWModuleOp:
    """
    A module with the ports of the unit and four more, which instantiates the unit and, where that
    has no enable, a clock gate.

    The unit has ports x and y. One that only writes its table at the clock has nothing to reset;
    one without registers has neither clock nor reset.
    """
    attribute = op.attributes[UNIT]
    assert isinstance(attribute, UnitAttr)
    unit = attribute.data.named(op.sym_name.data)
    assert isinstance(unit, ElementUnit)
    stream = StreamUnit.around(name, unit)
    comment = _comment(name, unit.module, unit.latency)
    made, block, values = hardware_module(name, stream.ports, comment)
    circuit = Circuit(block)
    y_valid, x_ready = _handshake(circuit, values, unit.latency)
    inner = [port for port in unit.ports if not port.output]
    if unit.enable:
        values = {**values, ENABLE: x_ready}
    elif unit.latency:
        which = DATAPATH_CLOCK if DATAPATH_CLOCK in unit.widths else "clock"
        values = {**values, which: _gate(circuit, values["clock"], x_ready)}
    operands = [(port.name, values[port.name]) for port in inner]
    outputs = [(port.name, type_of(port)) for port in unit.ports if port.output]
    instance = hw.InstanceOp("unit", SymbolRefAttr(unit.module), operands, outputs)
    circuit.output([x_ready, circuit.add_op(instance), y_valid])
    made.attributes[UNIT] = StreamUnitAttr(unit.module)
    made.location = op.location
    return made


def with_streams(
    units: Sequence[hw.HWModuleOp], unique: Callable[[str], str]
) -> list[hw.HWModuleOp]:
    """Every unit, each followed by its stream."""
    pairs = [(unit, build_stream(unit, unique(f"{unit.sym_name.data}_stream"))) for unit in units]
    return [op for pair in pairs for op in pair]


def _handshake(
    circuit: Circuit, ports: dict[str, SSAValue], latency: int
) -> tuple[SSAValue, SSAValue]:
    """y_valid, and x_ready, with which everything moves one stage on."""
    if not latency:
        return ports["x_valid"], ports["y_ready"]
    zero = circuit.constant(0, 1).value
    reset = (ports["reset"], zero)
    stages = [seq.CompRegOp(zero, ports["clock"], reset) for _ in range(latency)]
    for i, stage in enumerate(stages):
        stage.data.name_hint = f"valid_{i}" if i < latency - 1 else "y_valid_out"
    y_valid = stages[-1].data
    empty = invert(circuit, y_valid)
    moves = circuit.add_op(comb.OrOp([empty, ports["y_ready"]]), "moves")
    before = ports["x_valid"]
    for stage in stages:
        keep = circuit.add_op(comb.MuxOp(moves, before, stage.data))
        stage.operands[0] = keep
        before = circuit.add_op(stage)
    return y_valid, moves


def _gate(circuit: Circuit, clock: SSAValue, enable: SSAValue) -> SSAValue:
    inputs = (("clock", clock), ("enable", enable))
    outputs = (("gated", seq.ClockType()),)
    return circuit.add_op(hw.InstanceOp("gate", SymbolRefAttr(CLOCK_GATE), inputs, outputs))


def _comment(name: str, unit: str, latency: int) -> str:
    return "\n".join(
        (
            f"{name}: {unit} as a stream with valid and ready at both ends",
            f"  latency:    {cycles(latency)}, more while a result waits for y_ready",
            "  throughput: one input a cycle; x_ready follows y_ready in the same cycle",
        )
    )


__all__ = ["DATAPATH_CLOCK", "build_stream", "with_streams"]
