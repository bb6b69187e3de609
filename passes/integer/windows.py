"""Pooling over windows, and upsampling, whose weights are whole fractions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap

from lut_opt.passes.arith.integer_code import resize
from lut_opt.passes.integer.code import Code, shape_of_tensor, width_of
from lut_opt.passes.integer.products import padded
from lut_opt.passes.integer.real import NotIntegerError, Real, Shape, Term, zeros
from lut_opt.passes.integer.requantize import Operands, centred
from lut_opt.passes.integer.site import Rule, Site

Combine = Callable[[Builder, SSAValue, SSAValue], SSAValue]


def _pooled(
    code: Code,
    term: Term,
    shape: Shape,
    window: Sequence[int],
    stride: Sequence[int],
    combine: Combine,
    start: int,
    bits: int,
) -> SSAValue:
    """Combine each window over the last axes; a tensor of `bits`."""
    space, rank = len(window), len(shape)
    loops = [AffineExpr.dimension(i) for i in range(rank + space)]
    outer, at, taps = loops[: rank - space], loops[rank - space : rank], loops[rank:]
    places = [p * s + t if s > 1 else p + t for p, t, s in zip(at, taps, stride, strict=True)]
    maps = [
        AffineMap(rank + space, 0, (*outer, *places)),
        AffineMap(rank + space, 0, tuple(taps)),
        AffineMap(rank + space, 0, (*outer, *at)),
    ]
    iterators = [IteratorTypeAttr.parallel()] * rank + [IteratorTypeAttr.reduction()] * space
    # How far a window reaches is told by a tensor that is not read.
    extent = code.empty(tuple(window), IntegerType(bits))
    out = code.filled(shape, bits, start, [term.value])
    return code.generic(
        [term.value, extent],
        out,
        maps,
        iterators,
        lambda b, e: combine(b, e[2], resize(b, e[0], bits, term.signed)),
    )


def _add(b: Builder, x: SSAValue, y: SSAValue) -> SSAValue:
    return b.insert(arith.AddiOp(x, y)).result


def _greater(b: Builder, x: SSAValue, y: SSAValue) -> SSAValue:
    return b.insert(arith.MaxSIOp(x, y)).result


def _average(site: Site, window: Sequence[int], stride: Sequence[int], divisor: int) -> Real:
    term = centred(site.code, site.real(0).single("its operand"))
    term.uniform_scale("its operand")
    bound = term.bound * math.prod(window)
    bits = 32 if bound < 1 << 31 else 64
    value = _pooled(site.code, term, site.shape, window, stride, _add, 0, bits)
    rank = len(site.shape)
    scale = term.scale / divisor
    made = Term(value, site.shape, True, -bound, bound, scale, zeros(rank), product=True)
    return Real(site.shape, (made,))


def _avg_pool(space: int) -> Rule:
    def rule(site: Site) -> Real:
        window = _of_length(site.integers(1), space)
        stride = _of_length(site.integers(2) or window, space)
        padding = _of_length(site.integers(3), space)
        if site.constant(4):
            raise NotIntegerError("ceil_mode: windows of different sizes have different divisors")
        if any(padding):
            raise NotIntegerError("padding: pad before, with count_include_pad=True in mind")
        divisor = site.constant(6) if len(site.op.operands) > 6 else None
        size = divisor if isinstance(divisor, int) else math.prod(window)
        return _average(site, window, stride, size)

    return rule


def _adaptive_avg_pool(space: int) -> Rule:
    def rule(site: Site) -> Real:
        given, wanted = site.real(0).shape[-space:], site.shape[-space:]
        if any(n < 0 or w < 1 or n % w for n, w in zip(given, wanted, strict=True)):
            raise NotIntegerError(f"windows of different sizes: {given} to {wanted}")
        window = [n // w for n, w in zip(given, wanted, strict=True)]
        return _average(site, window, window, math.prod(window))

    return rule


def _max_pool(space: int) -> Rule:
    def rule(site: Site) -> Real:
        term = site.real(0).single("its operand")
        if term.uniform_scale("its operand") <= 0 or term.uniform_bias is None:
            raise NotIntegerError("its operand has a negative scale, or a bias for each channel")
        window = _of_length(site.integers(1), space)
        stride = _of_length(site.integers(2) or window, space)
        padding, dilation = (_of_length(site.integers(index), space) for index in (3, 4))
        if site.constant(5) or any(d != 1 for d in dilation):
            raise NotIntegerError("ceil_mode and dilation")
        code = site.code
        bits = 16 if not term.signed else width_of(term.value)
        wide = replace(term, value=code.resized(term.value, term.signed, bits), signed=True)
        least = -(1 << (bits - 1))
        edge = replace(wide, bias=np.full_like(wide.bias, -least))
        value = padded(code, edge, [(p, p) for p in padding])
        made = _pooled(code, value, site.shape, window, stride, _greater, least, bits)
        return Real(site.shape, (replace(wide, value=made, shape=site.shape, data=None),))

    return rule


def _of_length(values: Sequence[int], length: int) -> list[int]:
    return list(values) * length if len(values) == 1 else list(values)


def _bilinear(site: Site) -> Real:
    """Each axis by itself: neighbours with integer weights, the divisor in the scale."""
    real = site.real(0)
    term = real.single("its operand")
    align = site.constant(2)
    if not isinstance(align, bool) or term.shape != real.shape:
        raise NotIntegerError("its operand is broadcast")
    term.uniform_scale("its operand")
    term = centred(site.code, term)
    space = len(site.shape) - 2
    factors = site.constant(3) if len(site.op.operands) > 3 else None
    sizes = zip(real.shape[2:], site.shape[2:], strict=True)
    if isinstance(factors, list) and [w / n for n, w in sizes] != factors:
        raise NotIntegerError(f"its factors {factors} are not those of its sizes")
    for axis in range(2, 2 + space):
        term = _interpolated(site, term, axis, site.shape[axis], align)
    return Real(site.shape, (term,))


def _neighbours(given: int, wanted: int, align: bool) -> list[tuple[int, int, Fraction]]:
    """The lower and the upper neighbour of each result, and the upper one's weight."""
    found: list[tuple[int, int, Fraction]] = []
    for index in range(wanted):
        if align:
            at = Fraction(index * (given - 1), max(wanted - 1, 1))
        else:
            at = max(Fraction((2 * index + 1) * given, 2 * wanted) - Fraction(1, 2), Fraction(0))
        low = min(int(at), given - 1)
        found.append((low, min(low + 1, given - 1), at - low))
    return found


