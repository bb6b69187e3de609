"""
Put `pwl` units in the place of torch ops.

A kind of unit is one object: which ops it is, how they are read, how the input is stored, and how
the `pwl` op is made. To add one, add it to `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xdsl.dialects.builtin import AnyFloat, TensorType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.hints import isa

from lut_opt.dialects.foreign import softmax_axis
from lut_opt.dialects.pwl import LayerNormOp, LogSoftmaxOp, RMSNormOp, SoftmaxOp, UnitOp, units
from lut_opt.dialects.quant import (
    DequantizeCastOp,
    QuantizeCastOp,
    element_type,
    quantized_like,
)
from lut_opt.dialects.quantization import Quantization
from lut_opt.dialects.torch import (
    VTensorType,
    from_builtin_tensor,
    to_builtin_tensor,
    torch_name,
)
from lut_opt.passes.quantize.functions import Defaults
from lut_opt.passes.quantize.units import (
    LOG_DISTANCE_BITS,
    MAX_FRACTION,
    ByRange,
    Serves,
    affine_storage,
    clip_distance,
    log_softmax_input,
    log_softmax_result,
    log_softmax_serves,
    norm_input,
    norm_result,
    norm_serves,
    softmax_clip,
    softmax_input,
    softmax_result,
    softmax_serves,
    unit_input,
)
from lut_opt.passes.recognize.units import (
    FoundNorm,
    FoundSoftmax,
    FoundUnit,
    read_layer_norm,
    read_rms_norm,
    read_softmax,
)
from lut_opt.passes.support.declarations import row_declarations
from lut_opt.passes.support.diagnostics import OpError, copy_location
from lut_opt.passes.support.rewriting import erase_unused


@dataclass(frozen=True)
class Making:
    """The ops made for one unit, in order, and what its op is made of."""

    operand: Quantization
    """How the input is stored."""
    target: TensorType[Attribute]
    """The float type of the result."""
    defaults: Defaults
    operations: list[Operation] = field(default_factory=list[Operation])

    def add(self, op: Operation) -> SSAValue:
        """Append an op; its first result."""
        self.operations.append(op)
        return op.results[0]

    def quantize(self, value: SSAValue, to: Quantization) -> SSAValue:
        """The value as a builtin tensor, quantized."""
        if isinstance(value.type, VTensorType):
            value = self.add(to_builtin_tensor(value))
        return self.add(QuantizeCastOp(value, quantized_like(value.type, to)))


@dataclass(frozen=True)
class UnitKind:
    """How torch ops become one kind of unit op."""

    name: str
    """What `keep` calls it: the name of its semantics."""
    torch_names: tuple[str, ...]
    """Ops of `torch.aten`."""
    read: Callable[[Operation], FoundUnit]
    """What an op says. OpError where a parameter is not constant."""
    by_range: ByRange
    serves: Serves
    make: Callable[[Any, SSAValue, Making], UnitOp]
    """The unit op for what `read` found and its quantized input."""
    distances: bool = False
    """Whether the range of its operand is that of the distances to the row's maximum."""


def _softmax(found: FoundSoftmax, x: SSAValue, making: Making) -> SoftmaxOp:
    result = quantized_like(making.target, softmax_result(found, making.defaults))
    clip = softmax_clip(found, making.operand, making.defaults)
    return SoftmaxOp(x, result, axis=found.axis, clip=clip)


def _log_softmax(found: FoundSoftmax, x: SSAValue, making: Making) -> LogSoftmaxOp:
    storage = log_softmax_result(found, making.operand, making.defaults)
    clip = clip_distance(making.operand, LOG_DISTANCE_BITS)
    result = quantized_like(making.target, storage)
    return LogSoftmaxOp(x, result, axis=found.axis, clip=clip)


def _layer_norm(found: FoundNorm, x: SSAValue, making: Making) -> LayerNormOp:
    gamma, beta, result = _affine(found, making)
    epsilon, count = found.epsilon, found.normalized
    return LayerNormOp(x, result, gamma=gamma, beta=beta, epsilon=epsilon, normalized=count)


