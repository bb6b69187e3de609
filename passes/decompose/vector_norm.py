"""Open the Euclidean norm of vectors: the square root of a sum of products."""

from __future__ import annotations

import math
from collections.abc import Collection

from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.ir import Attribute, Operation

from lut_opt.dialects.torch import VTensorType, constant_value, torch_name
from lut_opt.passes.support.declarations import (
    KEPT,
    RANGE,
    RESULT,
    chosen_declarations,
    declared_range,
    declared_result,
    interval,
)
from lut_opt.passes.support.diagnostics import OpError, about
from lut_opt.passes.support.torch_builder import TorchBuilder, shape_of

NAME = "linalg_vector_norm"


def expand_vector_norms(module: ModuleOp, keep: Collection[str]) -> None:
    """Open every vector norm that is no part of a normalization, unless `keep` names it."""
    for op in list(module.walk()):
        if torch_name(op) != f"aten.{NAME}":
            continue
        if NAME in keep:
            op.attributes[KEPT] = UnitAttr()
        elif isinstance(op.results[0].type, VTensorType):
            with about(op):
                _expand(op)


def _expand(op: Operation) -> None:
    x, order, axes, kept, _ = op.operands
    shape, kind = shape_of(op, x), op.results[0].type
    assert isinstance(kind, VTensorType)
    if constant_value(order) != 2 or not isinstance(x.type, VTensorType):
        raise OpError(
            op,
            f"{op.name} is a root of a sum of squares for the order 2 only: write other orders "
            f"with abs, sum and pow, or leave it in floating point with keep={NAME}",
        )
    if x.type.dtype != kind.dtype:
        raise OpError(op, f"{op.name} has another type than its operand: cast before it")
    build = TorchBuilder(op)
    dims = constant_value(axes) or list(range(len(shape)))
    if not isinstance(dims, list):
        raise OpError(op, f"the axes of {op.name} must be constant")
    numbers = [axis for axis in dims if isinstance(axis, int)]
    squares = build.tensor("mul.Tensor", [x, x], shape)
    operands = [squares, build.ints(numbers), kept, None]
    total = build.tensor("sum.dim_IntList", operands, shape_of(op, op.results[0]))
    length = math.prod(shape[axis] for axis in numbers)
    declared = _declared(op, length if min((shape[a] for a in numbers), default=1) > 0 else None)
    build.replace_by(
        build.tensor("sqrt", [total], shape_of(op, op.results[0]), attributes=declared)
    )


def _declared(op: Operation, length: int | None) -> dict[str, Attribute]:
    """What the root takes: squares of what the norm gave, or all that vectors of x can sum to."""
    made = chosen_declarations(op)
    if RESULT in op.attributes:
        made[RESULT] = op.attributes[RESULT]
    if (result := declared_result(op)) is not None:
        low, high = result[0] ** 2, result[1] ** 2
    elif (elements := declared_range(op)) is not None and length is not None:
        low, high = 0.0, length * max(map(abs, elements)) ** 2
    else:
        return made
    high = high or 1.0
    made[RANGE] = interval(low if low < high else high / 2, high)
    return made
