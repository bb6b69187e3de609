"""What torch ops that are a whole softmax or norm say: along which axes, with which parameters."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.ir import Operation, SSAValue

from lut_opt.dialects.foreign import softmax_axis
from lut_opt.dialects.torch import VTensorType, constant_value
from lut_opt.passes.support.diagnostics import OpError
from lut_opt.passes.support.torch_builder import shape_of

FLOAT32_EPSILON = 2.0**-23
"""What PyTorch adds in an RMS norm whose ε is None."""


@dataclass(frozen=True)
class FoundUnit:
    """An op that a unit can replace. It may declare the range of its operand."""

    op: Operation
    operand: SSAValue


@dataclass(frozen=True)
class FoundSoftmax(FoundUnit):
    """A softmax or log-softmax along an axis, which is not negative."""

    axis: int


@dataclass(frozen=True)
class FoundNorm(FoundUnit):
    """A norm of rows that the last `normalized` axes make."""

    normalized: int
    gamma: SSAValue | None
    beta: SSAValue | None
    epsilon: float


def read_softmax(op: Operation) -> FoundSoftmax:
    """A softmax or log-softmax. OpError where a parameter is not constant."""
    if (number := softmax_axis(op)) is not None:
        return FoundSoftmax(op, op.operands[0], number)
    rank, axis = len(shape_of(op, op.operands[0])), constant_value(op.operands[1])
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise OpError(op, f"the axis of {op.name} must be a constant within the {rank} axes")
    return FoundSoftmax(op, op.operands[0], axis % rank)


def read_layer_norm(op: Operation) -> FoundNorm:
    """A layer norm. OpError where a parameter is not constant, or the statistics are used."""
    if any(result.uses for result in op.results[1:]):
        raise OpError(op, f"mean and rstd of {op.name} are used; only its first result is computed")
    x, _, weight, bias, epsilon = op.operands[:5]
    affine = _tensor(weight), _tensor(bias)
    return FoundNorm(op, x, _row_axes(op), *affine, _number(op, constant_value(epsilon)))


def read_rms_norm(op: Operation) -> FoundNorm:
    """An RMS norm. OpError where a parameter is not constant."""
    value = constant_value(op.operands[3])
    epsilon = FLOAT32_EPSILON if value is None else _number(op, value)
    gamma = _tensor(op.operands[2])
    return FoundNorm(op, op.operands[0], _row_axes(op), gamma, None, epsilon)


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
