"""
Proof that a programmable unit is `Table.evaluate` of whatever table is written into it.

In four steps, all on the netlist that Yosys makes of the text:

1. Every bit of every word is a register that takes its bit of `data` in exactly the cycles in which
   `write_enable` is set and `address` is the word's: all cases are evaluated.
2. The tables that the module was made for, written so, and many random ones, give their results.
3. The chosen slope and intercept are those of the input's segment, for every input and every table
   whose breakpoints ascend (`select_proof`, by z3).
4. Behind them, y is slope·x + (intercept << s), shifted by r with rounding, and clamped: for every
   slope, intercept, x, s and r if these have up to `PROVED_BITS` bits together, else for `SAMPLES`
   random ones (`line_proof`), and the printed line says so. Single-precision units are of the
   second kind.

While an input is on its way, nothing may be written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lut_opt.backends.formal.lines import Cases, Line, difference, first_wrong, line_of
from lut_opt.backends.formal.netlist import (
    Netlist,
    Words,
    first_unequal,
    number,
    planes,
    settle,
)
from lut_opt.backends.formal.selection import Parts, Selection, bit_names
from lut_opt.dialects.pwl.hardware import Program, ProgrammableUnit
from lut_opt.dialects.quantization import Integers
from lut_opt.passes.hw.programmable.words import words_of

PATTERNS = 1 << 12
"""Random tables, each with one input."""


class Broken(Exception):
    """What of a unit is wrong."""


@dataclass(frozen=True)
class TableProof:
    """What is known of a programmable unit."""

    module: str
    inputs: int
    """Number of inputs, all of which count."""
    entries: int
    sampled: int = 0
    """Random slopes, intercepts and inputs, where not all could be tried."""
    wrong: str | None = None
    doubt: str | None = None
    stream: bool = False

    @property
    def refuted(self) -> bool:
        """Whether the unit is wrong."""
        return self.wrong is not None

    @property
    def complete(self) -> bool:
        """Whether the unit is right for every table and every input."""
        return not self.sampled and self.wrong is None and self.doubt is None

    def __str__(self) -> str:
        """One line, which never says more than is true."""
        if self.wrong is not None:
            return f"{self.module}: wrong: {self.wrong}"
        stalls = ", whenever either side pauses" if self.stream else ""
        if self.doubt is not None:
            return f"{self.module}: checked: {PATTERNS} random tables ({self.doubt}){stalls}"
        every = f"every table of {self.entries} entries"
        if self.sampled:
            what = f"checked: {self.sampled} random slopes, intercepts and inputs"
            return f"{self.module}: proved: what an input selects in {every}; {what}{stalls}"
        return f"{self.module}: proved: {every}, all {self.inputs} inputs{stalls}"


def prove_programmable(netlist: Netlist, unit: ProgrammableUnit) -> TableProof:
    """What is known of a unit from its netlist, in which every register follows one clock."""
    proof = TableProof(unit.module, 1 << len(netlist.port("x")), unit.layout.entries)
    try:
        return _prove(netlist, unit, proof)
    except Broken as error:
        return replace(proof, wrong=str(error))


def _prove(netlist: Netlist, unit: ProgrammableUnit, proof: TableProof) -> TableProof:
    parts = _parts(netlist, unit)
    core = _combinational(netlist, unit, parts)
    line = line_of(unit)
    for program in unit.programs:
        _check_program(core, unit, parts, program)
    random = np.random.default_rng(0)
    trial = _random_tables(unit, parts, line, random)
    found = Selection.find(core, parts, *_run(core, unit, parts, line, trial))
    while (table := found.counterexample(unit)) is not None:
        # The same segments with other slopes and intercepts: either a result is wrong, or the wire.
        trial = _like(_random_tables(unit, parts, line, random), parts, line, table)
        values, chosen, _ = _run(core, unit, parts, line, trial)
        found = found.without(values, chosen)
    cut = found.cut()
    if cut is None:
        return replace(proof, doubt="y depends on more than the chosen slope and intercept")
    wires = {"x": parts.x, **bit_names(parts), "shifts": parts.shifts}
    sampled, wrong = first_wrong(cut, line, wires)
    if wrong is not None:
        raise Broken(wrong)
    return replace(proof, sampled=sampled)


def _check_program(core: Netlist, unit: ProgrammableUnit, parts: Parts, program: Program) -> None:
    """Compare the unit with the table of a program whose writes it has taken."""
    x, expected = unit.expected_of(program)
    known = dict(zip(parts.x, planes(x, len(parts.x)), strict=True))
    ones = ~np.zeros_like(known[parts.x[0]])
    written = dict(program.writes)
    groups = [*parts.slopes, *parts.intercepts, *parts.breakpoints]
    groups += [parts.shifts] if parts.shifts else []
    for word, wires in zip(words_of(unit.layout), groups, strict=True):
        data = written.get(word.address, 0)
        known |= {wire: ones if data >> i & 1 else ~ones for i, wire in enumerate(wires)}
    cone = core.cone(core.port("y"))
    known |= {wire: ~ones for wire in core.undefined(cone)}
    values = core.evaluate(cone, known)
    y = [values[wire] for wire in core.port("y")]
    if (index := first_unequal(y, expected)) is not None:
        wanted = int(expected[index]) & ((1 << len(y)) - 1)
        raise Broken(
            f"{program.function}: x = {int(x[index])} gives bits {number(y, index)}, not {wanted}"
        )


def _parts(netlist: Netlist, unit: ProgrammableUnit) -> Parts:
    """The registers of every word, by what writes them; raises `Broken` where one is missing."""
    address, data = netlist.port("address"), netlist.port("data")
    (enable,) = netlist.port("write_enable")
    candidates = _candidates(netlist, {enable, *address}, set(data))
    count = np.arange(1 << (len(address) + 3))
    old, new, enabled = (planes((count >> place) & 1, 1)[0] for place in range(3))
    known = {**dict.fromkeys(candidates, old), **dict.fromkeys(data, new), enable: enabled}
    known |= zip(address, planes(count >> 3, len(address)), strict=True)
    ones, zeros = _following(netlist, list(candidates), known)
    found: dict[tuple[int, int], str] = {}
    for word in words_of(unit.layout):
        chosen = planes((count >> 3 == word.address).astype(np.int64), 1)[0] & enabled
        following = (chosen & new) | (~chosen & old)
        for wire, bit in candidates.items():
            if np.array_equal(ones[wire], following) and np.array_equal(zeros[wire], ~following):
                found[word.address, data.index(bit)] = wire
    shifts = _words(found, unit, "shifts")
    return Parts(
        netlist.port("x"),
        _words(found, unit, "slope"),
        _words(found, unit, "intercept"),
        _words(found, unit, "breakpoint"),
        shifts[0] if shifts else [],
    )


def _candidates(netlist: Netlist, others: set[str], data: set[str]) -> dict[str, str]:
    """Registers that depend on themselves, the write port, and one bit of data: which."""
    found: dict[str, str] = {}
    for wire, source in netlist.registers.items():
        leaves = {leaf for leaf in netlist.cone([source]) if leaf not in netlist.gates}
        leaves -= set(netlist.undefined(leaves))
        taken = leaves & data
        if wire in leaves and len(taken) == 1 and leaves - taken <= {wire, *others}:
            (found[wire],) = taken
    return found


def _following(
    netlist: Netlist, registers: Sequence[str], known: Mapping[str, Words]
) -> tuple[dict[str, Words], dict[str, Words]]:
    """
    Where some registers become 1 whatever is undefined, and where 0.

    Of a memory that is not written Yosys leaves address and data undefined.
    """
    sources = {wire: netlist.registers[wire] for wire in registers}
    cone, gates = netlist.cone(sources.values()), netlist.gates
    unknown = np.zeros_like(next(iter(known.values())))
    nothing = dict.fromkeys(netlist.undefined(cone), unknown)
    ones = {**known, **nothing}
    zeros = {**{wire: ~value for wire, value in known.items()}, **nothing}
    settle([(wire, *gates[wire]) for wire in cone if wire in gates], ones, zeros)
    return (
        {wire: ones[source] for wire, source in sources.items()},
        {wire: zeros[source] for wire, source in sources.items()},
    )


def _words(
    found: Mapping[tuple[int, int], str], unit: ProgrammableUnit, kind: str
) -> list[list[str]]:
    words = [word for word in words_of(unit.layout) if word.name.rstrip("0123456789") == kind]
    made: list[list[str]] = []
    for word in words:
        places = [(word.address, place) for place in range(word.width)]
        if missing := [place for address, place in places if (address, place) not in found]:
            raise Broken(
                f"no register takes bit {missing[0]} of data in exactly the writes to address "
                f"{word.address} ({word.name})"
            )
        made.append([found[place] for place in places])
    return made


def _combinational(netlist: Netlist, unit: ProgrammableUnit, parts: Parts) -> Netlist:
    """Registers on the way from x to y as wires, which all paths have `latency` of."""
    words = parts.words
    gates = dict(netlist.gates)
    wanted = netlist.port("y")
    for left in range(unit.latency, -1, -1):
        cone = netlist.cone(wanted)
        stages = sorted({w for w in cone if w in netlist.registers and w not in words})
        if stages if not left else set(parts.x) & set(cone):
            raise Broken(f"the result is not that of the input of {unit.latency} cycles ago")
        gates.update({wire: ("copy", (netlist.registers[wire],)) for wire in stages})
        wanted = [netlist.registers[wire] for wire in stages]
    registers = {wire: source for wire, source in netlist.registers.items() if wire not in gates}
    return replace(netlist, gates=gates, registers=registers)


@dataclass(frozen=True)
class Tables:
    """Tables, one a row, each with one input."""

    x: Integers
    slopes: Integers
    intercepts: Integers
    breakpoints: Integers
    shifts: Integers


def _random_tables(
    unit: ProgrammableUnit, parts: Parts, line: Line, random: np.random.Generator
) -> Tables:
    """Tables whose breakpoints ascend; every other input is one of them."""

    def draw(word: str, count: int) -> Integers:
        columns = [line.draw(random, word, PATTERNS) for _ in range(count)]
        return np.stack(columns, 1) if columns else np.zeros((PATTERNS, 0), np.int64)

    n = unit.layout.entries
    points = line.order(draw("breakpoint", len(parts.breakpoints)))
    x, shifts = draw("x", 1)[:, 0], draw("shifts", 1)[:, 0]
    if points.size:
        x[::2] = points[np.arange(PATTERNS), random.integers(0, n - 1, PATTERNS)][::2]
    return Tables(x, draw("slope", n), draw("intercept", n), points, shifts)


def _like(tables: Tables, parts: Parts, line: Line, example: Mapping[str, int]) -> Tables:
    """The tables with the input and the breakpoints of an example; the first is the example."""

    def words(kind: str, group: Sequence[Sequence[str]]) -> Integers:
        raw = np.array([example[f"{kind}{i}"] for i in range(len(group))], np.int64)
        return line.stored(raw, kind, len(group[0])) if group else raw

    slopes, intercepts = tables.slopes.copy(), tables.intercepts.copy()
    slopes[0], intercepts[0] = words("slope", parts.slopes), words("intercept", parts.intercepts)
    points = np.tile(words("breakpoint", parts.breakpoints), (PATTERNS, 1))
    x = line.stored(np.full(PATTERNS, example["x"], np.int64), "x", len(parts.x))
    return replace(tables, x=x, slopes=slopes, intercepts=intercepts, breakpoints=points)


def _run(
    core: Netlist, unit: ProgrammableUnit, parts: Parts, line: Line, tables: Tables
) -> tuple[dict[str, Words], dict[str, Sequence[Words]], list[Words]]:
    """
    Every wire for tables and inputs, the bits of the words that these select, and the comparisons
    with the breakpoints.

    Raises `Broken` if a result is wrong.
    """
    x, width = tables.x, len(parts.x)
    if parts.breakpoints:
        reached = line.reached(x, tables.breakpoints)
    else:
        segment = (x & ((1 << width) - 1)) >> (width - unit.layout.index_bits)
        reached = (segment[:, None] >= np.arange(1, unit.layout.entries)).astype(np.int64)
    place = np.arange(PATTERNS), reached.sum(1)
    cases = Cases(x, tables.slopes[place], tables.intercepts[place], tables.shifts)
    known = dict(zip(parts.x, planes(x, width), strict=True))
    known |= zip(parts.shifts, planes(tables.shifts, len(parts.shifts)), strict=True)
    groups = (
        (parts.slopes, tables.slopes),
        (parts.intercepts, tables.intercepts),
        (parts.breakpoints, tables.breakpoints),
    )
    for group, columns in groups:
        for i, wires in enumerate(group):
            known |= zip(wires, planes(columns[:, i], len(wires)), strict=True)
    cone = core.cone(core.port("y"))
    known |= {wire: np.zeros_like(known[parts.x[0]]) for wire in core.undefined(cone)}
    values = core.evaluate(cone, known)
    wrong = difference(line, cases, [values[wire] for wire in core.port("y")])
    if wrong is not None:
        raise Broken(f"some table is not computed: {wrong}")
    bits: dict[str, Sequence[Words]] = {
        "slope": planes(cases.slope, len(parts.slopes[0])),
        "intercept": planes(cases.intercept, len(parts.intercepts[0])),
    }
    return values, bits, [planes(column, 1)[0] for column in reached.T]
