"""
Proof of weightless blocks by parts, from the netlist alone.

Each level of the plan (`Parts`) ends in named wires; the next level is shown to compute what it
should from these, whatever values they have, and to depend on nothing else:

- a bit of the encoder, from the wires of its feature, for all their values;
- a LUT, from the wires that it is connected to, for all their values;
- a leaf of a sum, from its bits; an adder, from its two nodes; the rounding, from its sum.

Names are only where the cuts are: what is shown holds for whatever those wires are. Where a part
has too many inputs to try all, z3 decides. Registers hold what the wire before them has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from lut_opt.backends.formal.compiled import Compiled
from lut_opt.backends.formal.formulas import load_z3, number_of, translate
from lut_opt.backends.formal.netlist import ZERO, Literal, Netlist, first_unequal, number, planes
from lut_opt.dialects.lutnet.hardware import Adder, Leaf, NetworkUnit, Node
from lut_opt.dialects.quantization import Integers
from lut_opt.passes.hw.builder.circuit import width_of

TRIED_BITS = 24
"""Inputs of a part of which all patterns are tried; of an adder's fewer."""

TRIED_ADDER_BITS = 18

CHUNK_BITS = 18
"""Patterns that are tried together, as a power of two."""

_NONE, _ALL = np.uint64(0), ~np.uint64(0)


class Unproved(Exception):
    """Why a part is not what it should be, or cannot be shown to be."""


class Kind(StrEnum):
    """Of a part, in the plural."""

    THRESHOLD = "thresholds"
    LUT = "LUTs"
    NODE = "nodes of sums"
    RESULT = "results"


Shown = Counter[tuple[Kind, str]]
"""The parts of a block that were shown, each with how often there is one of its name."""


def counts(shown: Shown) -> str:
    """How many parts of each kind, as in a proof's line."""
    kinds = dict.fromkeys(Kind, 0)
    for (kind, _), count in shown.items():
        kinds[kind] += count
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())


Spec = Callable[[Sequence[Integers]], Integers]
"""What the outputs of a part are as one number, by the numbers on its inputs."""


def _total(sides: Sequence[Integers]) -> Integers:
    left, right = sides
    return left + right


@dataclass(frozen=True)
class Part:
    """A number that is computed of others: bits, the lowest first, and what it should be."""

    kind: Kind
    what: str
    outputs: Sequence[Literal]
    inputs: Sequence[Sequence[Literal]]
    signed: Sequence[bool]
    spec: Spec
    key: tuple[object, ...] = ()
    """Equal for equal meanings, where one part has been shown for all; () for one of a kind."""
    adder: bool = False
    """Whether it is the sum of its inputs, which z3 can be asked for."""
    within: tuple[int, int] | None = None
    """The range that the first input stays in, by what was shown before; None: all values count."""


def prove_network(netlist: Netlist, unit: NetworkUnit, results: range | None = None) -> Shown:
    """
    Show every part of a block that some of its results need, which are all by default.

    The netlist has the bits of these results alone. Raises `Unproved` for the first part that is
    not what it should be.
    """
    everything = range(unit.block.readout.results)
    return _Proof(netlist, unit, everything if results is None else results).prove()


