"""
Proof that emitted units compute their tables, from the SystemVerilog text itself.

    for proof in prove(module):          # after `convert-pwl-to-hw`
        print(proof)                     # pwl_gelu_…: proved: all 256 inputs

Yosys reads the text and makes a netlist of and-gates and registers of each module. For fixed tables
that is evaluated for every input, 64 at a time, and compared with `Table.evaluate`: a complete
proof up to `PROVED_BITS` input bits. Registers are unrolled: the proof holds for any input before
and after, and any state of the registers, if the result depends on the input of exactly `latency`
cycles ago; where the text says otherwise, nothing is called proved. Units whose table is written
are proved for every table (`programmable`), weightless blocks by parts (`networks`), and so are
divisions whose pairs are too many (`divisions`). Of a stream it is first shown that pausing changes
nothing (`streams`), then what is known of the unit inside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import singledispatch

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.errors import BackendError
from lut_opt.backends.formal.clocks import plain
from lut_opt.backends.formal.divisions import NoParts, WrongPart, prove_division
from lut_opt.backends.formal.netlist import ONE, Netlist, read_netlists, read_slices
from lut_opt.backends.formal.networks import Shown, Unproved, counts, prove_network
from lut_opt.backends.formal.programmable import TableProof, prove_programmable
from lut_opt.backends.formal.streams import BrokenStream, moving
from lut_opt.backends.formal.unrolled import Counterexample, Unrolled
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.lutnet.hardware import NetworkUnit
from lut_opt.dialects.pwl.hardware import (
    ENABLE,
    DivideUnit,
    ElementUnit,
    ProgrammableUnit,
    SelectUnit,
    StreamUnit,
    TableUnit,
)
from lut_opt.dialects.quantization import Integers, storage_range
from lut_opt.passes.hw.modules import instances, modules_of, units_of
from lut_opt.passes.support.progress import progress

PROVED_BITS = 24
"""Widest input of which every pattern is evaluated."""

CHUNK = 1 << 18
"""Patterns that are evaluated together."""

NODES = 1000
"""Of sums of a weightless block, that are read together; a whole block might take gigabytes."""


@dataclass(frozen=True)
class Proof:
    """What is known of one unit; `complete` if it computes its table on every input."""

    module: str
    inputs: int
    """Inputs on which it was compared with its table."""
    complete: bool
    counterexample: Counterexample | None = None
    doubt: str | None = None
    """Why agreement on all these inputs would not be a proof."""
    tables: int = 1
    """Tables behind a select input, which must not change while a result is on its way."""
    select: int | None = None
    """The value of select for a counterexample."""
    wrong: str | None = None
    """What else is wrong."""
    stream: bool = False

    @property
    def refuted(self) -> bool:
        """Whether the unit is wrong."""
        return self.counterexample is not None or self.wrong is not None

    def __str__(self) -> str:
        """One line, which never says more than is true."""
        if (found := self.counterexample) is not None:
            where = "" if self.select is None else f"select = {self.select}, "
            return f"{self.module}: wrong: {where}{found}"
        if self.wrong is not None:
            return f"{self.module}: wrong: {self.wrong}"
        stalls = ", whenever either side pauses" if self.stream else ""
        if self.complete:
            each = "" if self.tables == 1 else f" of {self.tables} tables"
            return f"{self.module}: proved: all {self.inputs} inputs{each}{stalls}"
        because = "" if self.doubt is None else f" ({self.doubt})"
        return f"{self.module}: checked: {self.inputs} samples{because}{stalls}"


@dataclass(frozen=True)
class PartsProof:
    """What is known of a unit that is proved by parts: a weightless block, a wide division."""

    module: str
    parts: str = ""
    """What was shown of which parts."""
    wrong: str | None = None
    """The part that is wrong, or cannot be shown to be right."""
    stream: bool = False

    @property
    def refuted(self) -> bool:
        """Whether it is not proved; such a unit is proved, or its check fails."""
        return self.wrong is not None

    def __str__(self) -> str:
        """One line."""
        if self.wrong is not None:
            return f"{self.module}: wrong: {self.wrong}"
        stalls = ", whenever either side pauses" if self.stream else ""
        return f"{self.module}: proved by parts, each for all its inputs: {self.parts}{stalls}"


Known = Proof | TableProof | PartsProof


def prove(module: ModuleOp, verilog: str | None = None) -> list[Known]:
    """
    Prove every unit and stream of a converted module, from the text of `systemverilog.emit`.

    `verilog` is another text with the same modules, such as a file that came back from elsewhere.
    Softmax and norms are no such units.
    """
    modules = modules_of(module)
    found = units_of(modules)
    units = {name: unit for name, unit in found.items() if isinstance(unit, ElementUnit)}
    text = systemverilog.emit(module) if verilog is None else verilog
    slices = {name: each for name, unit in units.items() if len(each := _slices(unit)) > 1}
    whole = units.keys() - slices.keys()

    def ignored(names: Set[str]) -> list[str]:
        """All modules but these, and what is in them."""
        inside = {part for name in names for part in instances(modules[name], modules)}
        return sorted(modules.keys() - names - inside)

    netlists = _netlists(text, set(whole), ignored(whole))
    return [
        _prove_slices(unit, slices[name], text, ignored({name}))
        if name in slices
        else proof(unit, _ready(unit, netlists[name]))
        for name, unit in progress(list(units.items()), "proving")
    ]


def _ready(unit: ElementUnit, netlist: Netlist) -> Netlist:
    """With plain registers, and nothing that pauses it."""
    netlist = plain(netlist)
    if netlist.problems:
        raise BackendError(f"{unit.module}: {netlist.problems[0]}")
    return netlist.given({ENABLE: ONE}) if unit.enable else netlist


def _network(unit: ElementUnit) -> NetworkUnit | None:
    """The weightless block that a unit is, alone or as a stream."""
    inner = unit.unit.named(unit.module) if isinstance(unit, StreamUnit) else unit
    return inner if isinstance(inner, NetworkUnit) else None


def _slices(unit: ElementUnit) -> list[range]:
    """Results of a block that are proved together: all, but of large blocks."""
    network = _network(unit)
    if network is None:
        return []
    nodes = [sum(map(len, tree)) for tree in network.parts.trees]
    count = max(1, NODES // max(nodes))
    return [range(at, min(at + count, len(nodes))) for at in range(0, len(nodes), count)]


def _prove_slices(
    unit: ElementUnit, slices: Sequence[range], text: str, ignored: Sequence[str]
) -> PartsProof:
    """Prove a large block, some of its results at a time."""
    network = _network(unit)
    assert network is not None
    size, shown = network.block.result.bits, Shown()
    bits = [range(each.start * size, each.stop * size) for each in slices]
    netlists = read_slices(text, unit.module, "y", bits, ignored)
    stream = isinstance(unit, StreamUnit)
    try:
        for results in progress(slices, f"proving {unit.module}"):
            netlist = _ready(unit, next(netlists))
            netlist = moving(netlist, unit.latency) if stream else netlist
            shown |= prove_network(netlist, network, results)
    except (BrokenStream, Unproved) as error:
        return PartsProof(unit.module, wrong=str(error), stream=stream)
    return PartsProof(unit.module, counts(shown), stream=stream)


@singledispatch
def proof(unit: ElementUnit, netlist: Netlist) -> Known:
    """What is known of a unit from its netlist; each kind of unit registers its own."""
    raise BackendError(f"{unit.module}: no proof is known for {type(unit).__name__}")


@proof.register
def _(unit: StreamUnit, netlist: Netlist) -> Known:
    try:
        netlist = moving(netlist, unit.latency)
    except BrokenStream as error:
        return Proof(unit.module, 0, False, wrong=str(error))
    return replace(proof(unit.unit.named(unit.module), netlist), stream=True)


@proof.register
def _(unit: NetworkUnit, netlist: Netlist) -> PartsProof:
    try:
        return PartsProof(unit.module, counts(prove_network(netlist, unit)))
    except Unproved as error:
        return PartsProof(unit.module, wrong=str(error))


@proof.register
def _(unit: ProgrammableUnit, netlist: Netlist) -> TableProof:
    return prove_programmable(netlist, unit)


@proof.register
def _(unit: SelectUnit, netlist: Netlist) -> Proof:
    return prove_tables(netlist, unit.units)


@proof.register
def _(unit: TableUnit, netlist: Netlist) -> Proof:
    return _prove(Unrolled(netlist, unit))


@proof.register
def _(unit: DivideUnit, netlist: Netlist) -> Proof | PartsProof:
    unrolled = Unrolled(netlist, unit)
    known = _prove(unrolled)
    if known.complete or known.refuted or unrolled.doubt:
        return known
    try:
        return PartsProof(unit.module, prove_division(netlist, unit))
    except NoParts as error:
        return replace(known, doubt=str(error))
    except WrongPart as error:
        return PartsProof(unit.module, wrong=str(error))


def prove_tables(netlist: Netlist, tables: Sequence[TableUnit]) -> Proof:
    """Prove one module for each value that `select` may be held at."""
    total = 0
    doubt: str | None = None
    for select, unit in enumerate(tables):
        known = _prove(Unrolled(netlist, unit, {"select": select}))
        total += known.inputs
        if known.refuted:
            return replace(known, inputs=total, select=select)
        doubt = doubt or known.doubt
    return Proof(tables[0].module, total, doubt is None, doubt=doubt, tables=len(tables))


def prove_units(
    verilog: str, units: Sequence[TableUnit | DivideUnit], ignored: Sequence[str] = ()
) -> list[Known]:
    """Prove units of a SystemVerilog text; the `ignored` modules are not read."""
    netlists = _netlists(verilog, {unit.module for unit in units}, ignored)
    return [proof(unit, plain(netlists[unit.module])) for unit in units]


def _netlists(verilog: str, modules: set[str], ignored: Sequence[str]) -> dict[str, Netlist]:
    if not modules:
        return {}
    netlists = read_netlists(verilog, ignored)
    if missing := sorted(modules - netlists.keys()):
        raise BackendError(f"the SystemVerilog has no module {', '.join(missing)}")
    return netlists


def _prove(unrolled: Unrolled) -> Proof:
    unit, doubt = unrolled.unit, unrolled.doubt
    bits = sum(map(len, unrolled.operands.values()))
    if bits > PROVED_BITS:
        doubt = f"{bits} input bits are too many for all"
        steps = unit.steps()
        chunks = iter([[steps[name] for name in unit.operands]])
    else:
        chunks = _every(unit)
    count = 0
    for operands in chunks:
        count += len(operands[0])
        if (wrong := unrolled.first_difference(*operands)) is not None:
            return Proof(unit.module, count, False, wrong)
    return Proof(unit.module, count, doubt is None, doubt=doubt)


def _every(unit: TableUnit | DivideUnit) -> Iterator[list[Integers]]:
    """All values of the operands, the first counted up fastest, a chunk at a time."""
    sides = unit.sides
    ranges = [storage_range(sides[name].bits, sides[name].signed) for name in unit.operands]
    total = math.prod(high - low + 1 for low, high in ranges)
    for first in range(0, total, CHUNK):
        index = np.arange(first, min(first + CHUNK, total), dtype=np.int64)
        operands: list[Integers] = []
        for low, high in ranges:
            operands.append(low + index % (high - low + 1))
            index = index // (high - low + 1)
        yield operands
