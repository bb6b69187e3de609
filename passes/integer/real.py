"""
A float tensor that integers stand for: what is known of a value instead of computing it.

    real = clamp(Σ scale_i · (value_i + bias_i) + masks + constant, low, high)

Nothing is rounded while linear operators are followed; the next quantization rounds once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from lut_opt.dialects.quantization import Integers, Reals
from lut_opt.dialects.requantization import Choice, Scaled

Shape = tuple[int, ...]
"""−1 where a size is known at run time only."""

_ACCUMULATOR = 1 << 31


class NotIntegerError(Exception):
    """Why an operator has no integer form; the message says what to do."""


@dataclass(frozen=True, eq=False)
class Term:
    """
    Stored integers with what they stand for: scale · (value + bias).

    `value`, a builtin tensor, broadcasts against the shape of the whole; so do `scale` and `bias`,
    which have as many axes as it. `low` and `high` bound the stored value.
    """

    value: SSAValue
    shape: Shape
    signed: bool
    low: int
    high: int
    scale: Reals
    bias: Integers
    data: NDArray[Any] | None = None
    """The stored integers where they are constants that the module shows."""
    product: bool = False
    """Whether it is an accumulator, whose steps are fine enough to hold a bias."""

    @property
    def bound(self) -> int:
        """The largest |value + bias|."""
        return max(abs(self.low + int(self.bias.min())), abs(self.high + int(self.bias.max())))

    @property
    def scaled(self) -> Scaled:
        """What a requantization must know."""
        return Scaled(self.scale, self.bound)

    @property
    def uniform_bias(self) -> int | None:
        """The bias if it is one number."""
        return int(self.bias.reshape(-1)[0]) if is_uniform(self.bias) else None

    def uniform_scale(self, what: str) -> float:
        """The scale, if it is one number; NotIntegerError otherwise."""
        if not is_uniform(self.scale):
            raise NotIntegerError(f"{what} has a scale for each channel: quantize it before")
        return float(self.scale.reshape(-1)[0])


@dataclass(frozen=True, eq=False)
class Mask:
    """A truth value (an `i1` tensor) that stands for one of two reals."""

    value: SSAValue
    shape: Shape
    choice: Choice


@dataclass(frozen=True, eq=False)
class Real:
    """A float tensor of some shape, as a sum over integers; see the module's docstring."""

    shape: Shape
    terms: tuple[Term, ...] = ()
    masks: tuple[Mask, ...] = ()
    constant: Reals | None = None
    """Broadcasts to the shape, with as many axes."""
    low: float = -math.inf
    high: float = math.inf

    @property
    def is_constant(self) -> bool:
        """Whether no integer of a run goes into it."""
        return not self.terms and not self.masks

    @property
    def clamped(self) -> bool:
        """Whether bounds are still to be applied."""
        return self.low > -math.inf or self.high < math.inf

    def single(self, what: str) -> Term:
        """The only term of a plain value; NotIntegerError for anything else."""
        if len(self.terms) == 1 and not self.masks and self.constant is None and not self.clamped:
            return self.terms[0]
        if not self.terms:
            raise NotIntegerError(f"{what} is a constant in floats: quantize it")
        raise NotIntegerError(f"{what} is not rounded to integers yet: quantize it before")

    def each(
        self, shape: Shape, move: Callable[[Term], Term], array: Callable[[Reals], Reals]
    ) -> Real:
        """A linear operator on every term and the constant; masks and bounds must have gone."""
        if self.masks or self.clamped:
            raise NotIntegerError("its operand is not rounded to integers yet: quantize it before")
        constant = None if self.constant is None else array(self.constant)
        return Real(shape, tuple(move(term) for term in self.terms), (), constant)

    def times(self, factor: Reals) -> Real:
        """The product with constants that broadcast to the shape."""
        number = float(factor.reshape(-1)[0])
        if (self.masks or self.clamped) and not (is_uniform(factor) and number):
            raise NotIntegerError("a mask or a clamp times factors by channel: quantize it before")
        low, high = (self.low, self.high) if number > 0 else (self.high, self.low)
        return replace(
            self,
            terms=tuple(replace(term, scale=term.scale * factor) for term in self.terms),
            masks=tuple(_scaled(mask, number) for mask in self.masks),
            constant=None if self.constant is None else self.constant * factor,
            low=low * number if self.clamped else -math.inf,
            high=high * number if self.clamped else math.inf,
        )

    def plus(self, other: Real, shape: Shape) -> Real:
        """The sum of two values of equal rank that broadcast to a shape."""
        if self.clamped or other.clamped:
            raise NotIntegerError("an addend is not rounded to integers yet: quantize it before")
        given = [each.constant for each in (self, other) if each.constant is not None]
        constant = None if not given else given[0] if len(given) == 1 else given[0] + given[1]
        terms, masks = (*self.terms, *other.terms), (*self.masks, *other.masks)
        if len(terms) == 1 and not masks and constant is not None and terms[0].product:
            if (biased := _with_bias(terms[0], constant)) is not None:
                return Real(shape, (biased,))
        return Real(shape, terms, masks, constant)


def is_uniform(array: NDArray[Any]) -> bool:
    """Whether all elements are equal."""
    return bool(np.all(array == array.reshape(-1)[0])) if array.size else True


def filled(value: float, rank: int) -> Reals:
    """One number as an array that broadcasts."""
    return np.full((1,) * rank, value, np.float64)


def zeros(rank: int) -> Integers:
    """No bias."""
    return np.zeros((1,) * rank, np.int64)


def _scaled(mask: Mask, factor: float) -> Mask:
    values = mask.choice.when_true * factor, mask.choice.when_false * factor
    return replace(mask, choice=Choice(*values))


def _with_bias(term: Term, constant: Reals) -> Term | None:
    """
    The accumulator with a constant rounded to its steps, halves to even, if that fits 32 bits.

    A bias along an axis where the accumulator is broadcast is none.
    """
    if not np.all(term.scale) or not np.isfinite(constant).all():
        return None
    bias = term.bias + np.rint(constant / term.scale)
    if np.max(np.abs(bias), initial=0.0) >= _ACCUMULATOR:
        return None
    biased = replace(term, bias=bias.astype(np.int64))
    return biased if biased.bound < _ACCUMULATOR else None
