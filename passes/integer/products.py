"""Products of values, element by element and of matrices, and convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap

from lut_opt.dialects.quantization import Integers, Reals
from lut_opt.dialects.torch import constant_value
from lut_opt.passes.arith.integer_code import resize
from lut_opt.passes.integer.code import Code
from lut_opt.passes.integer.real import NotIntegerError, Real, Shape, Term, zeros
from lut_opt.passes.integer.requantize import Operands, centred
from lut_opt.passes.integer.shapes import reshaped
from lut_opt.passes.integer.site import Rule, Site
from lut_opt.passes.integer.sums import scaled_by

_ACCUMULATOR = 1 << 31


def _times(site: Site) -> Real:
    """A constant is a factor of the scale; two values are multiplied."""
    rank = len(site.shape)
    for value, factor in ((0, 1), (1, 0)):
        if (array := site.array(factor)) is not None:
            return scaled_by(site, site.real(value, rank), array)
    left, right = (site.real(index, rank).single(f"operand {index}") for index in (0, 1))
    bound = left.bound * right.bound
    bits = 32 if bound < _ACCUMULATOR else 64
    if bound >= 1 << 62:
        raise NotIntegerError("the product does not fit 64 bits: quantize its operands before")
    operands = Operands(site.code)
    factors = [operands.stored(term, bits) for term in (left, right)]

    def body(b: Builder, elements: Sequence[SSAValue]) -> SSAValue:
        x, y = (factor(b, elements) for factor in factors)
        return b.insert(arith.MuliOp(x, y)).result

    value = site.code.elementwise(site.shape, operands.tensors, IntegerType(bits), body)
    scale = left.scale * right.scale
    term = Term(value, site.shape, True, -bound, bound, scale, zeros(rank), product=True)
    return Real(site.shape, (term,))


def _matmul(site: Site) -> Real:
    a, b = site.real(0), site.real(1)
    left, right = a.single("the left operand"), b.single("the right operand")
    batch, rows, columns = site.shape[:-2], a.shape[-2], b.shape[-1]
    rank = len(a.shape)
    if rank != len(b.shape) or left.scale.shape[-1] > 1 or right.scale.shape[-2] > 1:
        raise NotIntegerError("the summed axis has scales of its own: quantize by other channels")
    loops = [AffineExpr.dimension(axis) for axis in range(rank + 1)]
    *outer, m, n, k = loops
    maps = [
        _broadcast(rank + 1, (*outer, m, k), left.shape, a.shape),
        _broadcast(rank + 1, (*outer, k, n), right.shape, b.shape),
        AffineMap(rank + 1, 0, (*outer, m, n)),
    ]
    term = contract(site.code, left, right, (*batch, rows, columns), maps, a.shape[-1], (rank - 2,))
    return Real(site.shape, (term,))


def _broadcast(loops: int, places: Sequence[AffineExpr], own: Shape, whole: Shape) -> AffineMap:
    """Where an operand is read that may be broadcast along some axes of its whole."""
    zero = AffineExpr.constant(0)
    found = [
        zero if mine == 1 != size else place
        for place, mine, size in zip(places, own, whole, strict=True)
    ]
    return AffineMap(loops, 0, tuple(found))


def contract(
    code: Code,
    left: Term,
    right: Term,
    shape: Shape,
    maps: Sequence[AffineMap],
    length: int,
    summed: tuple[int, ...],
    scale: Reals | None = None,
) -> Term:
    """
    Σ left · right over `length` products, along the loops that the result's map does not name.

    `summed` are those axes of the right operand. A bias of the left one is a constant of the result
    where the right one's integers are known; else it is added to the operand before. `scale` is
    that of the result where it is not the operands' product.
    """
    if length < 0:
        raise NotIntegerError("the length of its sums is not known")
    right = centred(code, right)
    left, bound, correction = _bounded(code, left, right, length, summed)
    if bound >= 1 << 62:
        raise NotIntegerError("its sums do not fit 64 bits: quantize its operands to fewer bits")
    value = _sums(code, left, right, shape, maps, 32 if bound < _ACCUMULATOR else 64)
    bias = zeros(len(shape)) if correction is None else correction
    product = left.scale * right.scale if scale is None else scale
    return Term(value, shape, True, -bound, bound, product, bias, product=True)


def _bounded(
    code: Code, left: Term, right: Term, length: int, summed: tuple[int, ...]
) -> tuple[Term, int, Integers | None]:
    """The left operand, what bounds the sums, and what a bias of the operand adds to them."""
    if right.data is None or left.uniform_bias is None:
        left = centred(code, left)
        return left, length * left.bound * right.bound, None
    weights = right.data.astype(np.int64)
    magnitude = max(abs(left.low), abs(left.high))
    bound = magnitude * int(np.abs(weights).sum(summed).max(initial=0))
    return left, bound, left.uniform_bias * weights.sum(summed, keepdims=True)


def _sums(
    code: Code, left: Term, right: Term, shape: Shape, maps: Sequence[AffineMap], bits: int
) -> SSAValue:
    names = set(maps[-1].results)
    iterators = [
        IteratorTypeAttr.parallel()
        if AffineExpr.dimension(loop) in names
        else IteratorTypeAttr.reduction()
        for loop in range(maps[-1].num_dims)
    ]

    def body(b: Builder, e: Sequence[SSAValue]) -> SSAValue:
        x, y = resize(b, e[0], bits, left.signed), resize(b, e[1], bits, right.signed)
        return b.insert(arith.AddiOp(e[2], b.insert(arith.MuliOp(x, y)).result)).result

    out = code.filled(shape, bits, 0, [left.value, right.value])
    return code.generic([left.value, right.value], out, maps, iterators, body)


def _convolution(site: Site) -> Real:
    """`aten.convolution`: input, weight, bias, stride, padding, dilation, transposed, _, groups."""
    x, w = site.real(0).single("the input"), site.real(1).single("the weights")
    if site.constant(6) is not False:
        raise NotIntegerError("a transposed convolution: write it as upsampling and a convolution")
    stride, padding, dilation = (site.integers(index) for index in (3, 4, 5))
    groups, shape = site.integer(8), site.shape
    if x.shape != site.real(0).shape or w.shape != site.real(1).shape:
        raise NotIntegerError("an operand is broadcast: expand it before")
    x = padded(site.code, x, [(p, p) for p in padding])
    x.uniform_scale("the input")
    batch, filters, window = shape[0], w.shape[0], w.shape[2:]
    inside, outside = x.shape[1] // groups, filters // groups
    grouped = Real((batch, groups, inside, *x.shape[2:]))
    left = reshaped(site.code, Real(x.shape, (x,)), grouped.shape).terms[0]
    by_group = (groups, outside, inside, *window)
    right = reshaped(site.code, Real(w.shape, (w,)), by_group).terms[0]
    space = len(window)
    maps = _windows(space, stride, dilation)
    out = (batch, groups, outside, *shape[2:])
    scale = (x.scale.reshape(-1)[0] * right.scale).reshape(_result_axes(right.scale.shape, space))
    summed = tuple(range(2, 3 + space))
    length = inside * math.prod(window)
    term = contract(site.code, left, right, out, maps, length, summed, scale)
    term = replace(term, bias=term.bias.reshape(_result_axes(term.bias.shape, space)))
    made = reshaped(site.code, Real(out, (term,)), shape)
    if constant_value(site.operand(2)) is None:
        return made
    bias = site.array(2)
    if bias is None:
        raise NotIntegerError("its bias is computed")
    column = bias.reshape((1, -1, *(1,) * space))
    return made.plus(Real(column.shape, constant=column), shape)


def _windows(space: int, stride: Sequence[int], dilation: Sequence[int]) -> list[AffineMap]:
    """Where input, weights and result are read, by batch, group, filter, place, channel and tap."""
    loops = [AffineExpr.dimension(i) for i in range(4 + 2 * space)]
    n, g, f, *rest = loops
    at, (c, *taps) = rest[:space], rest[space:]
    places = [
        p * s + t * d if s > 1 or d > 1 else p + t
        for p, t, s, d in zip(at, taps, stride, dilation, strict=True)
    ]
    results = (n, g, c, *places), (g, f, c, *taps), (n, g, f, *at)
    return [AffineMap(len(loops), 0, each) for each in results]


def _result_axes(shape: Shape, space: int) -> Shape:
    """The axes of the weights' groups and filters, as those of a result."""
    if len(shape) != 3 + space:
        return shape
    return (1, shape[0], shape[1], *(1,) * space)


