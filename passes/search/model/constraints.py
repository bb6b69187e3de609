"""What a table must satisfy beyond being close, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Monotone = Literal["none", "increasing", "decreasing"]
Symmetry = Literal["none", "odd", "even", "relu"]


@dataclass(frozen=True)
class Tail:
    """The line `y = slope·x + level`, in real units, that an outermost segment must be."""

    slope: float
    level: float


ZERO = Tail(0.0, 0.0)
IDENTITY = Tail(1.0, 0.0)


@dataclass(frozen=True)
class Constraints:
    """
    What every table of a problem must satisfy; the default asks for nothing.

    All of it is meant on the accumulator, before the result is rounded.
    """

    zero_exact: bool = False
    """At x = 0 the accumulator is the multiple of gcd(q, 2^shift) that is nearest to f(0)."""

    monotone: Monotone = "none"
    """No slope and no step at a breakpoint points the other way."""

    symmetry: Symmetry = "none"
    """
    f(−x) = −f(x), f(x), or f(x) − x at every stored input that has a mirror image.

    The last is that of relu(x) − h(|x|): GELU, SiLU, HSWISH and softplus with their own h.
    """

    left: Tail | None = None
    """The line of the first segment; its breakpoint is free."""

    right: Tail | None = None
    """The line of the last segment; its breakpoint is free."""

    max_jump: float | None = None
    """How far, in real units, the lines on both sides of a breakpoint may be apart there."""

    def __post_init__(self) -> None:
        if self.monotone not in get_args(Monotone):
            raise ValueError(
                f"monotone must be none, increasing or decreasing, not '{self.monotone}'"
            )
        if self.symmetry not in get_args(Symmetry):
            raise ValueError(f"symmetry must be none, odd, even or relu, not '{self.symmetry}'")
        if self.max_jump is not None and not self.max_jump >= 0:
            raise ValueError(f"max-jump must not be negative, got {self.max_jump}")
        if self.symmetry == "even" and self.monotone != "none":
            raise ValueError("a monotone even function is constant: drop one of the two")
        if self.symmetry == "relu" and self.monotone != "none":
            raise ValueError("symmetry=relu bounds the steps of one half only: drop monotone")
        if self.symmetry != "none" and self.left is not None:
            raise ValueError("symmetry makes the left tail from the right one: give right only")

    @property
    def any(self) -> bool:
        """Whether anything is asked for."""
        return self != Constraints()

    @property
    def tails(self) -> Constraints:
        """The tails alone."""
        return Constraints(left=self.left, right=self.right)

    @property
    def coupled(self) -> bool:
        """Whether the choice of one segment depends on its neighbours."""
        return self.monotone != "none" or self.max_jump is not None

    @property
    def sign(self) -> int:
        """1, −1 or 0: the sign that slopes and steps must not oppose."""
        return {"none": 0, "increasing": 1, "decreasing": -1}[self.monotone]
