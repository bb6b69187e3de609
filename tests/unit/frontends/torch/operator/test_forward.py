"""Forward, every operator is the NumPy semantics, bit for bit."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")

import torch_units as made

from lut_opt.dialects.pwl import units
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.range_reduction import LeadingZero, MultiRange, Octaves, Reduction
from lut_opt.dialects.pwl.reduction import REDUCIBLE, Reducible
from lut_opt.dialects.quantization import Integers, Quantization
from lut_opt.frontends.torch.operator import (
    Apply,
    DivisionModule,
    LogSoftmaxModule,
    NormModule,
    Scale,
    SoftmaxModule,
)

LENGTHS = [1, 2, 3, 16, 127, 1024, 4096]

EIGHT = Quantization(8, True, 2.0**-4)
FINE = Quantization(8, False, 2.0**-8)


def reals(q: Integers, storage: Quantization) -> Any:
    return torch.from_numpy(storage.dequantize(q).astype(np.float32))


def stored(y: Any, storage: Quantization) -> Integers:
    """The integers behind results; they must be whole."""
    q = y.detach().double().numpy() / storage.scale + storage.zero_point
    assert np.array_equal(q, np.rint(q))
    return q.astype(np.int64)


@pytest.mark.parametrize("scale", [2.0**-e for e in range(7)] + [0.1])
@pytest.mark.parametrize("name", ["gelu", "hardswish", "exp", "tanh", "silu"])
def test_all_inputs_of_eight_bits(name: str, scale: float) -> None:
    operand, result = Quantization(8, True, scale), Quantization(8, True, 2.0**-5, 3)
    applied = made.applied(name, operand, result)
    q = operand.values
    y = Apply([applied])(reals(q, operand))
    assert np.array_equal(stored(y, result), applied.evaluate(q))


@pytest.mark.parametrize("zero_point", [0, 77])
def test_unsigned_inputs_and_restricted_domains(zero_point: int) -> None:
    operand = Quantization(8, False, 2.0**-5, zero_point, zero_point + 1, 240)
    result = Quantization(16, True, 2.0**-9)
    applied = made.applied("log", operand, result, 12)
    x = torch.linspace(-1.0, 9.0, 4001)
    wanted = applied.evaluate(operand.quantize(x.double().numpy()))
    assert np.array_equal(stored(Apply([applied])(x), result), wanted)


@pytest.mark.parametrize("bits", [12, 16, 20, 24])
def test_wide_inputs(bits: int) -> None:
    operand = Quantization(bits, True, 2.0 ** (4 - bits))
    result = Quantization(16, True, 2.0**-12)
    narrow = made.applied("gelu", Quantization(12, True, 2.0**-8), result, 12)
    table = narrow.table
    spread = 1 << (bits - 12)
    wide = made.Applied(
        narrow.function,
        operand,
        result,
        made.Table(
            tuple(b * spread for b in table.breakpoints),
            table.slopes,
            table.intercepts,
            table.intercept_shift + bits - 12,
            table.result_shift + bits - 12,
            table.param_bits,
        ),
    )
    q = np.random.default_rng(0).integers(operand.minimum, operand.maximum + 1, 20000)
    q = np.append(q, [operand.minimum, operand.maximum, *wide.table.breakpoints])
    y = Apply([wide])(reals(q, operand))
    assert np.array_equal(stored(y, result), wide.evaluate(q))


def reduction_of(name: Reducible, kind: str) -> Reduction | None:
    exponential = name in ("exp", "exp2")
    if kind == "octaves" or exponential:
        return Octaves(8) if exponential and kind == "octaves" else None
    if kind == "ranges":
        return MultiRange((128, 2048, 32768), (4, 8, 12), 8, 128, 5)
    return LeadingZero(7)


@pytest.mark.parametrize("kind", ["leading", "ranges", "octaves"])
@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("name", REDUCIBLE)
def test_range_reductions(name: Reducible, bits: int, kind: str) -> None:
    if (reduction := reduction_of(name, kind)) is None:
        return
    signed = name in ("reciprocal", "exp", "exp2")
    scale = 2.0 ** (5 - bits) if kind == "octaves" else 2.0 ** (4 - bits)
    operand = Quantization(bits, signed, scale)
    result = Quantization(16, name in ("reciprocal", "log", "log2", "log10"), 2.0**-8)
    reduced = made.reduced(name, reduction, operand, result)
    if bits == 8:
        q = operand.values
    else:
        rng = np.random.default_rng(0)
        q = np.rint(np.exp2(rng.uniform(0, bits - signed, 20000))).astype(np.int64)
        q = np.concatenate([q, -q if signed else q, [0, operand.minimum, operand.maximum]])
        q = np.clip(q, operand.minimum, operand.maximum)
        # Reals are in float32: what it does not hold is another input.
        q = operand.quantize(operand.dequantize(q).astype(np.float32).astype(np.float64))
    y = Apply([reduced])(reals(q, operand))
    assert np.array_equal(stored(y, result), reduced.evaluate(q))


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("bits", [8, 16])
def test_softmax(n: int, bits: int) -> None:
    operand = Quantization(bits, True, 2.0**-4)
    for result in (FINE, Quantization(16, False, 2.0**-15)):
        unit = made.softmax(operand, result)
        q = made.rows(operand, n)
        y = SoftmaxModule([unit])(reals(q, operand))
        assert np.array_equal(stored(y, result), unit.evaluate(q))


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("scale", [2.0**-10, 2.0**-4, 0.5])
def test_log_softmax(n: int, scale: float) -> None:
    operand, result = Quantization(16, True, scale), Quantization(16, True, 2.0**-7)
    unit = made.log_softmax(operand, result, clip=-255 if scale > 2.0**-6 else -4095)
    q = made.rows(operand, n)
    y = LogSoftmaxModule([unit])(reals(q, operand))
    assert np.array_equal(stored(y, result), unit.evaluate(q))


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", [units.LayerNorm, units.RMSNorm])
def test_norms(kind: type[units.Norm], bits: int, n: int) -> None:
    operand = Quantization(bits, True, 2.0 ** (3 - bits), 0 if bits == 16 else 5)
    gamma = Quantization(16, True, 2.0**-14)
    beta = Quantization(16, True, 2.0**-12) if kind is units.LayerNorm else None
    result = Quantization(16, True, 2.0**-9)
    rng = np.random.default_rng(n)
    q = made.rows(operand, n)
    for stored_as in ((None, None), (gamma, None), (gamma, beta)):
        unit = made.norm(kind, operand, result, *stored_as)
        kinds = list(unit.parameters.values())
        integers = [rng.integers(each.minimum, each.maximum + 1, n) for each in kinds]
        learnt = [torch.nn.Parameter(reals(v, by)) for v, by in zip(integers, kinds, strict=True)]
        y = NormModule([unit], None, 1, *learnt)(reals(q, operand))
        assert np.array_equal(stored(y, result), unit.evaluate(q, *integers))


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("kind", [units.LayerNorm, units.RMSNorm])
def test_norms_of_wide_rows(kind: type[units.Norm], n: int) -> None:
    """Rows of any size, which are narrowed by their own leading zeros."""
    operand, result = Quantization(32, True, 2.0**-20, 5), Quantization(16, True, 2.0**-9)
    unit = made.norm(kind, operand, result)
    rng = np.random.default_rng(n)
    uneven = rng.integers(-(2**31), 2**31, (32, n)) >> np.arange(32)[:, None]
    q = np.concatenate([made.rows(operand, n), uneven])
    y = NormModule([unit])(torch.from_numpy(operand.dequantize(q)))
    assert np.array_equal(stored(y, result), unit.evaluate(q))


def test_rows_over_other_axes() -> None:
    operand = Quantization(16, True, 2.0**-6)
    q = np.random.default_rng(0).integers(-3000, 3000, (3, 4, 5, 6))
    unit = made.softmax(operand, FINE)
    for axis in (0, 1, -2, 3):
        y = SoftmaxModule([unit], axis=axis)(reals(q, operand))
        assert np.array_equal(stored(y, FINE), unit.evaluate(q, axes=(axis % 4,)))
    result = Quantization(16, True, 2.0**-9)
    layer = made.norm(units.LayerNorm, operand, result)
    y = NormModule([layer], normalized=2)(reals(q, operand))
    assert np.array_equal(stored(y, result), layer.evaluate(q, axes=(2, 3)))


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize(
    "reduction", [LeadingZero(7), MultiRange((128, 2048, 32768), (4, 8, 12), 8, 128, 5)]
)
def test_division(bits: int, reduction: Reduction) -> None:
    operand, result = Quantization(12, True, 2.0**-6, 3), Quantization(16, True, 2.0**-6)
    below = Quantization(bits, True, 2.0 ** (4 - bits))
    unit = made.division(operand, below, result, reduction)
    rng = np.random.default_rng(bits)
    a = rng.integers(operand.minimum, operand.maximum + 1, (40, 300))
    b = np.rint(np.exp2(rng.uniform(0, bits - 1, 300))) * rng.choice([-1, 0, 1], 300)
    b = below.quantize(below.dequantize(np.clip(b, below.minimum, below.maximum)).astype("f4"))
    a[:, 0], a[0] = operand.zero_point, operand.zero_point
    y = DivisionModule(unit)(reals(a, operand), reals(b, below))
    assert np.array_equal(stored(y, result), unit.evaluate(a, b))


def test_a_scale_is_an_octave_of_its_window() -> None:
    result = Quantization(8, True, 2.0**-5)
    window = [made.applied("gelu", Quantization(8, True, 2.0**e), result) for e in range(-6, 0)]
    x = torch.linspace(-9, 9, 1001)
    for place, applied in enumerate(window):
        scale = Scale.window(-6, -1, -6)
        with torch.no_grad():
            scale.exponent.fill_(place - 6 + 0.4)
        y = Apply(window, scale)(x)
        q = applied.operand.quantize(x.double().numpy())
        assert np.array_equal(stored(y, result), applied.evaluate(q))
        assert scale.at_edge == (place in (0, 5))


def test_units_of_a_window() -> None:
    scales = [2.0**e for e in (-8, -7, -6)]
    softmax = [made.softmax(Quantization(16, True, s), FINE, clip=-round(15 / s)) for s in scales]
    result = Quantization(16, True, 2.0**-9)
    norms = [made.norm(units.LayerNorm, Quantization(16, True, s), result) for s in scales]
    x = torch.randn(7, 50, generator=torch.Generator().manual_seed(0)) * 3
    for place in range(3):
        for module, unit, kind in (
            (SoftmaxModule(softmax, Scale(scales, place)), softmax[place], FINE),
            (NormModule(norms, Scale(scales, place)), norms[place], result),
        ):
            q = unit.operand.quantize(x.double().numpy())
            assert np.array_equal(stored(module(x), kind), unit.evaluate(q))


def test_doubles_hold_the_same_integers() -> None:
    operand = Quantization(16, True, 2.0**-6)
    unit = made.softmax(operand, FINE)
    x = torch.randn(4, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = SoftmaxModule([unit])(x)
    assert y.dtype == torch.float64
    assert np.array_equal(stored(y, FINE), unit.evaluate(operand.quantize(x.numpy())))


def test_every_function_of_the_registry_has_a_slope() -> None:
    assert all(function.derivative is not None for function in FUNCTIONS.values())


def test_what_cannot_be_held_is_refused() -> None:
    result = Quantization(8, True, 2.0**-5)
    gelu = made.applied("gelu", EIGHT, result)
    with pytest.raises(TypeError, match="float32 or float64"):
        Apply([gelu])(torch.zeros(3, dtype=torch.bfloat16))
    with pytest.raises(ValueError, match="2 tables for a window of 1"):
        Apply([gelu, gelu])
    with pytest.raises(ValueError, match="neighbouring powers of two"):
        Scale([1.0, 4.0])
    with pytest.raises(ValueError, match="longer than 8192"):
        SoftmaxModule([made.softmax(EIGHT, FINE)])(torch.zeros(2, 8193))
