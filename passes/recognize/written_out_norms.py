"""
Which `torch` ops together are a norm: a tensor over the root of the mean of its squares.

Every spelling that model libraries use: `rsqrt`, `1 / sqrt`, `/ sqrt` or `pow(−½)`; squares by
`pow`, `square` or `x · x`; means by `mean`, `sum / n`; a variance of x beside x − mean(x); a vector
norm, or the root of a sum, for l2-normalize.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, TensorType, f64
from xdsl.ir import Attribute, Operation, OpResult, SSAValue
from xdsl.traits import is_side_effect_free

from lut_opt.dialects.quantization import Reals
from lut_opt.dialects.torch import VTensorLiteralOp, VTensorType, constant_value, torch_name
from lut_opt.passes.support.declarations import (
    DECLARATIONS,
    NUMERATOR,
    RANGE,
    ROW_SIZES,
    declared_quantiles,
    declared_range,
    declared_result,
    interval,
    operand_declarations,
)

LARGEST_FLOOR = 1e-4
"""A norm below max(‖x‖, ε)'s ε is divided by ε: no stored row but zero is that short."""


ROW_STEPS = 16
"""Steps of probability between sizes of rows: as many as a calibration writes."""

NEGLIGIBLE = 2.0**-12
"""A term in relation to which a norm's result is exact in as many bits as it has."""


DEPTH = 8
"""How many ops back two values are compared that may be the same."""


@dataclass(frozen=True)
class WrittenNorm:
    """x / sqrt(mean(x²) + epsilon) · factor, over one axis, not negative."""

    x: SSAValue
    axis: int
    epsilon: float
    factor: float
    declared: Mapping[str, Attribute]
    """What ops of the pattern declare of x and of its rows."""


def written_norm(op: Operation) -> WrittenNorm | None:
    """The norm whose last op, a multiplication or a division, this one is."""
    if torch_name(op) == "aten.div.Tensor":
        return _over(op, op.operands[0], unexpanded(op.operands[1]))
    for x, factor in (op.operands, tuple(reversed(op.operands))):
        if (found := _times(op, x, unexpanded(factor))) is not None:
            return found
    return None


def _times(op: Operation, x: SSAValue, factor: SSAValue) -> WrittenNorm | None:
    """x · factor, a reciprocal of a root."""
    if (inverse := owner(factor, "aten.reciprocal")) is not None:
        return _over(op, x, inverse.operands[0])
    root = owner(factor, "aten.rsqrt") or _power(factor, -0.5)
    return None if root is None else _root(root, x)


def _over(op: Operation, x: SSAValue, length: SSAValue) -> WrittenNorm | None:
    """x / length, a root or a vector norm."""
    if (floor := owner(length, *_FLOORS)) is not None:
        least = _number(floor.operands[1])
        if least is None or not 0 <= least <= LARGEST_FLOOR:
            return None
        if len(floor.operands) > 2 and constant_value(floor.operands[2]) is not None:
            return None
        length = floor.operands[0]
    elif (total := owner(length, "aten.add.Scalar")) is not None and _is_negligible(total):
        length = total.operands[0]
    if (vector := owner(length, "aten.linalg_vector_norm")) is not None:
        source, order, axes, kept = vector.operands[:4]
        if not same(source, x) or constant_value(order) != 2 or constant_value(kept) is not True:
            return None
        numerator, axis = op.attributes.get(NUMERATOR), single_axis(axes, x)
        declared = {RANGE: numerator} if numerator else _declared([vector, *_readers(x)])
        sizes = declared_result(vector)
        lengths = None if sizes is None or axis is None else np.square(sizes) / known_shape(x)[axis]
        return _unit_length(x, axis, 0.0, {**declared, **_sizes(lengths)})
    root = owner(length, "aten.sqrt") or _power(length, 0.5)
    return None if root is None else _root(root, x)


_FLOORS = ("aten.clamp_min", "aten.clamp", "aten.clamp.Tensor", "aten.maximum")
"""max(x, ε), whose ε is a number, or a tensor of one."""


def _number(value: SSAValue) -> float | None:
    """A constant number, or the one element of a constant tensor."""
    literal = value.owner
    if not isinstance(literal, VTensorLiteralOp):
        known = constant_value(value)
        return float(known) if isinstance(known, int | float) else None
    match literal.value:
        case DenseIntOrFPElementsAttr() as dense if dense.is_splat():
            return float(np.asarray(dense.get_values(), np.float64).flat[0])
        case _:
            return None


