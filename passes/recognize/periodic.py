"""Which ops are periodic over so wide a range that they are folded."""

from __future__ import annotations

import math

from xdsl.ir import Operation

from lut_opt.dialects.torch import VTensorType, torch_name
from lut_opt.passes.support.declarations import declared_range

TURN = 2 * math.pi
"""Ranges that are wider than one period are folded."""


def is_periodic(op: Operation) -> bool:
    """Whether an op is a sine or cosine whose declared range is wider than one period."""
    if torch_name(op) not in ("aten.sin", "aten.cos"):
        return False
    if len(op.operands) != 1 or not isinstance(op.operands[0].type, VTensorType):
        return False
    interval = declared_range(op)
    return interval is not None and interval[1] - interval[0] > TURN