class _Proof:
    def __init__(self, netlist: Netlist, unit: NetworkUnit, results: range) -> None:
        self.netlist, self.results = netlist, results
        self.unit, self.block, self.parts = unit, unit.block, unit.parts
        driven = {*netlist.inputs, *netlist.gates, *netlist.registers}
        # Registers that a reset clears hold what they take while there is none.
        reset = dict.fromkeys(netlist.port("reset"), ZERO)
        self.literals = netlist.simplify(driven, reset)
        """Each wire by the and-gate, register or port behind it, and whether it is inverted."""
        self.driven = driven
        self.prefix = self._prefix()
        self.level = -1
        self.view = netlist
        """The netlist without what is before the wires at which the level begins."""
        self.seen: set[tuple[object, ...]] = set()
        self.shown: Shown = Counter()
        self.current: dict[str, list[Literal]] = {}
        """The wires of the nodes of sums that the next level sees."""

    def prove(self) -> Shown:
        bits = self._encoder(self._ports())
        for layer in range(len(self.block.layers)):
            bits = self._layer(layer, bits)
        nodes = self._nodes(0, lambda node: self._leaf(node, bits))
        for depth in range(1, self.parts.depth + 1):
            below = nodes
            nodes = self._nodes(depth, lambda node, below=below: self._adder(node, below))
        self._results(nodes)
        return self.shown

    # Levels.

    def _ports(self) -> list[list[Literal]]:
        operand, result = self.block.operand, self.block.result
        features = self.block.thermometer.features
        sizes = (("x", features * operand.bits), ("y", len(self.results) * result.bits))
        for port, size in sizes:
            if len(self.netlist.port(port)) != size:
                raise Unproved(f"port {port} of the text has not {size} bits")
        x = list(map(self._literal, self.netlist.port("x")))
        self._begin(x)
        return [x[f * operand.bits : (f + 1) * operand.bits] for f in range(features)]

    def _encoder(self, x: list[list[Literal]]) -> list[Literal]:
        operand = self.block.operand
        names = self._vector("bits", self.block.thermometer.bits)
        for place, (feature, threshold) in enumerate(self.block.thermometer.places):
            self._show(
                Part(
                    Kind.THRESHOLD,
                    f"threshold {threshold} of feature {feature}",
                    [names[place]],
                    [x[feature]],
                    [operand.signed],
                    lambda q, threshold=threshold: (q[0] > threshold).astype(np.int64),
                )
            )
        return self._end("bits", names)

    def _layer(self, layer: int, bits: list[Literal]) -> list[Literal]:
        luts = self.block.layers[layer]
        names = self._vector(f"layer{layer}", luts.count)
        pairs = zip(luts.connections, luts.tables, strict=True)
        for lut, (row, table) in enumerate(pairs):
            answers = np.array([table >> at & 1 for at in range(1 << len(row))], np.int64)
            self._show(
                Part(
                    Kind.LUT,
                    f"LUT {lut} of layer {layer}",
                    [names[lut]],
                    [[bits[wire] for wire in row]],
                    [False],
                    lambda address, answers=answers: answers[address[0]],
                )
            )
        return self._end(f"layer{layer}", names)

    def _nodes(self, depth: int, show: Callable[[Node], None]) -> dict[str, list[Literal]]:
        """The wires of each node of a level, shown and behind registers where these are."""
        found: dict[str, list[Literal]] = {}
        for node in self._all(depth):
            if node.name.split("_")[1] == str(depth):
                show(node)
                found[node.name] = self._vector(node.name, width_of(node.low, node.high))
            else:
                found[node.name] = self.current[node.name]
        self.level += 1
        if self.level in self.parts.registered:
            found = {name: self._behind(name, wires) for name, wires in found.items()}
        self._begin([wire for wires in found.values() for wire in wires])
        self.current = found
        return found

    def _leaf(self, node: Node, bits: list[Literal]) -> None:
        assert isinstance(node, Leaf)
        weights = np.array([weight for _, weight in node.terms], np.int64)
        places = np.arange(len(weights))

        def spec(address: Sequence[Integers]) -> Integers:
            return (address[0][:, None] >> places & 1) @ weights + node.constant

        wires = [[bits[wire] for wire, _ in node.terms]]
        outputs = self._vector(node.name, width_of(node.low, node.high))
        self._show(Part(Kind.NODE, f"leaf {node.name}", outputs, wires, [False], spec))

    def _adder(self, node: Node, below: Mapping[str, list[Literal]]) -> None:
        assert isinstance(node, Adder)
        sides = node.left, node.right
        outputs = self._vector(node.name, width_of(node.low, node.high))
        inputs, signed = [below[side.name] for side in sides], [side.low < 0 for side in sides]
        what, key = f"adder {node.name}", ("adder", len(outputs), *signed)
        self._show(Part(Kind.NODE, what, outputs, inputs, signed, _total, key, adder=True))

    def _results(self, nodes: Mapping[str, list[Literal]]) -> None:
        total, stored = self.block.readout, self.block.result
        y = list(map(self._literal, self.netlist.port("y")))
        self.level += 1
        if self.level in self.parts.registered:
            y = list(map(self._behind_port, y))
        for place, result in enumerate(self.results):
            (root,) = self.parts.nodes(result, self.parts.depth)

            def spec(sums: Sequence[Integers]) -> Integers:
                return np.clip(sums[0] >> total.shift, stored.minimum, stored.maximum)

            outputs = y[place * stored.bits : (place + 1) * stored.bits]
            within, inputs = (root.low, root.high), [nodes[root.name]]
            signed, key = [root.low < 0], ("result", *within)
            part = Part(Kind.RESULT, f"result {result}", outputs, inputs, signed, spec, key)
            self._show(replace(part, within=within))

    def _all(self, depth: int) -> Iterable[Node]:
        """The nodes of a level, each once."""
        nodes = [node for result in self.results for node in self.parts.nodes(result, depth)]
        return {node.name: node for node in nodes}.values()

    def _behind_port(self, literal: Literal) -> Literal:
        if (taken := self._taken(literal)) is None:
            raise Unproved(f"{literal[0]} should be a register, and is none")
        return taken

    # Wires.

    def _prefix(self) -> str:
        """In a stream the block is an instance."""
        names = {wire.partition("[")[0] for wire in self.driven}
        return "" if "bits" in names else "unit."

    def _vector(self, name: str, width: int) -> list[Literal]:
        """A named wire, the lowest bit first."""
        name = self.prefix + name
        wires = [name] if width == 1 else [f"{name}[{place}]" for place in range(width)]
        return list(map(self._literal, wires))

    def _literal(self, wire: str) -> Literal:
        """What is behind a wire; itself if nothing drives it."""
        return self.literals.get(wire, (wire, False))

    def _end(self, name: str, wires: list[Literal]) -> list[Literal]:
        self.level += 1
        if self.level in self.parts.registered:
            wires = self._behind(name, wires)
        self._begin(wires)
        return wires

    def _behind(self, name: str, wires: list[Literal]) -> list[Literal]:
        """The registers behind the wires of a level, which take exactly these."""
        registers = self._vector(f"{name}_q{self.level}", len(wires))
        for register, wire in zip(registers, wires, strict=True):
            if not self._is_gone(register) and self._taken(register) != wire:
                raise Unproved(f"{register[0]} does not take {wire[0]}, or is no register")
        return registers

    def _taken(self, literal: Literal) -> Literal | None:
        """What a register takes, None for what is no register; a constant is its own register."""
        wire, inverted = literal
        if not wire:
            return literal
        if wire not in self.netlist.registers:
            return None
        source, flipped = self.literals[self.netlist.registers[wire]]
        return source, flipped ^ inverted

    def _is_gone(self, literal: Literal) -> bool:
        """Whether nothing drives a wire: what no result needs is not in the netlist."""
        return bool(literal[0]) and literal[0] not in self.driven

    def _begin(self, wires: Iterable[Literal]) -> None:
        """The next level starts at these wires."""
        stops = {wire for wire, _ in wires}
        gates = {wire: gate for wire, gate in self.netlist.gates.items() if wire not in stops}
        self.view = replace(self.netlist, gates=gates)

    # Parts.

    def _show(self, part: Part) -> None:
        """Show one part, or raise `Unproved`; one that nothing uses is not there."""
        kept = [at for at, literal in enumerate(part.outputs) if not self._is_gone(literal)]
        if not kept:
            return
        self.shown[part.kind, part.what] += 1
        outputs = [part.outputs[at] for at in kept]
        free = list(dict.fromkeys(wire for group in part.inputs for wire, _ in group if wire))
        compiled = Compiled(self.view, [wire for wire, _ in outputs if wire], {})
        if foreign := sorted(compiled.leaves.keys() - set(free)):
            raise Unproved(f"{part.what} depends on {foreign[0]}, too")
        if undriven := sorted(compiled.leaves.keys() - self.driven):
            raise Unproved(f"{part.what} depends on {undriven[0]}, which nothing drives")
        names = {wire: f"v{place}" for place, wire in enumerate(free)}

        def renamed(bits: Sequence[Literal]) -> tuple[tuple[str | None, bool], ...]:
            return tuple((names.get(wire), inverted) for wire, inverted in bits)

        ends = renamed(outputs), *map(renamed, part.inputs)
        key = (part.key, *kept, ends, compiled.renamed(names))
        if part.key and key in self.seen:
            return
        if len(free) <= (TRIED_ADDER_BITS if part.adder else TRIED_BITS):
            for first in range(0, 1 << len(free), 1 << CHUNK_BITS):
                last = min(first + (1 << CHUNK_BITS), 1 << len(free))
                _try(part, kept, compiled, free, np.arange(first, last, dtype=np.int64))
        elif part.adder:
            _ask_z3(part, kept, self.view, free)
        else:
            raise Unproved(f"{part.what} has {len(free)} inputs, too many to try all")
        self.seen.add(key)


