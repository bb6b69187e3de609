"""
What can be shown of a streaming unit's handshake from its netlist, for all stalls.

`rules` follows from the gates alone, for every state that the unit could be in. `every_stall` tries
each pattern of pauses on both sides for some cycles, after some cycles without any, all patterns at
once: 4^cycles of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lut_opt.backends.formal.netlist import ONE, ZERO, Literal, Netlist, planes
from lut_opt.backends.simulate.row_bench import Stimulus
from lut_opt.dialects.pwl.hardware.block_unit import port_under
from lut_opt.dialects.quantization import Integers


@dataclass(frozen=True)
class Names:
    """What the ports of a handshake are called."""

    x_ready: str = "x_ready"
    y_valid: str = "y_valid"
    y_ready: str = "y_ready"
    beat: tuple[str, ...] = ("y", "y_last", "y_keep")
    reset: tuple[str, Literal] = ("reset", ZERO)
    """The reset, and its value at work."""


STREAM = Names()
AXIS = Names(
    "s_axis_tready",
    "m_axis_tvalid",
    "m_axis_tready",
    ("m_axis_tdata", "m_axis_tlast", "m_axis_tkeep"),
    ("aresetn", ONE),
)


def under(names: Names, part: str) -> Names:
    """The ports of one unit of a block."""
    x_ready, y_valid, y_ready, *beat = (
        port_under(part, name)
        for name in (names.x_ready, names.y_valid, names.y_ready, *names.beat)
    )
    return Names(x_ready, y_valid, y_ready, tuple(beat), names.reset)


OUTPUTS = ("x_ready", "y_valid", "y", "y_last", "y_keep")
"""The last is only there where a beat has several lanes and rows may end within one."""


def rules(netlist: Netlist, names: Names = STREAM) -> list[str]:
    """
    The rules of the handshake that do not follow from the gates; none if all do.

    A result that is not taken stays as it is; whether there is one does not depend on whether it
    is taken; whether an element is accepted does not depend on what is offered.
    """
    broken: list[str] = []
    inputs = set(netlist.inputs)
    for name in (names.y_valid, names.x_ready):
        if inputs & set(netlist.cone(netlist.port(name))):
            broken.append(f"{name} depends on an input within the cycle")
    (y_valid,) = netlist.port(names.y_valid)
    reset, idle = names.reset
    fixed = {reset: idle, names.y_ready: ZERO, netlist.source(y_valid): ONE}
    outputs = [w for name in (names.y_valid, *names.beat) for w in netlist.port(name)]
    for wire in outputs:
        register = netlist.source(wire)
        now = netlist.simplify([wire], fixed)[wire]
        following = netlist.registers.get(register)
        later = None if following is None else netlist.simplify([following], fixed)[following]
        if later != now and now[0]:
            broken.append(f"{wire} may change while it waits")
        if wire == y_valid and later != ONE:
            broken.append("a waiting result may vanish")
    return broken


@dataclass(frozen=True)
class Stalled:
    """What trying every pattern of stalls showed."""

    patterns: int
    cycles: int
    results: int
    """Results that were compared, over all patterns."""
    wrong: int
    """Results that were wrong, lost, doubled or out of order."""


def every_stall(netlist: Netlist, stimulus: Stimulus, prefix: int, cycles: int) -> Stalled:
    """
    Try every pattern of both sides pausing in `cycles` cycles, after `prefix` cycles of input.

    A beat has at most 63 bits.

    Nothing is taken in the prefix, so that it fills the unit; afterwards nothing pauses until all
    results are out. The stimulus has more elements than can enter.
    """
    count = 1 << (2 * cycles)
    pattern = np.arange(count)
    bench = _Bench(netlist, stimulus, count)
    bench.step(np.zeros(count, bool), np.zeros(count, bool), reset=True)
    results = wrong = 0
    drain = stimulus.unit.latency + 2 * prefix + 2 * cycles
    for cycle in range(prefix + cycles + drain):
        at = cycle - prefix
        offers, takes = np.ones(count, bool), np.zeros(count, bool)
        if 0 <= at < cycles:
            offers, takes = (pattern >> (2 * at)) & 1 == 1, (pattern >> (2 * at + 1)) & 1 == 1
        elif at >= cycles:
            offers, takes = ~offers, ~takes
        good, bad = bench.step(offers, takes)
        results, wrong = results + good + bad, wrong + bad
    # Of every row that is complete, all elements must have come out.
    lasts = np.concatenate([[0], np.cumsum(stimulus.lasts())])
    ends = np.concatenate([[0], 1 + np.flatnonzero(stimulus.lasts())])
    wrong += int(np.count_nonzero(bench.got != ends[lasts[bench.sent]]))
    return Stalled(count, cycles, results, wrong)


class _Machine:
    """
    A netlist as a list of steps on numbers whose bits are the copies: bit i of every wire is its
    value in copy i. For thousands of copies that is faster than arrays.
    """

    def __init__(self, netlist: Netlist, wires: Iterable[str], copies: int) -> None:
        cone = netlist.cone(wires)
        self.all = (1 << copies) - 1
        self.place = {wire: place for place, wire in enumerate(cone)}
        self.values = [0] * len(cone)
        self.steps: list[tuple[bool, int, int, int]] = []
        for wire in cone:
            kind, sources = netlist.gates.get(wire, ("", ()))
            places = [self.place[source] for source in sources]
            if kind == "and":
                self.steps.append((True, self.place[wire], places[0], places[1]))
            elif kind in ("not", "copy"):
                inverted = self.all if kind == "not" else 0
                self.steps.append((False, self.place[wire], places[0], inverted))
            elif kind == "one":
                self.values[self.place[wire]] = self.all

    def run(self) -> None:
        """Evaluate every gate."""
        values = self.values
        for is_and, place, left, right in self.steps:
            values[place] = values[left] & values[right] if is_and else values[left] ^ right


class _Bench:
    """A unit, a producer and a consumer, in many copies at once."""

    def __init__(self, netlist: Netlist, stimulus: Stimulus, copies: int) -> None:
        self.netlist, self.copies = netlist, copies
        outputs = [w for name in OUTPUTS for w in netlist.port(name)]
        needed = [*outputs, *netlist.registers.values(), *netlist.registers, *netlist.inputs]
        self.machine = _Machine(netlist, needed, copies)
        place, generator = self.machine.place, random.Random(0)
        self.registers = [(place[to], place[source]) for to, source in netlist.registers.items()]
        for wire in (*netlist.registers, *netlist.undefined(place)):
            self.machine.values[place[wire]] = generator.getrandbits(copies)
        operand, result = stimulus.unit.semantics.operand, stimulus.unit.semantics.result
        x = np.concatenate(list(stimulus.rows))
        self.x = np.asarray([*stimulus.packed(x, operand.bits, operand.maximum), 0], np.int64)
        self.last = np.asarray([*stimulus.lasts(), 0], np.int64)
        self.keep = np.asarray([*stimulus.keeps(), 0], np.int64) * stimulus.unit.keeps
        y = stimulus.packed(stimulus.expected(), result.bits, 0)
        self.expected = np.asarray([*y, 0], np.int64)
        self.sent = np.zeros(copies, np.int64)
        self.got = np.zeros(copies, np.int64)

    def step(
        self, offers: NDArray[np.bool_], takes: NDArray[np.bool_], reset: bool = False
    ) -> tuple[int, int]:
        """One cycle: how many of the results that are taken are right, and how many are not."""
        self._drive("reset", np.full(self.copies, int(reset)))
        self._drive("x_valid", offers)
        self._drive("y_ready", takes)
        self._drive("x", self.x[self.sent])
        self._drive("x_last", self.last[self.sent])
        self._drive("x_keep", self.keep[self.sent])
        self.machine.run()
        accepted = self._read("x_ready").astype(bool) & offers
        taken = self._read("y_valid").astype(bool) & takes
        right = (self._read("y") == self.expected[self.got]) & (self.got < self.sent)
        right &= self._read("y_last") == self.last[self.got]
        right &= self._read("y_keep") == self.keep[self.got]
        values = self.machine.values
        following = [values[source] for _, source in self.registers]
        for (place, _), value in zip(self.registers, following, strict=True):
            values[place] = value
        if reset:
            return 0, 0
        self.sent += accepted
        self.got += taken
        good = int(np.count_nonzero(taken & right))
        return good, int(np.count_nonzero(taken)) - good

    def _drive(self, name: str, numbers: Integers | NDArray[np.bool_]) -> None:
        wires = self.netlist.port(name)
        for wire, words in zip(wires, planes(numbers.astype(np.int64), len(wires)), strict=True):
            self.machine.values[self.machine.place[wire]] = int.from_bytes(
                words.tobytes(), "little"
            )

    def _read(self, name: str) -> Integers:
        total = np.zeros(self.copies, np.int64)
        for position, wire in enumerate(self.netlist.port(name)):
            value = self.machine.values[self.machine.place[wire]] & self.machine.all
            data = np.frombuffer(value.to_bytes(-(-self.copies // 8), "little"), np.uint8)
            bits = np.unpackbits(data, bitorder="little")[: self.copies]
            total |= bits.astype(np.int64) << position
        return total
