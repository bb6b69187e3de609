"""Units side by side in one module, each with its streams of AXI4 under a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lut_opt.dialects.pwl.hardware.axis_unit import AxisUnit
from lut_opt.dialects.pwl.hardware.unit import Description, HardwareUnit, Port, describe_port

SHARED = ("aclk", "aresetn")
"""Ports that all units of a block have in common."""

SIDES = ("s_axis", "m_axis")


@dataclass(frozen=True)
class BlockUnit(HardwareUnit):
    """
    What each of `units` computes, at the same time as the others and without them.

    The port `s_axis_tdata` of the unit `softmax` is `s_axis_softmax_tdata` of the block, its port
    `write` is `softmax_write`; clock and reset are everyone's.
    """

    units: tuple[tuple[str, AxisUnit], ...]

    @classmethod
    def around(cls, module: str, units: Sequence[tuple[str, AxisUnit]]) -> BlockUnit:
        """Some units, each with a name; the latency is the slowest one's."""
        return cls(module, tuple(units), latency=max(unit.latency for _, unit in units))

    @property
    def throughput(self) -> None:
        """Each unit has its own."""
        return None

    @property
    def ports(self) -> tuple[Port, ...]:
        (first, *_) = self.units
        shared = [port for port in first[1].ports if port.name in SHARED]
        return (*shared, *(port for name, unit in self.units for port in own_ports(name, unit)))

    def check(self) -> None:
        if not self.units:
            raise ValueError("a block has one unit at least")
        if len(dict(self.units)) != len(self.units):
            raise ValueError("two units of a block have the same name")
        for _, unit in self.units:
            unit.check()

    def summary(self) -> str:
        return f"{', '.join(name for name, _ in self.units)} side by side"

    def describe(self, location: str | None) -> list[Description]:
        rows: list[Description] = []
        for name, unit in self.units:
            own = {"module": self.module, "part": name, "axis_of": unit.unit.module}
            own |= {"ports": [describe_port(port) for port in own_ports(name, unit)]}
            rows += [(table, {**facts, **own}) for table, facts in unit.describe(location)]
        return rows


def own_ports(name: str, unit: AxisUnit) -> list[Port]:
    """The ports of a block that belong to one unit of this name."""
    own = [port for port in unit.ports if port.name not in SHARED]
    return [replace(port, name=port_under(name, port.name)) for port in own]


def port_under(name: str, port: str) -> str:
    """What the port of a unit of this name is called in its block."""
    if port in SHARED:
        return port
    for side in SIDES:
        if port.startswith(f"{side}_"):
            return f"{side}_{name}_{port.removeprefix(f'{side}_')}"
    return f"{name}_{port}"
