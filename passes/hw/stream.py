"""
A valid/ready stream around a unit.

    x, x_valid → x_ready      a value moves in a cycle in which valid and ready are both set
    y, y_valid → y_ready

While a result waits for its reader the unit's clock stands still, so nothing in it is lost and
nothing in it needs an enable: one clock gate for the unit. `y_valid` does not depend on `y_ready`,
and x_ready = y_ready where a result waits, without a register in between. The latency is the
unit's, more by the cycles in which nothing moves; one input a cycle may enter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects import comb, hw, seq
from xdsl.dialects.builtin import (
    ArrayAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    SymbolRefAttr,
    i1,
)
from xdsl.ir import Block, Region, SSAValue, TypeAttribute
from xdsl.utils.hints import isa

from lut_opt.passes.hw.builder.circuit import Circuit
from lut_opt.passes.hw.builder.clocks import CLOCK_GATE, DATAPATH_CLOCK
from lut_opt.passes.hw.builder.timing import cycles, timing
from lut_opt.passes.hw.datapath.runtime import invert


def build_stream(unit: hw.HWModuleOp, name: str) -> hw.HWModuleOp:
    """
    A module with the ports of the unit and four more, which instantiates unit and clock gate.

    The unit has ports x and y, and an attribute `pwl.latency`. One that only writes its table at
    the clock has nothing to reset; one without registers has neither clock nor reset.
    """
    latency = unit.attributes["pwl.latency"]
    assert isa(latency, IntegerAttr[IntegerType])
    inner = [(port.port_name.data, port.type) for port in unit.module_type.ports if _is_input(port)]
    inputs = _inputs(inner, latency.value.data)
    block = Block(arg_types=[type_ for _, type_ in inputs])
    values: dict[str, SSAValue] = {}
    for argument, (port, _) in zip(block.args, inputs, strict=True):
        argument.name_hint = port
        values[port] = argument
    circuit = Circuit(block)
    y_valid, x_ready = _handshake(circuit, values, latency.value.data)
    if latency.value.data:
        which = DATAPATH_CLOCK if any(n == DATAPATH_CLOCK for n, _ in inner) else "clock"
        values = {**values, which: _gate(circuit, values["clock"], x_ready)}
    (result,) = (port for port in unit.module_type.ports if not _is_input(port))
    operands = [(port, values[port]) for port, _ in inner]
    outputs = [("y", result.type)]
    instance = hw.InstanceOp("unit", SymbolRefAttr(unit.sym_name.data), operands, outputs)
    circuit.output([x_ready, circuit.add_op(instance), y_valid])
    ports = [hw.ModulePort(StringAttr(n), t, hw.DirectionAttr(_INPUT)) for n, t in inputs]
    for port, type_ in (("x_ready", i1), ("y", result.type), ("y_valid", i1)):
        ports.append(hw.ModulePort(StringAttr(port), type_, hw.DirectionAttr(_OUTPUT)))
    op = hw.HWModuleOp(StringAttr(name), hw.ModuleType(ArrayAttr(ports)), Region(block))
    op.attributes.update(
        {
            "comment": StringAttr(_comment(name, unit.sym_name.data, latency.value.data)),
            "pwl.stream_of": StringAttr(unit.sym_name.data),
            **timing(latency.value.data, 1),
        }
    )
    op.location = unit.location
    return op


def _inputs(
    inner: Sequence[tuple[str, TypeAttribute]], latency: int
) -> list[tuple[str, TypeAttribute]]:
    """The inputs of the stream of a unit with these inputs."""
    clocks = ("clock", DATAPATH_CLOCK, "reset")
    kept = [(name, type_) for name, type_ in inner if name not in clocks]
    inputs: list[tuple[str, TypeAttribute]] = [*kept, ("x_valid", i1), ("y_ready", i1)]
    if latency:
        inputs = [("reset", i1), *inputs]
    if len(inner) > len(kept):
        inputs = [("clock", seq.ClockType()), *inputs]
    return inputs


def with_streams(
    units: Sequence[hw.HWModuleOp], unique: Callable[[str], str]
) -> list[hw.HWModuleOp]:
    """Every unit, each followed by its stream."""
    pairs = [(unit, build_stream(unit, unique(f"{unit.sym_name.data}_stream"))) for unit in units]
    return [op for pair in pairs for op in pair]


_INPUT, _OUTPUT = hw.Direction.INPUT, hw.Direction.OUTPUT


def _is_input(port: hw.ModulePort) -> bool:
    return port.dir.data == _INPUT


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
