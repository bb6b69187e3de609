"""What is compared: samples, infinities, zeros, integers, and several batches as one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lut_opt.accuracy.metrics import Tally


def figures(*pairs: tuple[Any, Any]) -> Any:
    tally = Tally()
    for reference, result in pairs:
        tally.add(np.asarray(reference), np.asarray(result))
    return tally.figures


def test_against_numpy() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(6, 3, 5))
    b = a + 0.4 * rng.normal(size=a.shape)
    found = figures((a[:2], b[:2]), (a[2:], b[2:]))
    rows = [
        (x.ravel() @ y.ravel()) / np.linalg.norm(x) / np.linalg.norm(y)
        for x, y in zip(a, b, strict=True)
    ]
    assert found.samples == 6
    assert found.cosine == pytest.approx(np.mean(rows))
    assert found.worst_cosine == pytest.approx(min(rows))
    assert found.sqnr == pytest.approx(10 * np.log10((a**2).sum() / ((a - b) ** 2).sum()))
    assert found.error == np.abs(a - b).max()
    assert found.agreement == np.mean(a.argmax(-1) == b.argmax(-1))
    assert 0 < found.agreement < 1


def test_nothing_differs() -> None:
    found = figures(([[1.0, 2.0], [0.0, 0.0]], [[1.0, 2.0], [0.0, 0.0]]))
    assert found.cosine == pytest.approx(1.0)
    assert (found.sqnr, found.error, found.agreement) == (math.inf, 0.0, 1.0)


def test_zeros_in_place_of_a_signal() -> None:
    found = figures(([[1.0, 2.0]], [[0.0, 0.0]]))
    assert (found.cosine, found.sqnr) == (0.0, 0.0)
    assert figures(([[0.0, 0.0]], [[1.0, 2.0]])).sqnr == -math.inf


def test_infinities_are_equal_or_the_noise_is_infinite() -> None:
    masked = [[1.0, -math.inf, math.nan]]
    assert figures((masked, masked)).sqnr == math.inf
    found = figures((masked, [[1.0, -3.0, math.nan]]))
    assert (found.sqnr, found.error) == (-math.inf, math.inf)
    assert figures(([[1.0, 2.0]], [[1.0, math.nan]])).error == math.inf


def test_a_vector_is_one_sample_and_has_no_largest_of_one() -> None:
    found = figures((np.ones(4), np.ones(4)))
    assert found.samples == 1
    assert figures((np.ones((4, 1)), np.ones((4, 1)))).agreement is None


def test_integers_are_equal_or_not() -> None:
    found = figures(([1, 2, 3, 4], [1, 2, 3, 5]))
    assert (found.cosine, found.sqnr, found.agreement) == (None, None, 0.75)


def test_other_shapes_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"the result is \(3,\), the reference \(4,\)"):
        figures((np.ones(4), np.ones(3)))
