"""A value in another shape: its integers, its scales by channel, and parts that are broadcast."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from lut_opt.passes.integer.code import Code
from lut_opt.passes.integer.real import Mask, NotIntegerError, Real, Shape, Term

Array = NDArray[Any]

Move = Callable[[SSAValue, Shape], tuple[SSAValue, Shape]]
"""What becomes of the integers of a part, and of their shape."""


def moved(real: Real, shape: Shape, move: Move, array: Callable[[Array], Array]) -> Real:
    """The same value with its elements elsewhere."""

    def term(part: Term) -> Term:
        value, own = move(part.value, part.shape)
        data = None if part.data is None else array(part.data)
        scale, bias = array(part.scale), array(part.bias)
        return replace(part, value=value, shape=own, scale=scale, bias=bias, data=data)

    def mask(part: Mask) -> Mask:
        value, own = move(part.value, part.shape)
        return replace(part, value=value, shape=own)

    constant = None if real.constant is None else array(real.constant)
    return replace(
        real,
        shape=shape,
        terms=tuple(map(term, real.terms)),
        masks=tuple(map(mask, real.masks)),
        constant=constant,
    )


def reshaped(code: Code, real: Real, shape: Shape) -> Real:
    """The same elements in order, in another shape."""
    old = real.shape
    if old == shape:
        return real
    groups = _groups(old, shape)

    def move(value: SSAValue, own: Shape) -> tuple[SSAValue, Shape]:
        if (new := _part_shape(own, groups, old, shape)) is None:
            value, new = code.moved("broadcast_to", value, [old], old), shape
        return code.moved("view", value, [new], new), new

    return moved(real, shape, move, lambda array: _array_reshaped(array, groups, old, shape))


Groups = list[tuple[slice, slice]]


def _groups(old: Shape, new: Shape) -> Groups:
    """
    Runs of axes of one shape and of the other that hold the same elements, as short as possible.

    An unknown size matches an unknown size.
    """
    found: Groups = []
    i = j = 0
    while i < len(old) or j < len(new):
        i0, j0 = i, j
        left, right = [*old[i : i + 1]], [*new[j : j + 1]]
        i, j = i + len(left), j + len(right)
        while sorted(_factors(left)) != sorted(_factors(right)) and (i < len(old) or j < len(new)):
            grow = j == len(new) or (
                i < len(old) and math.prod(_known(left)) < math.prod(_known(right))
            )
            if grow:
                left, i = [*left, old[i]], i + 1
            else:
                right, j = [*right, new[j]], j + 1
        found.append((slice(i0, i), slice(j0, j)))
    return found


def _known(sizes: list[int]) -> list[int]:
    return [size for size in sizes if size >= 0]


def _factors(sizes: list[int]) -> list[int]:
    """The product of the known sizes, and the unknown ones: equal for equal numbers of elements."""
    return [math.prod(_known(sizes)), *(size for size in sizes if size < 0)]


def _part_shape(own: Shape, groups: Groups, old: Shape, new: Shape) -> Shape | None:
    """The shape of a part that is broadcast along some axes; None where a group mixes them."""
    result: list[int] = []
    for before, after in groups:
        if own[before] == old[before]:
            result += new[after]
        elif all(size == 1 for size in own[before]):
            result += [1] * len(new[after])
        else:
            return None
    return tuple(result)


def _array_reshaped(array: Array, groups: Groups, old: Shape, new: Shape) -> Array:
    full: list[int] = []
    result: list[int] = []
    for before, after in groups:
        sizes = array.shape[before]
        if all(size == 1 for size in sizes):
            full += sizes
            result += [1] * len(new[after])
            continue
        if any(size < 0 for size in (*old[before], *new[after])):
            raise NotIntegerError("scales by channel meet an axis whose size is not known")
        full += old[before]
        result += new[after]
    return np.broadcast_to(array, full).reshape(result)
