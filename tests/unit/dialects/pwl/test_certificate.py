"""Which inputs count, and what a certificate says about a table."""

from __future__ import annotations

import numpy as np
import pytest

from lut_opt.dialects.pwl.certificate import DomainError, certify, samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization

I8 = Quantization(8, True, 2.0**-4)


def test_samples_cover_the_domain_and_saturate() -> None:
    result = Quantization(8, True, 2.0**-5)
    got = samples(FUNCTIONS["exp"], (), I8, result, (-1.0, 2.0))
    assert (got.q[0], got.q[-1], len(got.q)) == (-16, 32, 49)
    assert got.y[16] == 1.0
    assert got.y[-1] == 127 / 32
    np.testing.assert_allclose(got.y[0], np.exp(-1.0))


def test_overflow_saturates() -> None:
    wide = Quantization(8, True, 32.0)
    got = samples(FUNCTIONS["exp"], (), wide, I8)
    assert got.y[-1] == 127 / 16


@pytest.mark.parametrize(
    ("name", "parameters", "first"),
    [("log", (), "-8 (stored as -128)"), ("reciprocal", (), "0 (stored as 0)")],
)
def test_an_undefined_input_is_named(name: str, parameters: tuple[float, ...], first: str) -> None:
    with pytest.raises(DomainError) as error:
        samples(FUNCTIONS[name], parameters, I8, I8)
    assert f"{name} is not defined at {first}" in str(error.value)
    assert "i8<1:127>" in str(error.value)


def test_a_domain_keeps_undefined_inputs_out() -> None:
    assert len(samples(FUNCTIONS["log"], (), I8, I8, (0.5, 2.0)).q) == 25


@pytest.mark.parametrize(
    "domain", [(1.0, 0.0), (float("nan"), 1.0), (0.0, float("inf")), (20.0, 30.0), (0.01, 0.02)]
)
def test_an_empty_domain_is_an_error(domain: tuple[float, float]) -> None:
    with pytest.raises(DomainError):
        samples(FUNCTIONS["exp"], (), I8, I8, domain)


def test_any_object_with_the_protocol_is_a_function() -> None:
    class Step:
        name = "step"

        def __call__(self, x: np.ndarray, /, *parameters: float) -> np.ndarray:
            return np.where(x >= parameters[0], 1.0, np.nan)

        def is_defined(self, x: np.ndarray, /, *parameters: float) -> np.ndarray:
            return np.ones(x.shape, bool)

    assert samples(Step(), (0.0,), I8, I8, (0.0, 1.0)).y.tolist() == [1.0] * 17
    with pytest.raises(DomainError, match="step is not defined at -8"):
        samples(Step(), (0.0,), I8, I8)


def test_certificate_by_hand() -> None:
    """Accumulator 2·q at r = 1: the result is q itself, for the function x + 0.25·S at 4 inputs."""
    operand = Quantization(3, True, 1.0, 0, 0, 3)
    result = Quantization(8, True, 1.0, 5)
    table = Table((), (2,), (10,), result_shift=1)

    class Shifted:
        name = "shifted"

        def __call__(self, x: np.ndarray, /, *parameters: float) -> np.ndarray:
            return np.where(x == 3, x + 0.75, x + 0.25)

        def is_defined(self, x: np.ndarray, /, *parameters: float) -> np.ndarray:
            return np.ones(x.shape, bool)

    got = certify(table, samples(Shifted(), (), operand, result), operand, result)
    assert got.points == 4
    assert got.mse == pytest.approx((3 * 0.25**2 + 0.75**2) / 4)
    assert got.max_error == 0.75
    assert got.exact == 0.75


def test_rounded_error_counts_after_clamping() -> None:
    """The accumulator leaves the range, the result does not."""
    operand, result = Quantization(4, True, 1.0, 0, 0, 7), Quantization(3, True, 1.0)
    table = Table((), (1,), (0,))

    got = certify(table, samples(FUNCTIONS["leaky_relu"], (0.0,), operand, result), operand, result)
    assert (got.max_error, got.exact) == (0.0, 1.0)
    assert got.mse == pytest.approx((1 + 4 + 9 + 16) / 8)
