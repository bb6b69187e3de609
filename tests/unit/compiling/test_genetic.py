"""Settings that are bred on the network itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="pip install lut-opt[torch]")

from lut_opt.compiling.candidates import Candidate, Group, Setting, front, hull
from lut_opt.compiling.genetic import Evolution, evolve

SMALL = Evolution(generations=6, population=8)

GROUPS = st.lists(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 1000)), min_size=1, max_size=5),
    min_size=1,
    max_size=4,
)


def group(pairs: Sequence[tuple[int, int]]) -> Group:
    made = [
        Candidate(Setting(8, entries, 8), bits, {}, float(noise))
        for entries, (bits, noise) in enumerate(pairs, 2)
    ]
    return Group("gelu", (0,), hull(made), front(made))


def cost(chosen: Sequence[Candidate]) -> float:
    return sum(each.cost for each in chosen)


@settings(deadline=None)
@given(GROUPS, st.floats(0.0, 2000.0))
def test_never_worse_than_what_it_starts_from(
    pairs: list[list[tuple[int, int]]], budget: float
) -> None:
    groups = [group(each) for each in pairs]

    def shortfall(chosen: Sequence[Candidate]) -> float:
        return max(0.0, sum(each.noise for each in chosen) - budget)

    start = [[each.candidates[-1] for each in groups], [each.candidates[0] for each in groups]]
    made = evolve(groups, start, shortfall, SMALL)
    rank = shortfall(made), cost(made)
    assert rank == min(rank, *((shortfall(each), cost(each)) for each in start))
    assert made == evolve(groups, start, shortfall, SMALL)


def test_finds_what_noise_does_not_tell() -> None:
    """Here only the second operator counts, though all are as noisy."""
    groups = [group([(4, 90), (8, 30), (16, 10), (32, 1)]) for _ in range(4)]
    start = [[each.candidates[-1] for each in groups]]

    def shortfall(chosen: Sequence[Candidate]) -> float:
        return max(0.0, chosen[1].noise - 10.0)

    made = evolve(groups, start, shortfall, Evolution())
    assert [each.cost for each in made] == [4, 16, 4, 4]


def test_what_cannot_be_met_is_missed_by_the_least() -> None:
    groups = [group([(4, 90), (8, 30), (16, 10)]) for _ in range(3)]
    start = [[each.candidates[0] for each in groups]]
    made = evolve(groups, start, lambda chosen: sum(c.noise for c in chosen), Evolution())
    assert sum(each.noise for each in made) == 30.0
