"""
Open `torch` ops that contain a non-linear one: attention, GLU, group norm and batch norm.

What is left are linear ops and the whole softmax, sigmoid or layer norm, with the range that the
composite declared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    AnyFloat,
    DenseIntOrFPElementsAttr,
    ModuleOp,
    ShapedType,
    TensorType,
    UnitAttr,
)
from xdsl.ir import Operation, SSAValue

from lut_opt.dialects.torch import (
    VTensorLiteralOp,
    VTensorType,
    constant_value,
    torch_name,
)
from lut_opt.passes.decompose.attention import expand_attention
from lut_opt.passes.support.declarations import KEPT, declarations, input_declarations
from lut_opt.passes.support.diagnostics import OpError, about
from lut_opt.passes.support.torch_builder import TorchBuilder, shape_of


def expand_composites(module: ModuleOp, keep: Collection[str]) -> None:
    """Open every composite op whose name, as in `_EXPANSIONS`, is not to be kept."""
    for op in list(module.walk()):
        name = (torch_name(op) or "").removeprefix("aten.")
        if (found := _EXPANSIONS.get(name)) is None:
            continue
        if found[0] in keep:
            op.attributes[KEPT] = UnitAttr()
            continue
        with about(op):
            found[1](op)


def _glu(op: Operation) -> None:
    """a · sigmoid(b) of the two halves of an axis."""
    x = op.operands[0]
    shape = list(shape_of(op, x))
    axis = constant_value(op.operands[1])
    if not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
        raise OpError(op, f"the axis of {op.name} must be a constant within the {len(shape)} axes")
    if (size := shape[axis]) < 2 or size % 2:
        raise OpError(op, f"{op.name} halves an axis of even, known size, got {size}")
    shape[axis] = size // 2
    build = TorchBuilder(op)
    left, right = (
        build.tensor("slice.Tensor", [x, axis, start, start + size // 2, 1], shape)
        for start in (0, size // 2)
    )
    gate = build.tensor("sigmoid", [right], shape, attributes=input_declarations(op))
    build.replace_by(build.tensor("mul.Tensor", [left, gate], shape))


def _group_norm(op: Operation) -> None:
    """Each group of channels, with all its positions, is a row of a layer norm."""
    x = op.operands[0]
    if (torch_name(op) or "").endswith("native_group_norm"):
        weight, bias, *_, groups, epsilon = op.operands[1:8]
        if any(result.uses for result in op.results[1:]):
            raise OpError(op, f"mean and rstd of {op.name} are used; only its first result is made")
    else:
        groups, weight, bias, epsilon = op.operands[1:5]
    count, eps = constant_value(groups), constant_value(epsilon)
    shape = shape_of(op, x)
    if not isinstance(count, int) or not isinstance(eps, int | float):
        raise OpError(op, f"groups and epsilon of {op.name} must be constant")
    if min(shape[1:]) < 1 or shape[1] % count:
        raise OpError(op, f"{op.name} needs known sizes of channels and positions, got {shape}")
    build = TorchBuilder(op)
    row = math.prod(shape[1:]) // count
    rows = build.view(x, [shape[0], count, row])
    normal = build.tensor(
        "layer_norm",
        [rows, build.ints([row]), None, None, float(eps), False],
        [shape[0], count, row],
        attributes=declarations(op),
    )
    build.replace_by(_per_channel(build, build.view(normal, shape), weight, bias))


def _per_channel(
    build: TorchBuilder, x: SSAValue, weight: SSAValue | None, bias: SSAValue | None
) -> SSAValue:
    """x · weight + bias, along axis 1."""
    shape = shape_of(build.anchor, x)
    for value, name, rest in ((weight, "mul.Tensor", ()), (bias, "add.Tensor", (1,))):
        if value is not None and isinstance(value.type, VTensorType):
            column = build.view(value, [shape[1]] + [1] * (len(shape) - 2))
            x = build.tensor(name, [x, column, *rest], shape)
    return x


def _batch_norm(op: Operation) -> None:
    """At inference batch norm is a multiplication and an addition, of constants."""
    x, weight, bias, mean, variance = op.operands[:5]
    name = (torch_name(op) or "").removeprefix("aten.")
    training, eps = (False, op.operands[6])
    if name != "_native_batch_norm_legit_no_training":
        training, eps = constant_value(op.operands[5]), op.operands[7]
    epsilon = constant_value(eps)
    if training is not False or not isinstance(epsilon, int | float):
        raise OpError(op, f"{op.name} in training depends on the batch: export in eval mode")
    if any(result.uses for result in op.results[1:]):
        raise OpError(op, f"statistics of {op.name} are used; only its first result is made")
    gain, offset, centre, spread = (_literal(op, v) for v in (weight, bias, mean, variance))
    if centre is None or spread is None:
        raise OpError(op, f"{op.name} has no mean or variance: it is one for training")
    scale = (1.0 if gain is None else gain) / np.sqrt(spread + float(epsilon))
    shift = (0.0 if offset is None else offset) - centre * scale
    build = TorchBuilder(op)
    constants = [_constant(build, values) for values in (scale, shift)]
    build.replace_by(_per_channel(build, x, *constants))


def _literal(op: Operation, value: SSAValue) -> NDArray[np.float64] | None:
    """Values of a constant tensor in the module; None for none at all. OpError for a hidden one."""
    if not isinstance(value.type, VTensorType):
        return None
    literal = value.owner
    dense = literal.value if isinstance(literal, VTensorLiteralOp) else None
    if not isinstance(dense, DenseIntOrFPElementsAttr):
        raise OpError(
            op,
            f"a weight of {op.name} is not in the module as a constant: fold batch norms at "
            "export (lut-export does), or leave it with keep=batch_norm",
        )
    kind = dense.get_type()
    assert isinstance(kind, ShapedType)
    return np.broadcast_to(np.asarray(dense.get_values(), np.float64), kind.get_shape())


def _constant(build: TorchBuilder, values: NDArray[np.float64]) -> SSAValue:
    element = build.dtype
    if not isinstance(element, AnyFloat):
        raise OpError(build.anchor, f"{build.anchor.name} needs floats, got {element}")
    kind = TensorType(element, values.shape)
    dense = DenseIntOrFPElementsAttr.from_list(kind, values.tolist())
    return build.insert(VTensorLiteralOp(dense, VTensorType(values.shape, element)))


_EXPANSIONS: dict[str, tuple[str, Callable[[Operation], None]]] = {
    "scaled_dot_product_attention": ("scaled_dot_product_attention", expand_attention),
    "glu": ("glu", _glu),
    "group_norm": ("group_norm", _group_norm),
    "native_group_norm": ("group_norm", _group_norm),
    "batch_norm": ("batch_norm", _batch_norm),
    "native_batch_norm": ("batch_norm", _batch_norm),
    "_native_batch_norm_legit_no_training": ("batch_norm", _batch_norm),
}
"""By the name of the op: what `keep` calls it, and what opens it."""

COMPOSITES = frozenset(name for name, _ in _EXPANSIONS.values())
"""What `keep` calls them."""