def _try(
    part: Part,
    kept: Sequence[int],
    compiled: Compiled,
    free: Sequence[str],
    patterns: Integers,
) -> None:
    """Compare the bits of a part that are there with its meaning, for patterns of its inputs."""
    place = {wire: place for place, wire in enumerate(free)}

    def bit(literal: Literal) -> Integers:
        wire, inverted = literal
        value = patterns >> place[wire] & 1 if wire else np.zeros_like(patterns)
        return value ^ int(inverted)

    numbers = [
        _number([bit(each) for each in group], signed, len(patterns))
        for group, signed in zip(part.inputs, part.signed, strict=True)
    ]
    expected = part.spec(numbers)
    if part.within is not None:
        low, high = part.within
        counts = (numbers[0] >= low) & (numbers[0] <= high)
    else:
        counts = np.ones(len(patterns), np.bool_)
    expected = sum((expected >> at & 1) << place for place, at in enumerate(kept)) + 0 * patterns
    given = planes(patterns, max(len(free), 1))
    computed = iter(compiled.run(dict(zip(free, given, strict=False)) or {"": given[0]}))
    found = [
        (next(computed) if wire else np.zeros_like(given[0])) ^ (_ALL if inverted else _NONE)
        for wire, inverted in (part.outputs[at] for at in kept)
    ]
    (matters,) = planes(counts.astype(np.int64), 1)
    found = [each & matters for each in found]
    if (wrong := first_unequal(found, np.where(counts, expected, 0))) is not None:
        said = ", ".join(str(int(each[wrong])) for each in numbers)
        seen, wanted = number(found, wrong), int(expected[wrong])
        raise Unproved(f"{part.what} gives the bits {seen:#x} for {said}, not {wanted:#x}")


