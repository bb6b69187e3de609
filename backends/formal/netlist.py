"""
Netlists of and-gates, inverters and registers: read from BLIF, evaluated for many patterns at once.

Patterns are bits of 64-bit words: word j of a wire holds its value in patterns 64·j … 64·j + 63.

    netlists = read_netlists(verilog)         # as Yosys reads the text
    cone = netlists["unit"].cone(outputs)
    values = netlists["unit"].evaluate(cone, known)

Format: "Berkeley Logic Interchange Format (BLIF)", University of California, Berkeley, 1992.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lut_opt.backends.errors import BackendError
from lut_opt.backends.synthesis.synthesize import run_yosys
from lut_opt.dialects.quantization import Integers

Words = NDArray[np.uint64]
"""Values of one wire, 64 patterns a word."""

WORD = 64

Literal = tuple[str, bool]
"""A wire, and whether it is inverted; the wire "" is the constant 0."""

ZERO, ONE = ("", False), ("", True)

_ALL = np.uint64((1 << WORD) - 1)

_COVERS = {("11 1",): "and", ("0 1",): "not", ("1 1",): "copy", ("1",): "one", (): "zero"}
"""The lines of a gate in BLIF, and what they mean."""


@dataclass(frozen=True)
class Stored:
    """
    What a bit of storage takes and when: `re`, at the rising edge of `clock`; `ah` and `al`, a
    latch, while `clock` is high or low.
    """

    source: str
    kind: str
    clock: str


@dataclass
class Netlist:
    """One module: a wire is a name, a bit of a port `x` is `x[0]`, or `x` if it is the only one."""

    name: str
    inputs: list[str] = field(default_factory=list[str])
    outputs: list[str] = field(default_factory=list[str])
    gates: dict[str, tuple[str, tuple[str, ...]]] = field(
        default_factory=dict[str, tuple[str, tuple[str, ...]]]
    )
    """For each wire that a gate drives: `and`, `not`, `copy`, `one` or `zero`, and its inputs."""
    registers: dict[str, str] = field(default_factory=dict[str, str])
    """For each wire that a register drives the wire that it takes at the clock edge."""
    stored: dict[str, Stored] = field(default_factory=dict[str, Stored])
    """Storage of other kinds, which `clocks.plain` turns into registers."""
    problems: list[str] = field(default_factory=list[str])
    """What the file has that this cannot hold."""

    def port(self, name: str) -> list[str]:
        """The wires of a port, the lowest bit first; none if there is no such port."""
        found: dict[int, str] = {}
        for wire in (*self.inputs, *self.outputs):
            match = re.fullmatch(rf"{re.escape(name)}(?:\[(\d+)\])?", wire)
            if match is not None:
                found[int(match[1] or 0)] = wire
        return [found[bit] for bit in sorted(found)]

    def cone(self, wires: Iterable[str]) -> list[str]:
        """Every wire that some depend on within a cycle, inputs of gates before their outputs."""
        reached: set[str] = set()
        order: list[str] = []
        open_ = [(wire, False) for wire in wires]
        while open_:
            wire, done = open_.pop()
            if done:
                order.append(wire)
            elif wire not in reached:
                reached.add(wire)
                open_.append((wire, True))
                open_ += [(each, False) for each in self.gates.get(wire, ("", ()))[1]]
        return order

    def source(self, wire: str) -> str:
        """The wire itself, behind copies."""
        while (gate := self.gates.get(wire)) is not None and gate[0] == "copy":
            (wire,) = gate[1]
        return wire

    def simplify(self, wires: Iterable[str], fixed: Mapping[str, Literal]) -> dict[str, Literal]:
        """Each wire of a cone as a constant or a literal of a simpler one, given some constants."""
        found = dict(fixed)
        for wire in self.cone(wires):
            if wire in found:
                continue
            kind, sources = self.gates.get(wire, ("", ()))
            literals = [found[source] for source in sources]
            match kind:
                case "and":
                    found[wire] = _both(wire, *literals)
                case "not":
                    found[wire] = literals[0][0], not literals[0][1]
                case "copy":
                    found[wire] = literals[0]
                case "zero" | "one":
                    found[wire] = ("", kind == "one")
                case _:
                    found[wire] = wire, False
        return found

    def given(self, fixed: Mapping[str, Literal], wires: Iterable[str] | None = None) -> Netlist:
        """The netlist with some constants, and without what these decide before some wires."""
        wires = [*self.outputs, *self.registers.values()] if wires is None else wires
        gates = dict(self.gates)
        for wire, (other, inverted) in self.simplify(wires, fixed).items():
            if not other:
                gates[wire] = "one" if inverted else "zero", ()
            elif (other, inverted) != (wire, False):
                gates[wire] = "not" if inverted else "copy", (other,)
        return replace(self, gates=gates)

    def undefined(self, cone: Iterable[str]) -> list[str]:
        """Wires of a cone that nothing drives."""
        driven = {*self.inputs, *self.registers, *self.stored, *self.gates}
        return [wire for wire in cone if wire not in driven]

    def evaluate(self, cone: Iterable[str], known: Mapping[str, Words]) -> dict[str, Words]:
        """Every wire of a cone, given those that no gate drives; at least one must be known."""
        values = dict(known)
        zero = np.zeros_like(next(iter(known.values())))
        for wire in cone:
            if wire in values:
                continue
            kind, sources = self.gates[wire]
            match kind:
                case "and":
                    values[wire] = values[sources[0]] & values[sources[1]]
                case "not":
                    values[wire] = ~values[sources[0]]
                case "copy":
                    values[wire] = values[sources[0]]
                case _:
                    values[wire] = zero if kind == "zero" else ~zero
        return values


def settle(
    gates: Iterable[tuple[str, str, tuple[str, ...]]], one: dict[str, Words], zero: dict[str, Words]
) -> None:
    """
    Where the output of each gate, in their order, is known to be 1, and where to be 0, given the
    same of every wire that is none of theirs; where neither is set, it is unknown.
    """
    unknown = np.zeros_like(next(iter(one.values())))
    for wire, kind, sources in gates:
        match kind:
            case "and":
                a, b = sources
                one[wire], zero[wire] = one[a] & one[b], zero[a] | zero[b]
            case "not":
                one[wire], zero[wire] = zero[sources[0]], one[sources[0]]
            case "copy":
                one[wire], zero[wire] = one[sources[0]], zero[sources[0]]
            case _:
                ends = unknown, ~unknown
                one[wire], zero[wire] = ends if kind == "zero" else ends[::-1]


def _both(wire: str, left: Literal, right: Literal) -> Literal:
    if left in (right, ONE):
        return right
    if right == ONE:
        return left
    if ZERO in (left, right) or left[0] == right[0]:
        return ZERO
    return wire, False


def read_netlists(
    verilog: str, ignored: Sequence[str] = (), memories: bool = True
) -> dict[str, Netlist]:
    """
    Every module of a SystemVerilog text as Yosys reads it, but for the ignored ones.

    Without `memories`, nothing drives what is read from them, and they are among the problems.

    Raises `BackendError` if Yosys is missing or refuses the text.
    """
    commands = [*_words(ignored, memories), *_GATES, "write_blif gates.blif"]
    with tempfile.TemporaryDirectory(prefix="lut-opt-") as folder:
        directory = Path(folder)
        _write(directory, verilog)
        run_yosys(commands, directory)
        return parse((directory / "gates.blif").read_text())


def read_slices(
    verilog: str, module: str, port: str, slices: Sequence[range], ignored: Sequence[str] = ()
) -> Iterator[Netlist]:
    """
    One module, once for each range of a port's bits: with these, and what they need, alone.

    For modules that take gigabytes as a whole. Each is read when it is asked for. Raises
    `BackendError` as `read_netlists` does, and for a text without the module.
    """
    with tempfile.TemporaryDirectory(prefix="lut-opt-") as folder:
        directory = Path(folder)
        _write(directory, verilog)
        # A register of all bits, or what resets it, would need what is before each.
        whole = [*_words(ignored, True), "simplemap t:$dff t:$mux"]
        whole += [f"splitnets -ports {module}/w:{port}"]
        run_yosys([*whole, "write_rtlil words.il"], directory)
        for kept in slices:
            gone = [bit for other in slices if other != kept for bit in other]
            ports = " ".join(f"{module}/w:{port}[{bit}]" for bit in gone)
            commands = ["read_rtlil words.il", f"delete -port {ports}"]
            commands += ["opt_clean", *_GATES, "write_blif gates.blif"]
            run_yosys(commands, directory)
            netlists = parse((directory / "gates.blif").read_text())
            if module not in netlists:
                raise BackendError(f"the SystemVerilog has no module {module}")
            yield netlists[module]


def _write(directory: Path, verilog: str) -> None:
    (directory / "design.sv").write_text(verilog)
    (directory / "ripple.v").write_text(_RIPPLE)


def _words(ignored: Sequence[str], memories: bool) -> list[str]:
    """Commands that read a text, in words yet."""
    commands = ["read_verilog -sv design.sv", *(f"delete {name}" for name in ignored)]
    # Registers stay plain: what enables and resets them becomes logic.
    commands += ["hierarchy -check", "proc", "flatten", "opt -nodffe -nosdff"]
    commands += ["memory" if memories else "memory -nomap"]
    # Products are written as wide as their results: without the copies of signs they are small.
    return [*commands, "opt -nodffe -nosdff", "wreduce t:$mul"]


_RIPPLE = """
(* techmap_celltype = "$lcu" *)
module _80_ripple (P, G, CI, CO);
  parameter WIDTH = 2;
  input [WIDTH-1:0] P, G;
  input CI;
  output [WIDTH-1:0] CO;
  wire [WIDTH:0] carry = {G | P & carry[WIDTH-1:0], CI};
  assign CO = carry[WIDTH:1];
