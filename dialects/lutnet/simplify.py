"""
What can be left out of a network: the rules behind the canonicalization of the `lutnet` ops.

Each rule keeps every result for every input. A producer of bits says what each of its bits is: a
constant, or the same as one that is kept; consumers are rewritten for that.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

from lut_opt.dialects.lutnet.network import ConditionalSum, Luts, Thermometer
from lut_opt.dialects.quantization import Quantization

COPY = 0b10
"""The table of a LUT whose answer is its only input."""


@dataclass(frozen=True)
class Constant:
    """A bit that is known."""

    value: bool


Meaning = int | Constant
"""What an old bit is: the number of a new one, or a constant."""


@dataclass(frozen=True)
class Kept:
    """The old bits that stay, in order, and what each old bit is in terms of these."""

    places: tuple[int, ...]
    meanings: tuple[Meaning, ...]

    @property
    def changes(self) -> bool:
        """Whether anything goes."""
        return len(self.places) < len(self.meanings)


def keep(keys: Sequence[Hashable | Constant], used: Iterable[int]) -> Kept:
    """Keep one bit of those with equal keys, if it is used; at least one stays."""
    wanted = {keys[bit] for bit in used if not isinstance(keys[bit], Constant)}
    numbers: dict[Hashable, int] = {}
    places: list[int] = []
    for place, key in enumerate(keys):
        if key in wanted and key not in numbers:
            numbers[key] = len(places)
            places.append(place)
    meanings = tuple(
        key if isinstance(key, Constant) else numbers.get(key, Constant(False)) for key in keys
    )
    return Kept(tuple(places) or (0,)[: len(keys)], meanings)


def threshold_keys(thermometer: Thermometer, operand: Quantization) -> list[Hashable | Constant]:
    """What tells the bits of an encoder apart; thresholds out of the storage are constants."""

    def key(feature: int, threshold: int) -> Hashable | Constant:
        if threshold >= operand.maximum or threshold < operand.minimum:
            return Constant(threshold < operand.minimum)
        return feature, threshold

    return [key(*place) for place in thermometer.places]


def choose_thresholds(thermometer: Thermometer, places: Iterable[int]) -> Thermometer:
    """The encoder of some of the bits, which stay in order."""
    rows: list[list[int]] = [[] for _ in thermometer.thresholds]
    for place in places:
        feature, threshold = thermometer.places[place]
        rows[feature].append(threshold)
    return Thermometer(tuple(map(tuple, rows)))


def lut_keys(luts: Luts) -> list[Hashable | Constant]:
    """What tells the LUTs of a reduced layer apart."""
    pairs = zip(luts.connections, luts.tables, strict=True)
    return [(row, table) if row else Constant(bool(table)) for row, table in pairs]


def choose_luts(luts: Luts, places: Iterable[int]) -> Luts:
    """The layer of some of the LUTs."""
    chosen = list(places)
    return Luts(tuple(luts.connections[i] for i in chosen), tuple(luts.tables[i] for i in chosen))


def reduced(luts: Luts) -> Luts:
    """The same layer without inputs that a table ignores or has twice; inputs ascend."""
    pairs = zip(luts.connections, luts.tables, strict=True)
    return _layer(_reduced_lut(row, table) for row, table in pairs)


def substitute_luts(luts: Luts, meanings: Sequence[Meaning]) -> Luts:
    """The layer for the new bits, reduced."""

    def each(row: tuple[int, ...], table: int) -> tuple[tuple[int, ...], int]:
        wires = [meanings[wire] for wire in row]
        for place in reversed(range(len(wires))):
            if isinstance(wire := wires[place], Constant):
                table = _cofactor(table, len(wires), place, wire.value)
                del wires[place]
        return _reduced_lut([wire for wire in wires if isinstance(wire, int)], table)

    pairs = zip(luts.connections, luts.tables, strict=True)
    return _layer(each(row, table) for row, table in pairs)


def copies(luts: Luts) -> list[int] | None:
    """The bit that each LUT copies, None if there is one that does not."""
    pairs = zip(luts.connections, luts.tables, strict=True)
    if all(len(row) == 1 and table == COPY for row, table in pairs):
        return [wire for (wire,) in luts.connections]
    return None


def used_by_luts(luts: Luts) -> set[int]:
    """The bits that a layer asks for."""
    return {wire for row in luts.connections for wire in row}


def used_by_sum(total: ConditionalSum) -> set[int]:
    """The bits that weigh something."""
    return {wire for j in range(total.results) for wire, weight in total.terms(j) if weight != 0}


def substitute_sum(total: ConditionalSum, meanings: Sequence[Meaning], bits: int) -> ConditionalSum:
    """The sum of the new bits, of which there are `bits`: dense if it was, else without zeros."""
    rows: list[dict[int, int]] = []
    bias = list(total.bias)
    for j in range(total.results):
        row: dict[int, int] = {}
        for wire, weight in total.terms(j):
            meaning = meanings[wire]
            if isinstance(meaning, int):
                row[meaning] = row.get(meaning, 0) + weight
            elif meaning.value:
                bias[j] += weight
        rows.append(row)
    if total.bits is None:
        weights = tuple(tuple(row.get(bit, 0) for bit in range(bits)) for row in rows)
        return replace(total, weights=weights, bias=tuple(bias))
    kept = [{wire: weight for wire, weight in row.items() if weight} for row in rows]
    return replace(
        total,
        weights=tuple(tuple(row.values()) for row in kept),
        bits=tuple(map(tuple, kept)),
        bias=tuple(bias),
    )


def _layer(pairs: Iterable[tuple[tuple[int, ...], int]]) -> Luts:
    found = list(pairs)
    return Luts(tuple(row for row, _ in found), tuple(table for _, table in found))


def _reduced_lut(row: Sequence[int], table: int) -> tuple[tuple[int, ...], int]:
    """One LUT on distinct, ascending wires that all matter."""
    wires = sorted({*row})
    answers = [
        table >> sum((address >> wires.index(wire) & 1) << place for place, wire in enumerate(row))
        & 1
        for address in range(1 << len(wires))
    ]
    table = sum(answer << address for address, answer in enumerate(answers))
    for place in reversed(range(len(wires))):
        sides = [_cofactor(table, len(wires), place, value) for value in (False, True)]
        if sides[0] == sides[1]:
            table = sides[0]
            del wires[place]
    return tuple(wires), table


def _cofactor(table: int, inputs: int, place: int, value: bool) -> int:
    """The table on one input less, which has a value."""
    low = (1 << place) - 1
    return sum(
        (table >> ((address & low) | (address & ~low) << 1 | value << place) & 1) << address
        for address in range(1 << (inputs - 1))
    )
