"""
Put `pwl` units in the place of torch ops: softmax, log-softmax and the norms.

Inputs that are not quantized yet, and results of norms, are stored in 16 bits. For softmax the
inputs are scores, whose distance to the row's maximum is what the declared range and `input-bits`
are about. For norms one of the sixteen bits is headroom above the declared range: a variance must
not lose outliers.
"""

from __future__ import annotations

import math

import numpy as np
from xdsl.dialects.builtin import AnyFloat, DenseIntOrFPElementsAttr, TensorType
from xdsl.ir import Attribute, Operation, OpResult, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.hints import isa

from lut_opt.dialects.pwl import LayerNormOp, LogSoftmaxOp, NormOp, RMSNormOp, SoftmaxOp, units
from lut_opt.dialects.quant import (
    DequantizeCastOp,
    QuantizeCastOp,
    element_type,
    quantized_like,
)
from lut_opt.dialects.quantization import Quantization, exact_log2
from lut_opt.dialects.torch import (
    VTensorLiteralOp,
    VTensorType,
    from_builtin_tensor,
    to_builtin_tensor,
    torch_name,
)
from lut_opt.passes.diagnostics import OpError, copy_location
from lut_opt.passes.recognize_units import Unit
from lut_opt.passes.scales import (
    RANGE,
    Defaults,
    declared_range,
    power_of_two_scale,
    quantized_source,
    quantized_user,
)

STORAGE_BITS = 16

REACH = 8.0, 16.0
"""Softmax: e^-16 is nothing at 16 bits; what a narrower range leaves out would be masked."""

MAX_DISTANCE_BITS = 12
"""Distances to the maximum in at most 4,096 steps, for which the best table can be proven."""

LOG_DISTANCE_BITS = 11
"""Log-softmax: the result is as exact as the scores, here 2^-7, and scores may reach 256."""

NORM_BITS = 15
"""A norm's declared range fills so many bits; the other is headroom."""

LARGEST_NORM = 80.0
"""Normalized values that are reached, if the row can be that uneven."""

HIDDEN_GAMMA = 1.5
"""What a gamma whose values the module does not show is taken for."""

HIDDEN_FRACTION = 20
"""Fraction bits, of 32, of a gamma or beta whose values the module does not show."""

MAX_FRACTION = 24
"""Most fraction bits of gamma and beta."""


def lower_unit(found: Unit, defaults: Defaults) -> None:
    """Replace one recognized unit by its `pwl` op between casts."""
    op = found.op
    made = _Made()
    source = made.to_builtin(found.operand)
    kind = _float_tensor(op, source.type)
    operand = _input_quantization(found, defaults)
    quantized = made.quantize(source, operand)
    target = _float_tensor(op, _builtin(op.results[0].type))
    if found.kind == "softmax":
        shape = quantized_like(target, _softmax_result(found, defaults))
        clip = _clip(operand, defaults.input_bits)
        unit = made.add(SoftmaxOp(quantized, shape, axis=found.axis, clip=clip))
    elif found.kind == "log_softmax":
        shape = quantized_like(target, _log_softmax_result(found, operand, defaults))
        clip = _clip(operand, LOG_DISTANCE_BITS)
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


def _input_quantization(found: Unit, defaults: Defaults) -> Quantization:
    """How the input is stored: as it is quantized, by its declared range, or by input-scale."""
    given, interval = quantized_source(found.operand), declared_range(found.ranged)
    if given is not None and given.bits <= STORAGE_BITS:
        return given
    if interval is not None and found.kind == "log_softmax":
        return Quantization(STORAGE_BITS, True, REACH[1] * 2.0**-LOG_DISTANCE_BITS)
    if interval is not None and found.kind == "softmax":
        reach = min(max(-interval[0], REACH[0]), REACH[1])
        bits = min(defaults.input_bits, MAX_DISTANCE_BITS)
        return Quantization(STORAGE_BITS, True, 2.0 ** math.ceil(math.log2(reach) - bits))
    if interval is not None:
        scale = power_of_two_scale(*interval, NORM_BITS, True)
        return Quantization(STORAGE_BITS, True, scale)
    if defaults.input_scale is not None:
        return Quantization(STORAGE_BITS, True, defaults.input_scale)
    raise OpError(
        found.op,
        f"no input scale for {found.kind}: put quantize/dequantize ops around it, give it "
        f"{RANGE} = [lo, hi], pass input-scale=, or leave it with keep={found.kind}",
    )


