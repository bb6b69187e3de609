"""
Choose the quantized types of units: softmax, log-softmax and the norms.

Inputs that are not quantized yet, and results of norms, are stored in 16 bits. For softmax the
inputs are scores, whose distance to the row's maximum is what the declared range and `input-bits`
are about. For norms one of the bits is headroom above the declared range: a variance must not lose
outliers. An operator's `pwl.bits` goes before these widths.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, TensorType
from xdsl.ir import Attribute, OpResult, SSAValue

from lut_opt.dialects.pwl import units
from lut_opt.dialects.quantization import Quantization, exact_log2
from lut_opt.dialects.torch import VTensorLiteralOp
from lut_opt.passes.quantize.choose import SMALLEST_SCALE
from lut_opt.passes.quantize.functions import Defaults, power_of_two_scale
from lut_opt.passes.quantize.given import quantized_source, quantized_user, why_not_given
from lut_opt.passes.recognize.units import FoundNorm, FoundUnit
from lut_opt.passes.support.declarations import (
    BITS,
    RANGE,
    RAW,
    declared_bits,
    declared_extent,
    declared_range,
    declared_result,
    declared_row_sizes,
)
from lut_opt.passes.support.diagnostics import OpError

STORAGE_BITS, WIDE_BITS = 16, 32
"""Widths of inputs and results; of a norm's inputs whose rows differ too much in size."""

REACH = 8.0, 16.0
"""Softmax: e^-16 is nothing at 16 bits; what a narrower range leaves out would be masked."""

MAX_DISTANCE_BITS = 12
"""Distances to the maximum in at most 4,096 steps, for which the best table can be proven."""

LOG_DISTANCE_BITS = 11
"""Log-softmax: the result is as exact as the scores, here 2^-7, and scores may reach 256."""

LARGEST_NORM = 80.0
"""Normalized values that are reached, if the row can be that uneven."""

HIDDEN_GAMMA = 1.5
"""What a gamma whose values the module does not show is taken for."""

HIDDEN_FRACTION = 20
"""Fraction bits, of 32, of a gamma or beta whose values the module does not show."""

RESULT_MARGIN = 1.5
"""How much larger than what was seen a norm's results may be."""

LEAST_ROW = 32
"""Steps of the root mean square of the least row that counts: 40 dB."""

MAX_FRACTION = 24
"""Most fraction bits of gamma and beta."""


Interval = tuple[float, float]

ByRange = Callable[[FoundUnit, Interval, Defaults], Quantization]
"""How an input is stored whose range is declared."""

Serves = Callable[[FoundUnit, Quantization, Defaults], bool]
"""Whether an input can stay as it is given."""


def unit_input(
    name: str, found: FoundUnit, by_range: ByRange, serves: Serves, defaults: Defaults
) -> Quantization:
    """How the input is stored: as it is quantized, by its declared range, or by input-scale."""
    given, interval = quantized_source(found.operand), declared_range(found.op)
    if given is not None and serves(found, given, defaults):
        return given
    if interval is None and given is not None:
        low, high = given.dequantize(given.ends).tolist()
        interval = low, high
    if interval is not None:
        return by_range(found, interval, defaults)
    if defaults.input_scale is not None:
        asked = Quantization(STORAGE_BITS, True, defaults.input_scale)
        return asked if serves(found, asked, defaults) else by_range(found, (0.0, 0.0), defaults)
    raise OpError(
        found.op,
        f"no input scale for {name}{why_not_given(found.operand)}: put "
        "quantize/dequantize ops around it, give it "
        f"{RANGE} = [lo, hi], pass input-scale=, or leave it with keep={name}",
    )


def softmax_serves(found: FoundUnit, storage: Quantization, defaults: Defaults) -> bool:
    """Whether the steps of a storage reach the distances that count: they do so in real units."""
    bits = _distance_bits(found, storage, defaults)
    return storage.bits <= STORAGE_BITS and _reaches(found, storage, bits)


def log_softmax_serves(found: FoundUnit, storage: Quantization, defaults: Defaults) -> bool:
    """As for softmax, at a scale that the arithmetic is made for."""
    exponent = exact_log2(storage.scale)
    made_for = exponent is not None and exponent >= -units.TABLE_FRACTION
    served = storage.bits <= STORAGE_BITS and made_for
    return served and _reaches(found, storage, LOG_DISTANCE_BITS)


