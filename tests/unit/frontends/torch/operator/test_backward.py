"""Backward, every operator is the gradient of the function that it approximates."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")

import torch_units as made

from lut_opt.dialects.pwl import units
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.range_reduction import LeadingZero, Octaves
from lut_opt.dialects.pwl.reduction import REDUCIBLE, Reducible
from lut_opt.dialects.quantization import Quantization
from lut_opt.frontends.torch.operator import (
    Apply,
    DivisionModule,
    LogSoftmaxModule,
    NormModule,
    Quantizer,
    Scale,
    Slope,
    SoftmaxModule,
    fake_quantize,
)

LN2 = math.log(2.0)
SIXTEEN = Quantization(16, True, 2.0**-11)


def gradients(module: Any, *inputs: Any, seed: int = 0) -> tuple[Any, ...]:
    """Gradients to the inputs, and the one that came."""
    given = [x.clone().requires_grad_() for x in inputs]
    y = module(*given)
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed), dtype=y.dtype)
    return *torch.autograd.grad(y, given, grad), grad


def smooth(function: Callable[..., Any], *inputs: Any, grad: Any) -> tuple[Any, ...]:
    """Central differences of (function · grad) in double precision, one input after the other."""
    found: list[Any] = []
    for place, x in enumerate(inputs):
        slope = torch.zeros_like(x, dtype=torch.float64)
        for i in range(x.numel()):
            ends: list[Any] = []
            for h in (1e-5, -1e-5):
                moved = [each.double().clone() for each in inputs]
                moved[place].view(-1)[i] += h
                ends.append((function(*moved) * grad.double()).sum())
            slope.view(-1)[i] = (ends[0] - ends[1]) / 2e-5
        found.append(slope)
    return tuple(found)


def close(found: Any, wanted: Any, relative: float) -> bool:
    """Whether they differ by at most a share of the largest."""
    return bool((found - wanted).abs().max() <= relative * wanted.abs().max())


def normal(*shape: int, spread: float = 1.0) -> Any:
    return spread * torch.randn(shape, generator=torch.Generator().manual_seed(7))


SLOPES: list[Slope] = ["function", "segment"]


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("name", ["gelu", "hardswish", "exp", "tanh"])
def test_functions(name: str, slope: Slope) -> None:
    operand, result = Quantization(8, True, 2.0**-5), Quantization(16, True, 2.0**-9)
    applied = made.applied(name, operand, result, 12)
    x = torch.linspace(-5.0, 5.0, 2001)
    found, grad = gradients(Apply([applied], slope=slope), x)
    inside = (x / operand.scale >= -128) & (x / operand.scale <= 127)
    assert not found[~inside].any()
    q = operand.quantize(x.double().numpy())
    table = applied.table
    unit = 2.0**-9 / 2.0**-5 * 2.0**-table.result_shift
    slopes = {
        "function": FUNCTIONS[name].slope(operand.dequantize(q)),
        "segment": np.array(table.slopes)[table.segment(q)] * unit,
    }
    assert close(found, torch.from_numpy(slopes[slope]) * grad * inside, 1e-6)


def test_nothing_comes_back_where_results_clamp() -> None:
    result = Quantization(8, True, 2.0**-6)
    for bits in (8, 16, 18):
        operand = Quantization(bits, True, 2.0 ** (3 - bits))
        table = made.Table((), (2,), (0,), result_shift=bits - 8)
        identity = made.Applied(made.NamedFunction("hardswish"), operand, result, table)
        x = torch.tensor([-3.0, -2.1, -1.9, 0.5, 1.9, 2.1, 3.0])
        found, grad = gradients(Apply([identity], slope="segment"), x)
        assert torch.equal(found, grad * (x.abs() < 2))


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("name", REDUCIBLE)
def test_reduced_functions(name: Reducible, bits: int) -> None:
    exponential = name in ("exp", "exp2")
    reduction = Octaves(8) if exponential else LeadingZero(7)
    operand = Quantization(bits, exponential, 2.0 ** (4 - bits))
    result = Quantization(16, name.startswith("log"), 2.0**-8)
    x = torch.linspace(0.6, 3.0, 101)
    found, grad = gradients(Apply([made.reduced(name, reduction, operand, result)]), x)
    grid = operand.dequantize(operand.quantize(x.double().numpy()))
    assert close(found, torch.from_numpy(FUNCTIONS[name].slope(grid)) * grad, 1e-5)


def test_softmax() -> None:
    unit = made.softmax(Quantization(16, True, 2.0**-8), Quantization(16, False, 2.0**-15), -4095)
    x = normal(3, 7)
    found, grad = gradients(SoftmaxModule([unit]), x)
    (wanted,) = smooth(lambda x: torch.softmax(x, -1), x, grad=grad)
    assert close(found, wanted, 0.02)
    far = torch.tensor([[0.0, -20.0, -0.5]])
    found, _ = gradients(SoftmaxModule([unit]), far)
    assert found[0, 1] == 0
    assert found[0, 0] != 0


def test_log_softmax() -> None:
    unit = made.log_softmax(
        Quantization(16, True, 2.0**-8), Quantization(16, True, 2.0**-11), -4095
    )
    x = normal(3, 7)
    found, grad = gradients(LogSoftmaxModule([unit]), x)
    (wanted,) = smooth(lambda x: torch.log_softmax(x, -1), x, grad=grad)
    assert close(found, wanted, 0.02)


@pytest.mark.parametrize("kind", [units.LayerNorm, units.RMSNorm])
def test_norms(kind: type[units.Norm]) -> None:
    centred = kind is units.LayerNorm
    gamma = Quantization(16, True, 2.0**-14)
    beta = Quantization(16, True, 2.0**-12) if centred else None
    unit = made.norm(kind, SIXTEEN, Quantization(16, True, 2.0**-12), gamma, beta)
    module = NormModule([unit], None, 1, torch.nn.Parameter(torch.zeros(8)), None if beta is None
                        else torch.nn.Parameter(torch.zeros(8)))  # fmt: skip

    def quantized(x: Any, weight: Any, *bias: Any) -> Any:
        module._parameters["weight"] = weight
        if bias:
            module._parameters["bias"] = bias[0]
        return module(x)

    def float_norm(x: Any, weight: Any, *bias: Any) -> Any:
        if centred:
            return torch.nn.functional.layer_norm(x, (8,), weight, *bias, eps=1e-5)
        return torch.nn.functional.rms_norm(x, (8,), weight, eps=1e-5)

    inputs = [normal(5, 8), 1 + normal(8, spread=0.1), normal(8)][: 3 if centred else 2]
    *found, grad = gradients(quantized, *inputs)
    for own, wanted in zip(found, smooth(float_norm, *inputs, grad=grad), strict=True):
        assert close(own, wanted, 0.02)


def test_division() -> None:
    operand, below = Quantization(16, True, 2.0**-12), Quantization(16, False, 2.0**-13)
    unit = made.division(operand, below, Quantization(16, True, 2.0**-10), LeadingZero(8))
    a, b = normal(4, 6), 1.0 + normal(6).abs()
    *found, grad = gradients(DivisionModule(unit), a, b)
    for own, wanted in zip(found, smooth(torch.div, a, b, grad=grad), strict=True):
        assert close(own, wanted, 0.02)


def test_the_scale_learns_as_lsq_says() -> None:
    scale = Scale.window(-8, -1, -4)
    window = [
        made.applied("gelu", Quantization(8, True, 2.0**e), Quantization(16, True, 2.0**-9), 12)
        for e in range(-8, 0)
    ]
    module = Apply(window, scale)
    x = normal(1000, spread=5.0)
    grad = normal(1000)
    module(x).backward(grad)
    step = 2.0**-4
    u = (x / step).double()
    q = u.round().clamp(-128, 127)
    inside = (u >= -128) & (u <= 127)
    d = torch.from_numpy(FUNCTIONS["gelu"].slope((q * step).numpy()))
    factor = 1 / math.sqrt(1000 * 127)
    wanted = (grad * LN2 * step * d * torch.where(inside, q - u, q)).sum() * factor
    assert scale.exponent.grad.item() == pytest.approx(wanted.item(), rel=1e-4)


def test_the_scale_of_a_row_unit_learns_too() -> None:
    scale = Scale([2.0**-9, 2.0**-8], 1)
    result = Quantization(16, False, 2.0**-15)
    window = [
        made.softmax(Quantization(12, True, s), result, round(-15 / s)) for s in (2**-9, 2**-8)
    ]
    x, grad = normal(9, 20, spread=6.0), normal(9, 20)
    SoftmaxModule(window, scale)(x).backward(grad)
    step = torch.tensor(2.0**-8, requires_grad=True)
    # Of what is smooth behind the quantizer; its own rounding is passed straight.
    soft = torch.softmax(fake_quantize(x, step, -2048, 2047), -1)
    soft.backward(grad)
    wanted = LN2 * 2.0**-8 * step.grad
    assert scale.exponent.grad.item() == pytest.approx(wanted.item(), rel=0.02)


def test_a_frozen_scale_stays() -> None:
    scale = Scale.window(-6, -2, -4)
    scale.freeze(1)
    assert scale.octave == 1
    assert not scale.exponent.requires_grad
    x = normal(10).requires_grad_()
    fake_quantize(x, scale().size, -128, 127).sum().backward()
    assert scale.exponent.grad is None
    assert torch.equal(x.grad, torch.ones(10))


def test_the_quantizer_is_that_of_pytorch() -> None:
    x = torch.cat([normal(5000, spread=9.0), torch.arange(-300, 300) / 32])
    reference = torch._fake_quantize_learnable_per_tensor_affine(
        x, torch.tensor([2.0**-4]), torch.tensor([0.0]), -128, 127, 1.0
    )
    assert torch.equal(fake_quantize(x, torch.tensor(2.0**-4), -128, 127), reference)


def test_halves_go_to_even_numbers_of_steps() -> None:
    storage = Quantization(8, True, 2.0**-4, 13)
    x = torch.arange(-300, 300) / 32
    stored = Quantizer(storage)(x)[0]
    q = storage.quantize(x.double().numpy())
    assert np.array_equal(stored.double().numpy(), storage.dequantize(q))


def test_gradients_of_the_quantizer_within_a_step() -> None:
    """Numbers that are far from a rounding: x̂ is locally S·q, so its derivative to S is q − x/S."""
    x = torch.tensor([0.3, -0.8, 40.0, -40.0], dtype=torch.float64)
    step = torch.tensor(0.25, dtype=torch.float64, requires_grad=True)
    y = fake_quantize(x, step, -128, 127)
    (slope,) = torch.autograd.grad(y.sum(), step)
    q = np.array([1.0, -3.0, 127.0, -128.0])
    wanted = q - np.array([1.2, -3.2, 0.0, 0.0])
    assert slope.item() == pytest.approx(wanted.sum() / math.sqrt(4 * 127))