def _clip(operand: Quantization, input_bits: int) -> int:
    """The distance in steps from which on exp is nothing."""
    bits = min(max(input_bits, 2), MAX_DISTANCE_BITS)
    return -min(max(1, math.ceil(REACH[1] / operand.scale)), (1 << bits) - 1)


def _given_result(found: Unit) -> Quantization | None:
    """The quantization that all users apply to the result, if the unit can make it."""
    given = {quantized_user(use.operation) for use in found.op.results[0].uses}
    if len(given) != 1 or (only := given.pop()) is None or only.bits > STORAGE_BITS:
        return None
    return only if exact_log2(only.scale) is not None else None


def _softmax_result(found: Unit, defaults: Defaults) -> Quantization:
    given = _given_result(found)
    if given is not None and given.zero_point == 0 and 2.0**-15 <= given.scale <= 1:
        return given
    bits = min(defaults.output_bits, STORAGE_BITS)
    fraction = min(bits, units.MAX_EXP_FRACTION)
    return Quantization(bits, False, defaults.output_scale or 2.0**-fraction)


def _log_softmax_result(found: Unit, operand: Quantization, defaults: Defaults) -> Quantization:
    """Sixteen bits that reach the smallest result that was seen, unless output-scale says more."""
    given = _given_result(found)
    if given is not None and given.zero_point == 0 and given.scale >= 2.0**-units.TABLE_FRACTION:
        return given
    if defaults.output_scale is not None:
        return Quantization(min(defaults.output_bits, STORAGE_BITS), True, defaults.output_scale)
    interval = declared_range(found.ranged)
    distance = (1 << operand.bits) * operand.scale if interval is None else -min(interval[0], 0.0)
    reach = distance + math.log(units.MAX_ROW)
    return Quantization(STORAGE_BITS, True, power_of_two_scale(-reach, 0.0, STORAGE_BITS, True))


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
    result = _given_result(found) or _norm_result(found, kind, fraction, defaults)
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
    largest = _largest(value)
    if largest is None:
        to = Quantization(32, True, 2.0 ** -min(most, HIDDEN_FRACTION))
    else:
        scale = power_of_two_scale(-largest, largest, 16, True)
        to = Quantization(16, True, max(scale, 2.0 ** -min(most, MAX_FRACTION)))
    return made.quantize(made.to_builtin(value), to), to


def _largest(value: SSAValue) -> float | None:
    """The largest magnitude of a constant tensor, None where it is not known."""
    literal = value.owner if isinstance(value, OpResult) else None
    if not isinstance(literal, VTensorLiteralOp):
        return None
    match literal.value:
        case DenseIntOrFPElementsAttr() as dense:
            return float(np.max(np.abs(np.asarray(dense.get_values(), np.float64)), initial=0.0))
        case _:
            return None


def _norm_result(
    found: Unit, kind: TensorType[Attribute], fraction: int, defaults: Defaults
) -> Quantization:
    """
    Sixteen bits that reach what a row can hold, unless output-scale asks for something else.

    A normalized value is at most √n. Models keep outliers in these results that eight bits lose.
    """
    if defaults.output_scale is not None:
        bits = min(defaults.output_bits, STORAGE_BITS)
        return Quantization(bits, True, defaults.output_scale)
    row = kind.get_shape()[-found.normalized :]
    reach = min(math.sqrt(math.prod(row)) if min(row) > 0 else math.inf, LARGEST_NORM)
    gamma = 1.0 if found.gamma is None else _largest(found.gamma) or HIDDEN_GAMMA
    beta = 0.0 if found.beta is None else _largest(found.beta) or 0.0
    scale = 2.0 ** (math.ceil(math.log2(reach * gamma + beta)) - STORAGE_BITS + 1)
    return Quantization(STORAGE_BITS, True, max(scale, 2.0**-fraction))


def erase_unused(op: Operation) -> None:
    """Erase a torch op that nothing uses, and then what only it used."""
    if op.parent is None or any(result.uses for result in op.results):
        return
    feeding = [value.owner for value in op.operands if isinstance(value.owner, Operation)]
    Rewriter.erase_op(op)
    for each in feeding:
        name = torch_name(each) or ""
        if name.startswith("aten."):
            erase_unused(each)
