"""What `convert-pwl-to-arith` is asked for."""

from __future__ import annotations

from typing import Literal

Select = Literal["chain", "binary", "direct", "compare", "search"]
"""How a segment is found; `compare` and `search` are the former names of `chain` and `binary`."""


def present_name(select: Select) -> Literal["chain", "binary", "direct"]:
    """The name that a former one stands for, or the name itself."""
    match select:
        case "compare":
            return "chain"
        case "search":
            return "binary"
        case _:
            return select
