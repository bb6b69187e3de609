"""
A streaming unit as JSON: its ports, how their bits stand for reals, its timing, its error bound.

    describe_row_unit(unit)     # the same beside each of the unit's tables
"""

from __future__ import annotations

from typing import Any

from xdsl.dialects.builtin import IntegerType

from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.row_unit.unit import RowUnit, ports


def describe_row_unit(unit: RowUnit) -> dict[str, Any]:
    """The facts of a unit as a whole, without its tables."""
    semantics = unit.semantics
    sides = {"x": semantics.operand, "y": semantics.result, **semantics.parameters}
    facts: dict[str, Any] = {
        "unit": unit.function,
        "module": unit.module,
        "row_length": unit.length,
        "variable_length": semantics.variable_length,
        "latency": unit.latency,
        "elements_per_cycle": unit.lanes,
        "error_bound": unit.error_bound,
        "ports": [
            {
                "name": name,
                "direction": direction.name.lower(),
                "bits": type_.bitwidth if isinstance(type_, IntegerType) else 1,
                **(_side(sides[name]) if name in sides else {}),
                **({"elements": unit.lanes} if name in sides and unit.lanes > 1 else {}),
            }
            for name, type_, direction in ports(unit)
        ],
    }
    return facts | semantics.constants


def table_sides(unit: RowUnit) -> dict[str, tuple[str, Quantization, Quantization]]:
    """For each table by name: its function, and how its input and result are stored."""
    parts = unit.semantics.parts.items()
    return {name: (part.function.name, part.operand, part.result) for name, part in parts}


def _side(side: Quantization) -> dict[str, Any]:
    return {
        "signed": side.signed,
        "scale": side.scale,
        "zero_point": side.zero_point,
        "range": [side.minimum, side.maximum],
    }
