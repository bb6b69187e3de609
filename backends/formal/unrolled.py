"""
A pipelined netlist as a function of its operands of `latency` cycles before, on many at once.

Whatever else the result depends on, the state of registers or other inputs, is random; `doubt` says
where agreement with a table would then be no proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lut_opt.backends.errors import BackendError
from lut_opt.backends.formal.netlist import WORD, Netlist, Words, first_unequal, number, planes
from lut_opt.dialects.pwl.hardware import DivideUnit, TableUnit
from lut_opt.dialects.quantization import Integers


@dataclass(frozen=True)
class Counterexample:
    """Operands on which hardware and meaning differ, by their ports."""

    inputs: Mapping[str, int]
    expected: int
    actual: int

    def __str__(self) -> str:
        """As in a proof's line."""
        given = ", ".join(f"{name} = {value}" for name, value in self.inputs.items())
        return f"{given} gives {self.actual}, not {self.expected}"


class Unrolled:
    """The result of a unit as a function of its operands `latency` cycles before."""

    def __init__(
        self,
        netlist: Netlist,
        unit: TableUnit | DivideUnit,
        held: Mapping[str, int] | None = None,
    ) -> None:
        """
        `held` are the values of input ports that do not change.

        Raises `BackendError` if the netlist has other ports or registers than a unit has.
        """
        if netlist.problems:
            raise BackendError(f"{unit.module}: {netlist.problems[0]}")
        # Constants are gone, and what they decide: products are full of them.
        self.netlist, self.unit = netlist.given({}), unit
        self.held = {
            wire: bool(number >> place & 1)
            for port, number in (held or {}).items()
            for place, wire in enumerate(netlist.port(port))
        }
        self.y = netlist.port("y")
        self.operands = {name: netlist.port(name) for name in unit.operands}
        self.given = {wire for wires in self.operands.values() for wire in wires}
        for name, wires in {**self.operands, "y": self.y}.items():
            if len(wires) != (bits := unit.widths[name]):
                raise BackendError(
                    f"{unit.module}: port {name} of the text has {len(wires)} bits, not {bits}"
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
        if any(self.given & set(cone) for cone in self.cones[1:]):
            return f"the result depends on inputs of less than {latency} cycles ago"
        return "the text leaves values undefined" if self.undefined else None

    def first_difference(self, *operands: Integers) -> Counterexample | None:
        """The first operands whose result is not what the unit says, in the order of its ports."""
        expected = self.unit.evaluate(*operands)
        for undefined in (0, 1) if self.undefined else (0,):
            y = self._evaluate(operands, undefined)
            if (index := first_unequal(y, expected)) is not None:
                actual, bits = number(y, index), self.unit.result.bits
                if self.unit.result.signed and actual >> (bits - 1):
                    actual -= 1 << bits
                values = (int(each[index]) for each in operands)
                given = dict(zip(self.operands, values, strict=True))
                return Counterexample(given, int(expected[index]), actual)
        return None

    def _evaluate(self, operands: Sequence[Integers], undefined: int) -> list[Words]:
        """The result's bits; whatever else it depends on is random, reset is not set."""
        graph = self.netlist
        given: dict[str, Words] = {}
        for wires, numbers in zip(self.operands.values(), operands, strict=True):
            given |= zip(wires, planes(numbers, len(wires)), strict=True)
        zeros = np.zeros_like(next(iter(given.values())))
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
                known |= given
            values = graph.evaluate(cone, known)
            following = graph.registers.items()
            stored = {wire: values[source] for wire, source in following if source in values}
        return [values[wire] for wire in self.y]
