"""Open `scaled_dot_product_attention` into two matrix products and a softmax."""

from __future__ import annotations

import math
from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerType, Signedness
from xdsl.ir import Operation, SSAValue

from lut_opt.dialects.torch import VTensorType, constant_value
from lut_opt.passes.support.declarations import input_declarations
from lut_opt.passes.support.diagnostics import OpError
from lut_opt.passes.support.torch_builder import TorchBuilder, shape_of

_BOOL = IntegerType(1)
_INT64 = IntegerType(64, Signedness.SIGNED)


def expand_attention(op: Operation) -> None:
    """softmax(scale · Q·Kᵀ + mask) · V, as PyTorch defines it."""
    query, key, value, mask, dropout, causal = op.operands[:6]
    if constant_value(dropout) not in (0, 0.0):
        raise OpError(op, "attention with dropout is for training: export the model in eval mode")
    build = TorchBuilder(op)
    if len(op.operands) > 7 and constant_value(op.operands[7]) is True:
        groups = shape_of(op, query)[-3]
        key, value = _repeated(build, key, groups), _repeated(build, value, groups)
    *batch, rows, width = shape_of(op, query)
    *key_batch, columns, _ = shape_of(op, key)
    transposed = build.tensor("transpose.int", [key, -2, -1], [*key_batch, width, columns])
    scaled = build.tensor("mul.Scalar", [query, _attention_scale(op, width)], shape_of(op, query))
    batch = _broadcast(op, batch, key_batch)
    shape = [*batch, rows, columns]
    scores = build.tensor("matmul", [scaled, transposed], shape)
    if constant_value(causal) is True:
        scores = _masked(build, scores, _above_diagonal(build, query, key), shape)
    elif constant_value(causal) is not False:
        raise OpError(op, "is_causal must be constant")
    if isinstance(mask.type, VTensorType):
        if mask.type.dtype == _BOOL:
            hidden = build.tensor("logical_not", [mask], shape_of(op, mask), _BOOL)
            scores = _masked(build, scores, hidden, shape)
        else:
            scores = build.tensor("add.Tensor", [scores, mask, 1], shape)
    declared = input_declarations(op)
    weights = build.tensor("softmax.int", [scores, -1, None], shape, attributes=declared)
    result = [*batch, rows, shape_of(op, value)[-1]]
    build.replace_by(build.tensor("matmul", [weights, value], result))


def _attention_scale(op: Operation, width: int) -> float:
    given = constant_value(op.operands[6]) if len(op.operands) > 6 else None
    if given is None and width > 0:
        return width**-0.5
    if not isinstance(given, int | float):
        raise OpError(op, "the scale of attention, or the size of a head, must be constant")
    return float(given)


def _repeated(build: TorchBuilder, value: SSAValue, heads: int) -> SSAValue:
    """Each head of a grouped key or value, as often as queries share it."""
    *batch, groups, rows, width = shape_of(build.anchor, value)
    if min(heads, groups) < 1 or heads % groups:
        raise OpError(build.anchor, f"{heads} query heads cannot share {groups} key heads")
    if heads == groups:
        return value
    times, axis = heads // groups, len(batch) + 1
    apart = build.tensor("unsqueeze", [value, axis], [*batch, groups, 1, rows, width])
    wide = [*batch, groups, times, rows, width]
    # −1 keeps a size, known or not.
    sizes = build.ints([times if a == axis else -1 for a in range(len(wide))])
    spread = build.tensor("expand", [apart, sizes, False], wide)
    return build.tensor(
        "flatten.using_ints", [spread, axis - 1, axis], [*batch, heads, rows, width]
    )


def _broadcast(op: Operation, left: Sequence[int], right: Sequence[int]) -> list[int]:
    longer, shorter = (left, right) if len(left) >= len(right) else (right, left)
    padded = [1] * (len(longer) - len(shorter)) + list(shorter)
    return [b if a == 1 else a for a, b in zip(longer, padded, strict=True)]


def _above_diagonal(build: TorchBuilder, query: SSAValue, key: SSAValue) -> SSAValue:
    """A boolean (rows, columns): the keys that come after a query."""
    positions: list[SSAValue] = []
    sizes: list[int] = []
    for tensor, axis in ((query, 1), (key, 0)):
        shape = shape_of(build.anchor, tensor)
        end = build.size(tensor, len(shape) - 2)
        size = shape[-2]
        none = [build.scalar(None)] * 4
        line = build.tensor("arange", [end, *none], [size], _INT64)
        apart = [size, 1] if axis else [1, size]
        positions.append(build.tensor("unsqueeze", [line, axis], apart, _INT64))
        sizes.append(size)
    return build.tensor("gt.Tensor", [positions[1], positions[0]], sizes, _BOOL)


def _masked(
    build: TorchBuilder, scores: SSAValue, hidden: SSAValue, shape: Sequence[int]
) -> SSAValue:
    return build.tensor("masked_fill.Scalar", [scores, hidden, -math.inf], shape)
