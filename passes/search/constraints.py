"""What a table must satisfy beyond being close, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from lut_opt.dialects.pwl.table import Table

if TYPE_CHECKING:
    from lut_opt.passes.search.problem import Problem

Monotone = Literal["none", "increasing", "decreasing"]
Symmetry = Literal["none", "odd", "even"]


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
    """f(−x) = −f(x) or f(x) at every stored input that has a mirror image."""

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
            raise ValueError(f"symmetry must be none, odd or even, not '{self.symmetry}'")
        if self.max_jump is not None and not self.max_jump >= 0:
            raise ValueError(f"max-jump must not be negative, got {self.max_jump}")
        if self.symmetry == "even" and self.monotone != "none":
            raise ValueError("a monotone even function is constant: drop one of the two")
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


def tail_line(problem: Problem, tail: Tail) -> tuple[int, int]:
    """
    The integer slope and intercept of a tail.

    Raises `ValueError` where they are no integers or do not fit: the tail would not be exact.
    """
    unit, operand = problem.accumulator_scale, problem.operand
    slope = tail.slope * operand.scale / unit
    level = tail.level / unit + problem.offset - slope * operand.zero_point
    intercept = level / float(1 << problem.intercept_shift)
    for name, value, limits in (
        ("slope", slope, problem.parameter_range),
        ("intercept", intercept, problem.intercept_range),
    ):
        if value != round(value) or not limits[0] <= value <= limits[1]:
            raise ValueError(
                f"the tail {tail.slope:g}·x + {tail.level:g} needs the {name} {value:g}, which is "
                f"no integer in [{limits[0]}, {limits[1]}]: use other frac-bits or more param-bits"
            )
    if slope * problem.constraints.sign < 0:
        raise ValueError(
            f"no table with the tail {tail.slope:g}·x + {tail.level:g} is "
            f"{problem.constraints.monotone}"
        )
    return round(slope), round(intercept)


def pinned(problem: Problem) -> tuple[int, int]:
    """
    Index of x = 0 among the points, and the accumulator that it must have.

    Raises `ValueError` if x = 0 is not an input that counts.
    """
    q = problem.operand.zero_point
    at = int(np.searchsorted(problem.q, q))
    if at == problem.points or problem.q[at] != q:
        raise ValueError("x = 0 is no input that counts: widen the domain, or drop the constraint")
    step = int(np.gcd(q, 1 << problem.intercept_shift))
    return at, round(float(problem.target[at]) / step) * step


def violations(problem: Problem, table: Table) -> list[str]:
    """What the table does not satisfy of its problem's constraints, checked at every input."""
    wanted, found = problem.constraints, list[str]()
    q = problem.operand.values
    acc = table.accumulate(q)
    if wanted.zero_exact:
        at, value = pinned(problem)
        if table.accumulate(problem.q[[at]])[0] != value:
            found.append("zero_exact")
    if wanted.sign and np.any(np.diff(acc) * wanted.sign < 0):
        found.append("monotone")
    if wanted.symmetry != "none":
        both = np.isin(-q, q)
        factor = -1 if wanted.symmetry == "odd" else 1
        if np.any(table.accumulate(-q[both]) != factor * acc[both]):
            found.append("symmetry")
    if wanted.left and (table.slopes[0], table.intercepts[0]) != tail_line(problem, wanted.left):
        found.append("left")
    if wanted.right and (table.slopes[-1], table.intercepts[-1]) != tail_line(
        problem, wanted.right
    ):
        found.append("right")
    if wanted.max_jump is not None and _jump(problem, table) > wanted.max_jump:
        found.append("max_jump")
    return found


def _jump(problem: Problem, table: Table) -> float:
    """Largest distance of neighbouring lines at their breakpoint, in real units."""
    p = np.array(table.breakpoints, np.int64)
    slopes, intercepts = np.array(table.slopes), np.array(table.intercepts)
    jumps = np.diff(slopes) * p + (np.diff(intercepts) << problem.intercept_shift)
    return float(np.max(np.abs(jumps), initial=0) * problem.accumulator_scale)