def _is_negligible(total: Operation) -> bool:
    """Whether what is added to a vector norm is nothing beside every norm that was seen."""
    vector = owner(total.operands[0], "aten.linalg_vector_norm")
    added, scale = (constant_value(operand) for operand in total.operands[1:])
    if vector is None or not isinstance(added, int | float) or scale != 1 or added < 0:
        return False
    result = declared_result(vector)
    return result is not None and added <= result[0] * NEGLIGIBLE


def _root(root: Operation, x: SSAValue) -> WrittenNorm | None:
    """x over the root of mean(x²) + ε, of Σx² + ε, or of a variance + ε."""
    inside, epsilon = root.operands[0], 0.0
    if (total := owner(inside, "aten.add.Scalar")) is not None:
        given = constant_value(total.operands[1])
        if not isinstance(given, int | float) or constant_value(total.operands[2]) != 1:
            return None
        inside, epsilon = total.operands[0], float(given)
    if epsilon < 0:
        return None
    if (variance := owner(inside, "aten.var.correction")) is not None:
        return _of_variance(x, variance, epsilon, root)
    if (averaged := _averaged(inside)) is not None:
        squares, axis = averaged
        square = None if axis is None else _square_of(squares, x)
        if square is None or axis is None:
            return None
        declared = _declared([square, *_readers(x)]) or _reach(root, x, axis)
        return WrittenNorm(x, axis, epsilon, 1.0, {**declared, **_sizes_at(root, epsilon)})
    summed = owner(inside, "aten.sum.dim_IntList")
    if summed is None or constant_value(summed.operands[2]) is not True:
        return None
    if (square := _square_of(summed.operands[0], x)) is None:
        return None
    axis, declared = single_axis(summed.operands[1], x), _declared([square, *_readers(x)])
    if axis is not None:
        declared |= _sizes_at(root, epsilon, 1 / known_shape(x)[axis])
    return _unit_length(x, axis, epsilon, declared)


def _unit_length(
    x: SSAValue, axis: int | None, epsilon: float, declared: Mapping[str, Attribute]
) -> WrittenNorm | None:
    """x / sqrt(Σx² + ε)"""
    length = None if axis is None else known_shape(x)[axis]
    if axis is None or length is None or length < 1:
        return None
    return WrittenNorm(x, axis, epsilon / length, length**-0.5, declared)


def _of_variance(
    x: SSAValue, variance: Operation, epsilon: float, root: Operation
) -> WrittenNorm | None:
    """(s − mean(s)) over the root of the variance of s."""
    source, axes, correction, kept = variance.operands
    centred, axis = owner(x, "aten.sub.Tensor"), single_axis(axes, source)
    if centred is None or axis is None or constant_value(kept) is not True:
        return None
    if not same(centred.operands[0], source):
        return None
    if not _is_mean_of(_averaged(unexpanded(centred.operands[1])), (source, axis)):
        return None
    length, less = known_shape(source)[axis], constant_value(correction)
    if not isinstance(less, int | float) or length <= less:
        return None
    # variance · (n − correction) = n · mean(x²): what the two differ by is a factor.
    ratio = (length - less) / length
    declared = {**_reach(root, x, axis), **_sizes_at(root, epsilon, ratio)}
    return WrittenNorm(x, axis, epsilon * ratio, ratio**0.5, declared)


def _averaged(value: SSAValue) -> tuple[SSAValue, int | None] | None:
    """What a value is the mean of, and over which axis, which is kept: whole, or sum / n."""
    mean = owner(value, "aten.mean.dim")
    if (quotient := owner(value, "aten.div.Scalar")) is not None:
        mean = owner(quotient.operands[0], "aten.sum.dim_IntList")
    if mean is None or constant_value(mean.operands[2]) is not True:
        return None
    axis = single_axis(mean.operands[1], mean.operands[0])
    if quotient is not None:
        shape = known_shape(mean.operands[0])
        if axis is None or constant_value(quotient.operands[1]) != shape[axis]:
            return None
    return mean.operands[0], axis


def _square_of(value: SSAValue, x: SSAValue) -> Operation | None:
    """The op that squares x, however it is written."""
    power = _power(value, 2) or owner(value, "aten.square")
    if power is not None:
        return power if same(power.operands[0], x) else None
    product = owner(value, "aten.mul.Tensor")
    return product if product and all(same(operand, x) for operand in product.operands) else None


