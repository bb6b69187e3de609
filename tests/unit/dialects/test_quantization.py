"""Quantizations with and without bounds."""

from __future__ import annotations

import pickle
from dataclasses import replace

from lut_opt.dialects.quantization import Quantization


def test_a_bound_that_is_not_given_is_that_of_the_storage() -> None:
    assert Quantization(8, True, 0.5) == Quantization(8, True, 0.5, 0, -128, 127)
    assert Quantization(4, False, 0.5, 3, minimum=2) == Quantization(4, False, 0.5, 3, 2, 15)
    assert Quantization(4, False, 0.5, maximum=7).minimum == 0
    assert hash(Quantization(8, True, 0.5, maximum=127)) == hash(Quantization(8, True, 0.5))


def test_zero_is_a_bound_like_any_other() -> None:
    assert Quantization(8, True, 1.0, 0, 0, 0).values.tolist() == [0]
    assert Quantization(8, True, 1.0, 0, -5, 0).maximum == 0


def test_copies_are_equal() -> None:
    narrow = Quantization(8, True, 1.0, 0, -100, 90)
    assert replace(narrow, scale=2.0) == Quantization(8, True, 2.0, 0, -100, 90)
    assert pickle.loads(pickle.dumps(narrow)) == narrow
