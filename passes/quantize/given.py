"""Quantizations that are given: by the quantize and dequantize ops around an operator."""

from __future__ import annotations

import math

from xdsl.ir import Attribute, Operation, SSAValue

from lut_opt.dialects.quant import (
    DequantizeCastOp,
    PerAxisQuantizedType,
    QuantizeCastOp,
    UniformQuantizedType,
    element_type,
)
from lut_opt.dialects.quantization import Quantization, storage_range
from lut_opt.dialects.torch import constant_value, torch_name
from lut_opt.passes.support.diagnostics import OpError


def quantized_source(value: SSAValue) -> Quantization | None:
    """The quantization of a value that was just dequantized."""
    op = value.owner
    if not isinstance(op, Operation):
        return None
    if isinstance(op, DequantizeCastOp):
        return _of_type(op.input.type)
    if op.name == "torch_c.from_builtin_tensor":
        return quantized_source(op.operands[0])
    name = torch_name(op) or ""
    if "dequantize_per_tensor" in name.split("."):
        return _from_constants(op)
    if name in ("aten.dequantize.self", "aten.dequantize.tensor"):
        source = op.operands[0].owner
        return quantized_user(source) if isinstance(source, Operation) else None
    return None


def why_not_given(value: SSAValue) -> str:
    """Why a value that was just dequantized has no quantization of its own, for a diagnostic."""
    op = value.owner
    while isinstance(op, Operation) and op.name.startswith("torch_c."):
        op = op.operands[0].owner
    if not isinstance(op, Operation):
        return ""
    name = torch_name(op) or ""
    if "dequantize_per_channel" in name.split(".") or (
        isinstance(op, DequantizeCastOp)
        and isinstance(element_type(op.input.type), PerAxisQuantizedType)
    ):
        return ", whose input has a scale for each channel where a table has one"
    if "dequantize_per_tensor" in name.split(".") and len(op.operands) > 1:
        scale = op.operands[1].owner
        if isinstance(scale, Operation) and "choose_qparams" in (torch_name(scale) or ""):
            return ", whose input is quantized dynamically (choose_qparams: quantize statically)"
    return ""


def quantized_user(op: Operation) -> Quantization | None:
    """The quantization that an op applies to its operand, if it quantizes."""
    if isinstance(op, QuantizeCastOp):
        return _of_type(op.result.type)
    if op.name == "torch_c.to_builtin_tensor":
        users = {use.operation for use in op.results[0].uses}
        return quantized_user(users.pop()) if len(users) == 1 else None
    if "quantize_per_tensor" in (torch_name(op) or "").split("."):
        return _from_constants(op)
    return None


def _of_type(type_: Attribute) -> Quantization | None:
    element = element_type(type_)
    return element.quantization if isinstance(element, UniformQuantizedType) else None


_ATEN_STORAGE = {12: (8, True), 13: (8, False), 14: (32, True)}
"""PyTorch's numbers of qint8, quint8 and qint32."""


def _from_constants(op: Operation) -> Quantization | None:
    """Scale, zero point and range from constant operands, as PyTorch orders them."""
    values = [constant_value(operand) for operand in op.operands[1:]]
    if not values or not isinstance(values[0], float) or not isinstance(values[1], int):
        return None
    scale, zero_point = values[0], values[1]
    if not (scale > 0 and math.isfinite(scale)):
        raise OpError(op, f"the scale of {op.name} must be positive and finite, got {scale}")
    match values[2:]:
        case [int() as dtype] if dtype in _ATEN_STORAGE:
            bits, signed = _ATEN_STORAGE[dtype]
            return Quantization(bits, signed, scale, zero_point)
        case [int() as low, int() as high, *_] if low < high:
            widths = (b for b in (8, 16, 32) if storage_range(b, low < 0)[1] >= high)
            if (width := next(widths, None)) is not None:
                return Quantization(width, low < 0, scale, zero_point, low, high)
        case _:
            pass
    return None
