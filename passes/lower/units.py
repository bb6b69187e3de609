"""Put `pwl` units in the place of torch ops: softmax, log-softmax and the norms."""

from __future__ import annotations

import math

from xdsl.dialects.builtin import AnyFloat, TensorType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.hints import isa

from lut_opt.dialects.pwl import LayerNormOp, LogSoftmaxOp, NormOp, RMSNormOp, SoftmaxOp, units
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
)
from lut_opt.passes.quantize.functions import Defaults, power_of_two_scale
from lut_opt.passes.quantize.given import quantized_source
from lut_opt.passes.quantize.units import (
    HIDDEN_FRACTION,
    LOG_DISTANCE_BITS,
    MAX_DISTANCE_BITS,
    MAX_FRACTION,
    clip_distance,
    given_result,
    largest_magnitude,
    log_softmax_result,
    norm_result,
    softmax_result,
    unit_input,
)
from lut_opt.passes.recognize.units import Unit
from lut_opt.passes.support.declarations import declared_bits
from lut_opt.passes.support.diagnostics import OpError, copy_location
from lut_opt.passes.support.rewriting import erase_unused


def lower_unit(found: Unit, defaults: Defaults) -> None:
    """Replace one recognized unit by its `pwl` op between casts."""
    op = found.op
    made = _Made()
    source = made.to_builtin(found.operand)
    kind = _float_tensor(op, source.type)
    operand = unit_input(found, defaults)
    quantized = made.quantize(source, operand)
    target = _float_tensor(op, _builtin(op.results[0].type))
    if found.kind == "softmax":
        shape = quantized_like(target, softmax_result(found, defaults))
        quantized_already = quantized_source(found.operand) is not None
        bits = MAX_DISTANCE_BITS if quantized_already else defaults.input_bits or MAX_DISTANCE_BITS
        clip = clip_distance(operand, declared_bits(found.ranged, bits))
        unit = made.add(SoftmaxOp(quantized, shape, axis=found.axis, clip=clip))
    elif found.kind == "log_softmax":
        shape = quantized_like(target, log_softmax_result(found, operand, defaults))
        clip = clip_distance(operand, LOG_DISTANCE_BITS)
        unit = made.add(LogSoftmaxOp(quantized, shape, axis=found.axis, clip=clip))
    else:
        unit = made.add(_norm(found, made, quantized, kind, target, defaults))
    unit.verify_()
    real = made.add(DequantizeCastOp(unit.results[0], target)).results[0]
    if isinstance(final := op.results[0].type, VTensorType):
        real = made.add(from_builtin_tensor(real, final)).results[0]
    copy_location(op, made.operations)
    Rewriter.insert_op(made.operations, InsertPoint.before(op))
    op.results[0].replace_all_uses_with(real)
    erase_unused(op)


class _Made:
    """The ops made for one unit, in order."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def add(self, op: Operation) -> Operation:
        """Append an op."""
        self.operations.append(op)
        return op

    def to_builtin(self, value: SSAValue) -> SSAValue:
        """The value as a builtin tensor."""
        if isinstance(value.type, VTensorType):
            return self.add(to_builtin_tensor(value)).results[0]
        return value

    def quantize(self, value: SSAValue, to: Quantization) -> SSAValue:
        """The value, quantized."""
        return self.add(QuantizeCastOp(value, quantized_like(value.type, to))).results[0]


def _builtin(type_: Attribute) -> Attribute:
    return type_.to_builtin() if isinstance(type_, VTensorType) else type_


def _float_tensor(op: Operation, type_: Attribute) -> TensorType[Attribute]:
    if not isa(type_, TensorType[Attribute]) or not isinstance(element_type(type_), AnyFloat):
        raise OpError(op, f"only float tensors of known rank become integer units, got {type_}")
    return type_


def _norm(
    found: Unit,
    made: _Made,
    x: SSAValue,
    kind: TensorType[Attribute],
    target: TensorType[Attribute],
    defaults: Defaults,
) -> NormOp:
    gamma, gamma_type = _affine(found.gamma, made, MAX_FRACTION)
    fraction = units.NORM_FRACTION - (0 if gamma_type is None else _log2(gamma_type.scale))
    beta, _ = _affine(found.beta, made, fraction)
    result = given_result(found) or norm_result(found, kind, fraction, defaults)
    result_type = quantized_like(target, result)
    epsilon, count = found.epsilon, found.normalized
    if found.kind == "rms_norm":
        return RMSNormOp(x, result_type, gamma=gamma, epsilon=epsilon, normalized=count)
    return LayerNormOp(x, result_type, gamma=gamma, beta=beta, epsilon=epsilon, normalized=count)


def _log2(scale: float) -> int:
    return math.frexp(scale)[1] - 1


def _affine(
    value: SSAValue | None, made: _Made, most: int
) -> tuple[SSAValue | None, Quantization | None]:
    """
    Gamma or beta, quantized with at most `most` fraction bits.

    In 16 bits if the module shows the values; weights beside the module are taken in 32.
    """
    if value is None:
        return None, None
    largest = largest_magnitude(value)
    if largest is None:
        to = Quantization(32, True, 2.0 ** -min(most, HIDDEN_FRACTION))
    else:
        scale = power_of_two_scale(-largest, largest, 16, True)
        to = Quantization(16, True, max(scale, 2.0 ** -min(most, MAX_FRACTION)))
    return made.quantize(made.to_builtin(value), to), to
