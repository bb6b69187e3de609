"""Storage that follows from a function and the inputs that count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lut_opt.dialects.pwl import NamedFunction
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.quantize.choose import (
    input_storage,
    loss,
    points_that_count,
    result_storage,
    used_interval,
)


def test_points_are_as_frequent_as_what_was_seen() -> None:
    quantiles = np.array([-4.0, -0.1, 0.0, 0.1, 4.0])
    x = points_that_count((-4.0, 4.0), quantiles)
    assert (x[0], x[-1]) == (-4.0, 4.0)
    assert np.mean(np.abs(x) <= 0.1) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("function", "interval", "used"),
    [
        ("exp", (-20.0, 0.0), (-6.25, 0.0)),  # e^-6.24 is half a step of 8 bits
        ("tanh", (-20.0, 20.0), (-3.44, 3.44)),
        ("gelu", (-17.0, 25.0), (-2.0, 25.0)),
        ("exp", (-1.0, 1.0), (-1.0, 1.0)),
    ],
)
def test_inputs_end_where_the_function_stays(
    function: str, interval: tuple[float, float], used: tuple[float, float]
) -> None:
    found = used_interval(NamedFunction(function), interval, 8)
    assert found == pytest.approx(used, abs=0.2)


@pytest.mark.parametrize(
    ("interval", "bits", "storage"),
    [
        ((-4.0, 3.96875), 8, Quantization(8, True, 2.0**-5)),
        ((0.0, 3.9), 8, Quantization(8, False, 2.0**-6)),
        ((-7.9, 0.0), 8, Quantization(8, True, 2.0**-5, 125)),
        ((-7.9, 0.0), 16, Quantization(16, True, 2.0**-12)),
    ],
)
def test_inputs_of_one_sign_have_all_the_steps(
    interval: tuple[float, float], bits: int, storage: Quantization
) -> None:
    assert input_storage(interval, bits) == storage


@given(
    st.floats(-1e3, 1e3),
    st.floats(1e-3, 1e3),
    st.sampled_from([4, 8, 12, 16]),
)
def test_every_input_of_the_interval_is_stored(low: float, span: float, bits: int) -> None:
    storage = input_storage((low, low + span), bits)
    x = np.linspace(low, low + span, 101)
    assert np.max(np.abs(storage.dequantize(storage.quantize(x)) - x)) <= storage.scale


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20),
    st.sampled_from([4, 8, 16]),
)
def test_no_result_that_counts_is_off_by_more_than_a_step(values: list[float], bits: int) -> None:
    y = np.array(values)
    storage = result_storage(y, bits)
    assert np.max(np.abs(storage.dequantize(storage.quantize(y)) - y)) <= storage.scale


def test_the_accumulators_own_unit_is_taken_only_where_it_is_fine_enough() -> None:
    assert result_storage(np.array([0.1, 3.0]), 16, 2.0**-13).scale == 2.0**-13
    # A reciprocal far from one lies far below the unit of its inputs.
    assert result_storage(1 / np.linspace(500.0, 2000.0, 9), 16, 2.0**-11).scale < 2.0**-20
    with pytest.raises(ValueError, match="infinite"):
        result_storage(np.array([np.inf]), 8)


def test_the_loss_is_the_share_of_the_signal() -> None:
    function, x = NamedFunction("tanh"), np.linspace(-1.0, 1.0, 1001)
    coarse, fine = Quantization(8, True, 2.0**-3), Quantization(16, True, 2.0**-14)
    assert loss(function, x, fine, fine) < 1e-4 < 0.05 < loss(function, x, coarse, coarse)
