"""A valid/ready stream around a unit each of whose results belongs to one input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lut_opt.dialects.pwl.hardware.unit import ENABLE, Description, ElementUnit, Port
from lut_opt.dialects.quantization import Integers

CLOCKS = ("clock", "x_clock", "reset", ENABLE)
"""What a stream has of its own, or drives itself."""


@dataclass(frozen=True)
class StreamUnit(ElementUnit):
    """What `unit` computes; its latency counts the cycles in which something moves."""

    unit: ElementUnit

    @property
    def operands(self) -> tuple[str, ...]:
        return self.unit.operands

    @classmethod
    def around(cls, module: str, unit: ElementUnit) -> StreamUnit:
        """The stream of a unit."""
        return cls(module, unit, latency=unit.latency)

    @property
    def throughput(self) -> int:
        return 1

    @property
    def ports(self) -> tuple[Port, ...]:
        inner = self.unit.ports
        kept = [port for port in inner if port.name not in CLOCKS and not port.output]
        clocked = any(port.bits is None for port in inner)
        return (
            *([Port("clock", None)] * clocked),
            *([Port("reset", 1)] * bool(self.latency)),
            *kept,
            Port("x_valid", 1),
            Port("y_ready", 1),
            Port("x_ready", 1, output=True),
            *[port for port in inner if port.output],
            Port("y_valid", 1, output=True),
        )

    def check(self) -> None:
        self.unit.check()

    def steps(self) -> dict[str, Integers]:
        return self.unit.steps()

    def summary(self) -> str:
        return f"{self.unit.module} as a stream"

    def header(self, location: str | None) -> dict[str, Any]:
        facts = super().header(location)
        place = {name: facts.pop(name) for name in ("module", "location")}
        return {**place, "stream_of": self.unit.module, **facts}

    def rows(self, facts: dict[str, Any], ports: Sequence[Port]) -> list[Description]:
        return self.unit.rows(facts, ports)
