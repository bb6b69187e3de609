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
