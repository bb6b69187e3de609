"""
A weightless block in one `hw.module`, level by level as `Parts` plans it.

Every level ends in named wires, at which a proof can cut, and in registers where the plan has them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from xdsl.dialects import comb, hw
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from lut_opt.dialects.lutnet.hardware import Adder, Leaf, NetworkUnit, NetworkUnitAttr, Node
from lut_opt.dialects.lutnet.network import Luts
from lut_opt.dialects.pwl.hardware import UNIT
from lut_opt.dialects.quantization import storage_range
from lut_opt.passes.hw.builder.arithmetic import Arithmetic
from lut_opt.passes.hw.builder.circuit import Wire, bits_of
from lut_opt.passes.hw.builder.module import domain_of, hardware_module
from lut_opt.passes.hw.builder.timing import describe_timing
from lut_opt.passes.hw.datapath.lookup import lookup_wires
from lut_opt.passes.hw.table_unit.unit import describe_side


def build_network(unit: NetworkUnit) -> hw.HWModuleOp:
    """The module of a block: ports `clock` and `reset` if it has registers, `x`, and `y`."""
    op, block, ports = hardware_module(unit.module, unit.ports, comment(unit))
    circuit = _Network(Arithmetic(block, domain_of(ports)), unit)
    circuit.circuit.output([circuit.build(ports["x"])])
    op.attributes[UNIT] = NetworkUnitAttr(unit)
    return op


class _Network:
    def __init__(self, circuit: Arithmetic, unit: NetworkUnit) -> None:
        self.circuit, self.unit, self.block = circuit, unit, unit.block
        self.parts = unit.parts
        self.level = -1

    def build(self, x: SSAValue) -> SSAValue:
        """All levels; the packed results."""
        bits = self._end("bits", self._encode(x))
        for number, luts in enumerate(self.block.layers):
            bits = self._end(f"layer{number}", self._look_up(bits, luts))
        nodes = self._end_nodes(0, partial(self._leaf, bits))
        for depth in range(1, self.parts.depth + 1):
            nodes = self._end_nodes(depth, partial(self._sum, nodes))
        results = [
            self._round(nodes[self.parts.nodes(result, self.parts.depth)[0].name])
            for result in range(self.block.readout.results)
        ]
        packed = self._concat(results)
        return self._registered(Wire(packed, 0, (1 << bits_of(packed)) - 1), "y_out").value

    def _encode(self, x: SSAValue) -> list[SSAValue]:
        operand = self.block.operand
        low, high = storage_range(operand.bits, operand.signed)

        def bit(feature: int, threshold: int) -> SSAValue:
            if not low <= threshold < high:
                return self.circuit.constant(int(threshold < low), 1).value
            q = self.circuit.extract(x, feature * operand.bits, operand.bits)
            return self.circuit.compare("gt", Wire(q, low, high), threshold)

        return [bit(*place) for place in self.block.thermometer.places]

    def _look_up(self, bits: SSAValue, luts: Luts) -> list[SSAValue]:
        found: list[SSAValue] = []
        for row, table in zip(luts.connections, luts.tables, strict=True):
            wires = [self.circuit.extract(bits, wire, 1) for wire in row]
            answers = np.array([table >> at & 1 for at in range(1 << len(row))], np.uint8)
            found += lookup_wires(self.circuit, wires, [answers])
        return found

    def _leaf(self, bits: SSAValue, node: Node) -> Wire:
        """The constants of the bits that are set."""
        assert isinstance(node, Leaf)
        c = self.circuit
        terms = [
            c.mux(c.extract(bits, wire, 1), c.constant(weight), c.constant(0))
            for wire, weight in node.terms
        ]
        if node.constant or not terms:
            terms.append(c.constant(node.constant))
        return terms[0] if len(terms) == 1 else c.add(terms, node.low, node.high)

    def _sum(self, below: dict[str, Wire], node: Node) -> Wire:
        if node.name in below:
            return below[node.name]
        assert isinstance(node, Adder)
        return self.circuit.plus(below[node.left.name], below[node.right.name])

    def _round(self, wire: Wire) -> SSAValue:
        result = self.block.result
        shifted = self.circuit.shift_right(wire, self.block.readout.shift)
        clamped = self.circuit.clamp(shifted, result.minimum, result.maximum)
        return self.circuit.resize(clamped, result.bits)

    def _end(self, name: str, bits: Sequence[SSAValue]) -> SSAValue:
        """Bits as one named wire at the end of a level."""
        wire = Wire(self._concat(bits), 0, (1 << len(bits)) - 1)
        return self._registered(self.circuit.named(wire, name), name).value

    def _end_nodes(self, depth: int, build: Callable[[Node], Wire]) -> dict[str, Wire]:
        """The nodes of a level of the trees, each a named wire."""
        found: dict[str, Wire] = {}
        for result in range(self.block.readout.results):
            for node in self.parts.nodes(result, depth):
                made = build(node)
                if self._is_new(node, depth):
                    made = self.circuit.named(made, node.name)
                found[node.name] = made
        self.level += 1
        if self.level not in self.parts.registered:
            return found
        return {
            name: self.circuit.register(wire, f"{name}_q{self.level}")
            for name, wire in found.items()
        }

    def _is_new(self, node: Node, depth: int) -> bool:
        """Whether a node is made in this level, and not kept from the one before."""
        return node.name.split("_")[1] == str(depth)

    def _registered(self, wire: Wire, name: str) -> Wire:
        """What the next level sees."""
        self.level += 1
        if self.level not in self.parts.registered:
            return wire
        return self.circuit.register(wire, f"{name}_q{self.level}")

    def _concat(self, parts: Sequence[SSAValue]) -> SSAValue:
        """One value of many, the first in the lowest bits."""
        if len(parts) == 1:
            return parts[0]
        kind = IntegerType(sum(map(bits_of, parts)))
        return self.circuit.add_op(comb.ConcatOp(list(reversed(parts)), kind))


def network_name(unit: NetworkUnit) -> str:
    """Such as `lutnet_64x256_512_64`: features, thresholds, LUTs of each layer, results."""
    block = unit.block
    layers = "".join(f"_{luts.count}" for luts in block.layers)
    encoder = f"{block.thermometer.features}x{block.thermometer.bits}"
    return f"lutnet_{encoder}{layers}_{block.readout.results}"


def comment(unit: NetworkUnit) -> str:
    """The header of the module in SystemVerilog."""
    block = unit.block
    x = f"{block.thermometer.features} features, the first in the lowest bits"
    y = f"{block.readout.results} results, the first in the lowest bits"
    return "\n".join(
        (
            f"{unit.module}: {unit.summary()}",
            f"  x:         {x}, each {describe_side('q', block.operand)}",
            f"  y:         {y}, each {describe_side('q', block.result)}",
            f"  latency:   {describe_timing(unit.latency)}",
        )
    )