def norm_serves(found: FoundUnit, storage: Quantization, defaults: Defaults) -> bool:
    """Whether a norm takes a storage as it is."""
    return storage.bits <= STORAGE_BITS and storage.scale >= _finest(found, storage.bits)


def _finest(found: FoundUnit, bits: int) -> float:
    """The steps of a norm's input below which all that is stored is nothing beside √ε."""
    epsilon = found.epsilon if isinstance(found, FoundNorm) else 0.0
    squared = min(bits - 1, units.MAX_CENTRED_BITS)
    return 2.0 ** math.ceil(math.log2(max(math.sqrt(max(epsilon, 0.0)), SMALLEST_SCALE)) - squared)


def _reach(found: FoundUnit) -> float:
    """The distance to the maximum beyond which exponentials do not count."""
    interval = declared_range(found.op)
    return REACH[1] if interval is None else min(max(-interval[0], REACH[0]), REACH[1])


def _reaches(found: FoundUnit, storage: Quantization, bits: int) -> bool:
    needed = min(_reach(found), float(np.ptp(storage.dequantize(storage.ends))))
    given = quantized_source(found.operand) == storage or declared_range(found.op) is not None
    # What input-scale and input-bits ask for together may leave out what is nearly nothing.
    return storage.scale * (1 << bits) >= (needed if given else min(needed, REACH[0]))


def _distance_bits(found: FoundUnit, storage: Quantization, defaults: Defaults) -> int:
    """Bits of a softmax's distances; a width is asked for of what is not stored yet."""
    asked = None if quantized_source(found.operand) == storage else defaults.input_bits
    bits = declared_bits(found.op, asked or MAX_DISTANCE_BITS)
    return min(max(bits, 2), MAX_DISTANCE_BITS)


def softmax_input(found: FoundUnit, interval: Interval, defaults: Defaults) -> Quantization:
    """Steps that resolve the distances to the maximum that count."""
    bits = min(declared_bits(found.op, defaults.input_bits or MAX_DISTANCE_BITS), MAX_DISTANCE_BITS)
    scale = 2.0 ** math.ceil(math.log2(_reach(found)) - bits)
    return Quantization(STORAGE_BITS, True, max(scale, _covering_scores(found)))


def _covering_scores(found: FoundUnit) -> float:
    """The scale at which the scores fit, as far as they were seen, or are stored already."""
    raw, given = declared_extent(found.op, RAW), quantized_source(found.operand)
    if raw is None and given is not None:
        low, high = given.dequantize(given.ends).tolist()
        raw = low, high
    return 0.0 if raw is None else power_of_two_scale(*raw, STORAGE_BITS, True)


def log_softmax_input(found: FoundUnit, interval: Interval, defaults: Defaults) -> Quantization:
    """Steps that are as fine as the result shall be exact."""
    scale = max(REACH[1] * 2.0**-LOG_DISTANCE_BITS, _covering_scores(found))
    return Quantization(STORAGE_BITS, True, scale)


def norm_input(found: FoundUnit, interval: Interval, defaults: Defaults) -> Quantization:
    """The range, and a bit of headroom; in 32 bits where the least row would be few steps else."""
    bits = min(declared_bits(found.op, STORAGE_BITS), STORAGE_BITS)
    scale = power_of_two_scale(*interval, bits - 1, True)
    narrow = Quantization(bits, True, max(scale, _finest(found, bits)))
    sizes = declared_row_sizes(found.op)
    if sizes is None or BITS in found.op.attributes or defaults.input_bits is not None:
        return narrow
    epsilon = found.epsilon if isinstance(found, FoundNorm) else 0.0
    if max(float(sizes[0]), math.sqrt(max(epsilon, 0.0))) >= LEAST_ROW * scale:
        return narrow
    wide = power_of_two_scale(*interval, WIDE_BITS - 1, True)
    return Quantization(WIDE_BITS, True, max(wide, _finest(found, WIDE_BITS)))


def softmax_clip(found: FoundUnit, operand: Quantization, defaults: Defaults) -> int:
    """The distance at which a softmax ends."""
    return clip_distance(operand, _distance_bits(found, operand, defaults))


def clip_distance(operand: Quantization, bits: int) -> int:
    """The distance in steps from which on exp is nothing."""
    return -min(max(1, math.ceil(REACH[1] / operand.scale)), (1 << bits) - 1)


