"""
Proof that emitted units compute their tables, from the SystemVerilog text itself.

    for proof in prove(module):          # after `convert-pwl-to-hw`
        print(proof)                     # pwl_gelu_…: proved: all 256 inputs

Yosys reads the text and makes a netlist of and-gates and registers of each module; that is
evaluated for every input, 64 at a time, and compared with `Table.evaluate`. That is a complete
proof up to `PROVED_BITS` input bits. Registers are unrolled: the proof holds for any input before
and after, and any state of the registers, if the result depends on the input of exactly `latency`
cycles ago; where the text says otherwise, nothing is called proved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from xdsl.dialects import hw
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr

from lut_opt.backends import systemverilog
from lut_opt.backends.netlist import (
    WORD,
    Netlist,
    Words,
    first_set,
    number,
    planes,
    read_netlists,
)
from lut_opt.backends.simulate import stimuli
from lut_opt.backends.systemverilog import BackendError
from lut_opt.dialects.pwl import TableAttr
from lut_opt.dialects.quant import UniformQuantizedType
from lut_opt.dialects.quantization import Integers, storage_range
from lut_opt.passes.hw.multi import tables_of
from lut_opt.passes.hw.unit import Unit, unit_of

PROVED_BITS = 24
"""Widest input of which every pattern is evaluated."""

CHUNK = 1 << 18
"""Patterns that are evaluated together."""


@dataclass(frozen=True)
class Counterexample:
    """An input on which hardware and table differ."""

    input: int
    expected: int
    actual: int


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

    @property
    def refuted(self) -> bool:
        """Whether the unit is wrong."""
        return self.counterexample is not None

    def __str__(self) -> str:
        """One line, which never says more than is true."""
        if (wrong := self.counterexample) is not None:
            where = "" if self.select is None else f"select = {self.select}, "
            return (
                f"{self.module}: wrong: {where}x = {wrong.input} gives {wrong.actual}, "
                f"not {wrong.expected}"
            )
        if self.complete:
            each = "" if self.tables == 1 else f" of {self.tables} tables"
            return f"{self.module}: proved: all {self.inputs} inputs{each}"
        because = "" if self.doubt is None else f" ({self.doubt})"
        return f"{self.module}: checked: {self.inputs} samples{because}"


def prove(module: ModuleOp, verilog: str | None = None) -> list[Proof]:
    """
    Prove every unit of a converted module, from the text that `systemverilog.emit` writes.

    `verilog` is another text with the same modules, such as a file that came back from elsewhere.
    """
    modules = [op for op in module.walk() if isinstance(op, hw.HWModuleOp)]
    found = [tables for op in modules if (tables := tables_in(op))]
    ours = {tables[0].module for tables in found}
    others = [op.sym_name.data for op in modules if op.sym_name.data not in ours]
    text = systemverilog.emit(module) if verilog is None else verilog
    netlists = _netlists(text, ours, others)
    return [prove_tables(netlists[tables[0].module], tables) for tables in found]


def tables_in(op: hw.HWModuleOp) -> list[Unit]:
    """What a module computes for each value of `select`, or without one; none for other modules."""
    if (unit := unit_of(op)) is not None:
        return [unit]
    latency = op.attributes.get("pwl.latency")
    found: list[Unit] = []
    for facts in tables_of(op) or ():
        function, table = facts["function"], facts["table"]
        operand, result = facts["operand"], facts["result"]
        assert isinstance(function, StringAttr)
        assert isinstance(table, TableAttr)
        assert isinstance(operand, UniformQuantizedType)
        assert isinstance(result, UniformQuantizedType)
        assert isinstance(latency, IntegerAttr)
        sides = operand.quantization, result.quantization
        cycles = latency.value.data
        found.append(Unit(op.sym_name.data, function.data, table.data, *sides, latency=cycles))
    return found


def prove_tables(netlist: Netlist, tables: Sequence[Unit]) -> Proof:
    """Prove one module for each value that `select` may be held at; one table needs no select."""
    if len(tables) == 1:
        return _prove(Unrolled(netlist, tables[0]))
    total = 0
    doubt: str | None = None
    for select, unit in enumerate(tables):
        proof = _prove(Unrolled(netlist, unit, {"select": select}))
        total += proof.inputs
        if proof.refuted:
            return replace(proof, inputs=total, select=select)
        doubt = doubt or proof.doubt
    return Proof(tables[0].module, total, doubt is None, doubt=doubt, tables=len(tables))


def prove_units(verilog: str, units: Sequence[Unit], ignored: Sequence[str] = ()) -> list[Proof]:
    """Prove units of a SystemVerilog text; the `ignored` modules are not read."""
    netlists = _netlists(verilog, {unit.module for unit in units}, ignored)
    return [_prove(Unrolled(netlists[unit.module], unit)) for unit in units]


def _netlists(verilog: str, modules: set[str], ignored: Sequence[str]) -> dict[str, Netlist]:
    if not modules:
        return {}
    netlists = read_netlists(verilog, ignored)
    if missing := sorted(modules - netlists.keys()):
        raise BackendError(f"the SystemVerilog has no module {', '.join(missing)}")
    return netlists


def _prove(unrolled: Unrolled) -> Proof:
    unit = unrolled.unit
    low, high = storage_range(unit.operand.bits, unit.operand.signed)
    doubt = unrolled.doubt
    chunks = [stimuli(unit)]
    if unit.operand.bits > PROVED_BITS:
        doubt = f"{unit.operand.bits} input bits are too many for all"
    else:
        firsts = range(low, high + 1, CHUNK)
        ends = (min(first + CHUNK, high + 1) for first in firsts)
        chunks = [np.arange(*pair, dtype=np.int64) for pair in zip(firsts, ends, strict=True)]
    count = sum(map(len, chunks))
    for x in chunks:
        if (wrong := unrolled.first_difference(x)) is not None:
            return Proof(unit.module, count, False, wrong)
    return Proof(unit.module, count, doubt is None, doubt=doubt)


class Unrolled:
    """The result of a unit as a function of its input `latency` cycles before."""

    def __init__(self, netlist: Netlist, unit: Unit, held: Mapping[str, int] | None = None) -> None:
        """
        `held` are the values of input ports that do not change.

        Raises `BackendError` if the netlist has other ports or registers than a unit has.
        """
        if netlist.problems:
            raise BackendError(f"{unit.module}: {netlist.problems[0]}")
        self.netlist, self.unit = netlist, unit
        self.held = {
            wire: bool(number >> place & 1)
            for port, number in (held or {}).items()
            for place, wire in enumerate(netlist.port(port))
        }
        self.x, self.y = netlist.port("x"), netlist.port("y")
        for name, wires, side in (("x", self.x, unit.operand), ("y", self.y, unit.result)):
            if len(wires) != side.bits:
                raise BackendError(
                    f"{unit.module}: port {name} of the text has {len(wires)} bits, not {side.bits}"
                )
        self.cones = self._cones()
        self.undefined = any(netlist.undefined(cone) for cone in self.cones)
        self.doubt = self._doubt()

    def _cones(self) -> list[list[str]]:
        """For each cycle, from the input's to the result's, the wires that matter."""
        wanted, cones = self.y, list[list[str]]()
        for _ in range(self.unit.latency + 1):
            cones.append(self.netlist.cone(wanted))
            registers = self.netlist.registers
            wanted = [registers[wire] for wire in cones[-1] if wire in registers]
        return cones[::-1]

    def _doubt(self) -> str | None:
        latency = self.unit.latency
        if any(wire in self.netlist.registers for wire in self.cones[0]):
            return f"the result depends on inputs of more than {latency} cycles ago"
        if any(set(self.x) & set(cone) for cone in self.cones[1:]):
            return f"the result depends on inputs of less than {latency} cycles ago"
        return "the text leaves values undefined" if self.undefined else None

    def first_difference(self, x: Integers) -> Counterexample | None:
        """The first input whose result is not the table's."""
        expected = self.unit.evaluate(x)
        wanted = planes(expected, self.unit.result.bits)
        for undefined in (0, 1) if self.undefined else (0,):
            y = self._evaluate(x, undefined)
            wrong = np.bitwise_or.reduce([a ^ b for a, b in zip(y, wanted, strict=True)])
            if len(x) % WORD:
                wrong[-1] &= np.uint64((1 << len(x) % WORD) - 1)
            if (index := first_set(wrong)) is not None:
                actual, bits = number(y, index), self.unit.result.bits
                if self.unit.result.signed and actual >> (bits - 1):
                    actual -= 1 << bits
                return Counterexample(int(x[index]), int(expected[index]), actual)
        return None

    def _evaluate(self, x: Integers, undefined: int) -> list[Words]:
        """The result's bits; whatever else it depends on is random, reset is not set."""
        graph = self.netlist
        given = planes(x, self.unit.operand.bits)
        zeros = np.zeros_like(given[0])
        random = np.random.default_rng(0)
        stored: dict[str, Words] = {}
        values: dict[str, Words] = {}
        for cycle, cone in enumerate(self.cones):
            free = {wire for wire in cone if wire in graph.inputs or wire in graph.registers}
            known = {
                wire: random.integers(0, 1 << WORD, len(zeros), np.uint64)
                for wire in sorted(free - stored.keys())
            }
            known |= dict.fromkeys(graph.undefined(cone), ~zeros if undefined else zeros)
            known |= {wire: ~zeros if bit else zeros for wire, bit in self.held.items()}
            known |= {**dict.fromkeys(graph.port("reset"), zeros), **stored}
            if cycle == 0:
                known |= dict(zip(self.x, given, strict=True))
            values = graph.evaluate(cone, known)
            following = graph.registers.items()
            stored = {wire: values[source] for wire, source in following if source in values}
        return [values[wire] for wire in self.y]
