"""The best table of a problem: which program applies to which problem."""

from __future__ import annotations

from lut_opt.passes.search.model.problem import Problem
from lut_opt.passes.search.optimal.bracket import bracket
from lut_opt.passes.search.optimal.coupled import minimize_coupled
from lut_opt.passes.search.optimal.minimax import minimize_maximum
from lut_opt.passes.search.optimal.squares import MAX_POINTS, Optimum, minimize_squares
from lut_opt.passes.search.optimal.symmetry import Halves

_MANY = 1024
"""More points than this are solved faster from coarse to fine."""


def minimize(problem: Problem) -> Optimum:
    """
    The table of least loss that satisfies the constraints, or a bracket of it.

    Raises `ValueError` for constraints that cannot be satisfied, or with metric=max, and
    `NotProvable` where the problem has too many points for its constraints.
    """
    wanted = problem.constraints
    if problem.metric == "max":
        if wanted.any:
            raise ValueError("constraints need metric=mse")
        return minimize_maximum(problem)
    if wanted.symmetry != "none":
        halves = Halves(problem)
        return halves.whole(minimize(halves.problem))
    if wanted.coupled:
        return minimize_coupled(problem)
    if problem.points <= _MANY:
        return minimize_squares(problem)
    provable = problem.points <= MAX_POINTS and not problem.draft
    found = bracket(problem, 0.0 if provable else problem.gap)
    if provable and found.lower_bound is not None:
        return minimize_squares(problem)
    return found
