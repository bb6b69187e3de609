"""Sums, differences, constant factors, means and bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap

from lut_opt.passes.arith.integer_code import constant, register_width, resize
from lut_opt.passes.integer.code import Code
from lut_opt.passes.integer.real import NotIntegerError, Real, Shape, Term, zeros
from lut_opt.passes.integer.requantize import Operands, centred
from lut_opt.passes.integer.shapes import reshaped
from lut_opt.passes.integer.site import Rule, Site


def _alpha(site: Site) -> float:
    value = site.array(2)
    if value is None or value.size != 1:
        raise NotIntegerError("its factor alpha is not constant")
    return float(value.reshape(-1)[0])


def _sum(sign: float) -> Rule:
    def rule(site: Site) -> Real:
        rank, alpha = len(site.shape), sign * _alpha(site)
        left, right = site.real(0, rank), site.real(1, rank)
        return left.plus(right.times(np.full((1,) * rank, alpha)), site.shape)

    return rule


def _reversed_difference(site: Site) -> Real:
    rank = len(site.shape)
    left = site.real(0, rank).times(np.full((1,) * rank, -_alpha(site)))
    return left.plus(site.real(1, rank), site.shape)


def _negative(site: Site) -> Real:
    return site.real(0).times(np.full((1,) * len(site.shape), -1.0))


def scaled_by(site: Site, real: Real, factor: NDArray[Any]) -> Real:
    """A value times a constant, broadcast."""
    rank = len(site.shape)
    factor = factor.reshape((1,) * (rank - factor.ndim) + factor.shape)
    if not np.isfinite(factor).all():
        raise NotIntegerError("its factor is not finite")
    return replace(real.times(factor), shape=site.shape)


def _quotient(site: Site) -> Real:
    divisor = site.array(1)
    if divisor is None or not np.all(divisor):
        raise NotIntegerError("it divides by what is computed, or by zero")
    return scaled_by(site, site.real(0, len(site.shape)), 1.0 / divisor)


def reduced(code: Code, term: Term, axes: Sequence[int], shape: Shape) -> Term:
    """The sum along axes, which stay as axes of size 1 in `shape`."""
    term = centred(code, term)
    count = math.prod(shape[axis] for axis in axes)
    if count < 0 or any(term.scale.shape[axis] > 1 for axis in axes):
        raise NotIntegerError("the summed axis has scales of its own, or no known size")
    # A part that is broadcast along an axis counts as often as the axis is long.
    own = [axis for axis in axes if term.shape[axis] != 1]
    times = math.prod(shape[axis] for axis in axes if axis not in own)
    bound = term.bound * math.prod(term.shape[axis] for axis in own)
    bits = 32 if bound < 1 << 31 else 64
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(term.shape))
    rank = len(shape)
    out = code.filled(kept, bits, 0, [term.value])
    iterators = [
        IteratorTypeAttr.reduction() if axis in own else IteratorTypeAttr.parallel()
        for axis in range(rank)
    ]
    into = [
        AffineExpr.constant(0) if axis in axes else AffineExpr.dimension(axis)
        for axis in range(rank)
    ]
    value = code.generic(
        [term.value],
        out,
        [AffineMap.identity(rank), AffineMap(rank, 0, tuple(into))],
        iterators,
        lambda b, e: b.insert(arith.AddiOp(resize(b, e[0], bits, term.signed), e[1])).result,
    )
    scale = term.scale * times
    return Term(value, kept, True, -bound, bound, scale, zeros(rank), product=True)


def _reduction(mean: bool) -> Rule:
    def rule(site: Site) -> Real:
        real = site.real(0)
        rank = len(real.shape)
        given = site.integers_or_none(1) or range(rank)
        axes = sorted({axis % max(rank, 1) for axis in given})
        count = math.prod(real.shape[axis] for axis in axes)
        kept = tuple(1 if axis in axes else size for axis, size in enumerate(real.shape))

        def array(given: NDArray[Any]) -> NDArray[Any]:
            shape = [real.shape[a] if a in axes else n for a, n in enumerate(given.shape)]
            return np.broadcast_to(given, shape).sum(tuple(axes), keepdims=True)

        total = real.each(kept, lambda term: reduced(site.code, term, axes, real.shape), array)
        if mean:
            total = total.times(np.full((1,) * rank, 1.0 / count))
        return reshaped(site.code, total, site.shape)

    return rule


def _clamp(site: Site, low: float, high: float) -> Real:
    real = site.real(0)
    bounded = replace(real, low=max(real.low, low), high=min(real.high, high))
    if high < math.inf or len(real.terms) != 1 or real.masks or low != 0.0:
        return bounded
    term = real.terms[0]
    if real.clamped or real.constant is not None or np.any(term.scale <= 0):
        return bounded
    return Real(real.shape, (_positive_part(site.code, term),))


def _positive_part(code: Code, term: Term) -> Term:
    """ReLU of one term is exact on its integers."""
    low, high = 0, max(term.high + int(term.bias.max()), 0)
    bits = register_width(max(term.bound.bit_length() + 1, 8))
    operands = Operands(code)
    stored = operands.stored(term, bits)

    def body(b: Builder, elements: Sequence[SSAValue]) -> SSAValue:
        return b.insert(arith.MaxSIOp(stored(b, elements), constant(b, 0, bits))).result

    value = code.elementwise(term.shape, operands.tensors, IntegerType(bits), body)
    bias = zeros(len(term.shape))
    return Term(value, term.shape, True, low, high, term.scale, bias, product=term.product)


def _bounds(low: int | None, high: int | None) -> Rule:
    """A clamp whose bounds are the operands of those numbers, if there are any."""

    def bound(site: Site, index: int | None, otherwise: float) -> float:
        if index is None or len(site.op.operands) <= index or site.constant(index) is None:
            return otherwise
        value = site.constant(index)
        if isinstance(value, int | float):
            return float(value)
        raise NotIntegerError(f"its bound is {value}")

    return lambda site: _clamp(site, bound(site, low, -math.inf), bound(site, high, math.inf))


RULES: dict[str, Rule] = {
    **dict.fromkeys(("add.Tensor", "add.Scalar"), _sum(1.0)),
    **dict.fromkeys(("sub.Tensor", "sub.Scalar"), _sum(-1.0)),
    "rsub.Scalar": _reversed_difference,
    "neg": _negative,
    **dict.fromkeys(("div.Tensor", "div.Scalar"), _quotient),
    **dict.fromkeys(("mean.dim", "mean"), _reduction(mean=True)),
    **dict.fromkeys(("sum.dim_IntList", "sum"), _reduction(mean=False)),
    "relu": lambda site: _clamp(site, 0.0, math.inf),
    "relu6": lambda site: _clamp(site, 0.0, 6.0),
    **dict.fromkeys(("clamp", "hardtanh"), _bounds(1, 2)),
    "clamp_min": _bounds(1, None),
    "clamp_max": _bounds(None, 1),
}
"""By the name of the `torch.aten` operator."""
