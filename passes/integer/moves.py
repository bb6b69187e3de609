"""Operators that only move elements: the same on the integers, and on scales by channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from xdsl.ir import Operation, SSAValue

from lut_opt.dialects.torch import (
    ListType,
    VTensorType,
    torch_name,
    torch_op,
)
from lut_opt.passes.integer.code import Code, width_of
from lut_opt.passes.integer.real import NotIntegerError, Real, Shape, Term
from lut_opt.passes.integer.shapes import Array, moved, reshaped
from lut_opt.passes.integer.site import Rule, Site


def _reshape(site: Site) -> Real:
    return reshaped(site.code, site.real(0), site.shape)


def _same(site: Site) -> Real:
    return site.real(0)


def _expand(site: Site) -> Real:
    """Broadcast: the integers stay as they are."""
    real = site.real(0, len(site.shape))
    return replace(real, shape=site.shape)


def _permute_by(order: Sequence[int]) -> Callable[[Site], Real]:
    def rule(site: Site) -> Real:
        real = site.real(0)
        axes = [axis % max(len(real.shape), 1) for axis in order]

        def move(value: SSAValue, own: Shape) -> tuple[SSAValue, Shape]:
            new = tuple(own[axis] for axis in axes)
            return site.code.moved("permute", value, [axes], new), new

        return moved(real, site.shape, move, lambda array: array.transpose(axes))

    return rule


def _permute(site: Site) -> Real:
    return _permute_by(site.integers(1))(site)


def _transpose(site: Site) -> Real:
    rank = len(site.shape)
    first, second = site.axis(1, rank), site.axis(2, rank)
    order = list(range(rank))
    order[first], order[second] = second, first
    return _permute_by(order)(site)


def _t(site: Site) -> Real:
    return _permute_by(list(range(len(site.shape)))[::-1])(site)


def replay(code: Code, op: Operation, value: SSAValue, shape: Shape) -> SSAValue:
    """The operator itself on integers, with its other operands."""
    name = (torch_name(op) or "").removeprefix("aten.")
    return code.torch_call(name, value, op.operands[1:], shape)


def _slice(site: Site) -> Real:
    real = site.real(0)
    axis = site.axis(1, len(real.shape))

    def move(value: SSAValue, own: Shape) -> tuple[SSAValue, Shape]:
        if own[axis] == 1 != real.shape[axis]:
            return value, own
        new = (*own[:axis], site.shape[axis], *own[axis + 1 :])
        return replay(site.code, site.op, value, new), new

    def array(given: Array) -> Array:
        if given.shape[axis] == 1:
            return given
        part = slice(*(site.constant(index) for index in (2, 3, 4)))
        return given[(slice(None),) * axis + (part,)]

    return moved(real, site.shape, move, array)


def _select(site: Site) -> Real:
    real = site.real(0)
    axis = site.axis(1, len(real.shape))

    def move(value: SSAValue, own: Shape) -> tuple[SSAValue, Shape]:
        new = (*own[:axis], *own[axis + 1 :])
        if own[axis] == 1 != real.shape[axis]:
            return site.code.moved("view", value, [new], new), new
        return replay(site.code, site.op, value, new), new

    def array(given: Array) -> Array:
        return np.take(given, 0 if given.shape[axis] == 1 else site.integer(2), axis)

    return moved(real, site.shape, move, array)


def _anywhere(site: Site) -> Real:
    """Elements change places altogether: their scale must be one."""
    real = site.real(0)
    term = real.single("its operand")
    number = term.uniform_scale("its operand")
    if term.shape != real.shape or np.any(term.bias != term.bias.reshape(-1)[0]):
        raise NotIntegerError("its operand has a bias for each channel: quantize it before")
    rank = len(site.shape)
    value = replay(site.code, site.op, term.value, site.shape)
    bias = np.full((1,) * rank, int(term.bias.reshape(-1)[0]), np.int64)
    scale = np.full((1,) * rank, number)
    made = replace(term, value=value, shape=site.shape, scale=scale, bias=bias, data=None)
    return Real(site.shape, (made,))


def _cat(site: Site) -> Real:
    values = site.operand(0).owner
    if not isinstance(values, Operation):
        raise NotIntegerError("its operands are no list of tensors")
    inner = Site(values, site.values, site.resources)
    reals = [inner.real(index) for index in range(len(values.operands))]
    axis = site.axis(1, len(site.shape))
    terms = [real.single("a part") for real in reals]
    if any(term.shape != real.shape for term, real in zip(terms, reals, strict=True)):
        raise NotIntegerError("a part is broadcast: expand it before")
    signed = any(term.signed for term in terms)
    bits = max(width_of(term.value) + (signed and not term.signed) for term in terms)
    bits = next(width for width in (8, 16, 32, 64) if width >= bits)
    code = site.code
    tensors = [code.torch(code.resized(term.value, term.signed, bits)) for term in terms]
    kind = tensors[0].type
    assert isinstance(kind, VTensorType)
    listed = code.insert(torch_op("prim.ListConstruct", tensors, [ListType(VTensorType())]))
    result = VTensorType(site.shape, kind.dtype)
    made = code.insert(torch_op("aten.cat", [listed, site.operand(1)], [result]))
    sizes = [real.shape[axis] for real in reals]
    term = Term(
        code.builtin(made),
        site.shape,
        signed,
        min(term.low for term in terms),
        max(term.high for term in terms),
        _joined([term.scale for term in terms], axis, sizes),
        _joined([term.bias for term in terms], axis, sizes),
    )
    return Real(site.shape, (term,))


def _joined(arrays: Sequence[Array], axis: int, sizes: Sequence[int]) -> Array:
    """Scales or biases of parts of these sizes along an axis; one for all if they are equal."""
    if all(np.array_equal(arrays[0], each) for each in arrays) and arrays[0].shape[axis] == 1:
        return arrays[0]
    shape = np.broadcast_shapes(*(_without(each.shape, axis) for each in arrays))
    parts = [
        np.broadcast_to(each, (*shape[:axis], size, *shape[axis + 1 :]))
        for each, size in zip(arrays, sizes, strict=True)
    ]
    return np.concatenate(parts, axis)


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], 1, *shape[axis + 1 :])


RULES: dict[str, Rule] = {
    **dict.fromkeys(
        "view reshape _unsafe_view flatten.using_ints unflatten.int unsqueeze squeeze squeeze.dim "
        "squeeze.dims _reshape_alias view_copy".split(),
        _reshape,
    ),
    **dict.fromkeys(
        "contiguous clone alias detach dropout lift_fresh_copy feature_dropout".split(), _same
    ),
    **dict.fromkeys(("expand", "broadcast_to", "expand_as"), _expand),
    "permute": _permute,
    "transpose.int": _transpose,
    "t": _t,
    "numpy_T": _t,
    "slice.Tensor": _slice,
    "select.int": _select,
    "cat": _cat,
    **dict.fromkeys(("flip", "roll", "pixel_shuffle", "pixel_unshuffle", "repeat"), _anywhere),
}
"""By the name of the `torch.aten` operator."""
