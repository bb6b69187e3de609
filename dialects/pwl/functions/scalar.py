"""A number that formulas are written on, whatever stands for it: code, or an array."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Scalar(ABC):
    """
    A real number, or the truth value of a comparison.

    `x / ((-x).exp() + 1.0)` is silu on every implementation; what is not written as an operator or
    a method here is `call`ed by the name that MLIR's `math` has for it.
    """

    @abstractmethod
    def number(self, value: float) -> Self:
        """A constant."""

    @abstractmethod
    def call(self, name: str, *others: Scalar | float) -> Self:
        """An op of `math` on this and other numbers: `x.call("atan2", y)`."""

    @abstractmethod
    def __add__(self, other: Scalar | float) -> Self: ...

    @abstractmethod
    def __sub__(self, other: Scalar | float) -> Self: ...

    @abstractmethod
    def __mul__(self, other: Scalar | float) -> Self: ...

    @abstractmethod
    def __truediv__(self, other: Scalar | float) -> Self: ...

    @abstractmethod
    def __neg__(self) -> Self: ...

    @abstractmethod
    def at_least(self, low: Scalar | float) -> Self:
        """The larger of two."""

    @abstractmethod
    def at_most(self, high: Scalar | float) -> Self:
        """The smaller of two."""

    @abstractmethod
    def compare(self, predicate: str, other: Scalar | float) -> Self:
        """A truth value, by MLIR's name of the predicate: `ogt`, `oge`, `olt`, `ole`, …."""

    @abstractmethod
    def select(self, yes: Scalar | float, no: Scalar | float) -> Self:
        """This truth value's choice of two."""

    def abs(self) -> Self:
        """|x|."""
        return self.call("absf")

    def cos(self) -> Self:
        """The cosine."""
        return self.call("cos")

    def erf(self) -> Self:
        """The error function."""
        return self.call("erf")

    def exp(self) -> Self:
        """e to the power of this."""
        return self.call("exp")

    def expm1(self) -> Self:
        """e to the power of this, less 1."""
        return self.call("expm1")

    def log(self) -> Self:
        """The natural logarithm."""
        return self.call("log")

    def log1p(self) -> Self:
        """The natural logarithm of 1 and this."""
        return self.call("log1p")

    def power(self, exponent: Scalar | float) -> Self:
        """This to the power of another."""
        return self.call("powf", exponent)

    def tanh(self) -> Self:
        """The hyperbolic tangent."""
        return self.call("tanh")
