"""What constraints mean on the integers of a problem, and whether a table satisfies them."""

from __future__ import annotations

import numpy as np

from lut_opt.dialects.pwl.table import Table
from lut_opt.passes.search.model.constraints import Tail
from lut_opt.passes.search.model.problem import Problem


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


def identity_slope(problem: Problem) -> int:
    """
    The slope of f(x) = x, which tables of symmetry `relu` are mirrored about.

    Raises `ValueError` where it is no integer: no such table is symmetric.
    """
    slope = problem.operand.scale / problem.accumulator_scale
    if slope != round(slope):
        raise ValueError(
            f"symmetry=relu needs an integer slope for x, which is {slope:g} here: use scales a "
            "power of two apart, or other frac-bits"
        )
    return round(slope)


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
        image = acc[both] * (-1 if wanted.symmetry == "odd" else 1)
        if wanted.symmetry == "relu":
            image = image - identity_slope(problem) * q[both]
        if np.any(table.accumulate(-q[both]) != image):
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
