"""
Circuits with state: registers that feed back or can be held up, and memories.

A register's input is connected after what depends on its output has been built; `hw.module` is a
graph region, so the order of its operations means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import comb, seq
from xdsl.ir import Block, SSAValue

from lut_opt.dialects.memory import MemoryOp, ReadPortOp, WritePortOp
from lut_opt.passes.hw.builder.arithmetic import Arithmetic
from lut_opt.passes.hw.builder.circuit import ClockDomain, Wire, width_of


@dataclass(frozen=True)
class State:
    """A register whose input is still to be connected with `Sequential.drive`."""

    op: seq.CompRegOp
    wire: Wire


class Sequential(Arithmetic):
    """A clocked circuit; while `enable` is set, `register` makes registers that it can hold."""

    def __init__(
        self, block: Block, clock: SSAValue, reset: SSAValue, blocks: bool = False
    ) -> None:
        super().__init__(block, ClockDomain(clock, reset), blocks)
        self.clock, self.reset = clock, reset
        self.enable: SSAValue | None = None

    def state(self, name: str, low: int, high: int, initial: int | None = None) -> State:
        """A register of values `low … high`; without an initial value, reset leaves it alone."""
        width = width_of(low, high)
        start = None if initial is None else (self.reset, self.constant(initial, width).value)
        op = seq.CompRegOp(self.constant(0, width).value, self.clock, start)
        self.block.add_op(op)
        op.data.name_hint = name
        return State(op, Wire(op.data, low, high))

    def drive(self, state: State, value: Wire, enable: SSAValue | None = None) -> None:
        """Connect a register's input; where `enable` is not set, it keeps its value."""
        width = state.wire.width
        next_value = self.resize(value, width)
        if enable is not None:
            next_value = self.add_op(comb.MuxOp(enable, next_value, state.wire.value))
        state.op.operands[0] = next_value

    def register(self, wire: Wire, name: str) -> Wire:
        """The wire one cycle later, or one step of the pipeline that `enable` moves."""
        if wire.low == wire.high:
            return wire
        state = self.state(name, wire.low, wire.high)
        self.drive(state, wire, self.enable)
        return state.wire

    def memory(self, name: str, words: int, width: int) -> Memory:
        """A memory of `words` words of `width` bits, undefined until it is written."""
        words = max(words, 2)
        op = MemoryOp(name, words, width, self.clock, self.reset)
        self.block.add_op(op)
        return Memory(self, op.handle, words)


@dataclass(frozen=True)
class Memory:
    """Words with one write port and any number of read ports."""

    circuit: Sequential
    handle: SSAValue
    words: int

    @property
    def _address_bits(self) -> int:
        return max(1, (self.words - 1).bit_length())

    def write(self, address: Wire, word: SSAValue, enable: SSAValue) -> None:
        """Store a word at the clock edge."""
        index = self.circuit.resize(address, self._address_bits)
        self.circuit.block.add_op(WritePortOp(self.handle, index, word, enable))

    def read(self, address: Wire) -> SSAValue:
        """The word stored now; a register behind it makes a synchronous port."""
        index = self.circuit.resize(address, self._address_bits)
        return self.circuit.add_op(ReadPortOp(self.handle, index))
