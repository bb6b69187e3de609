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
from lut_opt.passes.search.model.constraints import Tail

TAILS = {
    "zero": Tail(0.0, 0.0),
    "identity": Tail(1.0, 0.0),
    "one": Tail(0.0, 1.0),
    "minus-one": Tail(0.0, -1.0),
}

_BEYOND = np.array([2.0**octave for octave in range(9)], np.float64)
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
    left = _reach(function, x, y, half) if x[0] < 0 else None
    return left, _reach(function, x[::-1], y[::-1], half) if x[-1] > 0 else None


def _reach(function: RealFunction, x: Reals, y: Reals, most: float) -> Reach | None:
    """The tail of the side where `x` begins; the function is `y` at `x`."""
    far: Reals = x[0] * _BEYOND
    names = [name for name in TAILS if not np.any(_differs(name, far, function(far), most))]
    if not names:
        return None
    wrong = np.flatnonzero(_differs(names[0], x, y, most))
    return Reach(names[0], float(x[wrong[0]])) if len(wrong) and wrong[0] > 0 else None


def _differs(name: str, x: Reals, y: Reals, most: float) -> np.ndarray:
    """Where line and function are further apart than `most`, or the function has no value."""
    tail = TAILS[name]
    with np.errstate(invalid="ignore"):
        return ~(np.abs(y - (tail.slope * x + tail.level)) <= most)