def padded(code: Code, term: Term, padding: Sequence[tuple[int, int]]) -> Term:
    """Zeros around the last axes: the integer that stands for 0."""
    if not any(before or after for before, after in padding):
        return term
    if (bias := term.uniform_bias) is None:
        term, bias = centred(code, term), 0
    first = len(term.shape) - len(padding)
    sizes = [
        size + before + after
        for size, (before, after) in zip(term.shape[first:], padding, strict=True)
    ]
    if any(size < 0 for size in term.shape[first:]):
        raise NotIntegerError("padding of an axis of unknown size")
    shape = (*term.shape[:first], *sizes)
    listed = [edge for pair in reversed(list(padding)) for edge in pair]
    value = code.moved("constant_pad_nd", term.value, [listed, -bias], shape)
    low, high = min(term.low, -bias), max(term.high, -bias)
    return replace(term, value=value, shape=shape, low=low, high=high, data=None)


def _pad(site: Site) -> Real:
    value = site.array(2)
    if value is None or np.any(value):
        raise NotIntegerError("padding with anything but 0")
    listed = site.integers(1)
    pairs = list(zip(listed[::2], listed[1::2], strict=True))[::-1]
    term = site.real(0).single("its operand")
    return Real(site.shape, (padded(site.code, term, pairs),))


RULES: dict[str, Rule] = {
    **dict.fromkeys(("mul.Tensor", "mul.Scalar"), _times),
    **dict.fromkeys(("mm", "bmm", "matmul"), _matmul),
    "convolution": _convolution,
    "constant_pad_nd": _pad,
}
"""By the name of the `torch.aten` operator."""
