"""
Proof of divisions by parts, from the netlist alone, where pairs of operands are too many to try.

The circuit is cut at the wires that `passes/hw/datapath/divided.py` names. Of each part it is shown
that it computes what it should from the wires before it, and depends on nothing else, for all
values that these were shown to take:

    size, negative, valid    from the denominator, by z3
    q, k                     from size, octave by octave: all patterns of the bits that count there
    n                        from x and negative, for all their values
    product                  from q and n, for all pairs of their values
    y                        from product, for each k by z3; from n where the denominator is 0

Registers hold what is before them, and stand in rows: that is shown before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lut_opt.backends.formal.compiled import Compiled
from lut_opt.backends.formal.formulas import load_z3, number_of, translate
from lut_opt.backends.formal.netlist import (
    ONE,
    ZERO,
    Literal,
    Netlist,
    Words,
    first_unequal,
    number,
    planes,
)
from lut_opt.dialects.pwl.hardware import DivideUnit
from lut_opt.dialects.pwl.reduction import MAX_SHIFT
from lut_opt.dialects.quantization import Integers, storage_range
from lut_opt.passes.hw.builder.circuit import width_of

CHUNK = 1 << 18
"""Patterns that are tried together."""

OCTAVE_BITS = 20
"""Bits of an octave that may count."""

WIDTH = 64
"""Bits of numbers in formulas: more than any of the datapath has."""

GONE = "?"
"""Begins the names of wires that nothing needs."""

ABSENT: Mapping[str, Literal] = {"negative": ZERO, "valid": ONE}
"""Wires that are not there where they would always have this value."""

_NAMED = re.compile(r"(unit\.)?(size|negative|valid|q|k|n|product)(?:\[(\d+)\])?")
"""Wires where the circuit is cut; in a stream the unit is an instance."""


class NoParts(Exception):
    """Why a circuit cannot be proved by parts."""


class WrongPart(Exception):
    """A part that is not what it should be."""


def prove_division(netlist: Netlist, unit: DivideUnit) -> str:
    """
    What was shown of which parts. `WrongPart` for the first that is wrong, `NoParts` where the
    netlist has not these parts.
    """
    return _Proof(netlist, unit).prove()


class _Proof:
    def __init__(self, netlist: Netlist, unit: DivideUnit) -> None:
        self.unit, self.semantics = unit, unit.semantics
        held = {wire: ("copy", (source,)) for wire, source in netlist.registers.items()}
        clear = dict.fromkeys(netlist.port("reset"), ZERO)
        flat = replace(netlist, gates={**netlist.gates, **held}, registers={}).given(clear)
        self.driven = {*flat.inputs, *flat.gates}
        self.literals = flat.simplify(self.driven, {})
        self.flat = self.view = flat
        found = [match for wire in self.driven if (match := _NAMED.fullmatch(wire)) is not None]
        inside = [match for match in found if match[1]] or found
        self.named: dict[str, dict[int, str]] = {}
        for match in inside:
            self.named.setdefault(match[2], {})[int(match[3] or 0)] = match[0]

    def prove(self) -> str:
        self._denominator()
        q, k = self._octaves()
        n = self._numerators()
        low, high = self._products(q, n)
        for exponent in k:
            self._results(exponent, low, high)
        if self._vector("valid") != [ONE]:
            self._limits(int(n.min()), int(n.max()))
        pairs = f"{len(q)} x {len(n)} products"
        return f"sizes of all denominators, {len(k)} octaves, {pairs}, {len(k)} shifts"

    # Parts.

    def _denominator(self) -> None:
        """Of any denominator its size, at least 1, its sign, and whether it is not 0."""
        z3, side = load_z3(), self.semantics.denominator
        port = [(wire, False) for wire in self.flat.port("denominator")]
        free = {wire: z3.Bool(wire) for wire, _ in port}
        v = number_of(z3, port, free, WIDTH, signed=side.signed) - side.zero_point
        no, yes = (z3.BitVecVal(bit, WIDTH) for bit in (0, 1))
        self._ask("size", self._vector("size"), z3.If(v == 0, yes, z3.If(v < 0, -v, v)), free)
        self._ask("negative", self._vector("negative"), z3.If(v < 0, yes, no), free)
        self._ask("valid", self._vector("valid"), z3.If(v == 0, no, yes), free)

    def _octaves(self) -> tuple[Integers, list[int]]:
        """The values that q and k take."""
        side = self.semantics.denominator
        low, high = (end - side.zero_point for end in storage_range(side.bits, side.signed))
        most = max(high, -low)
        size = self._vector("size", most.bit_length())
        self._cut(size)
        reached = [self._octave(octave, size, most) for octave in range(most.bit_length())]
        q, k = (np.unique(np.concatenate(each)) for each in zip(*reached, strict=True))
        return q, k.tolist()

    def _octave(self, octave: int, size: Sequence[Literal], most: int) -> tuple[Integers, Integers]:
        """The values that q and k take for sizes from 2^octave to twice that, or the largest."""
        below, fixed = size[:octave], self._fixed(size[octave:], 1)
        outputs = [self._vector("q"), self._vector("k")]
        compiled = self._compiled(f"octave {octave}", outputs, below, fixed)
        places = [place for place, (wire, _) in enumerate(below) if wire in compiled.leaves]
        first = min(places, default=octave)
        while True:
            if octave - first > OCTAVE_BITS:
                raise NoParts(f"{octave - first} bits count in octave {octave}")
            v = (np.arange(1 << octave - first, 2 << octave - first, dtype=np.int64)) << first
            v = v[v <= most]
            found = self.semantics.reduction.reduce(v, 1)
            # Where k is the same, q is monotone: both are constant if they are so at the ends.
            ends = self.semantics.reduction.reduce(np.minimum(v | (1 << first) - 1, most), 1)
            if all(map(np.array_equal, found, ends)):
                break
            first -= 1
        known = self._given(len(v), (below, v & (1 << octave) - 1))
        self._compare(f"octave {octave}", outputs, found, compiled, known, {"size": v})
        return found

    def _numerators(self) -> Integers:
        """The values that n takes."""
        operand, (odd, _) = self.semantics.operand, self.semantics.odd_factor
        low, high = storage_range(operand.bits, operand.signed)
        x = np.arange(low, high + 1, dtype=np.int64)
        negative, n = self._vector("negative"), self._vector("n")
        port = [(wire, False) for wire in self.flat.port("x")]
        self._cut(negative)
        compiled = self._compiled("n", [n], [*port, *negative], {})
        found: list[Integers] = []
        for sign in (0, 1) if negative[0][0] else (int(negative[0][1]),):
            known = self._given(len(x), (port, x), (negative, np.full_like(x, sign)))
            found.append((x - operand.zero_point) * (-odd if sign else odd))
            self._compare("n", [n], found[-1:], compiled, known, {"x": x})
        return np.unique(np.concatenate(found))

    def _products(self, q: Integers, n: Integers) -> tuple[int, int]:
        """Ends of the values that the product takes."""
        q_bits, n_bits = (self._vector(name, _width(v)) for name, v in (("q", q), ("n", n)))
        product = self._vector("product")
        self._cut([*q_bits, *n_bits])
        compiled = self._compiled("product", [product], [*q_bits, *n_bits], {})
        r = self.semantics.reciprocal.evaluate(q, self.semantics.core.sides[1])
        low, high = 0, 0
        for first in range(0, len(q) * len(n), CHUNK):
            index = np.arange(first, min(first + CHUNK, len(q) * len(n)), dtype=np.int64)
            at, ns = index // len(n), n[index % len(n)]
            wanted, known = r[at] * ns, self._given(len(at), (q_bits, q[at]), (n_bits, ns))
            self._compare("product", [product], [wanted], compiled, known, {"q": q[at], "n": ns})
            low, high = min(low, int(wanted.min())), max(high, int(wanted.max()))
        return low, high

    def _results(self, k: int, low: int, high: int) -> None:
        """The result of every product in a range, of one exponent."""
        z3, semantics = load_z3(), self.semantics
        product = self._vector("product", width_of(low, high))
        fixed = {**self._fixed(self._vector("k"), k), **self._fixed(self._vector("valid"), 1)}
        self._cut([*product, *((wire, False) for wire in fixed)])
        free = {wire: z3.Bool(wire) for wire, _ in product if wire}
        p = number_of(z3, product, free, WIDTH, signed=low < 0)
        shift = min(max(k + semantics.core.fraction + semantics.factor[1], 0), MAX_SHIFT)
        y = ((p << semantics.odd_factor[1]) + ((1 << shift) >> 1)) >> shift
        y = y + semantics.result.zero_point
        least, most = semantics.result.minimum, semantics.result.maximum
        y = z3.If(y < least, least, z3.If(y > most, most, y))
        self._ask(
            f"y of k = {k}",
            self._y(),
            y,
            free,
            fixed,
            [p >= low, p <= high],
        )

    def _limits(self, low: int, high: int) -> None:
        """What a numerator over 0 gives."""
        z3, result, n = load_z3(), self.semantics.result, self._vector("n", width_of(low, high))
        fixed = self._fixed(self._vector("valid"), 0)
        self._cut([*n, *((wire, False) for wire in fixed)])
        free = {wire: z3.Bool(wire) for wire, _ in n if wire}
        given = number_of(z3, n, free, WIDTH, signed=low < 0)
        zero = min(max(result.zero_point, result.minimum), result.maximum)
        ends = (z3.BitVecVal(end, WIDTH) for end in (result.minimum, zero, result.maximum))
        least, middle, most = ends
        y = z3.If(given < 0, least, z3.If(given == 0, middle, most))
        self._ask(
            "y over 0",
            self._y(),
            y,
            free,
            fixed,
            [given >= low, given <= high],
        )

    # Wires.

    def _y(self) -> list[Literal]:
        return [self.literals[wire] for wire in self.flat.port("y")]

    def _vector(self, name: str, width: int = 1) -> list[Literal]:
        """
        A named wire of at least so many bits, the lowest first, each by what is behind it.

        Bits that nothing needs are not in the netlist: they stand for themselves.
        """
        found = {place: self.literals[wire] for place, wire in self.named.get(name, {}).items()}
        if not found and name not in ABSENT:
            raise NoParts(f"the text has no wire named {name}")
        if not found:
            return [ABSENT[name]]
        gone = [
            (f"{GONE}{name}[{at}]", False) for at in range(max(width, *(at + 1 for at in found)))
        ]
        there = {at: each for at, each in found.items() if not each[0] or each[0] in self.driven}
        return [there.get(at, each) for at, each in enumerate(gone)]

    def _cut(self, bits: Iterable[Literal]) -> None:
        """What follows begins at these wires."""
        stops = {wire for wire, _ in bits}
        gates = {wire: gate for wire, gate in self.flat.gates.items() if wire not in stops}
        self.view = replace(self.flat, gates=gates)

    def _fixed(self, bits: Sequence[Literal], value: int) -> dict[str, Literal]:
        """The constants that make some bits a number."""
        found: dict[str, Literal] = {}
        for place, (wire, inverted) in enumerate(bits):
            bit = bool(value >> place & 1) ^ inverted
            if found.setdefault(wire, ("", bit)) != ("", bit) or (not wire and bit):
                raise NoParts(f"the bits of a number that is {value} are not independent")
        return {wire: literal for wire, literal in found.items() if wire}

    def _given(self, count: int, *groups: tuple[Sequence[Literal], Integers]) -> dict[str, Words]:
        """What wires are where some bits are numbers."""
        known = {"": planes(np.zeros(count, np.int64), 1)[0]}
        for bits, values in groups:
            for (wire, inverted), plane in zip(bits, planes(values, len(bits)), strict=True):
                value = ~plane if inverted else plane
                if wire and not np.array_equal(known.setdefault(wire, value), value):
                    raise NoParts(f"{wire} stands for several bits that differ")
        return known

    def _compiled(
        self,
        what: str,
        outputs: Sequence[Sequence[Literal]],
        free: Iterable[Literal],
        fixed: Mapping[str, Literal],
    ) -> Compiled:
        """The cone of some numbers, which may depend on some wires and nothing else."""
        wires = [wire for bits in outputs for wire, _ in bits if _is_there(wire)]
        compiled = Compiled(self.view, wires, fixed)
        if foreign := sorted(compiled.leaves.keys() - {wire for wire, _ in free}):
            raise WrongPart(f"{what} depends on {foreign[0]}, too")
        return compiled

    def _compare(
        self,
        what: str,
        outputs: Sequence[Sequence[Literal]],
        wanted: Sequence[Integers],
        compiled: Compiled,
        known: Mapping[str, Words],
        said: Mapping[str, Integers],
    ) -> None:
        """Raise `WrongPart` for the first pattern that does not give the numbers."""
        computed = iter(compiled.run(known))
        for bits, values in zip(outputs, wanted, strict=True):
            found = planes(values, len(bits))
            for place, (wire, inverted) in enumerate(bits):
                if not wire.startswith(GONE):
                    plane = next(computed) if wire else known[""]
                    found[place] = ~plane if inverted else plane
            if (at := first_unequal(found, values)) is not None:
                given = ", ".join(f"{name} = {int(each[at])}" for name, each in said.items())
                bits_found, right = number(found, at), int(values[at])
                raise WrongPart(f"{what}: {given} gives the bits {bits_found:#x}, not {right}")

    def _ask(
        self,
        what: str,
        bits: Sequence[Literal],
        wanted: Any,
        free: Mapping[str, Any],
        fixed: Mapping[str, Literal] | None = None,
        assumed: Sequence[Any] = (),
    ) -> None:
        """Raise `WrongPart` where the solver knows values for which bits are not a number's."""
        z3, fixed = load_z3(), fixed or {}
        self._compiled(what, [bits], [(wire, False) for wire in free], fixed)
        wires = [wire for wire, _ in bits if _is_there(wire)]
        values = translate(z3, self.view.given(fixed, wires), wires, free)
        solver = z3.SolverFor("QF_BV")
        values |= {wire: z3.Bool(wire) for wire, _ in bits if wire.startswith(GONE)}
        found = number_of(z3, bits, values, WIDTH, signed=False) ^ wanted
        wrong = [
            z3.Extract(place, place, found) == 1
            for place, (wire, _) in enumerate(bits)
            if not wire.startswith(GONE)
        ]
        solver.add(*assumed, z3.Or(*wrong))
        if solver.check() != z3.unsat:
            raise WrongPart(f"{what} is not what it should be")


def _is_there(wire: str) -> bool:
    """Whether a wire is neither a constant nor one that nothing needs."""
    return bool(wire) and not wire.startswith(GONE)


def _width(values: Integers) -> int:
    """Bits that hold all values."""
    return width_of(int(values.min()), int(values.max()))
