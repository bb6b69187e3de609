"""A stream with the ports of AXI4-Stream (Arm IHI 0051A) around a unit."""

from __future__ import annotations

from dataclasses import dataclass

from lut_opt.dialects.pwl.hardware.divide_unit import DivideUnit
from lut_opt.dialects.pwl.hardware.programmable_unit import ProgrammableUnit
from lut_opt.dialects.pwl.hardware.row_unit import RowUnit
from lut_opt.dialects.pwl.hardware.stream_unit import StreamUnit
from lut_opt.dialects.pwl.hardware.table_unit import SelectUnit, TableUnit
from lut_opt.dialects.pwl.hardware.unit import Description, HardwareUnit, Port, describe_port

BYTE = 8

RENAMED = {
    "x": "s_axis_tdata",
    "x_valid": "s_axis_tvalid",
    "x_ready": "s_axis_tready",
    "x_last": "s_axis_tlast",
    "x_keep": "s_axis_tkeep",
    "select": "s_axis_tuser",
    "y": "m_axis_tdata",
    "y_valid": "m_axis_tvalid",
    "y_ready": "m_axis_tready",
    "y_last": "m_axis_tlast",
    "y_keep": "m_axis_tkeep",
}
"""What the ports of a stream are called in AXI4-Stream."""


@dataclass(frozen=True)
class AxisUnit(HardwareUnit):
    """
    What `unit` computes, one beat a transfer.

    An element fills whole bytes of `tdata`, extended by its sign in results; a denominator lies
    above its numerator. A bit of `tkeep` stands for a byte. A stream of elements hands `tlast`
    through; rows end with it.
    """

    unit: StreamUnit | RowUnit

    @classmethod
    def around(cls, module: str, unit: StreamUnit | RowUnit) -> AxisUnit:
        """The ports around a stream or a unit of rows."""
        return cls(module, unit, latency=unit.latency)

    @property
    def throughput(self) -> int | None:
        return self.unit.throughput

    @property
    def lanes(self) -> int:
        """Elements of a beat."""
        return self.unit.lanes if isinstance(self.unit, RowUnit) else 1

    @property
    def takes_last(self) -> bool:
        """Whether there is a `s_axis_tlast`: rows of one length end by themselves."""
        return not isinstance(self.unit, RowUnit) or "x_last" in self.unit.widths

    @property
    def operands(self) -> tuple[str, ...]:
        """Ports inside that come in `s_axis_tdata`, the first in the lowest bytes."""
        return ("x",) if isinstance(self.unit, RowUnit) else self.unit.operands

    def element_bits(self, name: str) -> int:
        """Bits of an element of an operand or of y inside."""
        return self.unit.widths[name] // self.lanes

    def element_bytes(self, name: str) -> int:
        """Bytes of an element of `tdata` for an operand or y."""
        return -(-self.element_bits(name) // BYTE)

    @property
    def signed(self) -> bool:
        """Whether results have a sign."""
        inner = self.unit.unit if isinstance(self.unit, StreamUnit) else self.unit
        match inner:
            case RowUnit():
                return inner.semantics.result.signed
            case TableUnit() | DivideUnit():
                return inner.result.signed
            case SelectUnit():
                return inner.tables[0].result.signed
            case ProgrammableUnit():
                return inner.result is not None and inner.result.signed
            case _:
                return False

    @property
    def passed(self) -> tuple[Port, ...]:
        """Ports that keep their names: those that load tables and parameters."""
        own = {*RENAMED, *self.operands, "clock", "reset"}
        return tuple(port for port in self.unit.ports if port.name not in own)

    @property
    def ports(self) -> tuple[Port, ...]:
        widths = self.unit.widths
        x = self.lanes * sum(map(self.element_bytes, self.operands))
        y = self.lanes * self.element_bytes("y")
        keeps = "x_keep" in widths
        user = (Port("s_axis_tuser", widths["select"]),) if "select" in widths else ()
        return (
            Port("aclk", None),
            Port("aresetn", 1),
            *self.passed,
            Port("s_axis_tdata", BYTE * x),
            *([Port("s_axis_tkeep", x)] * keeps),
            *([Port("s_axis_tlast", 1)] * self.takes_last),
            *user,
            Port("s_axis_tvalid", 1),
            Port("s_axis_tready", 1, output=True),
            Port("m_axis_tdata", BYTE * y, output=True),
            *([Port("m_axis_tkeep", y, output=True)] * keeps),
            Port("m_axis_tlast", 1, output=True),
            Port("m_axis_tvalid", 1, output=True),
            Port("m_axis_tready", 1),
        )

    def check(self) -> None:
        self.unit.check()
        if not self.latency:
            raise ValueError("AXI4-Stream allows no path through a unit: it needs a latency")

    def summary(self) -> str:
        return f"{self.unit.module} with the ports of AXI4-Stream"

    def describe(self, location: str | None) -> list[Description]:
        own = {"module": self.module, "axis_of": self.unit.module, "location": location}
        own |= {"ports": [describe_port(port) for port in self.ports]}
        return [(table, {**facts, **own}) for table, facts in self.unit.describe(location)]
