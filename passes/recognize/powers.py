"""Small whole powers, which are products."""

from __future__ import annotations

from lut_opt.dialects.pwl import NamedFunction

MOST = 4
"""The largest exponent of a power that is written out."""


def whole_power(function: NamedFunction) -> int | None:
    """The exponent of a square or another small whole power, None for any other function."""
    power = 2.0 if function.name == "square" else 0.0
    power = function.parameters[0] if function.name == "pow" else power
    return int(power) if power in range(2, MOST + 1) else None
