"""
The line of a programmable unit, y = slope·x + intercept with its shifts, against its definition.

`IntegerLine` and `FloatLine` say what is computed, and draw numbers to try. `first_wrong` compares
gates with that: for every case where all inputs have up to `PROVED_BITS` bits together, else for
`SAMPLES` random ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lut_opt.backends.formal.compiled import Compiled
from lut_opt.backends.formal.netlist import Netlist, Words, first_unequal, number, planes
from lut_opt.dialects.pwl.float_table import QUIET_NAN, multiply_add
from lut_opt.dialects.pwl.hardware import ProgrammableUnit
from lut_opt.dialects.quantization import Integers, storage_range
from lut_opt.passes.hw.programmable.float32 import INFINITE

PROVED_BITS = 31
"""Most bits of slope, intercept, x and shifts of which every case is tried."""

SAMPLES = 1 << 18
"""Random cases, where there are too many."""

CHUNK_BITS = 18
"""Cases that are tried together, as a power of two."""

_PROVED: set[tuple[object, ...]] = set()
"""Gates, and what they were shown to compute in every case."""


@dataclass(frozen=True)
class Cases:
    """Numbers for a line: stored integers, or the bits of single-precision numbers."""

    x: Integers
    slope: Integers
    intercept: Integers
    shifts: Integers
    """The shift word; zeros where there is none."""


class Line(Protocol):
    """What a unit computes of the words that an input selects."""

    def draw(self, random: np.random.Generator, word: str, count: int) -> Integers:
        """Values of `x`, `slope`, `intercept`, `breakpoint` or `shifts` that are worth trying."""
        ...

    def reached(self, x: Integers, points: Integers) -> Integers:
        """For each x and each point of its row whether x is at or above it; 0 or 1."""
        ...

    def order(self, points: Integers) -> Integers:
        """The points, each row ascending."""
        ...

    def stored(self, raw: Integers, word: str, bits: int) -> Integers:
        """The values of raw bits of a word."""
        ...

    def evaluate(self, cases: Cases) -> Integers:
        """The results, of which the low bits count."""
        ...

    def show(self, value: int) -> str:
        """A value in words."""
        ...


@dataclass(frozen=True)
class IntegerLine:
    """y = clamp((slope·x + (intercept << s) + half) >> r), s and r in the shift word."""

    unit: ProgrammableUnit

    def draw(self, random: np.random.Generator, word: str, count: int) -> Integers:
        layout, operand = self.unit.layout, self.unit.operand
        assert operand is not None
        if word == "shifts":
            return random.integers(0, 1 << sum(layout.shift_bits), count)
        bits = {
            "x": operand.bits,
            "breakpoint": operand.bits,
            "slope": layout.slope_bits,
            "intercept": layout.intercept_bits,
        }[word]
        signed = operand.signed or word in ("slope", "intercept")
        low, high = storage_range(bits, signed)
        # As many small numbers as large ones, and both ends.
        value = random.integers(low, high, count, endpoint=True) >> random.integers(0, bits, count)
        ends = random.integers(0, 16, count)
        return np.where(ends == 0, low, np.where(ends == 1, high, value))

    def reached(self, x: Integers, points: Integers) -> Integers:
        return (points <= x[:, None]).astype(np.int64)

    def order(self, points: Integers) -> Integers:
        return np.sort(points, axis=1)

    def evaluate(self, cases: Cases) -> Integers:
        left, result = self.unit.layout.shift_bits[0], self.unit.result
        assert result is not None
        x, slope, intercept, shifts = cases.x, cases.slope, cases.intercept, cases.shifts
        if self.acc_bits > 62:
            # Python's own integers do not overflow.
            x, slope, intercept, shifts = (a.astype(object) for a in (x, slope, intercept, shifts))
        r = shifts >> left
        half = ((shifts * 0 + 1) << r) >> 1
        acc = slope * x + (intercept << (shifts & ((1 << left) - 1))) + half
        found = np.clip(acc >> r, result.minimum, result.maximum)
        return found.astype(np.int64) if self.acc_bits > 62 else found

    @property
    def acc_bits(self) -> int:
        """Bits that hold every sum."""
        layout, operand = self.unit.layout, self.unit.operand
        assert operand is not None
        scaled = layout.intercept_bits + (1 << layout.shift_bits[0]) - 1
        return max(operand.bits + layout.slope_bits, scaled, 1 << layout.shift_bits[1]) + 2

    def stored(self, raw: Integers, word: str, bits: int) -> Integers:
        """The values of raw bits."""
        assert self.unit.operand is not None
        if word in ("x", "breakpoint") and not self.unit.operand.signed:
            return raw & ((1 << bits) - 1)
        half = 1 << (bits - 1)
        return ((raw & ((1 << bits) - 1)) ^ half) - half

    def show(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True)
class FloatLine:
    """Single precision: the product rounded, then the sum."""

    unit: ProgrammableUnit

    def draw(self, random: np.random.Generator, word: str, count: int) -> Integers:
        if word == "shifts":
            return np.zeros(count, np.int64)
        bits = random.integers(0, 1 << 32, count)
        # Near one another, or products and sums would never meet; few bits, or nothing would tie.
        near = (bits & 0x807FFFFF) | (random.integers(100, 156, count) << 23)
        short = near & ~((1 << random.integers(0, 24, count)) - 1)
        kind = random.integers(0, 4, count)
        special = random.choice([0, 1 << 31, 1, 0x7FFFFF, 0x800000, 0x7F7FFFFF, 0x7F800000], count)
        special |= random.integers(0, 2, count) << 31
        found = np.choose(kind, [bits, near, short, special])
        return np.where(_is_nan(found), near, found) if word == "breakpoint" else found

    def reached(self, x: Integers, points: Integers) -> Integers:
        flushed = np.where((x >> 23) & 0xFF == 0, 0, x) if self.unit.flush else x
        above = _position(points) <= _position(flushed)[:, None]
        return (above & ~_is_nan(x)[:, None]).astype(np.int64)

    def order(self, points: Integers) -> Integers:
        return np.take_along_axis(points, np.argsort(_position(points), axis=1), axis=1)

    def stored(self, raw: Integers, word: str, bits: int) -> Integers:
        return raw

    def evaluate(self, cases: Cases) -> Integers:
        x, slope, intercept = (
            each.astype(np.uint32).view(np.float32)
            for each in (cases.x, cases.slope, cases.intercept)
        )
        y = multiply_add(slope, x, intercept, self.unit.flush)
        return np.where(np.isnan(y), QUIET_NAN, y.view(np.uint32).astype(np.int64))

    def show(self, value: int) -> str:
        return f"{value & 0xFFFFFFFF:#010x}"


def line_of(unit: ProgrammableUnit) -> Line:
    """What a unit computes."""
    return FloatLine(unit) if unit.operand is None else IntegerLine(unit)


def first_wrong(
    netlist: Netlist, line: Line, wires: Mapping[str, Sequence[str]]
) -> tuple[int, str | None]:
    """
    How many random cases were tried, or 0 for all there are; and one that is wrong, in words.

    `wires` are those of `x`, `slope`, `intercept` and `shifts`.
    """
    compiled = Compiled(netlist, netlist.port("y"), {})
    if isinstance(line, IntegerLine) and sum(map(len, wires.values())) <= PROVED_BITS:
        # A stream and the unit in it have the same gates.
        names = {w: f"{name}{i}" for name, group in wires.items() for i, w in enumerate(group)}
        key = (replace(line.unit, module="", latency=0), compiled.renamed(names))
        if key not in _PROVED:
            if (wrong := next(_every(netlist, line, wires), None)) is not None:
                return 0, wrong
            _PROVED.add(key)
        return 0, None
    random = np.random.default_rng(1)
    cases = Cases(**{word: line.draw(random, word, SAMPLES) for word in wires})
    known: dict[str, Words] = {}
    for word, group in wires.items():
        known |= zip(group, planes(getattr(cases, word), len(group)), strict=True)
    return SAMPLES, difference(line, cases, compiled.run(known))


def _every(
    netlist: Netlist, line: IntegerLine, wires: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """What is wrong in any case at all."""
    x_bits, slope_bits, bits = (len(wires[word]) for word in ("x", "slope", "intercept"))
    low = min(bits, max(0, CHUNK_BITS - x_bits - slope_bits))
    dtype: Any = "i4" if line.acc_bits < 32 else "i8"
    index = np.arange(1 << (x_bits + slope_bits + low), dtype=dtype)
    x = line.stored(index, "x", x_bits)
    slope = line.stored(index >> x_bits, "slope", slope_bits)
    lowest = (index >> (x_bits + slope_bits)) & ((1 << low) - 1)
    given = {"x": x, "slope": slope, "intercept": lowest}
    known: dict[str, Words] = {}
    for word, values in given.items():
        known |= zip(wires[word], planes(values, len(wires[word])), strict=True)
    ones = ~np.zeros_like(next(iter(known.values())))
    left = line.unit.layout.shift_bits[0]
    varied = [*wires["shifts"][:left], *wires["intercept"][low:]]
    for right in range(1 << (len(wires["shifts"]) - left)):
        fixed = {w: ("", bool(right >> i & 1)) for i, w in enumerate(wires["shifts"][left:])}
        compiled = Compiled(netlist, netlist.port("y"), fixed)
        for rest in range(1 << len(varied)):
            known |= {w: ones if rest >> i & 1 else ~ones for i, w in enumerate(varied)}
            intercept = line.stored(lowest | rest >> left << low, "intercept", bits)
            shifts = right << left | rest & ((1 << left) - 1)
            cases = Cases(x, slope, intercept, np.full(1, shifts, dtype))
            if (wrong := difference(line, cases, compiled.run(known))) is not None:
                yield wrong


def difference(line: Line, cases: Cases, y: Sequence[Words]) -> str | None:
    """The first case in which some result bits are wrong, in words."""
    expected = line.evaluate(cases)
    if (index := first_unequal(y, expected)) is None:
        return None
    words = {"x": cases.x, "slope": cases.slope, "intercept": cases.intercept}
    facts = [f"{word} = {line.show(int(values[index]))}" for word, values in words.items()]
    if cases.shifts.any():
        facts.append(f"shifts = {int(cases.shifts[index % len(cases.shifts)])}")
    seen, bits = number(y, index), len(y)
    seen -= (seen >> (bits - 1) << bits) if expected.min() < 0 else 0
    return f"{', '.join(facts)} gives {line.show(seen)}, not {line.show(int(expected[index]))}"


def _position(numbers: Integers) -> Integers:
    """Where single-precision numbers stand among all: zeros of both signs at 0."""
    magnitude = numbers & 0x7FFFFFFF
    return np.where(numbers >> 31 & 1, -magnitude, magnitude)


def _is_nan(numbers: Integers) -> NDArray[np.bool_]:
    return (numbers & 0x7FFFFFFF) > INFINITE