def given_result(found: FoundUnit) -> Quantization | None:
    """The quantization that all users apply to the result, if the unit can make it."""
    given = {quantized_user(use.operation) for use in found.op.results[0].uses}
    if len(given) != 1 or (only := given.pop()) is None or only.bits > STORAGE_BITS:
        return None
    return only if exact_log2(only.scale) is not None else None


def softmax_result(found: FoundUnit, defaults: Defaults) -> Quantization:
    """Values from 0 to 1 in the output bits, unless output-scale asks for something else."""
    given = given_result(found)
    if given is not None and given.zero_point == 0 and 2.0**-15 <= given.scale <= 1:
        return given
    bits = min(defaults.unit_result_bits, STORAGE_BITS)
    fraction = min(bits, units.MAX_EXP_FRACTION)
    return Quantization(bits, False, defaults.output_scale or 2.0**-fraction)


def log_softmax_result(found: FoundUnit, operand: Quantization, defaults: Defaults) -> Quantization:
    """Sixteen bits that reach the smallest result that was seen, unless output-scale says more."""
    given = given_result(found)
    if given is not None and given.zero_point == 0 and given.scale >= 2.0**-units.TABLE_FRACTION:
        return given
    if defaults.output_scale is not None:
        bits = min(defaults.unit_result_bits, STORAGE_BITS)
        return Quantization(bits, True, defaults.output_scale)
    interval = declared_range(found.op)
    distance = (1 << operand.bits) * operand.scale if interval is None else -min(interval[0], 0.0)
    reach = distance + math.log(units.MAX_ROW)
    return Quantization(STORAGE_BITS, True, power_of_two_scale(-reach, 0.0, STORAGE_BITS, True))


def norm_result(
    found: FoundNorm, kind: TensorType[Attribute], fraction: int, defaults: Defaults
) -> Quantization:
    """
    Sixteen bits that reach beyond what a calibration saw, unless output-scale asks for something
    else; without a calibration, what a row can hold.

    A normalized value is at most √n. Models keep outliers in these results that eight bits lose.
    """
    if (given := given_result(found)) is not None:
        return given
    if defaults.output_scale is not None:
        bits = min(defaults.unit_result_bits, STORAGE_BITS)
        return Quantization(bits, True, defaults.output_scale)
    if (seen := declared_result(found.op)) is not None:
        reach = RESULT_MARGIN * max(abs(seen[0]), abs(seen[1]), 2.0**-fraction)
        scale = 2.0 ** (math.ceil(math.log2(reach)) - STORAGE_BITS + 1)
        return Quantization(STORAGE_BITS, True, max(scale, 2.0**-fraction))
    row = kind.get_shape()[-found.normalized :]
    reach = min(math.sqrt(math.prod(row)) if min(row) > 0 else math.inf, LARGEST_NORM)
    gamma = 1.0 if found.gamma is None else largest_magnitude(found.gamma) or HIDDEN_GAMMA
    beta = 0.0 if found.beta is None else largest_magnitude(found.beta) or 0.0
    scale = 2.0 ** (math.ceil(math.log2(reach * gamma + beta)) - STORAGE_BITS + 1)
    return Quantization(STORAGE_BITS, True, max(scale, 2.0**-fraction))


def affine_storage(value: SSAValue, most: int) -> Quantization:
    """
    How gamma or beta is stored, with at most `most` fraction bits.

    In 16 bits if the module shows the values; weights beside the module are taken in 32.
    """
    largest = largest_magnitude(value)
    if largest is None:
        return Quantization(32, True, 2.0 ** -min(most, HIDDEN_FRACTION))
    scale = power_of_two_scale(-largest, largest, STORAGE_BITS, True)
    return Quantization(STORAGE_BITS, True, max(scale, 2.0 ** -min(most, MAX_FRACTION)))


def largest_magnitude(value: SSAValue) -> float | None:
    """The largest magnitude of a constant tensor, None where it is not known."""
    literal = value.owner if isinstance(value, OpResult) else None
    if not isinstance(literal, VTensorLiteralOp):
        return None
    match literal.value:
        case DenseIntOrFPElementsAttr() as dense:
            return float(np.max(np.abs(np.asarray(dense.get_values(), np.float64)), initial=0.0))
        case _:
            return None