def _number(bits: Sequence[Integers], signed: bool, count: int) -> Integers:
    """Numbers of bits, the lowest first."""
    total = np.zeros(count, np.int64)
    for place, bit in enumerate(bits):
        weight = -(1 << place) if signed and place == len(bits) - 1 else 1 << place
        total += bit * weight
    return total


def _ask_z3(part: Part, kept: Sequence[int], view: Netlist, free: Sequence[str]) -> None:
    """An adder of two wide numbers, for all of them."""
    z3, width = load_z3(), len(part.outputs)
    leaves = {wire: z3.Bool(wire) for wire in free}
    bits = [part.outputs[at] for at in kept]
    values = translate(z3, view, [wire for wire, _ in bits if wire], leaves)
    left, right = (
        number_of(z3, side[:width], values, width, signed=signed and len(side) <= width)
        for side, signed in zip(part.inputs, part.signed, strict=True)
    )
    total, asked = left + right, z3.Solver()
    found = [number_of(z3, [each], values, 1, signed=False) for each in bits]
    wanted = [z3.Extract(at, at, total) for at in kept]
    asked.add(z3.Or(*(a != b for a, b in zip(found, wanted, strict=True))))
    if str(asked.check()) != "unsat":
        raise Unproved(f"{part.what} is not the sum of its sides")
