"""Hardware units in a simulator against what they say that they compute. Above verilog."""

from lut_opt.backends.simulate.tables import (
    Mismatch,
    Sweep,
    simulate,
    sweep,
    units,
    vectors,
)

__all__ = ["Mismatch", "Sweep", "simulate", "sweep", "units", "vectors"]
