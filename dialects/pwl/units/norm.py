"""Layer norm and RMS norm of whole rows; the package's first page has the formulas."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lut_opt.dialects.pwl.fixed_point import leading_one, round_shift
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.pwl.units.unit import (
    INVERSE_RESULT,
    TABLE_FRACTION,
    Part,
    Rowwise,
    fraction_of,
    part,
    relative_error,
)
from lut_opt.dialects.quantization import Integers, Quantization, Reals

NORM_FRACTION = 14
"""Fraction bits of a normalized value, before the affine part."""

MAX_CENTRED_BITS = 15
"""What is squared is at most 2^15 in magnitude: wider inputs are narrowed, row by row."""

MAX_NARROWING = 18
"""Largest shift that does so: an input less its zero point has at most 33 bits."""

MAX_SHIFTED_BITS = 61
"""Every sum of the affine part is below 2^61."""

MAX_EPSILON_SHIFT = 62
"""n²·ε is below 2^62: nothing is left of it then."""

MAX_EPSILON = 2.0**35
"""ε with the fraction bits of the squares, in squared input steps."""

RSQRT_BITS = 9
"""Fraction bits of the normalized variance, for the table of inverse roots."""

RSQRT_OPERAND = Quantization(12, False, 2.0**-RSQRT_BITS, 0, 1 << 9, 1 << 11)
"""Two octaves, [1, 4], both ends included."""

_SQUARE_BITS = 34
"""62 bits, less n² ≤ 2^26, less two of reserve: what is left for squares and their fraction."""


@dataclass(frozen=True)
class Norm(Rowwise, ABC):
    """
    What layer norm, which subtracts the mean (`centred`), and RMS norm share.

    `gamma` and `beta` say how those are stored, None where there are none; their scales and the
    result's are powers of two.
    """

    centred: ClassVar[bool]
    max_operand_bits: ClassVar[int] = 32

    rsqrt: Table
    epsilon: float
    gamma: Quantization | None = None
    beta: Quantization | None = None

    @property
    def parts(self) -> dict[str, Part]:
        return {"rsqrt": part("rsqrt", RSQRT_OPERAND, INVERSE_RESULT)}

    def check(self) -> None:
        super().check()
        self._check_affine()
        squared = self.epsilon * 2.0**self.square_fraction / self.operand.scale**2
        if not 0 <= squared <= MAX_EPSILON:
            raise ValueError(
                f"epsilon {self.epsilon} is negative or too large for inputs in steps of "
                f"{self.operand.scale}"
            )

    def _check_affine(self) -> None:
        for name, quantization in self.parameters.items():
            self.check_scale(name, quantization)
            if quantization.zero_point:
                raise ValueError(f"{name} must have a zero point of 0")
        bits = self.product_bits
        if self.beta and not 0 <= self.beta_shift <= MAX_SHIFTED_BITS - self.beta.bits:
            raise ValueError(f"the scale of beta must be 2^-{bits} or somewhat larger")
        if not 0 <= self.result_shift <= MAX_SHIFTED_BITS:
            raise ValueError(f"the result scale must be 2^-{bits} or larger")

    @property
    def is_wide(self) -> bool:
        """Whether inputs have more bits than can be squared: rows are narrowed first."""
        return _centred_bits(self.operand) > MAX_CENTRED_BITS

    @property
    def square_fraction(self) -> int:
        """Fraction bits of the squares, F; even."""
        return _SQUARE_BITS - 2 * min(_centred_bits(self.operand), MAX_CENTRED_BITS)

    @property
    def epsilon_parts(self) -> tuple[int, int]:
        """ε·2^F/S² as mantissa · 2^−shift, with 24 significant bits or more."""
        value = self.epsilon * 2.0**self.square_fraction / self.operand.scale**2
        if value == 0.0:
            return 0, 0
        shift = min(max(0, 24 - math.frexp(value)[1]), 62)
        return round(math.ldexp(value, shift)), shift

    @property
    def beta_shift(self) -> int:
        """Left shift that gives beta the unit of x̂·γ."""
        return self.product_bits - (0 if self.beta is None else fraction_of(self.beta))

    @property
    def result_shift(self) -> int:
        """Right shift from x̂·γ to the result."""
        return self.product_bits - fraction_of(self.result)

    @property
    def product_bits(self) -> int:
        """Fraction bits of x̂·γ."""
        return NORM_FRACTION + (0 if self.gamma is None else fraction_of(self.gamma))

    def rows(self, q: Integers, parameters: Mapping[str, Integers]) -> Integers:
        acc = self.normalize(q)
        if "gamma" in parameters:
            acc = acc * parameters["gamma"]
        if "beta" in parameters:
            acc = acc + (parameters["beta"] << self.beta_shift)
        y = round_shift(acc, np.int64(self.result_shift)) + self.result.zero_point
        return np.clip(y, self.result.minimum, self.result.maximum)

    def normalize(self, q: Integers) -> Integers:
        """Normalized values x̂ of rows along the last axis, in 2^−14."""
        n = q.shape[-1]
        c, narrowing = self.narrowed(q)
        square = n * (c * c).sum(-1, keepdims=True)
        a = n * c
        if self.centred:
            total = c.sum(-1, keepdims=True)
            a, square = a - total, square - total * total
        mantissa, shift = self.epsilon_parts
        fraction = self.square_fraction
        epsilon = (n * n * mantissa) >> np.minimum(shift + 2 * narrowing, MAX_EPSILON_SHIFT)
        v = np.maximum((square << fraction) + epsilon, 1 << fraction)
        octave = leading_one(v) >> 1
        t = ((v << (60 - 2 * octave)) + (1 << (59 - RSQRT_BITS))) >> (60 - RSQRT_BITS)
        r = self.look_up("rsqrt", t)
        return round_shift(a * r, TABLE_FRACTION - NORM_FRACTION + octave - fraction // 2)

    def narrowed(self, q: Integers) -> tuple[Integers, Integers]:
        """
        Inputs of rows in steps that fit the row, at most 2^15 in magnitude, and log2 of the steps.

        They are less their zero point, or, where that is wide and the mean is subtracted anyway,
        less the middle of the row.
        """
        c = q - self.operand.zero_point
        if not self.is_wide:
            return c, np.zeros((*c.shape[:-1], 1), np.int64)
        low, high = c.min(-1, keepdims=True), c.max(-1, keepdims=True)
        middle = (low + high) >> 1 if self.centred else np.zeros_like(low)
        size = np.maximum(np.maximum(high - middle, middle - low), 1)
        narrowing = np.maximum(leading_one(size) - (MAX_CENTRED_BITS - 1), 0)
        return round_shift(c - middle, narrowing), narrowing

    def real(self, x: Reals, *parameters: Reals) -> Reals:
        c = x - x.mean(-1, keepdims=True) if self.centred else x
        y = c / np.sqrt(np.square(c).mean(-1, keepdims=True) + self.epsilon)
        affine = dict(zip(self.parameters, parameters, strict=True))
        return y * affine.get("gamma", 1.0) + affine.get("beta", 0.0)

    def error_bound(self, length: int, gamma: float = 1.0) -> float:
        """
        The largest error of any result in any row of `length` elements, in output steps.

        Against the norm in exact arithmetic of the reals that input, gamma and beta stand for,
        saturated to the result's range; `gamma` is the largest magnitude of the stored gamma.
        |x̂| ≤ √n (√(n−1) if centred), and v differs from n²(σ² + ε)/S² by less than one unit of
        2^−F and by ε's mantissa, where V ≥ n − 1 if any a ≠ 0; with the table's relative error ρ,

            |error| ≤ |γ| · (√n · ((1 + ρ)/√(1 − η) − 1) + 2^−15) / S_out + ½,
            η = 2^−F/max(n − 1, 1) + 2^−23

        Where rows are narrowed, each element is off by half a step, and the root mean square is at
        least 2^14/√n steps: to first order √n·(1 + √n)·2^−15 more, of which twice is taken.
        """
        octaves = RSQRT_OPERAND.values
        inverse = INVERSE_RESULT.dequantize(self.look_up("rsqrt", octaves))
        rho = relative_error(octaves, inverse, RSQRT_BITS, 0.5)
        eta = 2.0**-self.square_fraction / max(length - 1, 1) + 2.0**-23
        largest = math.sqrt(length - 1 if self.centred else length)
        relative = (1 + rho) / math.sqrt(1 - eta) - 1
        off = largest * relative + 2.0 ** -(NORM_FRACTION + 1)
        if self.is_wide:
            off += (1 + relative) * (1 + largest) * 2.0**-14 * math.sqrt(length)
        return gamma * off / self.result.scale + 0.5


@dataclass(frozen=True)
class LayerNorm(Norm):
    """The unit behind `pwl.layer_norm`."""

    name: ClassVar[str] = "layer_norm"
    centred: ClassVar[bool] = True


@dataclass(frozen=True)
class RMSNorm(Norm):
    """The unit behind `pwl.rms_norm`."""

    name: ClassVar[str] = "rms_norm"
    centred: ClassVar[bool] = False


def _centred_bits(operand: Quantization) -> int:
    """⌈log₂⌉ of the largest magnitude of an input less its zero point."""
    largest = max(operand.maximum - operand.zero_point, operand.zero_point - operand.minimum)
    return (largest - 1).bit_length()
