"""The pass `lower-nonlinear-to-pwl`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from xdsl.context import Context
from xdsl.dialects.builtin import AnyFloat, ModuleOp, UnitAttr, UnrankedTensorType
from xdsl.ir import Attribute, Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from lut_opt.dialects.pwl import ApplyOp
from lut_opt.dialects.quant import (
    DequantizeCastOp,
    QuantizeCastOp,
    element_type,
    quantized_like,
)
from lut_opt.dialects.torch import (
    VTensorType,
    from_builtin_tensor,
    to_builtin_tensor,
    torch_name,
)
from lut_opt.passes.decompose.composites import expand_composites
from lut_opt.passes.decompose.vector_norm import expand_vector_norms
from lut_opt.passes.fuse.elementwise import is_uniform
from lut_opt.passes.fuse.fusion import Fusion, all_declarations
from lut_opt.passes.lower.division import as_reciprocal, division
from lut_opt.passes.lower.periodic import lower_periodic
from lut_opt.passes.lower.units import lower_unit
from lut_opt.passes.quantize.casts import cancel_casts
from lut_opt.passes.quantize.divisions import NAME as DIVIDE
from lut_opt.passes.quantize.functions import Defaults, input_quantization, output_quantization
from lut_opt.passes.quantize.wide import wide
from lut_opt.passes.recognize.functions import Nonlinear, recognize
from lut_opt.passes.recognize.periodic import is_periodic
from lut_opt.passes.recognize.units import recognize_unit
from lut_opt.passes.recognize.unsupported import check_supported
from lut_opt.passes.recognize.written_out import raise_units
from lut_opt.passes.support.declarations import KEPT
from lut_opt.passes.support.diagnostics import OpError, about, copy_location

WIDE_RESULT_BITS = 16
"""Storage of results where inputs have more than 8 bits and nothing else is asked for."""


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

    Reciprocals, roots and logarithms of a range over more than four octaves, or down to 0, take 16
    or 32 bits and a range reduction. The division of two tensors or scalars becomes `pwl.divide`,
    where `pwl.range` is the denominator's and `pwl.range_numerator` the numerator's; a division by
    a constant becomes a multiplication.

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
    """Output scale where no quantization op gives one; by default the power of two that stores the
    function with the least squared error."""
    input_bits: int = 8
    """Storage width of inputs that are not quantized yet; for softmax, that of the differences to
    the row's maximum. Softmax and norms take their inputs in 16 bits, and norms answer in 16
    unless output-scale is given. input-bits=16 is the accurate choice where hardware allows it."""
    output_bits: int | None = None
    """Storage width of results that are not quantized yet (default: 8, and 16 where input-bits is
    above 8); above 8, the output scale defaults to input scale · 2^-6, the unit of the seed form's
    accumulator, if the results fit."""
    input_signed: bool = True
    """Storage of inputs whose scale comes from input-scale."""
    keep: tuple[str, ...] = ()
    """Functions to leave as they are, such as keep=exp,softmax,layer_norm,rms_norm,divide; also
    names of operators that have no table, which is an error otherwise."""
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
        defaults = Defaults(
            None if self.input_scale is None else float(self.input_scale),
            None if self.output_scale is None else float(self.output_scale),
            self.input_bits,
            self.output_bits or (WIDE_RESULT_BITS if self.input_bits > 8 else 8),
            self.input_signed,
        )
        expand_composites(op, self.keep)
        raise_units(op, self.keep)
        expand_vector_norms(op, self.keep)
        scaled = defaults.input_scale is not None
        fusion = Fusion(op, self.keep, fuse=self.fuse, scaled=scaled)
        for inner in list(op.walk()):
            if inner in fusion.inside or fusion.stays(inner):
                continue
            if (found := _replacement(inner, fusion)) is None:
                continue
            name, replace = found
            if name in self.keep:
                for kept in fusion.ops(inner):
                    kept.attributes[KEPT] = UnitAttr()
                continue
            with about(inner):
                replace(defaults)
        check_supported(op, self.keep)
        cancel_casts(op)


def _replacement(op: Operation, fusion: Fusion) -> tuple[str, Callable[[Defaults], None]] | None:
    """What `keep` calls an operator, and what replaces it; None for what stays."""
    if (unit := recognize_unit(op)) is not None:
        return unit.kind, partial(lower_unit, unit)
    if is_periodic(op):
        return (torch_name(op) or "").removeprefix("aten."), partial(lower_periodic, op)
    found = fusion.lowered(op) if op in fusion.at else recognize(op) or as_reciprocal(op)
    if found is not None:
        # What is computed from constants is for a constant folder.
        constant = is_uniform(found.operand)
        return None if constant else (found.function.name, partial(_lower, found, fusion))
    if (divide := division(op)) is not None:
        return DIVIDE, divide
    return None


def _lower(found: Nonlinear, fusion: Fusion, defaults: Defaults) -> None:
    op = found.op
    created: list[Operation] = []
    source = found.operand
    if isinstance(source.type, VTensorType):
        created.append(to_builtin_tensor(source))
        source = created[-1].results[0]
    float_type = source.type
    element = _float_element(op, float_type)
    if (reduced := wide(found, defaults, element)) is not None:
        operand, result, reduce = reduced.operand, reduced.result, reduced.reduce
    else:
        operand, reduce = input_quantization(found, defaults), None
        result = output_quantization(found, operand, defaults, element)
    created.append(QuantizeCastOp(source, quantized_like(float_type, operand)))
    kind = quantized_like(float_type, result)
    apply = ApplyOp(found.attribute, created[-1], result_type=kind, reduce=reduce)
    apply.attributes.update(all_declarations(found))
    created += [apply, DequantizeCastOp(apply.results[0], float_type)]
    if isinstance(final := op.results[0].type, VTensorType):
        created.append(from_builtin_tensor(created[-1].results[0], final))
    copy_location(op, created)
    block = op.parent_block()
    assert block is not None
    Rewriter.insert_op(created, InsertPoint.before(op))
    op.results[0].replace_all_uses_with(created[-1].results[0])
    fusion.erase(op)


def _float_element(op: Operation, type_: Attribute) -> AnyFloat:
    """The float type of a scalar, vector or ranked tensor."""
    if isinstance(type_, UnrankedTensorType):
        raise OpError(op, f"{op.name} needs a tensor of known rank, got {type_}")
    element = element_type(type_)
    if not isinstance(element, AnyFloat):
        raise OpError(op, f"only floats become tables, got {type_}")
    return element
