"""
How good a table is, measured on every stored input that counts; anyone can recompute it.

`samples` says what the table should answer, `certify` compares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Integers, Quantization, Reals


class DomainError(ValueError):
    """A function has no value at an input that counts, or no input counts at all."""


class RealFunction(Protocol):
    """
    What is approximated: an entry of `FUNCTIONS`, or a function that the user wrote.

    Both methods take a float64 array of any shape and answer in that shape.
    """

    @property
    def name(self) -> str:
        """Name for diagnostics."""
        ...

    def __call__(self, x: Reals, /, *parameters: float) -> Reals:
        """Values at `x`; anything where the function is not defined."""
        ...

    def is_defined(self, x: Reals, /, *parameters: float) -> np.ndarray:
        """Boolean mask: where the function has a value."""
        ...


@dataclass(frozen=True, eq=False)
class Samples:
    """The inputs that count and what the table should answer there; arrays of shape (points,)."""

    q: Integers
    """Stored inputs, ascending."""
    x: Reals
    """The reals that they stand for."""
    y: Reals
    """The function's values, saturated to what the result can represent."""


@dataclass(frozen=True)
class Certificate:
    """Errors of one table over its samples."""

    points: int
    """Inputs that count."""
    mse: float
    """Mean squared error of the accumulator, before rounding, in squared real units."""
    max_error: float
    """Largest error of the rounded, clamped result, in steps of the result's scale."""
    exact: float
    """Share of inputs whose result is the correctly rounded (ties to even), saturated function."""


def samples(
    function: RealFunction,
    parameters: tuple[float, ...],
    operand: Quantization,
    result: Quantization,
    domain: tuple[float, float] | None = None,
) -> Samples:
    """
    The stored inputs whose real value lies in the closed interval `domain` (None: all), with
    f there, saturated to the representable range of `result`.

    Raises `DomainError` where the bounds make no interval, no stored input lies between them, or
    the function is not defined at an input that counts.
    """
    q = operand.values
    x = operand.dequantize(q)
    if domain is not None:
        inside = _inside(x, domain)
        q, x = q[inside], x[inside]
    y = np.asarray(function(x, *parameters), np.float64)
    undefined = ~function.is_defined(x, *parameters) | np.isnan(y)
    if np.any(undefined):
        first = int(np.argmax(undefined))
        raise DomainError(
            f"{function.name} is not defined at {x[first]:g} (stored as {q[first]}): narrow the "
            "storage range (such as i8<1:127>), use an unsigned storage type, or restrict the "
            "inputs that count with domain-min and domain-max"
        )
    return Samples(q, x, result.clip(y))


def _inside(x: Reals, domain: tuple[float, float]) -> np.ndarray:
    low, high = domain
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise DomainError(
            f"domain-min {low:g} and domain-max {high:g} are no interval: give two finite numbers, "
            "the smaller one first"
        )
    inside = (x >= low) & (x <= high)
    if not np.any(inside):
        raise DomainError(
            f"no stored input lies in [{low:g}, {high:g}]: the inputs are {x[0]:g} … {x[-1]:g} in "
            f"steps of {abs(x[-1] - x[0]) / max(len(x) - 1, 1):g}; widen domain-min and domain-max"
        )
    return inside


def certify(
    table: Table, samples: Samples, operand: Quantization, result: Quantization
) -> Certificate:
    """
    Errors of `table` over `samples`, which `samples()` made from the same two quantizations.

    The accumulator's real value is `(acc − zp · 2^r) · S_out · 2^−r`, with S_out and zp the scale
    and zero point of the result and r the table's result shift.

    Raises `ValueError` for inputs outside the operand's storage range.
    """
    q = samples.q
    if np.any((q < operand.minimum) | (q > operand.maximum)):
        raise ValueError("the samples leave the storage range of the operand")
    shift = 2.0**table.result_shift
    accumulator = table.accumulate(q).astype(np.float64)
    value = (accumulator - result.zero_point * shift) * (result.scale / shift)
    rounded = table.evaluate(q, result)
    wanted = np.clip(samples.y / result.scale + result.zero_point, result.minimum, result.maximum)
    return Certificate(
        points=len(q),
        mse=float(np.mean((value - samples.y) ** 2)),
        max_error=float(np.max(np.abs(rounded - wanted))),
        exact=float(np.count_nonzero(rounded == result.quantize(samples.y)) / len(q)),
    )
