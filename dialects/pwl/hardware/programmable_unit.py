"""Units whose table software writes: the words, and the programs that load tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from lut_opt.dialects.pwl.float_table import QUIET_NAN, FloatTable
from lut_opt.dialects.pwl.hardware.table_unit import TableUnit, listed
from lut_opt.dialects.pwl.hardware.unit import (
    ENABLE,
    Description,
    ElementUnit,
    Port,
    Tabulated,
    check_timing,
    describe_port,
)
from lut_opt.dialects.quantization import Integers, Quantization, storage_range

ENTRIES = (2, 4, 8, 16, 32, 64)
"""Numbers of entries that a programmable unit may have."""

FLOAT_BITS = 32

MAX_WORD_BITS = 64

FLOAT_SAMPLE = 1 << 12
"""Numbers that a single-precision unit is asked for, of every table."""

CellKind = Literal["flipflop", "gated", "latch", "memory"]


class Write(NamedTuple):
    """A word for an address, both as plain bits."""

    address: int
    data: int


@dataclass(frozen=True)
class Layout:
    """
    The words of a unit; `shift_bits` are the widths of intercept_shift and result_shift.

    Without `breakpoint_bits` the unit is uniform: the input's upper bits are the segment.
    """

    entries: int
    slope_bits: int
    intercept_bits: int
    breakpoint_bits: int
    shift_bits: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if self.entries not in ENTRIES:
            allowed = ", ".join(map(str, ENTRIES))
            raise ValueError(f"entries must be one of {allowed}, got {self.entries}")
        for name in ("slope_bits", "intercept_bits", "breakpoint_bits"):
            least = int(name != "breakpoint_bits")
            if not least <= getattr(self, name) <= MAX_WORD_BITS:
                raise ValueError(f"{name} must be from {least} to {MAX_WORD_BITS}")
        if not all(0 <= bits <= MAX_WORD_BITS.bit_length() for bits in self.shift_bits):
            raise ValueError(f"shift_bits must be from 0 to {MAX_WORD_BITS.bit_length()}")

    @property
    def index_bits(self) -> int:
        """Address bits that choose the entry; the two above them choose the kind of word."""
        return (self.entries - 1).bit_length()

    @property
    def address_bits(self) -> int:
        """Width of the address port."""
        return self.index_bits + 2

    @property
    def data_bits(self) -> int:
        """Width of the data port."""
        words = (self.slope_bits, self.intercept_bits, self.breakpoint_bits, sum(self.shift_bits))
        return max(words)

    @property
    def table_bits(self) -> int:
        """Bits of all words together."""
        lines = self.slope_bits + self.intercept_bits
        return (
            self.entries * lines + (self.entries - 1) * self.breakpoint_bits + sum(self.shift_bits)
        )

    def writes(
        self,
        breakpoints: Sequence[int],
        slopes: Sequence[int],
        intercepts: Sequence[int],
        shifts: tuple[int, int] = (0, 0),
    ) -> list[Write]:
        """The writes of words that are complete and fit."""
        n = self.entries
        words = [*zip(range(n), slopes, [self.slope_bits] * n, strict=True)]
        words += zip(range(n, 2 * n), intercepts, [self.intercept_bits] * n, strict=True)
        if self.breakpoint_bits:
            places = range(2 * n, 3 * n - 1)
            words += zip(places, breakpoints, [self.breakpoint_bits] * (n - 1), strict=True)
        found = [Write(address, word & ((1 << bits) - 1)) for address, word, bits in words]
        if sum(self.shift_bits):
            found.append(Write(3 * n - 1, shifts[0] | shifts[1] << self.shift_bits[0]))
        return found

    def describe(self) -> dict[str, Any]:
        """Where the words are written, as JSON has it."""
        n, (left, right) = self.entries, self.shift_bits
        words: dict[str, Any] = {
            "slopes": {"address": 0, "count": n, "bits": self.slope_bits},
            "intercepts": {"address": n, "count": n, "bits": self.intercept_bits},
        }
        if self.breakpoint_bits:
            words["breakpoints"] = {"address": 2 * n, "count": n - 1, "bits": self.breakpoint_bits}
        if left + right:
            words["intercept_shift"] = {"address": 3 * n - 1, "first_bit": 0, "bits": left}
            words["result_shift"] = {"address": 3 * n - 1, "first_bit": left, "bits": right}
        return words


@dataclass(frozen=True)
class Stored:
    """Integers of a port: their width, sign and bounds; scales are data."""

    bits: int
    signed: bool
    minimum: int
    maximum: int

    @classmethod
    def of(cls, side: Quantization) -> Stored:
        """Those of a quantization."""
        return cls(side.bits, side.signed, side.minimum, side.maximum)

    def whole(self) -> Stored:
        """With the bounds of all bit patterns."""
        return Stored(self.bits, self.signed, *storage_range(self.bits, self.signed))

    def check(self) -> None:
        """Raise `ValueError` for bounds that are not of this width."""
        if not 1 <= self.bits <= MAX_WORD_BITS:
            raise ValueError(f"bits must be from 1 to {MAX_WORD_BITS}, got {self.bits}")
        low, high = storage_range(self.bits, self.signed)
        if not low <= self.minimum < self.maximum <= high:
            raise ValueError(
                f"minimum {self.minimum} and maximum {self.maximum} are not an ascending part of "
                f"[{low}, {high}]"
            )


@dataclass(frozen=True)
class Program(Tabulated):
    """What a unit computes behind the writes that load a table."""

    writes: tuple[Write, ...] = ()


@dataclass(frozen=True)
class ProgrammableUnit(ElementUnit):
    """
    A unit whose table is written through `write_enable`, `address` and `data`.

    Integer units have an `operand` and a `result`. Single-precision units have none, and say
    whether they `flush` subnormal numbers.
    """

    layout: Layout
    operand: Stored | None = None
    result: Stored | None = None
    flush: bool = False
    storage: CellKind = "flipflop"
    """What holds the words."""
    two_clocks: bool = False
    """Whether the registers between x and y have a clock of their own, which may stop."""
    programs: tuple[Program, ...] = ()

    @property
    def ports(self) -> tuple[Port, ...]:
        return (
            Port("clock", None),
            *([Port("x_clock", None)] if self.two_clocks else []),
            *([Port(ENABLE, 1)] if self.enable else []),
            Port("write_enable", 1),
            Port("address", self.layout.address_bits),
            Port("data", self.layout.data_bits),
            Port("x", self.operand.bits if self.operand else FLOAT_BITS),
            Port("y", self.result.bits if self.result else FLOAT_BITS, output=True),
        )

    def check(self) -> None:
        check_timing(self)
        if (self.operand is None) != (self.result is None):
            raise ValueError("operand and result come together: neither for single precision")
        if self.operand and self.result:
            self.operand.check()
            self.result.check()
            if self.flush:
                raise ValueError("flush is for single precision, which has no operand and result")
            if self.layout.breakpoint_bits not in (0, self.operand.bits):
                raise ValueError("breakpoint_bits must be those of the operand, or 0")
            if not self.layout.shift_bits[0]:
                raise ValueError("shift_bits must give the intercept_shift some bits")
            if not self.layout.breakpoint_bits and self.layout.index_bits >= self.operand.bits:
                raise ValueError("entries are too many for uniform segments of the operand")
        elif self.layout != Layout(self.layout.entries, FLOAT_BITS, FLOAT_BITS, FLOAT_BITS):
            raise ValueError(f"the words of single precision have {FLOAT_BITS} bits, and no shifts")
        for program in self.programs:
            self._check_program(program)

    def _check_program(self, program: Program) -> None:
        """Raise `ValueError` for a program that is none of this unit."""
        n, layout = self.layout.entries, self.layout
        expected = {*range(2 * n), *(range(2 * n, 3 * n - 1) if layout.breakpoint_bits else ())}
        expected |= {3 * n - 1} if sum(layout.shift_bits) else set()
        addresses = [write.address for write in program.writes]
        if sorted(addresses) != sorted(expected):
            raise ValueError(f"the writes of {program.function} are not one for each word")
        if not all(0 <= write.data < 1 << layout.data_bits for write in program.writes):
            raise ValueError(f"the writes of {program.function} do not fit in the data port")
        if self.operand and self.result:
            pairs = (program.operand, self.operand), (program.result, self.result)
            if any((a.bits, a.signed) != (b.bits, b.signed) for a, b in pairs):
                raise ValueError(f"the table of {program.function} has other storage than the unit")
            if Stored.of(program.result) != self.result:
                raise ValueError(f"results of {program.function} have other bounds than the unit's")

    def expected_of(self, program: Program) -> tuple[Integers, Integers]:
        """
        Inputs that are worth asking for, and what the program's table makes of them.

        For single precision they are the bits of numbers, among them the table's breakpoints,
        infinities and a NaN.
        """
        sides = program.operand, program.result
        if self.operand is not None:
            steps = TableUnit("", program.function, program.table, *sides).steps()
            return steps["x"], steps["y"]
        floats = FloatTable.of(program.table, *sides, flush=self.flush)
        random = np.random.default_rng(0)
        points = np.array(floats.breakpoints, np.float32)
        chosen = random.normal(0, 4, FLOAT_SAMPLE - 4 * len(points) - 8).astype(np.float32)
        ends = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3e38], np.float32)
        near = [points, *(np.nextafter(points, np.float32(to)) for to in (-np.inf, np.inf))]
        numbers = np.concatenate([ends, *near, -points, chosen])
        y = floats.evaluate(numbers)
        raw = np.where(np.isnan(y), QUIET_NAN, y.view(np.uint32).astype(np.int64))
        return numbers.view(np.uint32).astype(np.int64), raw

    def steps(self) -> dict[str, Integers]:
        names = ("write_enable", "address", "data", "x", "y")
        columns: dict[str, list[Integers]] = {name: [] for name in names}
        for program in self.programs:
            writes = np.array(program.writes, np.int64)
            x, y = self.expected_of(program)
            none, zeros = np.zeros(len(writes), np.int64), np.zeros(len(x), np.int64)
            written = (none + 1, *writes.T, none, none)
            for name, *values in zip(names, written, (zeros, zeros, zeros, x, y), strict=True):
                columns[name] += values
        return {name: np.concatenate(parts) for name, parts in columns.items()}

    def summary(self) -> str:
        functions = listed(program.function for program in self.programs)
        return f"programmable, with programs for {functions}" if functions else "programmable"

    def rows(self, facts: dict[str, Any], ports: Sequence[Port]) -> list[Description]:
        number = {"number_format": "float32", "subnormals": "flush" if self.flush else "keep"}
        unit: dict[str, Any] = {"number_format": "integer"} if self.operand else number
        unit |= {"unit_entries": self.layout.entries, "storage": self.storage}
        unit |= {"words": self.layout.describe(), "ports": [describe_port(p) for p in ports]}
        return [
            (program, {**facts, "writes": [list(write) for write in program.writes], **unit})
            for program in self.programs
        ]
