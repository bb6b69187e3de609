"""
The ports of AXI4-Stream (Arm IHI 0051A) around a stream.

    s_axis_tdata, _tvalid, _tready, _tlast → m_axis_tdata, _tvalid, _tready, _tlast

Names and polarities are those that FPGA tools know: `aclk`, `aresetn` (active low, synchronous). An
element fills whole bytes, the upper bits of which are ignored in front and the sign behind. No path
leads from one side to the other within a cycle: units of rows have none, and a stream of elements,
whose x_ready follows y_ready, gets a register of one beat in front (a skid buffer), which takes
what was offered in the cycle in which the stream began to wait.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects import comb, hw, seq
from xdsl.dialects.builtin import IntegerType, SymbolRefAttr
from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.hardware import UNIT, AxisUnit, AxisUnitAttr, RowUnit, StreamUnit
from lut_opt.dialects.pwl.hardware.axis_unit import BYTE
from lut_opt.passes.hw.builder.circuit import Circuit, ClockDomain, Wire, bits_of
from lut_opt.passes.hw.builder.module import hardware_module, type_of
from lut_opt.passes.hw.builder.timing import cycles
from lut_opt.passes.hw.datapath.runtime import invert
from lut_opt.passes.hw.modules import by_name, unit_of


def with_axis(made: Sequence[hw.HWModuleOp], unique: Callable[[str], str]) -> list[hw.HWModuleOp]:
    """The modules, each stream and each unit of rows followed by its ports of AXI4-Stream."""
    known, found = by_name(made), list[hw.HWModuleOp]()
    for op in made:
        found.append(op)
        unit = unit_of(op, known)
        if isinstance(unit, StreamUnit | RowUnit):
            base = unit.unit.module if isinstance(unit, StreamUnit) else unit.module
            found.append(build_axis(unit, unique(f"{base}_axis")))
            found[-1].location = op.location
    return found


def build_axis(unit: StreamUnit | RowUnit, name: str) -> hw.HWModuleOp:
    """A module which instantiates that of the unit."""
    axis = AxisUnit.around(name, unit)
    made, block, ports = hardware_module(name, axis.ports, _comment(axis))
    circuit = Circuit(block)
    inner = {port.name: ports[port.name] for port in axis.passed}
    inner |= {"clock": ports["aclk"], "reset": invert(circuit, ports["aresetn"])}
    inner |= {"y_ready": ports["m_axis_tready"], **_beat(circuit, axis, ports)}
    offered, skid = ports["s_axis_tvalid"], None
    if isinstance(unit, StreamUnit):
        skid = _Skid(circuit, inner, offered, unit.operands)
        inner, offered = skid.beat, skid.valid
    operands = [(p.name, {**inner, "x_valid": offered}[p.name]) for p in unit.ports if not p.output]
    outputs = [(p.name, type_of(p)) for p in unit.ports if p.output]
    instance = hw.InstanceOp("unit", SymbolRefAttr(unit.module), operands, outputs)
    block.add_op(instance)
    y = dict(zip((n for n, _ in outputs), instance.results, strict=True))
    ready, last = y["x_ready"], y.get("y_last")
    if skid is not None:
        last = _delayed(circuit, inner["last"], y["x_ready"], inner, unit.latency)
        ready = skid.ready(y["x_ready"])
    assert last is not None
    keep = [_spread(circuit, y["y_keep"], axis.element_bytes("y"))] if "y_keep" in y else []
    circuit.output([ready, _widened(circuit, axis, y["y"]), *keep, last, y["y_valid"]])
    made.attributes[UNIT] = AxisUnitAttr(unit.module)
    return made


def _beat(circuit: Circuit, axis: AxisUnit, ports: dict[str, SSAValue]) -> dict[str, SSAValue]:
    """What is offered, as the unit has it; `last` of a stream is nothing of the unit's."""
    lanes, wide = range(axis.lanes), axis.element_bytes("x")
    data, first = dict[str, list[SSAValue]](), 0
    for name in axis.operands:
        bits, size = axis.element_bits(name), axis.element_bytes(name) * BYTE
        places = [first + i * size for i in lanes]
        data[name] = [circuit.extract(ports["s_axis_tdata"], at, bits) for at in places]
        first += axis.lanes * size
    found = {name: _joined(circuit, data[name]) for name in data}
    if "s_axis_tkeep" in ports:
        keep = [circuit.extract(ports["s_axis_tkeep"], i * wide, 1) for i in lanes]
        found["x_keep"] = _joined(circuit, keep)
    if axis.takes_last:
        name = "x_last" if isinstance(axis.unit, RowUnit) else "last"
        found[name] = ports["s_axis_tlast"]
    if "s_axis_tuser" in ports:
        found["select"] = ports["s_axis_tuser"]
    return found


