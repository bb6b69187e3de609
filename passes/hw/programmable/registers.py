"""
The table of a programmable unit: words that a port writes and that the datapath reads.

    flipflop  a multiplexer before every flip-flop keeps the word that is not written
    gated     a clock gate for every word: its clock ticks only when the word is written
    latch     latches, which are smaller than flip-flops. All words share what holds address and
              data still while a word's latches are open, in the first half of a cycle: latches of
              the other phase for the address, flip-flops for the data
    memory    for FPGAs: slopes and intercepts, of which an input needs one each, in two memories,
              which are read by the segment's number; what all inputs need, in flip-flops

All behave the same: a word written at a rising edge of the clock is read after that edge.
Nothing resets a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import comb, hw, seq
from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.ir import SSAValue

from lut_opt.dialects.memory import MemoryOp, WritePortOp
from lut_opt.dialects.pwl.hardware import CellKind, Port
from lut_opt.dialects.storage import GateOp, InvertOp, LatchOp
from lut_opt.passes.hw.builder.circuit import Circuit, bits_of
from lut_opt.passes.hw.builder.clocks import CLOCK_GATE
from lut_opt.passes.hw.builder.module import hardware_module

Storage = CellKind


@dataclass(frozen=True)
class WritePort:
    """What writes the table: address and data count in cycles in which `enable` is set."""

    clock: SSAValue
    enable: SSAValue
    address: SSAValue
    data: SSAValue


@dataclass(frozen=True)
class Word:
    """A word of the table."""

    name: str
    address: int
    width: int


def build_words(
    circuit: Circuit, port: WritePort, words: Sequence[Word], storage: Storage
) -> list[SSAValue]:
    """Registers for the words, in their order."""
    if storage == "latch":
        # Open while the clock is low: what leaves them does not change while it is high. Data from
        # such latches would race against the closing of a word; from flip-flops it cannot.
        low = circuit.add_op(InvertOp(port.clock))
        enable = circuit.add_op(LatchOp(port.enable, low), "enable_held")
        address = circuit.add_op(LatchOp(port.address, low), "address_held")
        data = circuit.add_op(seq.CompRegOp(port.data, port.clock))
        data.name_hint = "data_held"
        port = WritePort(port.clock, enable, address, data)
    selected = _decode(circuit, port, words)
    found: list[SSAValue] = []
    for word, select in zip(words, selected, strict=True):
        data = circuit.extract(port.data, 0, word.width)
        if storage == "latch":
            pulse = circuit.add_op(GateOp(port.clock, select))
            found.append(circuit.add_op(LatchOp(data, pulse), word.name))
        elif storage == "gated":
            pulse = _gated_clock(circuit, port.clock, select, f"{word.name}_gate")
            found.append(circuit.add_op(seq.CompRegOp(data, pulse)))
        else:
            found.append(_enabled(circuit, port.clock, select, data))
        found[-1].name_hint = word.name
    return found


def build_memory(circuit: Circuit, port: WritePort, name: str, words: Sequence[Word]) -> SSAValue:
    """A memory of words that begin at a multiple of their number, which is a power of two."""
    count, places = len(words), (len(words) - 1).bit_length()
    reset = circuit.constant(0, 1).value
    memory = circuit.add_op(MemoryOp(name, count, words[0].width, port.clock, reset))
    kind = circuit.extract(port.address, places, bits_of(port.address) - places)
    here = circuit.constant(words[0].address // count, bits_of(kind)).value
    equal = circuit.add_op(comb.ICmpOp(kind, here, "eq"))
    enable = circuit.add_op(comb.AndOp([equal, port.enable]), f"write_{name}")
    data = circuit.extract(port.data, 0, words[0].width)
    place = circuit.extract(port.address, 0, places)
    circuit.block.add_op(WritePortOp(memory, place, data, enable))
    return memory


def clock_gate() -> hw.HWModuleOp:
    """
    The module `pwl_clock_gate`: a latch that is open while the clock is low, and an AND gate.

    Its enable may change at any time; it counts as it is at the rising edge.
    """
    ports = Port("clock", None), Port("enable", 1), Port("gated", None, output=True)
    comment = (
        f"{CLOCK_GATE}: the clock in cycles that begin with enable set, else low;\n"
        "  a library's clock-gating cell may replace it"
    )
    op, block, values = hardware_module(CLOCK_GATE, ports, comment)
    circuit = Circuit(block)
    low = circuit.add_op(InvertOp(values["clock"]))
    held = circuit.add_op(LatchOp(values["enable"], low), "enable_held")
    circuit.output([circuit.add_op(GateOp(values["clock"], held))])
    return op


def with_clock_gate(
    modules: Sequence[hw.HWModuleOp], others: Sequence[hw.HWModuleOp]
) -> list[hw.HWModuleOp]:
    """The modules, after the clock gate if one of them uses it and `others` do not have it."""
    used = any(
        isinstance(op, hw.InstanceOp) and op.module_name.string_value() == CLOCK_GATE
        for module in modules
        for op in module.walk()
    )
    known = any(module.sym_name.data == CLOCK_GATE for module in others)
    return [*([clock_gate()] if used and not known else []), *modules]


def _decode(circuit: Circuit, port: WritePort, words: Sequence[Word]) -> list[SSAValue]:
    """For every word, whether it is written: a decoder of two stages that share their terms."""
    width = bits_of(port.address)
    low_bits = width // 2
    rows: dict[tuple[int, int, int], SSAValue] = {}

    def term(first: int, count: int, value: int) -> SSAValue:
        key = (first, count, value)
        if key not in rows:
            part = circuit.extract(port.address, first, count)
            equal = comb.ICmpOp(part, circuit.constant(value, count).value, "eq")
            found = circuit.add_op(equal)
            if first:
                found = circuit.add_op(comb.AndOp([found, port.enable]))
            rows[key] = found
        return rows[key]

    return [
        circuit.add_op(
            comb.AndOp(
                [
                    term(low_bits, width - low_bits, word.address >> low_bits),
                    term(0, low_bits, word.address & ((1 << low_bits) - 1)),
                ]
            ),
            f"write_{word.name}",
        )
        for word in words
    ]


def _enabled(circuit: Circuit, clock: SSAValue, enable: SSAValue, data: SSAValue) -> SSAValue:
    """A register that keeps its value unless it is enabled."""
    register = seq.CompRegOp(data, clock)
    keep = comb.MuxOp(enable, data, register.data)
    circuit.add_op(keep)
    register.operands[0] = keep.result
    return circuit.add_op(register)


def _gated_clock(circuit: Circuit, clock: SSAValue, enable: SSAValue, name: str) -> SSAValue:
    inputs = (("clock", clock), ("enable", enable))
    outputs = (("gated", seq.ClockType()),)
    return circuit.add_op(hw.InstanceOp(name, SymbolRefAttr(CLOCK_GATE), inputs, outputs))
