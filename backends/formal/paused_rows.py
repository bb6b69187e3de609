"""
Proof that a row gives its results among any other rows, whenever either side pauses.

    prove_paused(netlist, unit, 4)             # every row of 4 elements, among any others
    prove_paused(netlist, unit, 4, before=2)   # the same of the first three rows after a reset
    prove_counters(netlist, unit, 4)           # for all rows, what does not depend on elements

One row of an endless sequence has known elements, every pattern of them at once; of the elements
before and behind it nothing is known, so that they may be any. In each cycle both sides pause or
not: all four are followed, from each *place*, which is what the registers that a reset sets hold,
and how much of the row, and of those before it, has come and gone. Where two ways lead to the same
place, only what both know of the other registers is kept; this goes on until no place is new and
none loses knowledge. In each place a result must be that of the row's semantics, and from each the
next result must come if nobody pauses. The rows around it are as long as it is itself.

So it is an induction over any number of rows and pauses, unless rows before it are bounded, as they
can be where there would be too many places. Any number of rows may be behind it. Of the counters
alone, which count rows of which nothing is known, there are few.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lut_opt.backends.formal.netlist import WORD, Netlist, first_set, planes, settle
from lut_opt.backends.formal.short_rows import Machine, WrongRow
from lut_opt.dialects.pwl.hardware import RowUnit
from lut_opt.dialects.quantization import Integers

BATCH = 1 << 10
"""Words of places that are followed together."""

Bits = NDArray[Any]
"""Booleans while nothing is known of any row, else words of 64 patterns."""


@dataclass(frozen=True)
class Place:
    """Where the row is: still to come, on its way in, or in, with others behind it."""

    rows: int
    """That were begun before it, where that is bounded."""
    phase: int
    """0: elements of a row before it come; 1: its own; 2: those of a row behind it."""
    at: int = 0
    """Elements of that row that are in."""
    ahead: int = 0
    """Results of rows before it that are still to come."""
    got: int = 0
    """Its own results that have come."""


Key = tuple[Place, bytes]


def prove_paused(
    netlist: Netlist,
    unit: RowUnit,
    length: int,
    parameters: Mapping[str, Integers] | None = None,
    before: int | None = None,
) -> int:
    """
    Show that a unit of one lane computes every row of a length, with these gamma and beta if it has
    such. `before` bounds how many rows may come between a reset and it.

    Returns the number of places. Raises `WrongRow` for the first row that is wrong.
    """
    machine = Machine(netlist, unit, parameters or {})
    others = _others(machine, length, before)
    row = _Search(machine, length, before, machine.every_row(length))
    starts = [(place, known) for (place, _), known in others.seen.items() if not place.at]
    row.run((replace(place, phase=1), known) for place, known in starts)
    return len(others.seen) + len(row.seen)


def prove_counters(
    netlist: Netlist,
    unit: RowUnit,
    length: int,
    parameters: Mapping[str, Integers] | None = None,
) -> int:
    """
    Show that a unit of one lane takes rows of a length for ever and gives a result for each
    element, whatever these are.

    Returns the number of places. Raises `WrongRow` where that is not so.
    """
    return len(_others(Machine(netlist, unit, parameters or {}), length, None).seen)


def _others(machine: Machine, length: int, before: int | None) -> _Search:
    """All places before the row."""
    ones, zeros = (np.frombuffer(side, np.uint8)[:, None] != 0 for side in machine.idle())
    search = _Search(machine, length, before, None)
    search.run([(Place(0, 0), (ones, zeros))])
    return search


class _Search:
    """All places, with what is known in each: registers that are 1, and those that are 0."""

    def __init__(
        self,
        machine: Machine,
        length: int,
        before: int | None,
        rows: tuple[Integers, Integers] | None,
    ) -> None:
        self.machine, self.length, self.before, self.rows = machine, length, before, rows
        self.words = 1 if rows is None else len(rows[0]) // WORD
        self.full: Any = np.bool_(True) if rows is None else ~np.uint64(0)
        self.x: list[Bits] = []
        self.y: list[Bits] = []
        if rows is not None:
            self.x, self.y = (
                [np.stack(planes(column, len(machine.netlist.port(port)))) for column in numbers.T]
                for numbers, port in zip(rows, ("x", "y"), strict=True)
            )
        self.kept = machine.kept.astype(bool)[:, None]
        self.seen: dict[Key, tuple[Bits, Bits]] = {}
        self.open: dict[Key, None] = {}
        self.unpaused: dict[Key, Key | None] = {}

    def run(self, starts: Iterable[tuple[Place, tuple[Bits, Bits]]]) -> None:
        """
        Follow everything from some places, where no row is known yet, and check that results come.
        """
        for place, known in starts:
            ones, zeros = known
            self._reach([place], self._filled(ones), self._filled(zeros))
        while self.open:
            keys = list(islice(self.open, max(1, BATCH // (4 * self.words))))
            for key in keys:
                del self.open[key]
            self._follow(keys)
        self._check_progress()

    def _check_progress(self) -> None:
        """Raise `WrongRow` if results stop coming although nobody pauses."""
        done: set[Key | None] = {None}
        for start in self.seen:
            way: dict[Key, None] = {}
            key: Key | None = start
            while key is not None and key not in done:
                if key in way:
                    raise WrongRow("results stop coming although nobody pauses")
                way[key] = None
                key = self.unpaused[key]
            done |= set(way)

    def _reach(self, places: Sequence[Place], ones: Bits, zeros: Bits) -> list[Key]:
        """Add what is known in some places: registers × places × words."""
        control = [(side == self.full).all(axis=2) & self.kept for side in (ones, zeros)]
        packed = np.packbits(np.concatenate(control), axis=0).T
        keys = [(place, row.tobytes()) for place, row in zip(places, packed, strict=True)]
        for number, key in enumerate(keys):
            old = self.seen.get(key)
            known = ones[:, number].copy(), zeros[:, number].copy()
            if old is not None:
                known = old[0] & known[0], old[1] & known[1]
                if all(map(np.array_equal, old, known)):
                    continue
            self.seen[key] = known
            self.open[key] = None
        return keys

    def _follow(self, keys: Sequence[Key]) -> None:
        """One cycle from some places, for both sides pausing or not."""
        count = 4 * len(keys)
        places = [place for place, _ in keys for _ in range(4)]
        offers, takes = (np.arange(count) >> bit & 1 == 1 for bit in range(2))
        one, zero = self._cycle(keys, places, offers, takes)
        accepted = self._control(one, zero, "x_ready") & offers
        given = self._control(one, zero, "y_valid")
        moved: list[Place | None] = []
        for number, place in enumerate(places):
            if given[number] and not place.ahead and place.phase:
                self._compare(place, number, one, zero)
            taken = bool(given[number] and takes[number])
            moved.append(self._moved(place, bool(accepted[number]), taken))
        sources = [self.machine.netlist.registers[wire] for wire in self.machine.registers]
        left = [number for number, place in enumerate(moved) if place is not None]
        ones, zeros = (
            np.stack([side[source] for source in sources]).reshape(-1, count, self.words)[:, left]
            for side in (one, zero)
        )
        following = self._reach([place for place in moved if place is not None], ones, zeros)
        reached = dict(zip(left, following, strict=True))
        for number, key in enumerate(keys):
            self.unpaused[key] = None if given[4 * number + 3] else reached.get(4 * number + 3)

    def _cycle(
        self,
        keys: Sequence[Key],
        places: Sequence[Place],
        offers: NDArray[np.bool_],
        takes: NDArray[np.bool_],
    ) -> tuple[dict[str, Bits], dict[str, Bits]]:
        """Where every wire is known to be 1, and where to be 0."""
        machine, port = self.machine, self.machine.netlist.port
        one: dict[str, Bits] = {}
        zero: dict[str, Bits] = {}
        for side, values in enumerate((one, zero)):
            known = np.stack([self.seen[key][side] for key in keys], 1)
            known = known.repeat(4, 1).reshape(len(known), -1)
            values.update(zip(machine.registers, known, strict=True))
        unknown = self._wide(np.zeros(len(places), np.bool_))
        for wire in machine.undriven:
            one[wire] = zero[wire] = unknown
        offered = self._wide(offers)
        last = self._wide(np.array([place.at == self.length - 1 for place in places]))
        given: dict[str, tuple[Bits, Bits]] = {}
        given["reset"] = given["write"] = unknown, ~unknown
        given["x_valid"] = offered, ~offered
        given["x_last"] = last & offered, ~last & offered
        given["y_ready"] = self._wide(takes), ~self._wide(takes)
        for name, (ones, zeros) in given.items():
            for wire in port(name):
                one[wire], zero[wire] = ones, zeros
        own = offered & self._wide(np.array([place.phase == 1 for place in places]))
        for bit, wire in enumerate(port("x") if self.x else ()):
            value = np.concatenate([self.x[place.at][bit] for place in places])
            one[wire], zero[wire] = value & own, ~value & own
        settle(machine.gates, one, zero)
        return one, zero

    def _filled(self, flags: NDArray[np.bool_]) -> Bits:
        """A row of words for each flag, all of them set where the flag is."""
        filled = np.full((*flags.shape, self.words), ~self.full)
        filled[flags] = self.full
        return filled

    def _wide(self, flags: NDArray[np.bool_]) -> Bits:
        return self._filled(flags).reshape(-1)

    def _control(
        self, one: Mapping[str, Bits], zero: Mapping[str, Bits], name: str
    ) -> NDArray[np.bool_]:
        """A bit of control in each place."""
        (wire,) = self.machine.netlist.port(name)
        high, low = (
            (side[wire].reshape(-1, self.words) == self.full).all(axis=1) for side in (one, zero)
        )
        if not (high | low).all():
            raise WrongRow(f"{name} depends on elements, or on what was there before")
        return high

    def _compare(
        self, place: Place, number: int, one: Mapping[str, Bits], zero: Mapping[str, Bits]
    ) -> None:
        """A result of the row, in one place."""
        here = slice(number * self.words, (number + 1) * self.words)
        (wire,) = self.machine.netlist.port("y_last")
        side = one if place.got == self.length - 1 else zero
        if not np.all(side[wire][here] == self.full):
            raise WrongRow(f"y_last is wrong at result {place.got} of a row of {self.length}")
        wrong = np.zeros(self.words, np.uint64)
        wires = self.machine.netlist.port("y")
        for wire, plane in zip(wires, self.y[place.got], strict=True):
            wrong |= (plane & ~one[wire][here]) | (~plane & ~zero[wire][here])
        if (pattern := first_set(wrong)) is not None:
            assert self.rows is not None
            row, results = (numbers[pattern].tolist() for numbers in self.rows)
            raise WrongRow(f"result {place.got} of the row {row} is not {results[place.got]}")

    def _moved(self, place: Place, accepted: bool, taken: bool) -> Place | None:
        """The place after a cycle; None where the row has left, or no other may come before it."""
        if taken:
            if place.ahead:
                place = replace(place, ahead=place.ahead - 1)
            elif place.phase:
                place = replace(place, got=place.got + 1)
            else:
                raise WrongRow("a result comes that is no row's")
            if place.got == self.length:
                return None
        if not accepted:
            return place
        if place.ahead > len(self.machine.registers):
            raise WrongRow("more elements are inside than there are registers")
        at = (place.at + 1) % self.length
        if place.phase:
            return replace(place, at=at, phase=place.phase if at else 2)
        counted = 0 if self.before is None else place.rows + (not place.at)
        if self.before is not None and counted > self.before:
            return None
        return replace(place, at=at, ahead=place.ahead + 1, rows=counted)


__all__ = ["prove_counters", "prove_paused"]
