"""The smallest table that is good enough."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from lut_opt.dialects.pwl.certificate import certify, samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search import Constraints, Problem, search
from lut_opt.passes.search.model.formulate import Goal, Shape, formulate
from lut_opt.passes.search.optimal.budget import Budget, front, meet

OPERAND = Quantization(8, True, 2.0**-5)
POINTS = samples(FUNCTIONS["gelu"], (), OPERAND, OPERAND)


ANY = Constraints()


def make(entries: int, bits: int, constraints: Constraints = ANY) -> Problem:
    return formulate(
        POINTS,
        OPERAND,
        OPERAND,
        Shape(entries=entries, param_bits=bits),
        Goal(constraints=constraints),
    )


@pytest.mark.parametrize("limit", [1e-3, 5e-5, 1e-5])
def test_fewest_entries_for_a_squared_error(limit: float) -> None:
    found = meet(make, Budget(mse=limit))
    n = found.table.entries
    assert found.mse <= limit
    assert found.fewest
    assert found.mse == pytest.approx(search(make(n, 8), strategy="optimal").loss)
    assert n == 1 or search(make(n - 1, 8), strategy="optimal").loss > limit


@pytest.mark.parametrize("limit", [0.6, 1.0, 2.0])
def test_fewest_entries_for_a_maximum_error(limit: float) -> None:
    found = meet(make, Budget(max_error=limit, param_bits=(8, 10)))
    figures = certify(found.table, POINTS, OPERAND, OPERAND)
    assert figures.max_error == pytest.approx(found.max_error)
    assert figures.max_error <= limit
    assert figures.mse == pytest.approx(found.mse)


def test_both_limits_and_constraints() -> None:
    found = meet(make, Budget(mse=5e-5, max_error=1.0))
    assert found.mse <= 5e-5
    assert found.max_error <= 1.0
    pinned = meet(
        lambda n, bits: make(n, bits, Constraints(zero_exact=True)), Budget(max_error=1.0)
    )
    assert pinned.max_error <= 1.0
    assert pinned.table.accumulate(np.array([0]))[0] == 0
    odd = meet(lambda n, bits: make(n, bits, Constraints(max_jump=0.1)), Budget(mse=1e-4))
    assert odd.mse <= 1e-4


def test_the_front_is_a_front_of_optima() -> None:
    found = front([make], Budget(param_bits=(4, 6, 8), max_entries=20))
    assert len(found) > 8
    assert {choice.table.param_bits for choice in found} == {4, 6, 8}
    for left, right in itertools.pairwise(found):
        assert left.bits < right.bits
        assert left.mse > right.mse
    for choice in found[:: len(found) // 4]:
        problem = replace(choice.problem, entries=choice.table.entries)
        assert choice.mse == pytest.approx(search(problem, strategy="optimal").loss)


def test_what_is_not_possible() -> None:
    with pytest.raises(ValueError, match="give a budget"):
        meet(make, Budget())
    with pytest.raises(ValueError, match=r"no table meets the budget \(8 bits: 4 entries come to"):
        meet(make, Budget(mse=1e-6, max_entries=4))
    with pytest.raises(ValueError, match="entries are needed"):
        meet(make, Budget(max_error=0.55, max_entries=2))
    with pytest.raises(ValueError, match="negative"):
        Budget(mse=-1.0)