class _Skid:
    """One beat in front of a stream: taken where that waits, and offered before all others."""

    def __init__(
        self,
        circuit: Circuit,
        inner: dict[str, SSAValue],
        offered: SSAValue,
        operands: tuple[str, ...],
    ) -> None:
        self.circuit, zero = circuit, circuit.constant(0, 1).value
        self._full = seq.CompRegOp(zero, inner["clock"], (inner["reset"], zero))
        self._full.data.name_hint = "skid_full"
        full = self._full.data
        self._empty = invert(circuit, full)
        kept = Circuit(circuit.block, ClockDomain(inner["clock"], enable=self._empty))
        self.beat = dict(inner)
        for name in (*operands, "last", "select"):
            if name in inner:
                value = inner[name]
                held = kept.register(Wire(value, 0, (1 << bits_of(value)) - 1), f"skid_{name}")
                self.beat[name] = circuit.add_op(comb.MuxOp(full, held.value, value))
        self.valid = circuit.add_op(comb.OrOp([full, offered]))

    def ready(self, moves: SSAValue) -> SSAValue:
        """Whether a beat is taken, for a stream that takes one if `moves`."""
        waits = invert(self.circuit, moves)
        self._full.operands[0] = self.circuit.add_op(comb.AndOp([self.valid, waits]))
        self.circuit.add_op(self._full)
        return self._empty


def _delayed(
    circuit: Circuit, last: SSAValue, moves: SSAValue, inner: dict[str, SSAValue], latency: int
) -> SSAValue:
    """`last` at the end of a stream, whose stages move together."""
    stages = Circuit(circuit.block, ClockDomain(inner["clock"], enable=moves))
    wire = Wire(last, 0, 1)
    for stage in range(latency):
        wire = stages.register(wire, f"last_{stage}")
    return wire.value


def _widened(circuit: Circuit, axis: AxisUnit, y: SSAValue) -> SSAValue:
    """Results in whole bytes each."""
    bits, wide = axis.element_bits("y"), BYTE * axis.element_bytes("y")
    low = -(1 << bits - 1) if axis.signed else 0
    lanes = [
        Wire(circuit.extract(y, i * bits, bits), low, low + (1 << bits) - 1)
        for i in range(axis.lanes)
    ]
    return _joined(circuit, [circuit.resize(lane, wide) for lane in lanes])


def _spread(circuit: Circuit, keep: SSAValue, count: int) -> SSAValue:
    """Each bit `count` times."""
    lanes = range(bits_of(keep))
    return _joined(circuit, [circuit.replicate(circuit.extract(keep, i, 1), count) for i in lanes])


def _joined(circuit: Circuit, parts: Sequence[SSAValue]) -> SSAValue:
    """Values side by side, the first in the lowest bits."""
    if len(parts) == 1:
        return parts[0]
    return circuit.add_op(comb.ConcatOp(parts[::-1], IntegerType(sum(map(bits_of, parts)))))


def _comment(axis: AxisUnit) -> str:
    y, wide = axis.element_bits("y"), 8 * axis.element_bytes("y")
    extended = "sign" if axis.signed else "zero"
    operands = ", above it ".join(
        f"{name} in {8 * axis.element_bytes(name)} bits, of which {axis.element_bits(name)} count"
        for name in axis.operands
    )
    each = "one input" if axis.lanes == 1 else f"{axis.lanes} inputs"
    return "\n".join(
        (
            f"{axis.module}: {axis.unit.module} with the ports of AXI4-Stream",
            f"  tdata:      {operands}; y in {wide} bits, {y} extended by {extended}",
            f"  latency:    {cycles(axis.latency)}, more while a beat waits for m_axis_tready",
            f"  throughput: {each} a cycle; no path from one side to the other",
        )
    )


__all__ = ["build_axis", "with_axis"]
