"""
Sine and cosine over many periods: the argument in turns, folded into half a turn.

    cos x = cos 2πu,  u = |t − round(t)| in [0, ½],  t = x/2π;    sin x = cos(x − π/2)

The folding is linear but for one rounding to an integer, and exact up to the float rounding of t.
The table then sees a single half-wave, however far x reaches: positions of a rotary embedding times
their frequencies reach thousands of periods.
"""

from __future__ import annotations

from xdsl.ir import Operation

from lut_opt.dialects.pwl import ApplyOp, FnAttr, NamedFunction
from lut_opt.dialects.quant import DequantizeCastOp, QuantizeCastOp, quantized_like
from lut_opt.dialects.quantization import Quantization
from lut_opt.dialects.torch import (
    VTensorType,
    from_builtin_tensor,
    to_builtin_tensor,
    torch_name,
)
from lut_opt.passes.quantize.choose import result_storage
from lut_opt.passes.quantize.functions import WIDE_BITS, Defaults
from lut_opt.passes.quantize.wide import given_result
from lut_opt.passes.recognize.periodic import TURN
from lut_opt.passes.support.torch_builder import TorchBuilder, shape_of


def lower_periodic(op: Operation, defaults: Defaults) -> None:
    """Replace a sine or cosine for which `is_periodic` holds."""
    x, build = op.operands[0], TorchBuilder(op)
    shape = shape_of(op, x)
    turns = build.tensor("mul.Scalar", [x, 1 / TURN], shape)
    if torch_name(op) == "aten.sin":
        turns = build.tensor("sub.Scalar", [turns, 0.25, 1], shape)
    whole = build.tensor("round", [turns], shape)
    part = build.tensor("sub.Tensor", [turns, whole, 1], shape)
    folded = build.insert(to_builtin_tensor(build.tensor("abs", [part], shape)))
    bits = defaults.input_bits or WIDE_BITS
    operand = Quantization(bits, False, 2.0**-bits, 0, 0, 1 << (bits - 1))
    function = NamedFunction("cos_turns")
    values = function(operand.dequantize(operand.values))
    result = given_result(op.results[0], defaults) or result_storage(values, bits)
    q = build.insert(QuantizeCastOp(folded, quantized_like(folded.type, operand)))
    kind = quantized_like(folded.type, result)
    y = build.insert(ApplyOp(FnAttr(function), q, result_type=kind))
    real = build.insert(DequantizeCastOp(y, folded.type))
    target = op.results[0].type
    assert isinstance(target, VTensorType)
    build.replace_by(build.insert(from_builtin_tensor(real, target)))
