"""Which whole torch ops are a softmax or a norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from xdsl.ir import Operation, SSAValue

from lut_opt.dialects.torch import VTensorType, constant_value, torch_name
from lut_opt.passes.support.diagnostics import OpError
from lut_opt.passes.support.torch_builder import shape_of

FLOAT32_EPSILON = 2.0**-23
"""What PyTorch adds in an RMS norm whose ε is None."""

Kind = Literal["softmax", "log_softmax", "layer_norm", "rms_norm"]

KINDS: tuple[Kind, ...] = get_args(Kind)
"""What `keep` calls them."""


@dataclass(frozen=True)
class Unit:
    """An op that a `pwl` unit can replace, or the last op of several."""

    kind: Kind
    op: Operation
    operand: SSAValue
    ranged: Operation
    """The op that may declare the range of the operand."""
    axis: int = 0
    """Softmax and log-softmax: the axis, not negative."""
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
            return _softmax(op, "softmax")
        case "log_softmax.int" | "_log_softmax":
            return _softmax(op, "log_softmax")
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


def _softmax(op: Operation, kind: Kind) -> Unit:
    rank, axis = len(shape_of(op, op.operands[0])), constant_value(op.operands[1])
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise OpError(op, f"the axis of {op.name} must be a constant within the {rank} axes")
    return Unit(kind, op, op.operands[0], op, axis=axis % rank)


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


def _row_axes(op: Operation) -> int:
    shape = constant_value(op.operands[1])
    rank = len(shape_of(op, op.operands[0]))
    if not isinstance(shape, list) or not 1 <= len(shape) <= rank:
        raise OpError(op, f"the normalized shape of {op.name} must be a constant list")
    return len(shape)


def _number(op: Operation, value: object) -> float:
    if not isinstance(value, int | float):
        raise OpError(op, f"the epsilon of {op.name} must be a constant number")
    return float(value)


def _tensor(value: SSAValue) -> SSAValue | None:
    return value if isinstance(value.type, VTensorType) else None
