"""Units of fixed tables: one, or several behind an input `select`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lut_opt.dialects.pwl.attributes import Fit
from lut_opt.dialects.pwl.hardware.unit import (
    ENABLE,
    Description,
    ElementUnit,
    Port,
    Tabulated,
    check_timing,
    describe_port,
)
from lut_opt.dialects.pwl.range_reduction import Reduction
from lut_opt.dialects.pwl.reduction import REDUCIBLE, Core, Reduced, Reducible
from lut_opt.dialects.pwl.reduction_attributes import reduction_attribute
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Quantization, storage_range

SWEPT_BITS = 16
"""Widest input of which every pattern is worth asking for."""

SAMPLE = 1 << SWEPT_BITS
"""Random inputs of a unit that is too wide to be swept."""

MAX_ACCUMULATOR_BITS = 64


@dataclass(frozen=True)
class TableUnit(ElementUnit):
    """One table: `evaluate`, `latency` cycles after its input; ports x and y, clocked if it has."""

    function: str
    table: Table
    operand: Quantization
    result: Quantization
    fit: Fit | None = None
    reduction: Reduction | None = None
    """What brings a wide operand into the table's range."""

    @property
    def sides(self) -> dict[str, Quantization]:
        """How the bits of the ports of numbers are read."""
        return {"x": self.operand, "y": self.result}

    @property
    def reduced(self) -> Reduced | None:
        """The meaning of a unit whose operand is reduced to the table's range."""
        if self.reduction is None:
            return None
        core = Core(_reducible(self.function), self.reduction, self.table)
        return Reduced(core, self.operand, self.result)

    @property
    def ports(self) -> tuple[Port, ...]:
        return (
            *clocked(self),
            Port("x", self.operand.bits),
            Port("y", self.result.bits, output=True),
        )

    def check(self) -> None:
        check_timing(self)
        if (reduced := self.reduced) is not None:
            reduced.check()
        elif (bits := self.table.accumulator_bits(self.operand)) > MAX_ACCUMULATOR_BITS:
            raise ValueError(f"the table needs sums of {bits} bits on these inputs")

    def evaluate(self, x: Integers) -> Integers:
        """Stored results of stored inputs."""
        reduced = self.reduced
        return self.table.evaluate(x, self.result) if reduced is None else reduced.evaluate(x)

    def stimuli(self) -> Integers:
        """Stored values to try, ascending: all, or ends, breakpoints and a random sample."""
        low, high = storage_range(self.operand.bits, self.operand.signed)
        if self.operand.bits <= SWEPT_BITS:
            return np.arange(low, high + 1, dtype=np.int64)
        ends = [low, low + 1, -1, 0, 1, high - 1, high]
        chosen = np.array([*ends, *self.table.breakpoints], np.int64)
        near = np.concatenate([chosen - 1, chosen, chosen + 1])
        random = np.random.default_rng(0).integers(low, high, SAMPLE, np.int64, endpoint=True)
        return np.unique(np.clip(np.concatenate([near, random]), low, high))

    def steps(self) -> dict[str, Integers]:
        x = self.stimuli()
        return {"x": x, "y": self.evaluate(x)}

    def summary(self) -> str:
        return self.function

    def rows(self, facts: dict[str, Any], ports: Sequence[Port]) -> list[Description]:
        facts, sides = dict(facts), (self.operand, self.result)
        if (reduced := self.reduced) is not None:
            sides = reduced.core.sides
            kind = reduction_attribute(reduced.core.reduction)
            facts["reduction"] = {
                "kind": kind.name.removeprefix("pwl."),
                **dataclasses.asdict(kind.data),
            }
            facts["operand"] = dataclasses.asdict(self.operand)
            facts["result"] = dataclasses.asdict(self.result)
            facts["error_bound"] = reduced.error_bound()
        facts["ports"] = [describe_port(port) for port in ports]
        return [(Tabulated(self.function, self.table, *sides, self.fit), facts)]


@dataclass(frozen=True)
class SelectUnit(ElementUnit):
    """Several tables: `tables[select]` of x, and the last one's beyond the end."""

    tables: tuple[Tabulated, ...]

    @property
    def units(self) -> list[TableUnit]:
        """What the module is at each value of `select`."""
        return [
            TableUnit(
                self.module,
                each.function,
                each.table,
                each.operand,
                each.result,
                each.fit,
                latency=self.latency,
            )
            for each in self.tables
        ]

    @property
    def select_bits(self) -> int:
        """Width of `select`."""
        return max(1, (len(self.tables) - 1).bit_length())

    @property
    def ports(self) -> tuple[Port, ...]:
        first = self.tables[0]
        return (
            *clocked(self),
            Port("select", self.select_bits),
            Port("x", first.operand.bits),
            Port("y", first.result.bits, output=True),
        )

    def check(self) -> None:
        check_timing(self)
        if not self.tables:
            raise ValueError("tables: a unit with a select needs one at least")
        for unit in self.units:
            unit.check()
            if storage_of(unit) != storage_of(self.tables[0]):
                raise ValueError(f"tables: that of {unit.function} has other storage types")

    def steps(self) -> dict[str, Integers]:
        each = [unit.steps() for unit in self.units]
        select = [np.full(len(steps["x"]), i) for i, steps in enumerate(each)]
        found = {name: np.concatenate([steps[name] for steps in each]) for name in ("x", "y")}
        return {**found, "select": np.concatenate(select)}

    def summary(self) -> str:
        return listed(table.function for table in self.tables) + " by select"

    def rows(self, facts: dict[str, Any], ports: Sequence[Port]) -> list[Description]:
        ends = {"ports": [describe_port(port) for port in ports]}
        return [(table, {**facts, "select": i, **ends}) for i, table in enumerate(self.tables)]


def storage_of(unit: TableUnit | Tabulated) -> tuple[object, ...]:
    """What tables must have in common. Inputs are any bit pattern, results are clamped."""
    operand, result = unit.operand, unit.result
    sides = (operand.bits, operand.signed, result.bits, result.signed)
    return (*sides, result.minimum, result.maximum)


def clocked(unit: ElementUnit) -> tuple[Port, ...]:
    """The ports that a unit with registers has beside the others."""
    enable = (Port(ENABLE, 1),) if unit.enable else ()
    return (Port("clock", None), Port("reset", 1), *enable) if unit.latency else ()


def listed(names: Iterable[str]) -> str:
    """Names with commas, each once."""
    return ", ".join(dict.fromkeys(names))


def _reducible(function: str) -> Reducible:
    for name in REDUCIBLE:
        if name == function:
            return name
    raise ValueError(f"no range reduction is known for {function}")