def _interpolated(site: Site, term: Term, axis: int, wanted: int, align: bool) -> Term:
    given, code = term.shape[axis], site.code
    if given < 0 or wanted < 0:
        raise NotIntegerError("sizes that are not known")
    if given == wanted:
        return term
    found = _neighbours(given, wanted, align)
    divisor = math.lcm(*(weight.denominator for *_, weight in found))
    upper = np.array([int(weight * divisor) for *_, weight in found], np.int64)
    bound = term.bound * divisor
    bits = 32 if bound < 1 << 31 else 64
    shape = (*term.shape[:axis], wanted, *term.shape[axis + 1 :])
    along = tuple(-1 if a == axis else 1 for a in range(len(shape)))
    operands = Operands(code)
    parts = [
        (
            operands.tensor(_selected(code, term.value, axis, indices)),
            operands.number(weights.reshape(along), bits, neutral=1),
        )
        for indices, weights in (
            ([low for low, _, _ in found], divisor - upper),
            ([high for _, high, _ in found], upper),
        )
    ]

    def body(b: Builder, elements: Sequence[SSAValue]) -> SSAValue:
        total: SSAValue | None = None
        for value, weight in parts:
            x = resize(b, value(b, elements), bits, term.signed)
            x = x if weight is None else b.insert(arith.MuliOp(x, weight(b, elements))).result
            total = x if total is None else _add(b, total, x)
        assert total is not None
        return total

    value = code.elementwise(shape, operands.tensors, IntegerType(bits), body)
    scale = term.scale / divisor
    return Term(value, shape, True, -bound, bound, scale, zeros(len(shape)), product=True)


def _selected(code: Code, value: SSAValue, axis: int, indices: Sequence[int]) -> SSAValue:
    """Rows by constant indices."""
    index = code.torch(code.array(np.array(indices, np.int64), 64))
    own = shape_of_tensor(value)
    shape = (*own[:axis], len(indices), *own[axis + 1 :])
    return code.torch_call("index_select", value, [code.argument(axis), index], shape)


def _nearest(site: Site) -> Real:
    """Copies of elements."""
    real = site.real(0)
    term = real.single("its operand")
    value, own = term.value, term.shape
    for axis in range(2, len(own)):
        given, wanted = own[axis], site.shape[axis]
        if given < 0 or wanted < 0:
            raise NotIntegerError("sizes that are not known")
        if given != wanted:
            value = _selected(site.code, value, axis, [i * given // wanted for i in range(wanted)])
    return Real(site.shape, (replace(term, value=value, shape=site.shape, data=None),))


RULES: dict[str, Rule] = {
    "avg_pool1d": _avg_pool(1),
    "avg_pool2d": _avg_pool(2),
    "adaptive_avg_pool1d": _adaptive_avg_pool(1),
    **dict.fromkeys(("adaptive_avg_pool2d", "_adaptive_avg_pool2d"), _adaptive_avg_pool(2)),
    "max_pool1d": _max_pool(1),
    **dict.fromkeys(("max_pool2d", "max_pool2d_with_indices"), _max_pool(2)),
    **dict.fromkeys(("upsample_bilinear2d", "upsample_bilinear2d.vec"), _bilinear),
    **dict.fromkeys(("upsample_nearest2d", "upsample_nearest2d.vec"), _nearest),
}
"""By the name of the `torch.aten` operator."""
