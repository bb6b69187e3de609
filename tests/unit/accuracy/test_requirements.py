"""The grammar of requirements, what it refuses, and functions in their place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lut_opt.accuracy.metrics import HIGHER_IS_BETTER, Figures
from lut_opt.accuracy.requirements import Condition, RequirementError, Requirements, parse

GOOD = Figures(8, 0.9995, 0.998, 35.0, 0.01, 0.975)
BAD = Figures(8, 0.99, 0.9, 15.0, 0.1, 0.5)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("cosine >= 0.999", [Condition("cosine", ">=", 0.999)]),
        ("SQNR>30dB", [Condition("sqnr", ">", 30.0)]),
        ("agreement >= 97.5 %", [Condition("agreement", ">=", 0.975)]),
        ("worst-cosine >= .99", [Condition("worst_cosine", ">=", 0.99)]),
        ("error <= 1e-2", [Condition("error", "<=", 0.01)]),
        (
            "cosine >= 0.9 and sqnr >= -3, error < 1",
            [
                Condition("cosine", ">=", 0.9),
                Condition("sqnr", ">=", -3),
                Condition("error", "<", 1),
            ],
        ),
    ],
)
def test_it_is_read(text: str, wanted: list[Condition]) -> None:
    assert list(parse(text)) == wanted


@given(
    st.sampled_from(sorted(HIGHER_IS_BETTER)),
    st.floats(0, 1, exclude_max=True).map(lambda x: float(f"{x:g}")),
)
def test_what_it_prints_it_reads(metric: str, bound: float) -> None:
    condition = Condition(metric, ">=" if HIGHER_IS_BETTER[metric] else "<=", bound)
    assert parse(str(condition)) == (condition,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("cosine", "cannot be read"),
        ("cosine => 0.9", "cannot be read"),
        ("cosine >= 0.9 and", "cannot be read"),
        ("cosin >= 0.9", "did you mean cosine"),
        ("loss <= 1", "there is no metric `loss`"),
        ("cosine >= high", "`high` is not a number"),
        ("sqnr >= nan", "`nan` is not a number"),
        ("sqnr >= inf", "`inf` is not a number"),
        ("cosine <= 0.9", "a good cosine is at least"),
        ("error >= 0.1", "a good error is at most"),
        ("cosine >= 1.5", "can never be met: cosine is at most 1"),
        ("agreement > 100%", "can never be met"),
        ("error < -1", "can never be met"),
        ("sqnr >= 30%", "is no share"),
        ("cosine >= 1dB", "only sqnr is in decibels"),
    ],
)
def test_what_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(RequirementError, match=message):
        parse(text)


def test_the_worst_output_counts() -> None:
    outputs = {"a": GOOD, "b": BAD, "labels": Figures(8, agreement=0.9)}
    found = Requirements.of("cosine >= 0.98, error <= 0.05, agreement >= 0.6").verdicts(outputs, [])
    assert [(each.met, each.value) for each in found] == [(True, 0.99), (False, 0.1), (False, 0.5)]
    assert Requirements.of("cosine > 0.99").verdicts(outputs, [])[0].met is False


def test_a_metric_that_no_output_has() -> None:
    with pytest.raises(RequirementError, match="no output of the model has the metric agreement"):
        Requirements.of("agreement >= 0.9").verdicts({"y": Figures(1, 1.0, 1.0, 9.0, 0.0)}, [])


PAIRS: Any = [({"y": np.full(3, i)}, {"y": np.full(3, i + 0.5)}) for i in range(2)]


def test_a_function_of_all_batches() -> None:
    def margin(reference: Any, result: Any) -> float:
        assert reference.tolist() == [0, 0, 0, 1, 1, 1]
        return 0.4 - np.abs(reference - result).max()

    (found,) = Requirements.of(margin).verdicts({}, PAIRS)
    assert (found.requirement, found.met) == ("margin", False)
    assert found.value == pytest.approx(-0.1)
    (found,) = Requirements.of(lambda a, b: np.bool_(True)).verdicts({}, PAIRS)
    assert (found.met, found.value) == (True, None)


def test_several_outputs_come_by_name() -> None:
    pairs = [({"y": np.ones(2), "z": np.zeros(1)},) * 2]
    (found,) = Requirements.of(lambda a, b: a.keys() == {"y", "z"}).verdicts({}, pairs)
    assert found.met


def test_functions_that_answer_nothing() -> None:
    for answer in (None, "yes", np.ones(2), float("nan")):
        with pytest.raises(RequirementError, match="must give True or False, or a number"):
            Requirements.of(lambda a, b, answer=answer: answer).verdicts({}, PAIRS)
    with pytest.raises(RequirementError, match="is no requirement"):
        Requirements.of(0.99)
    other: Any = [({"y": np.ones((1, 2))},) * 2, ({"y": np.ones((1, 3))},) * 2]
    with pytest.raises(RequirementError, match="has another shape in each batch"):
        Requirements.of(lambda a, b: True).verdicts({}, other)
