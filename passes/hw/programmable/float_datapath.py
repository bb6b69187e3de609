"""The datapath of a programmable floating-point unit: exactly `FloatTable.evaluate`."""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.ir import SSAValue

from lut_opt.dialects.pwl.float_table import FloatTable, bits_of_floats
from lut_opt.dialects.pwl.hardware import Layout, ProgrammableUnit, Write
from lut_opt.passes.hw.builder.circuit import Circuit
from lut_opt.passes.hw.datapath.fixed import Style
from lut_opt.passes.hw.programmable.float32 import Float32
from lut_opt.passes.hw.programmable.words import Words

WORD = 32

CUTS = ("output", "select", "product", "sum", "partial", "aligned", "halves", "input")
"""Where registers may stand; n stages take the first n. `Float32` has four of these inside."""

MAX_FLOAT_PIPELINE = len(CUTS)


@dataclass(frozen=True)
class FloatFunction:
    """Single-precision tables of up to `entries` entries, `latency` cycles from x to y."""

    entries: int
    flush: bool = False
    latency: int = 0
    style: Style = field(default_factory=Style)

    @property
    def layout(self) -> Layout:
        """Words of 32 bits; there is nothing to shift."""
        return Layout(self.entries, WORD, WORD, WORD)

    def program(self, table: FloatTable) -> list[Write]:
        """
        The writes that load a table; one of fewer entries is filled up with its last.

        Raises `ValueError` for a table that has too many entries or treats subnormals otherwise.
        """
        missing = self.entries - table.entries
        if missing < 0:
            raise ValueError(
                f"the table has {table.entries} entries, the unit has {self.entries}: entries="
            )
        if table.flush != self.flush:
            raise ValueError("table and unit must treat subnormal numbers alike")
        points = table.breakpoints or (0.0,) * min(missing, 1)
        points += points[-1:] * (self.entries - 1 - len(points))
        slopes = table.slopes + table.slopes[-1:] * missing
        intercepts = table.intercepts + table.intercepts[-1:] * missing
        columns = [bits_of_floats(column) for column in (points, slopes, intercepts)]
        return self.layout.writes(columns[0], columns[1], columns[2])

    def unit(self, module: str) -> ProgrammableUnit:
        """What a module with this datapath is."""
        return ProgrammableUnit(module, self.layout, flush=self.flush, latency=self.latency)

    def describe(self) -> list[str]:
        """Lines for the header of the module."""
        kept = "flushed to zero" if self.flush else "kept"
        return [
            f"  x, y:      IEEE 754 single precision, subnormal numbers {kept}",
            "  computes:  slope*x, rounded, + intercept, rounded (to nearest, ties to even)",
        ]

    def build(self, circuit: Circuit, port: SSAValue, words: Words) -> SSAValue:
        """The bits of the result of the bits of a port."""
        cuts = CUTS[: self.latency]
        unit = Float32(circuit, self.flush, self.style.multiplier, cuts)
        (x,) = unit.cut("input", port)

        def at_least(point: SSAValue) -> SSAValue:
            return unit.at_least(x, point)

        slope, intercept = words.line(circuit, at_least, self.style.select)
        slope, intercept, x = unit.cut("select", slope, intercept, x)
        product = unit.multiply(slope, x)
        (intercept,) = unit.cut("halves", intercept)
        (intercept,) = unit.cut("partial", intercept)
        product, intercept = unit.cut("product", product, intercept)
        (y,) = unit.cut("output", unit.add(product, intercept, "y_rounded"))
        return y
