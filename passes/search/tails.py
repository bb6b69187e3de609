"""
Tails: the lines that a function runs into, and where it differs from them.

Beyond the last input at which function and line differ by more than half a step of the result, the
line's result is the function's, correctly rounded. A table whose outermost segments are such lines
loses nothing there, however far its inputs reach, and needs its other entries for the rest only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lut_opt.dialects.pwl.certificate import RealFunction
from lut_opt.dialects.quantization import Quantization, Reals
from lut_opt.passes.search.constraints import Tail

TAILS = {
    "zero": Tail(0.0, 0.0),
    "identity": Tail(1.0, 0.0),
    "one": Tail(0.0, 1.0),
    "minus-one": Tail(0.0, -1.0),
}

_BEYOND = 2.0 ** np.arange(9)
"""A tail must hold at so many times the outermost input too: sqrt(x) only touches x at 1."""


@dataclass(frozen=True)
class Reach:
    """The tail of one side, by name, and the outermost real input that it does not answer."""

    name: str
    end: float


def find_tails(
    function: RealFunction, operand: Quantization, result: Quantization
) -> tuple[Reach | None, Reach | None]:
    """
    The left and the right tail of a function, as far as stored inputs reach them.

    None on a side where no line of `TAILS` fits at and beyond the outermost input, where that
    input is not on this side of zero, or where a line fits every input.
    """
    x = operand.dequantize(operand.values)
    y, half = np.asarray(function(x), np.float64), result.scale / 2
    found: list[Reach | None] = []
    for end, outwards in ((float(x[0]), slice(None)), (float(x[-1]), slice(None, None, -1))):
        if (end < 0) != (outwards.step is None) or end == 0:
            found.append(None)
            continue
        far = end * _BEYOND
        names = [name for name in TAILS if not np.any(_differs(name, far, function(far), half))]
        wrong = np.flatnonzero(_differs(names[0], x, y, half)[outwards]) if names else []
        reached = len(wrong) and wrong[0] > 0
        found.append(Reach(names[0], float(x[outwards][wrong[0]])) if reached else None)
    return found[0], found[1]


def _differs(name: str, x: Reals, y: Reals, most: float) -> np.ndarray:
    """Where line and function are further apart than `most`, or the function has no value."""
    tail = TAILS[name]
    with np.errstate(invalid="ignore"):
        return ~(np.abs(y - (tail.slope * x + tail.level)) <= most)
