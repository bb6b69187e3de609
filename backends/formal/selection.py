"""
Which word of a programmable table an input selects: where that stands in the gates, and a proof.

`Selection.find` looks for wires that behave as the chosen slope and intercept for many random
tables and inputs, and as the comparisons with the breakpoints; `prove` shows with an SMT solver
(z3) that they are just that, first the comparisons one by one, then the choice among the words, for
every input and every contents of the table whose breakpoints ascend. Cut at slope and intercept,
the rest of the unit is a multiplication and an addition, which no longer know of a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from lut_opt.backends.formal.formulas import load_z3, translate
from lut_opt.backends.formal.netlist import Netlist, Words
from lut_opt.dialects.pwl.hardware import ProgrammableUnit


@dataclass(frozen=True)
class Parts:
    """The wires of the words of a unit, lowest bits first, and of its input."""

    x: Sequence[str]
    slopes: Sequence[Sequence[str]]
    intercepts: Sequence[Sequence[str]]
    breakpoints: Sequence[Sequence[str]]
    shifts: Sequence[str]

    @property
    def words(self) -> set[str]:
        """All wires of the table."""
        groups = (*self.slopes, *self.intercepts, *self.breakpoints, self.shifts)
        return {wire for group in groups for wire in group}


@dataclass(frozen=True)
class Selection:
    """Wires that are bits of the chosen words, or comparisons of the input with a breakpoint."""

    netlist: Netlist
    parts: Parts
    chosen: Mapping[str, tuple[str, int, bool]]
    """Word, bit, and whether the wire is inverted."""
    reached: Mapping[str, tuple[int, bool]]
    """Number of the breakpoint, and whether the wire is inverted."""

    @classmethod
    def find(
        cls,
        netlist: Netlist,
        parts: Parts,
        values: Mapping[str, Words],
        chosen: Mapping[str, Sequence[Words]],
        reached: Sequence[Words],
    ) -> Selection:
        """
        `values` are all wires for many patterns; `chosen` the bits of "slope" and "intercept",
        `reached` the comparisons, for the same.

        Every wire that has the values of such a bit counts, also those that are equal by chance:
        what is not equal fails to be proved.
        """
        bits = {
            (~bit if inverted else bit).tobytes(): (word, place, inverted)
            for word, group in chosen.items()
            for place, bit in enumerate(group)
            for inverted in (True, False)
        }
        points = {
            (~bit if inverted else bit).tobytes(): (place, inverted)
            for place, bit in enumerate(reached)
            for inverted in (True, False)
        }
        keys = {wire: value.tobytes() for wire, value in values.items() if wire in netlist.gates}
        return cls(
            netlist,
            parts,
            {wire: bits[key] for wire, key in keys.items() if key in bits},
            {wire: points[key] for wire, key in keys.items() if key in points},
        )

    def cut(self) -> Netlist | None:
        """The netlist with inputs `slope` and `intercept`; None if y needs more of the table."""
        gates = dict(self.netlist.gates)
        words = bit_names(self.parts)
        for wire, (word, place, inverted) in self.chosen.items():
            gates[wire] = "not" if inverted else "copy", (words[word][place],)
        parts = self.parts
        names = [wire for wires in words.values() for wire in wires]
        made = replace(self.netlist, gates=gates, inputs=[*self.netlist.inputs, *names])
        leaves = {wire for wire in made.cone(made.port("y")) if wire not in gates}
        return made if leaves <= {*names, *parts.x, *parts.shifts} else None

    def without(
        self, values: Mapping[str, Words], chosen: Mapping[str, Sequence[Words]]
    ) -> Selection:
        """The selection without the wires that are something else for these patterns."""
        kept = {
            wire: (word, place, inverted)
            for wire, (word, place, inverted) in self.chosen.items()
            if np.array_equal(~values[wire] if inverted else values[wire], chosen[word][place])
        }
        return replace(self, chosen=kept)

    def counterexample(self, unit: ProgrammableUnit) -> dict[str, int] | None:
        """
        None if every wire is the bit of the chosen word that it seems to be, for every input and
        every table; otherwise the bits of x and of all words for which some wire is not.
        """
        z3 = load_z3()
        words, bits = self._variables(z3)
        compared, assumptions = _comparisons(z3, unit, words)
        known = self._comparators(z3, compared, bits)
        solver = z3.SolverFor("QF_BV")
        if len({place for place, _ in known.values()}) < len(compared):
            solver.add(*assumptions)
        # What is proved stands for itself from here on.
        free = {place: z3.Bool(f"reached{place}") for place, _ in known.values()}
        reached = [free.get(place, formula) for place, formula in enumerate(compared)]
        for wire, (place, inverted) in known.items():
            bits[wire] = z3.Not(reached[place]) if inverted else reached[place]
        solver.add(*(z3.Implies(b, a) for a, b in pairwise(reached)))
        gates = translate(z3, self.netlist, list(self.chosen), bits)
        chosen = {kind: _choose(z3, unit, words, kind, reached) for kind in ("slope", "intercept")}
        different: list[Any] = []
        for wire, (word, place, inverted) in self.chosen.items():
            bit = z3.Extract(place, place, chosen[word]) == 1
            different.append(gates[wire] == (bit if inverted else z3.Not(bit)))
        solver.add(z3.Or(*different))
        if solver.check() == z3.unsat:
            return None
        # Now with a table that makes the comparisons what they are.
        solver.add(*assumptions, *(wire == compared[place] for place, wire in free.items()))
        if solver.check() == z3.unsat:
            return None
        model = solver.model()
        return {name: model.eval(word, True).as_long() for name, word in words.items()}

    def _comparators(
        self, z3: Any, reached: Sequence[Any], bits: Mapping[str, Any]
    ) -> dict[str, tuple[int, bool]]:
        """The wires that are comparisons, whatever the other breakpoints are."""
        solver = z3.SolverFor("QF_BV")
        gates = translate(z3, self.netlist, list(self.reached), bits)
        proved: dict[str, tuple[int, bool]] = {}
        for wire, (place, inverted) in self.reached.items():
            solver.push()
            solver.add(gates[wire] == (reached[place] if inverted else z3.Not(reached[place])))
            if solver.check() == z3.unsat:
                proved[wire] = place, inverted
            solver.pop()
        return proved

    def _variables(self, z3: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """A bit vector for x and every word, and each of their wires as a formula."""
        parts = self.parts
        groups = {"x": [parts.x], "slope": parts.slopes, "intercept": parts.intercepts}
        groups["breakpoint"] = parts.breakpoints
        words: dict[str, Any] = {}
        bits: dict[str, Any] = {}
        for kind, group in groups.items():
            for i, wires in enumerate(group):
                name = kind if kind == "x" else f"{kind}{i}"
                words[name] = z3.BitVec(name, len(wires))
                for place, wire in enumerate(wires):
                    bits[wire] = z3.Extract(place, place, words[name]) == 1
        return words, bits


def bit_names(parts: Parts) -> dict[str, list[str]]:
    """The inputs of a netlist that is cut at the chosen words."""
    widths = {"slope": len(parts.slopes[0]), "intercept": len(parts.intercepts[0])}
    return {word: [f"${word}[{i}]" for i in range(width)] for word, width in widths.items()}


def _comparisons(
    z3: Any, unit: ProgrammableUnit, words: Mapping[str, Any]
) -> tuple[list[Any], list[Any]]:
    """Whether each segment but the first is reached, and what holds of the breakpoints."""
    n, x = unit.layout.entries, words["x"]
    points = [words[f"breakpoint{i}"] for i in range(n - 1) if unit.layout.breakpoint_bits]
    if not points:
        places = unit.layout.index_bits
        segment = z3.Extract(x.size() - 1, x.size() - places, x)
        return [z3.UGE(segment, i) for i in range(1, n)], []
    if unit.operand is None:
        position = _position(z3, x, unit.flush)
        ordered = [_position(z3, point, False) for point in points]
        numbers = [z3.Not(_is_nan(z3, point)) for point in points]
        reached = [z3.And(z3.Not(_is_nan(z3, x)), position >= point) for point in ordered]
        return reached, [*numbers, *(a <= b for a, b in pairwise(ordered))]
    if unit.operand.signed:
        return [point <= x for point in points], [a <= b for a, b in pairwise(points)]
    return [z3.ULE(p, x) for p in points], [z3.ULE(a, b) for a, b in pairwise(points)]


def _choose(
    z3: Any, unit: ProgrammableUnit, words: Mapping[str, Any], kind: str, reached: Sequence[Any]
) -> Any:
    """The word that the table's definition chooses."""
    word = words[f"{kind}0"]
    for i in range(1, unit.layout.entries):
        word = z3.If(reached[i - 1], words[f"{kind}{i}"], word)
    return word


def _position(z3: Any, number: Any, flush: bool) -> Any:
    """Where a single-precision number stands among all: zeros of both signs at 0."""
    magnitude = z3.ZeroExt(2, z3.Extract(30, 0, number))
    if flush:
        tiny = z3.Extract(30, 23, number) == 0
        magnitude = z3.If(tiny, z3.BitVecVal(0, 33), magnitude)
    return z3.If(z3.Extract(31, 31, number) == 1, -magnitude, magnitude)


def _is_nan(z3: Any, number: Any) -> Any:
    return z3.UGT(z3.Extract(30, 0, number), 0x7F800000)
