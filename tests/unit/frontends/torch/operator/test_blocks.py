"""Blocks and the shortcuts of those that nothing clamps in change no bit; bounds at their edges."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")

import torch_units as made

from lut_opt.dialects.pwl import units
from lut_opt.dialects.pwl.fixed_point import leading_one
from lut_opt.dialects.pwl.units import RECIPROCAL_BITS, RECIPROCAL_OPERAND
from lut_opt.dialects.quantization import Quantization
from lut_opt.frontends.torch.operator import (
    Apply,
    LogSoftmaxModule,
    NormModule,
    Quantizer,
    Scale,
    SoftmaxModule,
    blocks,
)
from lut_opt.frontends.torch.operator.softmax import normalized

EXPONENTS = (-9, -8, -7)
WINDOW = [Quantization(16, True, 2.0**e) for e in EXPONENTS]
PROBABILITY = Quantization(8, False, 2.0**-8)
RESULT = Quantization(16, True, 2.0**-10)


def modules() -> dict[str, Any]:
    scale = Scale.window(EXPONENTS[0], EXPONENTS[-1], -8)
    clips = [-round(12 / q.scale) for q in WINDOW]
    both = list(zip(WINDOW, clips, strict=True))
    rows = {"gamma": RESULT, "beta": RESULT}
    weight, bias = (torch.nn.Parameter(torch.full((33,), value)) for value in (1.5, 0.25))
    layers = [made.norm(units.LayerNorm, q, RESULT, **rows) for q in WINDOW]
    rms = [made.norm(units.RMSNorm, q, RESULT) for q in WINDOW]
    return {
        "apply": Apply([made.applied("gelu", q, RESULT, 12) for q in WINDOW], scale),
        "softmax": SoftmaxModule([made.softmax(q, PROBABILITY, c) for q, c in both], scale),
        "log_softmax": LogSoftmaxModule([made.log_softmax(q, RESULT, c) for q, c in both], scale),
        "layer_norm": NormModule(layers, scale, 1, weight, bias),
        "rms_norm": NormModule(rms, scale),
    }


@pytest.mark.parametrize("spread", [1.0, 80.0])
@pytest.mark.parametrize("name", modules())
def test_blocks_change_no_bit(name: str, spread: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one is shorter; inputs of the larger spread are clamped in most."""
    generator = torch.Generator().manual_seed(0)
    x, grad = (torch.randn(7, 5, 33, generator=generator) for _ in range(2))
    x, found = x * spread, []
    for size in (1 << 16, 200):
        monkeypatch.setattr(blocks, "BLOCK", size)
        module, given = modules()[name], x.clone().requires_grad_()
        y = module(given)
        y.backward(grad)
        found.append((y.detach(), given.grad, module.quantizer.scale.exponent.grad))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
    # Sums over all elements are in another order.
    assert torch.allclose(found[0][2], found[1][2], rtol=1e-4)


@pytest.mark.parametrize("name", modules())
def test_strides_change_no_bit(name: str) -> None:
    """Neither those of the input nor those of the gradient, which a sum expands."""
    x, found = torch.randn(6, 33, generator=torch.Generator().manual_seed(0)), []
    for strided in (x, x.t().contiguous().t()):
        module, given = modules()[name], strided.clone().requires_grad_()
        y = module(given)
        y.sum().backward()
        found.append((y.detach(), given.grad))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.allclose(found[0][1], found[1][1], atol=1e-6)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0)])
def test_scalars_and_nothing(shape: tuple[int, ...]) -> None:
    module, x = modules()["apply"], torch.zeros(shape, requires_grad=True)
    y = module(x)
    y.sum().backward()
    assert y.shape == x.grad.shape == shape


@pytest.mark.parametrize("beyond", [0, 1, -1])
def test_the_gradient_at_the_ends_of_the_storage(beyond: int) -> None:
    """Both ends are inside; the next number beyond is not, and takes no shortcut."""
    storage = Quantization(8, True, 2.0**-4)
    ends = np.array([storage.minimum, storage.maximum]) * storage.scale
    x = torch.tensor([*ends, 0.3, -0.3], dtype=torch.float32)
    if beyond:
        at = int(beyond > 0)
        x[at] = torch.nextafter(x[at], torch.tensor(beyond * math.inf))
    x.requires_grad_()
    scale = Scale.window(-5, -3, -4)
    y, _ = Quantizer(storage, scale)(x)
    y.backward(torch.ones(4))
    inside = np.array([beyond >= 0, beyond <= 0, True, True])
    assert x.grad.tolist() == inside.astype(float).tolist()
    u = x.detach().double().numpy() / storage.scale
    v = np.clip(np.rint(u), storage.minimum, storage.maximum)
    wanted = np.where(inside, v - u, v).sum() / math.sqrt(4 * storage.maximum)
    wanted *= math.log(2.0) * storage.scale
    assert scale.exponent.grad.item() == pytest.approx(wanted, rel=1e-5)


EDGES = [
    1 << k for k in range(29)
] + [(1 << k) - 1 for k in range(1, 29)] + [
    (1 << k) - (1 << max(k - RECIPROCAL_BITS - 2, 0)) for k in range(2, 29)
]  # fmt: skip
"""Powers of two, and what is rounded up to them, of the largest sum: 8,192 times 2^15."""


@given(st.lists(st.integers(1, 1 << 28), min_size=1, max_size=50))
def test_a_sum_is_normalized_as_the_semantics_do(totals: list[int]) -> None:
    total = np.array([*totals, *EDGES], np.int64)
    octave = leading_one(total)
    t = ((total << (30 - octave)) + (1 << (29 - RECIPROCAL_BITS))) >> (30 - RECIPROCAL_BITS)
    k, place = normalized(torch.from_numpy(total).double())
    assert np.array_equal(k.numpy(), octave)
    assert np.array_equal(place.numpy(), t - RECIPROCAL_OPERAND.minimum)


@pytest.mark.parametrize("exponent", [-14, -3, 0, 40])
@pytest.mark.parametrize("kind", [units.LayerNorm, units.RMSNorm])
def test_norms_at_any_power_of_two(kind: type[units.Norm], exponent: int) -> None:
    """Rows stay reals there: their sums are as exact as those of whole numbers."""
    operand = Quantization(16, True, 2.0**exponent)
    unit = made.norm(kind, operand, RESULT)
    for n in (1, 33, 4096):
        q = made.rows(operand, n)
        y = NormModule([unit])(torch.from_numpy(operand.dequantize(q).astype(np.float32)))
        stored = y.double().numpy() / RESULT.scale
        assert np.array_equal(stored, unit.evaluate(q))
