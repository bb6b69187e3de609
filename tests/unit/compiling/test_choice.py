"""A choice of settings: what is taken of a measurement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

pytest.importorskip("torch", reason="pip install lut-opt[torch]")

from lut_opt.compiling import choice
from lut_opt.compiling.candidates import Candidate, Group, Setting, front, hull
from lut_opt.compiling.ladder import Ladder


def test_a_choice_bears_slightly_larger_errors() -> None:
    """Compiled code rounds single values otherwise; what only just meets a target may miss it."""
    wanted = {"0": np.array([1.0, 2.0, np.inf]), "1": np.array([3])}
    found = {"0": np.array([1.5, 2.0, np.inf]), "1": np.array([4])}
    ((_, worse),) = choice._worse([(wanted, found)])
    assert np.allclose(worse["0"], [1.5 + 0.5 * choice.RESERVE, 2.0, np.inf])
    assert worse["1"].tolist() == [4]


def test_one_setting_for_all_comes_first_where_it_costs_less() -> None:
    """Between the steps of a ladder, and where tables are shared, it may."""
    sizes = [(4, 1.0, 100.0), (8, 5.0, 50.0), (16, 10.0, 0.0)]
    every = [
        Candidate(Setting(8, entries, 8), 0, {}, noise, area) for entries, area, noise in sizes
    ]
    group = Group("gelu", (0,), hull([every[0], every[2]]), front(every), tuple(every))
    ladder = Ladder.of([group, group])

    def is_met(chosen: Sequence[Candidate]) -> bool:
        return sum(each.noise for each in chosen) <= 100.0

    first = ladder.shortest(lambda steps: is_met(ladder.chosen(steps)))
    attempts = [chosen for _, chosen in choice._attempts(ladder, first, is_met)]
    assert [[each.cost for each in chosen] for chosen in attempts[:2]] == [[5.0, 5.0], [10.0, 1.0]]
    assert ladder.alike(below=10.0) == [[every[0], every[0]]]


def _group(name: str, *sizes: tuple[int, float]) -> Group:
    each = [Candidate(Setting(8, bits, 8), bits, {}, noise) for bits, noise in sizes]
    return Group(name, (0,), hull(each), front(each), tuple(each))


@pytest.mark.parametrize(("left", "enough"), [(5.0, True), (7.0, False)])
def test_larger_tables_are_asked_for_where_they_might_pay(left: float, enough: bool) -> None:
    """`b`'s next would cost 5 bits at least, for each of which the last step took away 1.2."""
    ladder = Ladder.of(
        [_group("a", (10, 20.0), (20, 8.0), (30, 1.0)), _group("b", (5, 50.0), (10, left))]
    )
    assert ladder.price(2) == 1.2
    taken = choice.Choice(ladder, tuple(ladder.chosen(2)), 2, 2, 1)
    assert taken.needs_no_more is enough


def test_after_the_last_step_larger_tables_are_asked_for() -> None:
    ladder = Ladder.of([_group("a", (10, 20.0), (20, 0.0))])
    assert not choice.Choice(ladder, tuple(ladder.chosen(1)), 1, 1, 1).needs_no_more
