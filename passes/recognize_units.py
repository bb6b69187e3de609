"""Which torch ops are a softmax, a layer norm or an RMS norm, written out or whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.hints import isa

from lut_opt.dialects.torch import VTensorType, constant_value, torch_name
from lut_opt.passes.diagnostics import OpError

FLOAT32_EPSILON = 2.0**-23
"""What PyTorch adds in an RMS norm whose ε is None."""

Kind = Literal["softmax", "layer_norm", "rms_norm"]


@dataclass(frozen=True)
class Unit:
    """An op that a `pwl` unit can replace, or the last op of several."""

    kind: Kind
    op: Operation
    operand: SSAValue
    ranged: Operation
    """The op that may declare the range of the operand."""
    axis: int = 0
    """Softmax: the axis, not negative."""
    normalized: int = 1
    """Norms: how many trailing axes make a row."""
    gamma: SSAValue | None = None
    beta: SSAValue | None = None
    epsilon: float = 0.0


def recognize_unit(op: Operation) -> Unit | None:
    """The unit that one whole op stands for. OpError where a parameter is not constant."""
    name = (torch_name(op) or "").removeprefix("aten.")
    match name:
        case "softmax.int" | "_softmax":
            return _softmax(op)
        case "layer_norm" | "native_layer_norm":
            return _layer_norm(op)
        case "rms_norm":
            count = _row_axes(op)
            value = constant_value(op.operands[3])
            epsilon = FLOAT32_EPSILON if value is None else _number(op, value)
            gamma = _tensor(op.operands[2])
            return Unit("rms_norm", op, op.operands[0], op, 0, count, gamma=gamma, epsilon=epsilon)
        case _:
            return None


def _softmax(op: Operation) -> Unit:
    rank, axis = _rank(op, op.operands[0]), constant_value(op.operands[1])
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise OpError(op, f"the axis of {op.name} must be a constant within the {rank} axes")
    return Unit("softmax", op, op.operands[0], op, axis=axis % rank)


def _layer_norm(op: Operation) -> Unit:
    if any(result.uses for result in op.results[1:]):
        raise OpError(op, f"mean and rstd of {op.name} are used; only its first result is computed")
    x, _, weight, bias, epsilon = op.operands[:5]
    return Unit(
        "layer_norm",
        op,
        x,
        op,
        normalized=_row_axes(op),
        gamma=_tensor(weight),
        beta=_tensor(bias),
        epsilon=_number(op, constant_value(epsilon)),
    )


def _rank(op: Operation, value: SSAValue) -> int:
    if (shape := _known_shape(value)) is None:
        raise OpError(op, f"{op.name} needs a tensor of known rank, got {value.type}")
    return len(shape)


def _known_shape(value: SSAValue) -> tuple[int, ...] | None:
    kind = value.type.to_builtin() if isinstance(value.type, VTensorType) else value.type
    return kind.get_shape() if isa(kind, TensorType[Attribute]) else None


def _row_axes(op: Operation) -> int:
    shape = constant_value(op.operands[1])
    if not isinstance(shape, list) or not 1 <= len(shape) <= _rank(op, op.operands[0]):
        raise OpError(op, f"the normalized shape of {op.name} must be a constant list")
    return len(shape)


def _number(op: Operation, value: object) -> float:
    if not isinstance(value, int | float):
        raise OpError(op, f"the epsilon of {op.name} must be a constant number")
    return float(value)


def _tensor(value: SSAValue) -> SSAValue | None:
    return value if isinstance(value.type, VTensorType) else None


def written_out_norms(module: ModuleOp) -> list[Unit]:
    """RMS norms spelled `x · rsqrt(mean(x²) + ε)` over the last axis, as model libraries do."""
    found = [_rms_norm(op) for op in module.walk() if torch_name(op) == "aten.mul.Tensor"]
    return [unit for unit in found if unit is not None]


def _rms_norm(op: Operation) -> Unit | None:
    for x, factor in (op.operands, tuple(reversed(op.operands))):
        root = _owner(factor, "aten.rsqrt")
        total = root and _owner(root.operands[0], "aten.add.Scalar")
        if total is None:
            continue
        epsilon = constant_value(total.operands[1])
        if not isinstance(epsilon, int | float) or constant_value(total.operands[2]) != 1:
            continue
        averaged = _averaged(total.operands[0], x)
        square = averaged and _square_of(averaged, x)
        if square is not None:
            return Unit("rms_norm", op, x, square, epsilon=float(epsilon))
    return None


def _averaged(value: SSAValue, x: SSAValue) -> SSAValue | None:
    """What a value is the mean of, over the last axis of x, which is kept: whole, or sum / n."""
    mean = _owner(value, "aten.mean.dim")
    if (quotient := _owner(value, "aten.div.Scalar")) is not None:
        shape = _known_shape(x)
        if shape and constant_value(quotient.operands[1]) == shape[-1]:
            mean = _owner(quotient.operands[0], "aten.sum.dim_IntList")
    if mean is None or constant_value(mean.operands[2]) is not True:
        return None
    return mean.operands[0] if _is_last_axis(constant_value(mean.operands[1]), x) else None


def _owner(value: SSAValue, name: str) -> Operation | None:
    """The op that computes a value, if it has that name."""
    op = value.owner
    return op if isinstance(op, Operation) and torch_name(op) == name else None


def _is_last_axis(dims: object, x: SSAValue) -> bool:
    shape = _known_shape(x)
    return shape is not None and dims in ([-1], [len(shape) - 1])


def _square_of(value: SSAValue, x: SSAValue) -> Operation | None:
    """The op that squares x, however it is written."""
    if (power := _owner(value, "aten.pow.Tensor_Scalar")) is not None:
        return power if power.operands[0] is x and constant_value(power.operands[1]) == 2 else None
    if (square := _owner(value, "aten.square")) is not None:
        return square if square.operands[0] is x else None
    product = _owner(value, "aten.mul.Tensor")
    same = product is not None and all(operand is x for operand in product.operands)
    return product if same else None