def same(left: SSAValue, right: SSAValue, depth: int = DEPTH) -> bool:
    """
    Whether two values are one, or computed in the same way from values that are.

    What models write twice, torch-mlir exports twice. Compared are `depth` ops at most.
    """
    if left is right:
        return True
    a, b = left.owner, right.owner
    if not isinstance(a, Operation) or not isinstance(b, Operation) or depth == 0:
        return False
    if _what(a) != _what(b) or len(a.operands) != len(b.operands) or not is_side_effect_free(a):
        return False
    if isinstance(left, OpResult) and isinstance(right, OpResult) and left.index != right.index:
        return False
    return all(same(x, y, depth - 1) for x, y in zip(a.operands, b.operands, strict=True)) or (
        _are_centred_alike(a, b)
    )


def _what(op: Operation) -> tuple[object, ...]:
    """What two ops that do the same have in common, beside their operands."""
    attributes = {k: v for k, v in op.attributes.items() if k not in DECLARATIONS}
    return op.name, op.properties, attributes, op.result_types, op.regions


def _are_centred_alike(a: Operation, b: Operation) -> bool:
    """Whether two differences are of one tensor and its mean, however that is written."""
    if torch_name(a) != "aten.sub.Tensor" or not same(a.operands[0], b.operands[0]):
        return False
    means = [_averaged(unexpanded(op.operands[1])) for op in (a, b)]
    return _is_mean_of(means[0], means[1])


def _is_mean_of(
    mean: tuple[SSAValue, int | None] | None, wanted: tuple[SSAValue, int | None] | None
) -> bool:
    """Whether both are there, with one axis and one tensor."""
    if mean is None or wanted is None or mean[1] != wanted[1]:
        return False
    return same(mean[0], wanted[0])


def _power(value: SSAValue, exponent: float) -> Operation | None:
    power = owner(value, "aten.pow.Tensor_Scalar")
    return power if power and constant_value(power.operands[1]) == exponent else None


def _reach(root: Operation, x: SSAValue, axis: int) -> dict[str, Attribute]:
    """What a row can hold whose mean square is at most what `root` was seen to take: √(n·hi)."""
    seen, length = declared_range(root), known_shape(x)[axis]
    if seen is None or length < 1 or seen[1] <= 0:
        return {}
    bound = math.sqrt(length * seen[1])
    return {RANGE: interval(-bound, bound)}


def _declared(ops: Iterable[Operation]) -> dict[str, Attribute]:
    """The first range that one of the ops declares, and what was counted over it."""
    op = next((op for op in ops if declared_range(op) is not None), None)
    return {} if op is None else operand_declarations(op, RANGE)


def _sizes_at(root: Operation, epsilon: float, ratio: float = 1.0) -> dict[str, Attribute]:
    """Sizes of the rows whose mean squares, over `ratio` and plus ε, a root was seen to take."""
    seen = declared_quantiles(root.attributes)
    seen = None if seen is None else seen[:: max(len(seen) // ROW_STEPS, 1)]
    return _sizes(None if seen is None else (seen - epsilon) * ratio)


def _sizes(squares: Reals | None) -> dict[str, Attribute]:
    """Sizes of rows of these mean squares."""
    positive = np.zeros(0) if squares is None else squares[squares > 0]
    if len(positive) < 2:
        return {}
    kind = TensorType(f64, [len(positive)])
    return {ROW_SIZES: DenseIntOrFPElementsAttr.from_list(kind, np.sqrt(positive).tolist())}


_OTHER_RANGES = ("softmax", "attention", "div.")
"""Ops whose range is not that of their first operand."""


def _readers(x: SSAValue) -> list[Operation]:
    """Ops whose range, if they declare one, is that of x."""
    users = [use.operation for use in x.uses if use.index == 0]
    return [op for op in users if not any(part in op.name for part in _OTHER_RANGES)]


def owner(value: SSAValue, *names: str) -> Operation | None:
    """The op that computes a value, if it has one of these names."""
    op = value.owner
    return op if isinstance(op, Operation) and torch_name(op) in names else None


def unexpanded(value: SSAValue) -> SSAValue:
    """A value before it was repeated along axes of size 1."""
    op = owner(value, "aten.expand", "aten.expand_as", "aten.broadcast_to")
    return value if op is None else op.operands[0]


def single_axis(axes: SSAValue, x: SSAValue) -> int | None:
    """The one axis that a list, or a number, names; not negative."""
    given, rank = constant_value(axes), len(known_shape(x))
    match given:
        case [int() as axis] | (int() as axis) if -rank <= axis < rank:
            return axis % rank
        case _:
            return None


def known_shape(value: SSAValue) -> tuple[int, ...]:
    """Sizes of a tensor, −1 where unknown; empty for anything of unknown rank."""
    kind = value.type
    return (kind.shape or ()) if isinstance(kind, VTensorType) else ()