endmodule
"""
"""How carries are made: from bit to bit, with the fewest gates."""

_GATES = (
    "techmap -map ripple.v -map +/techmap.v",
    "opt_clean",
    # Constants are folded, but what has a name stays: proofs by parts are cut there.
    "select -set named w:* w:$* %d",
    "setattr -set keep 1 @named",
    "opt_expr",
    "opt_clean",
    "aigmap",
)
"""Commands that make gates of words."""


def parse(text: str) -> dict[str, Netlist]:
    """Read BLIF of two-input ands, inverters and registers; `problems` name anything else."""
    found: dict[str, Netlist] = {}
    netlist = Netlist("")
    statements = re.findall(r"^(\.\w+)[ \t]*(.*)\n((?:[01][01 -]*\n)*)", text, re.MULTILINE)
    for keyword, rest, cover in statements:
        words: list[str] = rest.split()
        match keyword:
            case ".model":
                netlist = found[words[0]] = Netlist(words[0])
            case ".inputs":
                netlist.inputs = words
            case ".outputs":
                netlist.outputs = words
            case ".latch":
                source, wire, kind, clock, *_ = words
                if (kind, clock) == ("re", "clock"):
                    netlist.registers[wire] = source
                elif kind in ("re", "ah", "al"):
                    netlist.stored[wire] = Stored(source, kind, clock)
                else:
                    netlist.problems.append(f"{wire} is not a register of the clock's rising edge")
            case ".names":
                *sources, wire = words
                if wire == "$undef":
                    continue
                kind = _COVERS.get(tuple(cover.splitlines()))
                if kind is None:
                    netlist.problems.append(f"{wire} is driven by an unknown gate")
                    continue
                netlist.gates[wire] = kind, tuple(sources)
            case ".end":
                pass
            case _:
                netlist.problems.append(f"{keyword} {' '.join(words[:1])} is no gate or register")
    return found


def planes(values: Integers, bits: int) -> list[Words]:
    """The lowest `bits` bits of many values as words, the last word filled with zeros."""
    # The narrowest numbers that hold them are the fastest.
    width = next(width for width in (8, 16, 32, 64) if bits <= width)
    padded = np.zeros(-(-len(values) // WORD) * WORD, f"u{width // 8}")
    padded[: len(values)] = values.astype(padded.dtype)
    one = padded.dtype.type(1)
    return [
        np.packbits(((padded >> place) & one).astype(np.uint8), bitorder="little").view(np.uint64)
        for place in map(padded.dtype.type, range(bits))
    ]


def first_set(words: Words) -> int | None:
    """The lowest pattern that is set in some words, None if there is none."""
    nonzero = np.flatnonzero(words)
    if not nonzero.size:
        return None
    word = int(words[nonzero[0]])
    return int(nonzero[0]) * WORD + (word & -word).bit_length() - 1


def first_unequal(bits: Sequence[Words], expected: Integers) -> int | None:
    """The first number that some bits do not hold, the lowest bit first; None if all are equal."""
    pairs = zip(bits, planes(expected, len(bits)), strict=True)
    wrong = np.bitwise_or.reduce([left ^ right for left, right in pairs])
    if len(expected) % WORD:
        wrong[-1] &= np.uint64((1 << len(expected) % WORD) - 1)
    return first_set(wrong)


def number(words: Iterable[Words], pattern: int) -> int:
    """The number that some bits, the lowest first, hold in one pattern."""
    bits = (int(word[pattern // WORD]) >> (pattern % WORD) & 1 for word in words)
    return sum(bit << place for place, bit in enumerate(bits))
