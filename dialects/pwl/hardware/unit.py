"""The protocol of a hardware unit: what simulation, proof, report, bundle and JSON know of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from lut_opt.dialects.pwl.attributes import Fit
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Quantization


@dataclass(frozen=True)
class Port:
    """A port of a module; `bits` is None for a clock."""

    name: str
    bits: int | None
    output: bool = False

    def __str__(self) -> str:
        """As in a declaration, such as `in x: i8`."""
        kind = "clock" if self.bits is None else f"i{self.bits}"
        return f"{'out' if self.output else 'in'} {self.name}: {kind}"


@dataclass(frozen=True)
class Tabulated:
    """A table, the function that it stands for, and how its inputs and results are stored."""

    function: str
    table: Table
    operand: Quantization
    result: Quantization
    fit: Fit | None = None


Description = tuple[Tabulated | None, dict[str, Any]]
"""A table of a unit, if it has such, and what there is to say of the unit around it."""


@dataclass(frozen=True)
class HardwareUnit(ABC):
    """
    What one `hw.module` computes, and when.

    `module` is the module's name, which an attribute leaves to the module that carries it;
    `latency` the cycles from an input to its result, if nothing waits.
    """

    module: str
    latency: int = field(default=0, kw_only=True)

    def named(self, module: str) -> Self:
        """The same as another module."""
        return replace(self, module=module)

    @property
    def throughput(self) -> int | None:
        """Inputs a cycle; None for a unit that has no cycles."""
        return 1 if self.latency else None

    @property
    @abstractmethod
    def ports(self) -> Sequence[Port]:
        """Every port in order."""

    @abstractmethod
    def check(self) -> None:
        """Raise `ValueError` for facts that no such unit can have."""

    @abstractmethod
    def summary(self) -> str:
        """What it is for, in a few words."""

    @abstractmethod
    def describe(self, location: str | None) -> list[Description]:
        """Every table, with what holds for the unit, which was written at a place."""

    @property
    def widths(self) -> dict[str, int]:
        """Bits of every port; a clock has one."""
        return {port.name: port.bits or 1 for port in self.ports}


ENABLE = "x_enable"
"""The port with which the registers between x and y move on."""


@dataclass(frozen=True)
class ElementUnit(HardwareUnit, ABC):
    """A unit each of whose results belongs to one input x, or to one of each of its operands."""

    enable: bool = field(default=False, kw_only=True)
    """Whether registers between x and y move on only in cycles with `x_enable` set."""

    @property
    def operands(self) -> tuple[str, ...]:
        """Ports of the numbers of which each result is a function."""
        return ("x",)

    @abstractmethod
    def steps(self) -> dict[str, Integers]:
        """
        What is worth asking: one value a step for each input port, and for y what it must answer.

        `y` does not count in steps that write.
        """

    @abstractmethod
    def rows(self, facts: dict[str, Any], ports: Sequence[Port]) -> list[Description]:
        """Every table, with these facts of the module, and its ports."""

    def header(self, location: str | None) -> dict[str, Any]:
        """The facts of the module."""
        facts: dict[str, Any] = {"module": self.module, "location": location}
        facts |= {"latency": self.latency, "throughput": self.throughput}
        return facts if self.throughput else {k: v for k, v in facts.items() if k != "throughput"}

    def describe(self, location: str | None) -> list[Description]:
        return self.rows(self.header(location), self.ports)


def describe_port(port: Port) -> dict[str, Any]:
    """A port as JSON has it."""
    direction = "output" if port.output else "input"
    return {"name": port.name, "direction": direction, "bits": port.bits or 1}


def check_timing(unit: ElementUnit, most: int = 64) -> None:
    """Raise `ValueError` for a number of cycles that no pipeline has, or an enable of nothing."""
    if not 0 <= unit.latency <= most:
        raise ValueError(f"latency must be from 0 to {most} cycles, got {unit.latency}")
    if unit.enable and not unit.latency:
        raise ValueError("enable is for units that have a latency")
