"""The ladder of choices: each prefix has the least noise for its bits."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")

from lut_opt.accuracy import Recipe
from lut_opt.compiling import candidates
from lut_opt.compiling.candidates import Candidate, Group, Setting, front, hull
from lut_opt.compiling.ladder import Ladder
from lut_opt.dialects.assembly import context, parse
from lut_opt.dialects.pwl import ApplyOp, FitAttr

SETTING = Setting(8, 8, 8)

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A machine that is busy with other things is no fault."""

CANDIDATES = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 1000)), min_size=1, max_size=5, unique=True
).map(lambda pairs: [Candidate(SETTING, bits, {}, float(noise)) for bits, noise in pairs])


def group(candidates: list[Candidate]) -> Group:
    return Group("gelu", (0,), hull(candidates), front(candidates))


@PATIENT
@given(CANDIDATES)
def test_the_hull_has_the_least_noise_and_the_fewest_bits(candidates: list[Candidate]) -> None:
    kept = hull(candidates)
    assert min(c.noise for c in candidates) == kept[-1].noise
    assert min(c.bits for c in candidates) == kept[0].bits
    slopes = [(a.noise - b.noise) / (b.bits - a.bits) for a, b in itertools.pairwise(kept)]
    assert all(slope > 0 for slope in slopes)
    assert all(a > b for a, b in itertools.pairwise(slopes))


@PATIENT
@given(st.lists(CANDIDATES, min_size=1, max_size=3))
def test_every_step_is_the_best_choice_for_its_bits(many: list[list[Candidate]]) -> None:
    ladder = Ladder.of([group(candidates) for candidates in many])
    for steps in range(len(ladder.steps) + 1):
        chosen = ladder.chosen(steps)
        bits, noise = sum(c.bits for c in chosen), sum(c.noise for c in chosen)
        for other in itertools.product(*many):
            if sum(c.bits for c in other) <= bits:
                assert sum(c.noise for c in other) >= noise


@pytest.mark.parametrize("needed", range(6))
def test_the_shortest_that_is_enough(needed: int) -> None:
    candidates = [Candidate(SETTING, 1 << i, {}, 4.0**-i) for i in range(6)]
    ladder = Ladder.of([group(candidates)])
    assert ladder.shortest(lambda steps: steps >= needed) == needed
    assert ladder.chosen(needed)[0].bits == 1 << needed


def test_what_nothing_can_tell_is_no_choice() -> None:
    assert hull([Candidate(SETTING, 8, {}, math.inf)]) == ()
    same = [Candidate(SETTING, 8, {}, 1.0), Candidate(Setting(16, 8, 8), 8, {}, 1.0)]
    assert hull(same) == (same[0],)


@PATIENT
@given(CANDIDATES, st.floats(0.0, 1000.0))
def test_less_than_a_step_where_it_is_enough(candidates: list[Candidate], most: float) -> None:
    ladder = Ladder.of([group(candidates)])
    enough = [c for c in front(candidates) if c.noise <= most]
    steps = ladder.shortest(lambda steps: ladder.chosen(steps)[0].noise <= most)
    if enough:
        (chosen,) = ladder.trimmed(steps, lambda chosen: chosen[0].noise <= most)
        assert chosen == enough[0]


@PATIENT
@given(st.lists(CANDIDATES, min_size=1, max_size=3))
def test_noise_gets_dearer_step_by_step(candidates: list[list[Candidate]]) -> None:
    ladder = Ladder.of([group(each) for each in candidates])
    prices = [ladder.price(steps) for steps in range(len(ladder.steps) + 1)]
    assert prices[0] == math.inf
    assert prices == sorted(prices, reverse=True)


def test_what_is_no_better_than_zeros_is_no_candidate() -> None:
    text = """func.func @main(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
      %y = torch.aten.tanh %x {pwl.range = [-4.0, 4.0]}
        : !torch.vtensor<[4],f32> -> !torch.vtensor<[4],f32>
      return %y : !torch.vtensor<[4],f32>
    }"""
    few, more = Setting(8, 2, 4), Setting(8, 8, 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "SETTINGS", (few, more))
        made = candidates.tabulated(parse(text, "tanh.mlir", context()), Recipe())
    (unit,) = candidates.units_of(made[few])
    for snr, wanted in ((0.5, [few, more]), (0.0, [more])):
        assert isinstance(unit, ApplyOp)
        assert unit.fit is not None
        unit.fit = FitAttr(replace(unit.fit.data, snr=snr))
        (found,) = candidates.groups(made, made[more])
        assert [each.setting for each in found.candidates] == wanted