def _rms_norm(found: FoundNorm, x: SSAValue, making: Making) -> RMSNormOp:
    gamma, _, result = _affine(found, making)
    return RMSNormOp(x, result, gamma=gamma, epsilon=found.epsilon, normalized=found.normalized)


def _affine(found: FoundNorm, making: Making) -> tuple[SSAValue | None, SSAValue | None, Attribute]:
    """Gamma and beta, quantized, and the type of the result."""
    gamma, beta, fraction = None, None, units.NORM_FRACTION
    if found.gamma is not None:
        stored = affine_storage(found.gamma, MAX_FRACTION)
        gamma = making.quantize(found.gamma, stored)
        fraction += units.fraction_of(stored)
    if found.beta is not None:
        beta = making.quantize(found.beta, affine_storage(found.beta, fraction))
    result = norm_result(found, making.target, fraction, making.defaults)
    return gamma, beta, quantized_like(making.target, result)


KINDS: Mapping[str, UnitKind] = {
    kind.name: kind
    for kind in (
        UnitKind(
            name=units.Softmax.name,
            torch_names=("softmax.int", "_softmax"),
            read=read_softmax,
            by_range=softmax_input,
            serves=softmax_serves,
            make=_softmax,
            distances=True,
        ),
        UnitKind(
            name=units.LogSoftmax.name,
            torch_names=("log_softmax.int", "_log_softmax"),
            read=read_softmax,
            by_range=log_softmax_input,
            serves=log_softmax_serves,
            make=_log_softmax,
            distances=True,
        ),
        UnitKind(
            name=units.LayerNorm.name,
            torch_names=("layer_norm", "native_layer_norm"),
            read=read_layer_norm,
            by_range=norm_input,
            serves=norm_serves,
            make=_layer_norm,
        ),
        UnitKind(
            name=units.RMSNorm.name,
            torch_names=("rms_norm",),
            read=read_rms_norm,
            by_range=norm_input,
            serves=norm_serves,
            make=_rms_norm,
        ),
    )
}
"""Every kind by its name."""

_BY_TORCH_NAME = {f"aten.{name}": kind for kind in KINDS.values() for name in kind.torch_names}


def unit_kind(op: Operation) -> UnitKind | None:
    """The kind of unit that one whole op is."""
    if softmax_axis(op) is not None:
        return KINDS[units.Softmax.name]
    return _BY_TORCH_NAME.get(torch_name(op) or "")


def lower_unit(kind: UnitKind, op: Operation, defaults: Defaults) -> None:
    """Replace one op by its `pwl` unit between casts."""
    found = kind.read(op)
    _float_tensor(op, _builtin(found.operand.type))
    target = _float_tensor(op, _builtin(op.results[0].type))
    operand = unit_input(kind.name, found, kind.by_range, kind.serves, defaults)
    making = Making(operand, target, defaults)
    unit = kind.make(found, making.quantize(found.operand, operand), making)
    value = making.add(unit)
    unit.attributes.update(row_declarations(op))
    unit.verify_()
    real = making.add(DequantizeCastOp(value, target))
    if isinstance(final := op.results[0].type, VTensorType):
        real = making.add(from_builtin_tensor(real, final))
    copy_location(op, making.operations)
    Rewriter.insert_op(making.operations, InsertPoint.before(op))
    op.results[0].replace_all_uses_with(real)
    erase_unused(op)


def _builtin(type_: Attribute) -> Attribute:
    return type_.to_builtin() if isinstance(type_, VTensorType) else type_


def _float_tensor(op: Operation, type_: Attribute) -> TensorType[Attribute]:
    if not isa(type_, TensorType[Attribute]) or not isinstance(element_type(type_), AnyFloat):
        raise OpError(op, f"only float tensors of known rank become integer units, got {type_}")
    return type_
