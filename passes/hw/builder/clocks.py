"""Names of clocks and of what gates them, which modules and streams share."""

from __future__ import annotations

CLOCK_GATE = "pwl_clock_gate"
"""The module of a clock gate, for a flow to put the library's own cell in its place."""


DATAPATH_CLOCK = "x_clock"
"""The clock port of a unit whose other clock must not stop, because it writes a table."""
