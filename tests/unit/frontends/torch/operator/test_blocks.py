"""Blocks and the shortcuts of those that nothing clamps in change no bit; bounds at their edges."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")

import torch_units as made

from lut_opt.dialects.pwl import units
from lut_opt.dialects.pwl.fixed_point import leading_one
from lut_opt.dialects.pwl.range_reduction import LeadingZero
from lut_opt.dialects.pwl.units import RECIPROCAL_BITS, RECIPROCAL_OPERAND
from lut_opt.dialects.quantization import Quantization
from lut_opt.frontends.torch.operator import (
    Apply,
    DivisionModule,
    LogSoftmaxModule,
    NormModule,
    Quantizer,
    Scale,
    SoftmaxModule,
    blocks,
)
from lut_opt.frontends.torch.operator import softmax as softmaxes
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


FRACTION = 15
"""Of the finest results."""


def products_next_to_halves() -> list[tuple[int, int, int]]:
    """Exponentials, reciprocals, shifts: products half way between two results, or off by one."""
    e, r = np.meshgrid(np.arange(1 << 14, 1 << 15, 7), np.arange(1 << 15, (1 << 16) + 1, 61))
    shift = 14 + 16 - FRACTION
    off = (e * r) % (1 << shift) - (1 << (shift - 1))
    found: list[tuple[int, int, int]] = []
    for each in (-1, 0, 1):
        places = np.flatnonzero(off == each)[:: max((off == each).sum() // 40, 1)]
        found += [(int(e.flat[at]), int(r.flat[at]), shift) for at in places]
    return found


@pytest.mark.parametrize("factor", [1.0 + 2.0**-35, 1.0, 1.0 + 2.0**-29])
def test_halves_of_a_softmax_go_up(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest products; to the even result with no factor, and too far with a larger one."""
    monkeypatch.setattr(softmaxes, "_HALVES_UP", factor)
    wrong = 0
    for e, r, shift in products_next_to_halves():
        tables = torch.tensor([[e]], dtype=torch.int32), torch.full((1025,), r).double()
        one = torch.zeros(1, 1), torch.tensor(1.0), torch.tensor(0)
        y = softmaxes.softmax(*one, *tables, [FRACTION, 0, 1 << 16])
        wanted = (e * r + (1 << (shift - 1))) >> shift
        wrong += float(y) != wanted * 2.0**-FRACTION
    assert (wrong == 0) == (factor == 1.0 + 2.0**-35)


@pytest.mark.parametrize("result", [2.0**-16, 2.0**-9, 1.0, 2.0**4])
@pytest.mark.parametrize("scale", [2.0**-16, 2.0**-12, 2.0**-3, 2.0**12])
def test_log_softmax_where_single_precision_is_nearest_its_end(scale: float, result: float) -> None:
    """The finest distances with the longest rows, the coarsest with the finest results."""
    operand, kind = Quantization(16, True, scale), Quantization(16, True, result)
    unit = made.log_softmax(Quantization(16, True, min(scale, 2.0**-3)), kind)
    if scale > 1:  # an exponential is that of 0, or nothing
        table = made.Table((0,), (0, 0), (0, 1), intercept_shift=12)
        unit = replace(unit, operand=operand, exp=table)
    for n in (1, 33, 8192):
        q = made.rows(operand, n)
        y = LogSoftmaxModule([unit])(torch.from_numpy(operand.dequantize(q).astype(np.float32)))
        assert np.array_equal(y.double().numpy() / result, unit.evaluate(q))


@pytest.mark.parametrize("bits", [16, 23, 24, 25])
def test_rounding_by_a_sum_ends_where_half_a_mantissa_does(bits: int) -> None:
    """Integers of more than 23 bits are rounded otherwise: that sum would be off."""
    storage = Quantization(bits, True, 2.0**-3)
    ends = storage.minimum, storage.maximum
    q = np.array([*ends, *(end // 2 for end in ends), 0, 1, -1])
    u = np.concatenate([q + part for part in (-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75)])
    x = torch.from_numpy((u * storage.scale).astype(np.float32))
    wanted = storage.dequantize(storage.quantize(x.double().numpy())).astype(np.float32)
    assert np.array_equal(Quantizer(storage)(x)[0].numpy(), wanted)


@pytest.mark.parametrize("zero_point", [0, -(1 << 15)])
@pytest.mark.parametrize("odd", [1, 2**8 + 1, 2**22 + 1, 2**23 + 1, 2**24 - 1])
def test_division_where_double_precision_ends(odd: int, zero_point: int) -> None:
    """Where the mantissa of the scales has many digits, it is multiplied in int64."""
    operand = Quantization(16, True, odd * 2.0**-30, zero_point)
    below, result = Quantization(24, True, 2.0**-20), Quantization(16, True, 2.0**-8)
    unit = made.division(operand, below, result, LeadingZero(7))
    module = DivisionModule(unit)
    largest = int(module.reciprocal.max()) * odd * max(1 << 15, operand.maximum - zero_point)
    assert module.is_double == (largest < 1 << 52)
    rng = np.random.default_rng(0)
    a = rng.integers(operand.minimum, operand.maximum + 1, (7, 400))
    a[:, :3] = operand.minimum, operand.maximum, 0
    b = np.rint(np.exp2(rng.uniform(0, 23, 400))).astype(np.int64) * rng.choice([-1, 1], 400)
    b[:6] = 0, 1, -1, below.minimum, below.maximum, 0
    y = module(torch.from_numpy(operand.dequantize(a)), torch.from_numpy(below.dequantize(b)))
    assert np.array_equal(y.numpy() / result.scale, unit.evaluate(a, b))


def test_a_row_of_quotients_shares_a_divisor() -> None:
    operand, below = Quantization(16, True, 2.0**-12), Quantization(16, True, 2.0**-10)
    unit = made.division(operand, below, RESULT, LeadingZero(7))
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(5, 33, generator=generator)
    for shape in ((5, 1), (5, 33), (1, 33), (33,), (1,), ()):
        b = torch.randn(shape, generator=generator)
        for pair in ((a, b), (b, a)):
            found = DivisionModule(unit)(*pair)
            whole = DivisionModule(unit)(
                *(each.contiguous() for each in torch.broadcast_tensors(*pair))
            )
            assert torch.equal(found, whole)
