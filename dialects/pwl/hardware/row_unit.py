"""Streaming units of whole rows: softmax and norms, a beat a cycle."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from lut_opt.dialects.pwl import units
from lut_opt.dialects.pwl.attributes import Fit
from lut_opt.dialects.pwl.hardware.unit import (
    Description,
    HardwareUnit,
    Port,
    Tabulated,
    describe_port,
)
from lut_opt.dialects.pwl.units.unit import MAX_ROW

MAX_LANES = 64

MAX_STEPS = 4
"""Cycles that a table inside may take."""


@dataclass(frozen=True)
class RowUnit(HardwareUnit):
    """
    `semantics.evaluate` of each row of `length` elements.

    A unit of several norms has a port `select`: the same for all beats of a row, it says by its
    number whose row it is, 0 for `semantics`, 1 for the first of `others`, the last's beyond the
    end. Their gammas and betas are one after the other.
    """

    semantics: units.Unit
    length: int
    """Elements of a row; of the longest, if its length is variable."""
    steps: int = 0
    """Cycles that each table takes."""
    fits: tuple[tuple[str, Fit], ...] = ()
    """Certificates of the tables, by the tables' names."""
    lanes: int = 1
    """Elements a cycle."""
    others: tuple[units.Unit, ...] = ()
    """Further norms of the same tables and storage types, which other operators are."""

    @property
    def choices(self) -> tuple[units.Unit, ...]:
        """What the unit is at each value of `select`."""
        return (self.semantics, *self.others)

    @property
    def select_bits(self) -> int:
        """Width of `select`; 0 without one."""
        return len(self.others).bit_length()

    @property
    def throughput(self) -> int:
        return self.lanes

    @property
    def function(self) -> str:
        """The name of what it computes, such as `softmax`."""
        return self.semantics.name

    @property
    def error_bound(self) -> float:
        """Largest error of any result in output steps, for stored gammas of magnitude up to 1."""
        return max(each.error_bound(self.length) for each in self.choices)

    @property
    def beats(self) -> int:
        """Cycles that a row takes."""
        return math.ceil(self.length / self.lanes)

    @property
    def keeps(self) -> bool:
        """Whether a row may end within a beat."""
        return self.lanes > 1 and self.semantics.variable_length

    @property
    def index_bits(self) -> int:
        """Width of the index of a beat of gamma and beta."""
        return max(1, (len(self.choices) * self.beats - 1).bit_length())

    @property
    def ports(self) -> tuple[Port, ...]:
        operand, result = self.semantics.operand, self.semantics.result
        parameters, lanes = self.semantics.parameters, self.lanes
        loading = Port("write", 1), Port("index", self.index_bits)
        return (
            Port("clock", None),
            Port("reset", 1),
            *loading[: 2 * bool(parameters)],
            *(Port(name, lanes * kind.bits) for name, kind in parameters.items()),
            Port("x_valid", 1),
            Port("x", lanes * operand.bits),
            *([Port("x_last", 1)] * self.semantics.variable_length),
            *([Port("x_keep", lanes)] * self.keeps),
            *([Port("select", self.select_bits)] * bool(self.others)),
            Port("x_ready", 1, output=True),
            Port("y_valid", 1, output=True),
            Port("y", lanes * result.bits, output=True),
            Port("y_last", 1, output=True),
            *([Port("y_keep", lanes, output=True)] * self.keeps),
            Port("y_ready", 1),
        )

    def check(self) -> None:
        if not isinstance(self.semantics, units.Rowwise):
            raise ValueError(f"{self.function} does not take rows")
        self.semantics.check()
        for name in self.semantics.tables:
            self.semantics.check_table(name)
        if not 1 <= self.length <= MAX_ROW:
            raise ValueError(f"length must be from 1 to {MAX_ROW}, got {self.length}")
        if not 0 <= self.steps <= MAX_STEPS:
            raise ValueError(f"steps must be from 0 to {MAX_STEPS}, got {self.steps}")
        if not 1 <= self.lanes <= MAX_LANES or self.lanes & (self.lanes - 1):
            raise ValueError(f"lanes must be a power of two to {MAX_LANES}, got {self.lanes}")
        if self.length % self.lanes and not self.semantics.variable_length:
            raise ValueError(f"{self.length} elements are no whole beats of {self.lanes} lanes")
        if self.latency < 1:
            raise ValueError(f"latency must be a cycle at least, got {self.latency}")
        common = shared_norm(self.semantics)
        for other in self.others:
            if not isinstance(other, units.Norm) or shared_norm(other) != common:
                raise ValueError("others: norms share a unit if scales and epsilon alone differ")
        if unknown := [name for name, _ in self.fits if name not in self.semantics.tables]:
            raise ValueError(f"fits: {self.function} has no table {unknown[0]}")

    def summary(self) -> str:
        each = f", {self.lanes} a cycle" if self.lanes > 1 else ""
        several = f", {len(self.choices)} of them by select" if self.others else ""
        return f"{self.function} of {self.length} elements{each}{several}"

    def describe(self, location: str | None) -> list[Description]:
        if self.others:
            alone = [replace(self, semantics=each, others=()) for each in self.choices]
            ports = [port for port in self.ports if port.name in ("index", "select")]
            return [
                (
                    table,
                    {
                        **facts,
                        "select": i,
                        "ports": facts["ports"] + list(map(describe_port, ports)),
                    },
                )
                for i, each in enumerate(alone)
                for table, facts in each.describe(location)
            ]
        facts: dict[str, Any] = {
            "unit": self.function,
            "module": self.module,
            "row_length": self.length,
            "variable_length": self.semantics.variable_length,
            "latency": self.latency,
            "elements_per_cycle": self.lanes,
            "error_bound": self.error_bound,
            "ports": [self._describe_port(port) for port in self.ports],
            **self.semantics.constants,
            "location": location,
        }
        fits, parts = dict(self.fits), self.semantics.parts
        return [
            (
                Tabulated(
                    parts[name].function.name,
                    table,
                    parts[name].operand,
                    parts[name].result,
                    fits.get(name),
                ),
                {"table": name, **facts},
            )
            for name, table in self.semantics.tables.items()
        ]

    def _describe_port(self, port: Port) -> dict[str, Any]:
        """A port, and how its bits stand for reals."""
        semantics = self.semantics
        sides = {"x": semantics.operand, "y": semantics.result, **semantics.parameters}
        found = {
            "name": port.name,
            "direction": "output" if port.output else "input",
            "bits": port.bits or 1,
        }
        if (side := sides.get(port.name)) is None:
            return found
        found |= {"signed": side.signed, "scale": side.scale, "zero_point": side.zero_point}
        found |= {"range": [side.minimum, side.maximum]}
        return found | ({"elements": self.lanes} if self.lanes > 1 else {})


def shared_norm(unit: units.Unit) -> units.Unit:
    """What norms that share a unit have in common: all but the scales of x and y, and epsilon."""
    if not isinstance(unit, units.Norm):
        return unit
    sides = (replace(side, scale=1.0) for side in (unit.operand, unit.result))
    operand, result = sides
    return replace(unit, operand=operand, result=result, epsilon=0.0)
