"""The pass `lower-nonlinear-to-pwl`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass


@dataclass(frozen=True)
class LowerNonlinearToPwlPass(ModulePass):
    """
    Replace non-linear operators by `quant.qcast`, `pwl.apply` and `quant.dcast`.

    Covers the `torch.aten` activations and elementary functions, and `math` on scalars, vectors and
    tensors, inside `linalg.generic` too. A chain of element-wise ops with one input and a
    non-linearity in it becomes one table of what it composes to: a function of the registry if it
    spells one, else a private `func.func`; `pwl.fused` lists the ops. Softmax, layer norm and RMS
    norm become `pwl.softmax`, `pwl.layer_norm` and `pwl.rms_norm`. Scales come from the
    quantize/dequantize ops around the operator, else from its attribute `pwl.range = [lo, hi]` (for
    softmax, that of the differences to the row's maximum), else from the options.

    What is stored of an input is what the function can tell apart within its range: beyond the
    point from which on it changes by less than half a step, inputs saturate. Reciprocals, roots and
    logarithms of a range over more than four octaves, or down to 0, take 16 or 32 bits and a range
    reduction, and so does an exponential that grows over more than eight. The division of two
    tensors or scalars becomes `pwl.divide`, where `pwl.range` is the denominator's and
    `pwl.range_numerator` the numerator's; a division by a constant becomes a multiplication.

    Before:   %y = math.tanh %x {pwl.range = [-4.0, 3.96875]} : tensor<8xf32>
    After:    %q = quant.qcast %x : tensor<8xf32> to tensor<8x!quant.uniform<i8:f32, 3.125000e-02>>
              %t = pwl.apply #pwl.fn<tanh> %q : … -> tensor<8x!quant.uniform<i8:f32, 7.812500e-03>>
              %y = quant.dcast %t : … to tensor<8xf32>
    Requires: a scale for every such operator.
    Ensures:  none of them is left, but for those in `keep`.
    """

    name = "lower-nonlinear-to-pwl"

    input_scale: float | int | None = None
    """Input scale where neither quantization ops nor `pwl.range` give one."""
    output_scale: float | int | None = None
    """Output scale where no quantization op gives one; by default the least power of two that
    covers the function's values over the inputs that count, but for one step."""
    input_bits: int | None = None
    """Storage width of inputs that are not quantized yet (default: 8, and 16 where a calibration
    counted inputs and 8 bits would cost more than 1 % of the signal); for softmax, that of the
    differences to the row's maximum, at most 12, the default. Softmax and norms take their inputs
    in 16 bits, and norms answer in 16 unless output-scale is given."""
    output_bits: int | None = None
    """Storage width of results that are not quantized yet (default: 8, and 16 where the input has
    more than 8); above 8 the output scale is input scale · 2^-6, the unit of the seed form's
    accumulator, where the results fit and it costs next to nothing of the signal."""
    input_signed: bool = True
    """Storage of inputs whose scale comes from input-scale."""
    keep: tuple[str, ...] = ()
    """Functions to leave as they are, such as keep=exp,softmax,layer_norm,rms_norm,divide; also
    names of operators that have no table, which is an error otherwise. So is a name that nothing
    is called."""
    fuse: bool = True
    """Make one table of a chain of element-wise ops on one input."""

    def __post_init__(self) -> None:
        for name, scale in (("input-scale", self.input_scale), ("output-scale", self.output_scale)):
            if scale is not None and not (math.isfinite(scale) and scale > 0):
                raise ValueError(f"{name} must be positive and finite, got {scale}")
        for name, bits in (("input-bits", self.input_bits), ("output-bits", self.output_bits)):
            if bits is not None and not 2 <= bits <= 32:
                raise ValueError(f"{name} must be between 2 and 32, got {bits}")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Lower the whole module."""
        from lut_opt.passes.lower.nonlinear import lower
        from lut_opt.passes.quantize.functions import Defaults

        defaults = Defaults(
            None if self.input_scale is None else float(self.input_scale),
            None if self.output_scale is None else float(self.output_scale),
            self.input_bits,
            self.output_bits,
            self.input_signed,
        )
        lower(op, defaults, self.keep, fuse=self.fuse, name=self.name)
