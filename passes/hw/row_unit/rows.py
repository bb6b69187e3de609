"""
A buffer of rows: what must be known of a whole row before its first element can be used.

Elements come in a beat a cycle (one element, or one in each lane) and are stored in a ring of a
row's beats + `SLACK` words. Something is computed of each row on the way in (its maximum, its sums)
and finished a fixed number of cycles after its last beat: the summary. Then the beats are read
again, in order, each with the summary of its row. Rows follow each other without a gap: while one
is read, the next one is stored.

    in ready    the ring has a free word and, for the first element of a row, a free summary
    out valid   the summary of the oldest row is there
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xdsl.dialects import comb
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from lut_opt.passes.hw.builder.circuit import Wire, bits_of, width_of
from lut_opt.passes.hw.builder.pipeline import StallingPipeline
from lut_opt.passes.hw.builder.sequential import Sequential, State
from lut_opt.passes.hw.row_unit.beats import Shape, join

SLACK = 16
"""Words beyond a row, so that the next row can come in while a summary is finished."""

SUMMARIES = 4
"""Rows in the ring at once, at most, unless they are short."""


def summaries(shape: Shape) -> int:
    """Rows in the ring at once, at most: enough for rows of few beats to follow without a gap."""
    return max(SUMMARIES, SLACK // shape.beats + 2)


@dataclass(frozen=True)
class Accepted:
    """A beat as it enters: `taken` says that it does, `first` and `last` of its row."""

    taken: SSAValue
    first: SSAValue
    last: SSAValue


@dataclass(frozen=True)
class Given:
    """A beat as it leaves, with its row's summary: there if `valid`, gone when `given`."""

    wires: dict[str, Wire]
    valid: SSAValue
    given: SSAValue


class RowBuffer:
    """A ring of words and a queue of summaries; build it with `accept`, `finish`, `read`."""

    def __init__(self, circuit: Sequential, name: str, shape: Shape, low: int, high: int) -> None:
        """For rows of elements of `low … high`."""
        self.circuit, self.name, self.shape = circuit, name, shape
        self.words, self.rows = shape.beats + SLACK, summaries(shape)
        self.low, self.high, self.width = low, high, width_of(low, high)
        self.payload = shape.lanes * self.width
        flags = shape.lanes * shape.keeps + 1
        self.ring = circuit.memory(name, self.words, self.payload + flags)
        self._used = circuit.state(f"{name}_used", 0, self.words, initial=0)
        self._rows = circuit.state(f"{name}_rows", 0, self.rows, initial=0)
        self._first = circuit.state(f"{name}_first", 0, 1, initial=1)
        room = circuit.compare("lt", self._used.wire, self.words)
        slot = circuit.compare("lt", self._rows.wire, self.rows)
        inside = circuit.invert(self._first.wire.value)
        self.ready = circuit.all_of(room, circuit.any_of(inside, slot))
        circuit.name(self.ready, f"{name}_ready")

    def accept(
        self,
        valid: SSAValue,
        beat: Sequence[Wire],
        last: SSAValue | None,
        keep: SSAValue | None = None,
    ) -> Accepted:
        """
        Store a beat if there is room; a row ends where `last` says so, or is full.

        `keep` comes with rows that have it, and is given back by `read`.
        """
        c = self.circuit
        taken = c.all_of(valid, self.ready)
        c.name(taken, f"{self.name}_taken")
        index = c.state(f"{self.name}_index", 0, self.shape.beats - 1, initial=0)
        ends = c.equals(index.wire, self.shape.beats - 1)
        if last is not None:
            ends = c.any_of(ends, last)
        next_index = c.mux(ends, c.constant(0), c.plus(index.wire, c.constant(1)))
        c.drive(index, next_index, taken)
        pointer = self._pointer("write_at", self.words, taken)
        stored = [c.resize(value, self.width) for value in beat]
        word = join(c, [*stored, *([keep] if keep is not None else []), ends])
        self.ring.write(pointer, word, taken)
        c.drive(self._first, Wire(ends, 0, 1), taken)
        self._taken = taken
        self._begun = c.all_of(taken, self._first.wire.value)
        return Accepted(taken, self._first.wire.value, ends)

    def finish(self, valid: SSAValue, summary: Mapping[str, Wire]) -> None:
        """Queue a row's summary, in the order of the rows."""
        c = self.circuit
        self._summary = dict(summary)
        self._finished = valid
        widths = [wire.width for wire in summary.values()]
        self._queue = c.memory(f"{self.name}_summaries", self.rows, sum(widths))
        packed = [wire.value for wire in summary.values()]
        word = c.add_op(comb.ConcatOp(packed, IntegerType(sum(widths))))
        self._queue.write(self._pointer("summary_write", self.rows, valid), word, valid)

    def read(self, pipeline: StallingPipeline, name: str) -> Given:
        """What a pipeline takes: `name` in each lane, `last`, `keep`, and the row's summary."""
        c = self.circuit
        finished = c.state(f"{self.name}_finished", 0, self.rows, initial=0)
        valid = c.compare("gt", finished.wire, 0)
        given = c.all_of(valid, pipeline.ready)
        c.name(given, f"{self.name}_given")
        word = self.ring.read(self._pointer("read_at", self.words, given))
        last = c.extract(word, bits_of(word) - 1, 1)
        done = c.all_of(given, last)
        packed = self._queue.read(self._pointer("summary_read", self.rows, done))
        beat = self.shape.split(c, c.extract(word, 0, self.payload), self.low, self.high)
        wires = dict(zip(self.shape.names(name), beat, strict=True))
        wires["last"] = Wire(last, 0, 1)
        if self.shape.keeps:
            lanes = self.shape.lanes
            wires["keep"] = Wire(c.extract(word, self.payload, lanes), 0, (1 << lanes) - 1)
        self._count(self._used, self._taken, given)
        self._count(self._rows, self._begun, done)
        self._count(finished, self._finished, done)
        return Given({**wires, **self._unpack(packed)}, valid, given)

    def _unpack(self, packed: SSAValue) -> dict[str, Wire]:
        unpacked: dict[str, Wire] = {}
        low_bit = sum(wire.width for wire in self._summary.values())
        for name, wire in self._summary.items():
            low_bit -= wire.width
            value = self.circuit.extract(packed, low_bit, wire.width)
            unpacked[name] = Wire(value, wire.low, wire.high)
        return unpacked

    def _pointer(self, name: str, words: int, step: SSAValue) -> Wire:
        """An address that goes round."""
        c = self.circuit
        pointer = c.state(f"{self.name}_{name}", 0, words - 1, initial=0)
        wraps = c.equals(pointer.wire, words - 1)
        c.drive(pointer, c.mux(wraps, c.constant(0), c.plus(pointer.wire, c.constant(1))), step)
        return pointer.wire

    def _count(self, state: State, up: SSAValue, down: SSAValue) -> None:
        """Count up and down; never out of the range, by the buffer's own rules."""
        c = self.circuit
        one, same = c.constant(1), state.wire
        more = Wire(c.resize(c.plus(same, one), same.width), same.low, same.high)
        less = Wire(c.resize(c.subtract(same, one), same.width), same.low, same.high)
        c.drive(state, c.mux(up, more, less), c.add_op(comb.XorOp([up, down])))
