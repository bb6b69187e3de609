"""A block, or what there is of one, as JSON and in words: the same for an op and for hardware."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lut_opt.dialects.lutnet.network import ConditionalSum, Luts, Thermometer


def describe(
    thermometer: Thermometer | None, layers: Sequence[Luts], readout: ConditionalSum
) -> dict[str, Any]:
    """All of its data; no `thresholds` for bits that come from elsewhere than an encoder."""
    return {
        "thresholds": thermometer and [list(row) for row in thermometer.thresholds],
        "layers": [
            {
                "connections": [list(row) for row in luts.connections],
                "tables": [f"{table:#x}" for table in luts.tables],
            }
            for luts in layers
        ],
        "weights": [list(row) for row in readout.weights],
        "weighed_bits": readout.bits and [list(row) for row in readout.bits],
        "bias": list(readout.bias),
        "shift": readout.shift,
    }


def summary(
    thermometer: Thermometer | None, layers: Sequence[Luts], readout: ConditionalSum
) -> str:
    """Its sizes, in one line; no encoder's for bits that come from elsewhere."""
    sizes = [f"{sum(luts.count for luts in layers)} LUTs", f"{readout.results} results"]
    if thermometer is not None:
        sizes = [f"{thermometer.features} features", f"{thermometer.bits} thresholds", *sizes]
    return f"weightless block: {', '.join(sizes)}"
