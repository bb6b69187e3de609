"""The pass `convert-quantized-to-integer`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass


@dataclass(frozen=True)
class ConvertQuantizedToIntegerPass(ModulePass):
    """
    Compute linear operators between quantizations in integers.

    Follows every value from its dequantization through `torch.aten` operators to the next
    quantization: products, convolutions, sums, means, pooling, upsampling, embeddings, masks and
    what moves elements. Products of stored integers are summed in 32 bits (64 where those might not
    do), a bias joins them as integers, factors and means go to the scales. At a quantization all is
    rounded once, halves to even, by multipliers and a shift (`lut_opt.dialects.requantization`
    defines it); powers of two are shifts alone. Weights may have a scale for each channel, zero
    points become part of the bias. Constants that are quantized become integers.

    Runs after `lower-nonlinear-to-pwl`, which recognizes operators in floats and reads the same
    quantizations, and before `convert-pwl-to-arith`. The quantization of arguments and the
    dequantization of results stay; a result that nobody quantized is dequantized after its sums.

    Before:   %x = torch.…dequantize_per_tensor %q, …   %w = torch.…dequantize_per_channel %p, …
              %y = torch.aten.mm %x, %w                 %z = torch.aten.add.Tensor %y, %bias, …
              %r = torch.…quantize_per_tensor %z, …
    After:    %a = linalg.generic … ins(%q, %p : tensor<4x2xi8>, tensor<2x2xi8>)
                outs(… : tensor<4x2xi32>)               … extsi, muli, addi
              %r = linalg.generic … ins(%a, %bias, %multipliers : tensor<4x2xi32>, …)
                outs(… : tensor<4x2xi8>)                … addi, muli, shrsi, maxsi, minsi, trunci
    Requires: scales that are constants (static quantization), and weights shown in the module.
    Ensures:  with float=error, no operator on floats between the quantization of arguments and the
              dequantization of results.
    """

    name = "convert-quantized-to-integer"

    float: Literal["keep", "error"] = "keep"
    """What to do where an operator on floats is left between quantizations: keep it (`-t report`
    lists them), or refuse."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Convert the whole module."""
        from lut_opt.dialects.assembly import resources_of
        from lut_opt.passes.integer.conversion import convert, refuse_floats

        reasons = convert(op, resources_of(ctx))
        if self.float == "error":
            refuse_floats(op, reasons)
