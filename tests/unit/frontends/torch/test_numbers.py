"""Numbers that a model learnt are numbers in the exported program, before a calibration."""

from __future__ import annotations

import re

import pytest

torch = pytest.importorskip("torch")

from lut_opt.frontends.torch import calibrate, export_text  # noqa: E402


class GeneralizedMean(torch.nn.Module):
    """GeM pooling (Radenović et al., TPAMI 2019): mean(x^p)^(1/p), p learnt."""

    def __init__(self, size: int = 1) -> None:
        super().__init__()
        self.p = torch.nn.Parameter(torch.full((size,), 3.25))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.clamp(min=1e-6).pow(self.p).mean(-1, keepdim=True).pow(1.0 / self.p)


def exported(model: torch.nn.Module) -> str:
    torch.manual_seed(0)
    x = torch.rand(4, 8)
    return export_text(model, x, calibration=calibrate(model, [(x,)]))


def test_a_learnt_exponent_is_a_number_and_its_power_has_a_range() -> None:
    text = exported(GeneralizedMean())
    lines = [line for line in text.splitlines() if "aten.pow" in line]
    assert len(lines) == 2
    for line in lines:
        assert "aten.pow.Tensor_Scalar" in line
        assert "pwl.range" in line
    numbers = [float(number) for number in re.findall(r"value = (\S+) : f64", text)]
    assert 3.25 in numbers
    assert pytest.approx(1 / 3.25) in numbers


def test_exponents_that_are_several_stay_a_tensor() -> None:
    assert "aten.pow.Tensor_Tensor" in exported(GeneralizedMean(8))
