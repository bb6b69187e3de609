"""What is known of a network that was compiled."""

from __future__ import annotations

from dataclasses import dataclass

from lut_opt.accuracy import Accuracy, Recipe
from lut_opt.compiling.candidates import table_bits, units_of
from lut_opt.compiling.choice import Choice
from lut_opt.dialects.assembly import Program


@dataclass(frozen=True)
class Network:
    """A program with its tables, how it was made, and what was measured of it."""

    accuracy: Accuracy
    """Of the compiled code, on batches that the calibration has not seen; `met` is the verdict."""
    source: Program
    """The exported program: `torch` dialect, with what each operator's range and setting are."""
    program: Program
    """The same with every table in it."""
    converted: Program
    """The same in integers, without `pwl`: what was compiled."""
    recipe: Recipe
    choice: Choice | None
    """The setting of each operator; None where no target asked for one."""
    name: str
    backend: str

    @property
    def table_bits(self) -> int:
        """Bits of all distinct tables: slopes, intercepts and breakpoints."""
        return table_bits(units_of(self.program))
