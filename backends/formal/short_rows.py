"""
Proof that a streaming unit computes short rows: all of them, one after the other, by induction.

    prove_rows(netlist, unit)            # "every row of 1 to 3 elements, after any others: …"

The netlist runs cycle by cycle on all rows at once, 64 in a word, each bit known to be 0, known to
be 1, or unknown. After a reset nothing is known but what the reset sets: counters and pointers.
What is known of these when a row has left the unit is an *idle state*. From each idle state each
row must give the results of its semantics, and lead to an idle state again; this goes on until no
new one comes. So it holds for every sequence of rows, whatever other registers and memories held,
if neither side pauses and a row begins when the one before has left. (What pauses do is shown by
`handshake`, and simulated.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lut_opt.backends.formal.netlist import WORD, Netlist, Words, first_set, planes, settle
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.dialects.quantization import Integers, storage_range

PATTERNS = 1 << 15
"""Rows that are tried together."""

MARGIN = 8
"""Cycles after which a result that has not come will not come, beyond the latency."""

_NONE, _ALL = np.uint64(0), ~np.uint64(0)

State = tuple[bytes, bytes]
"""Registers that are known to be 1, and those known to be 0, a byte each."""


class WrongRow(Exception):
    """A row that does not give its results, or control that depends on what is in it."""


@dataclass(frozen=True)
class ShortRows:
    """What was shown: rows from every idle state."""

    longest: int
    rows: int
    states: int
    every: bool
    """Whether these are all idle states that rows lead to."""


def prove_rows(
    netlist: Netlist,
    unit: RowUnit,
    parameters: Mapping[str, Integers] | None = None,
    states: int | None = None,
) -> ShortRows:
    """
    Show that a unit of one lane computes its rows, with these gamma and beta if it has such.

    Only the first idle states are tried, if `states` says how many. Raises `WrongRow` for the first
    row that is wrong.
    """
    machine = Machine(netlist, unit, parameters or {})
    shortest = 1 if unit.semantics.variable_length else unit.length
    found = [machine.idle()]
    tried = rows = 0
    while tried < len(found) and (states is None or tried < states):
        new = found[tried:states]
        tried += len(new)
        for length in range(shortest, unit.length + 1):
            ends = machine.rows(new, length)
            found += [end for end in dict.fromkeys(ends) if end not in found]
            rows += len(new) << length * unit.semantics.operand.bits
    return ShortRows(unit.length, rows, tried, tried == len(found))


@dataclass
class _Run:
    """Values of all wires in one cycle, for all patterns: known to be 1, known to be 0."""

    one: dict[str, Words] = field(default_factory=dict[str, Words])
    zero: dict[str, Words] = field(default_factory=dict[str, Words])


class Machine:
    """A unit's netlist, and what is known of it in a cycle."""

    def __init__(self, netlist: Netlist, unit: RowUnit, parameters: Mapping[str, Integers]) -> None:
        if netlist.problems or unit.lanes > 1 or unit.others:
            what = "lanes" if unit.lanes > 1 else "norms"
            raise WrongRow((*netlist.problems, f"{unit.module} has several {what}")[0])
        self.unit, self.parameters = unit, parameters
        wires = [*netlist.outputs, *netlist.registers.values()]
        self.netlist = netlist.given({}, wires)
        cone, gates = self.netlist.cone(wires), self.netlist.gates
        self.gates = [(wire, *gates[wire]) for wire in cone if wire in gates]
        self.undriven = [*netlist.inputs, *self.netlist.undefined(cone)]
        self.registers = list(netlist.registers)
        self.kept = np.ones(len(self.registers), np.uint8)
        """Registers that a reset sets, or gamma and beta: of others nothing is said."""
        self.words = 1

    def idle(self) -> State:
        """After a reset, and after gamma and beta are written."""
        self.words = 1
        nothing = bytes(len(self.registers))
        run = self._start([(nothing, nothing)])
        quiet = {"x_valid": 0, "y_ready": 1}
        for _ in range(2):
            run = self._clock(run, {"reset": 1, **quiet})
        for beat in range(self.unit.length if self.unit.semantics.parameters else 0):
            written = {name: int(values[beat]) for name, values in self.parameters.items()}
            run = self._clock(run, {"reset": 0, "write": 1, "index": beat, **written, **quiet})
        (state,) = self._ends(run, 1)
        ones, zeros = (np.frombuffer(side, np.uint8) for side in state)
        self.kept = ones | zeros
        return state

    def every_row(self, length: int) -> tuple[Integers, Integers]:
        """All rows of a length, repeated until they fill a word, and their results."""
        operand = self.unit.semantics.operand
        count = 1 << length * operand.bits
        index = np.resize(np.arange(count, dtype=np.int64), max(count, WORD))
        low, _ = storage_range(operand.bits, operand.signed)
        rows = np.stack(
            [low + (index >> j * operand.bits) % (1 << operand.bits) for j in range(length)], 1
        )
        known = [np.asarray(self.parameters[name]) for name in self.unit.semantics.parameters]
        return rows, self.unit.semantics.evaluate(rows, *known)

    def rows(self, states: Sequence[State], length: int) -> list[State]:
        """The idle states after every row of a length, from each of some."""
        rows, results = self.every_row(length)
        ends: list[State] = []
        each = max(1, PATTERNS // len(rows))
        for first in range(0, len(states), each):
            ends += self._rows(states[first : first + each], rows, results)
        return ends

    def _rows(self, states: Sequence[State], rows: Integers, results: Integers) -> list[State]:
        """All rows, from each state, in one run."""
        unit, length = self.unit, rows.shape[1]
        self.words = len(rows) // WORD * len(states)
        run, sent, got = self._start(states), 0, 0
        for _ in range(2 * unit.latency + length + MARGIN):
            offered = sent < length
            given: dict[str, int | Integers] = {"reset": 0, "write": 0, "y_ready": 1}
            given |= {"x_valid": int(offered), "x_last": int(sent == length - 1)}
            if offered:
                given["x"] = np.tile(rows[:, sent], len(states))
            following = self._clock(run, given)
            # `_clock` leaves the outputs of the cycle in `run`.
            sent += offered and self._bit(run, "x_ready")
            if self._bit(run, "y_valid"):
                self._compare(run, got, length, rows, np.tile(results[:, got], len(states)))
                got += 1
            run = following
            if got == length:
                return self._ends(run, len(states))
        raise WrongRow(f"only {got} results of a row of {length} come")

    def _compare(self, run: _Run, at: int, length: int, rows: Integers, expected: Integers) -> None:
        """Result number `at` of each row, and whether it is said to be the last."""
        if self._bit(run, "y_last") != (at == length - 1):
            raise WrongRow(f"y_last is wrong at result {at} of a row of {length}")
        wires = self.netlist.port("y")
        wrong = np.zeros(self.words, np.uint64)
        for wire, plane in zip(wires, planes(expected, len(wires)), strict=True):
            wrong |= (plane & ~run.one[wire]) | (~plane & ~run.zero[wire])
        if (pattern := first_set(wrong)) is not None:
            row = rows[pattern % len(rows)].tolist()
            raise WrongRow(f"result {at} of the row {row} is not {int(expected[pattern])}")

    def _bit(self, run: _Run, port: str) -> bool:
        """A bit of control, the same for all patterns."""
        (wire,) = self.netlist.port(port)
        if np.all(run.one[wire] == _ALL):
            return True
        if np.all(run.zero[wire] == _ALL):
            return False
        raise WrongRow(f"{port} depends on elements, or on what was there before")

    # Cycles.

    def _start(self, states: Sequence[State]) -> _Run:
        """The registers of some states, each for as many patterns."""
        run, each = _Run(), self.words // len(states)
        for values, side in ((run.one, 0), (run.zero, 1)):
            bits = np.array([np.frombuffer(state[side], np.uint8) for state in states])
            planes_of = np.where(bits != 0, _ALL, _NONE)
            for place, register in enumerate(self.registers):
                values[register] = np.repeat(planes_of[:, place], each)
        return run

    def _clock(self, run: _Run, given: Mapping[str, int | Integers]) -> _Run:
        """The registers after a cycle, whose wires are then in `run`; other inputs are unknown."""
        one, zero = run.one, run.zero
        unknown = np.zeros(self.words, np.uint64)
        for wire in self.undriven:
            one[wire] = zero[wire] = unknown
        for port, value in given.items():
            wires = self.netlist.port(port)
            for wire, plane in zip(wires, self._planes(value, len(wires)), strict=True):
                one[wire], zero[wire] = plane, ~plane
        settle(self.gates, one, zero)
        sources = self.netlist.registers
        return _Run(
            {register: one[sources[register]] for register in self.registers},
            {register: zero[sources[register]] for register in self.registers},
        )

    def _planes(self, value: int | Integers, bits: int) -> Iterator[Words]:
        if isinstance(value, int):
            for place in range(bits):
                yield np.full(self.words, _ALL if value >> place & 1 else _NONE)
        else:
            yield from planes(value, bits)

    def _ends(self, run: _Run, states: int) -> list[State]:
        """What is known of the registers kept, whatever the row was, for each of some states."""
        sides = [
            np.array(
                [
                    np.all(values[register].reshape(states, -1) == _ALL, axis=1)
                    for register in self.registers
                ]
            )
            for values in (run.one, run.zero)
        ]
        ones, zeros = (side.astype(np.uint8).T * self.kept for side in sides)
        return [(ones[i].tobytes(), zeros[i].tobytes()) for i in range(states)]


__all__ = ["Machine", "ShortRows", "WrongRow", "prove_rows"]
