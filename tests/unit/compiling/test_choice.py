"""A choice of settings: what is taken of a measurement."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="pip install lut-opt[torch]")

from lut_opt.compiling import choice


def test_a_choice_bears_slightly_larger_errors() -> None:
    """Compiled code rounds single values otherwise; what only just meets a target may miss it."""
    wanted = {"0": np.array([1.0, 2.0, np.inf]), "1": np.array([3])}
    found = {"0": np.array([1.5, 2.0, np.inf]), "1": np.array([4])}
    ((_, worse),) = choice._worse([(wanted, found)])
    assert np.allclose(worse["0"], [1.5 + 0.5 * choice.RESERVE, 2.0, np.inf])
    assert worse["1"].tolist() == [4]
