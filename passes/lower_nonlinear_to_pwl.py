"""The pass `lower-nonlinear-to-pwl`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from xdsl.context import Context
from xdsl.dialects.builtin import AnyFloat, ModuleOp, SymbolRefAttr, UnitAttr, UnrankedTensorType
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from lut_opt.dialects.pwl import ApplyOp, FnAttr
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
from lut_opt.passes.diagnostics import OpError, about, copy_location
from lut_opt.passes.division_scales import NAME as DIVIDE
from lut_opt.passes.expand_composites import expand_composites
from lut_opt.passes.lower_division import as_reciprocal, division
from lut_opt.passes.lower_periodic import is_periodic, lower_periodic
from lut_opt.passes.lower_units import lower_unit
from lut_opt.passes.nonlinear import Nonlinear, recognize
from lut_opt.passes.raise_units import raise_units
from lut_opt.passes.recognize_units import recognize_unit
from lut_opt.passes.scales import (
    HISTOGRAM,
    KEPT,
    RANGE,
    Defaults,
    input_quantization,
    output_quantization,
    range_name,
)
from lut_opt.passes.unsupported import check_supported
from lut_opt.passes.wide_scales import wide

WIDE_RESULT_BITS = 16
"""Storage of results where inputs have more than 8 bits and nothing else is asked for."""


@dataclass(frozen=True)
class LowerNonlinearToPwlPass(ModulePass):
    """
    Replace non-linear operators by `quant.qcast`, `pwl.apply` and `quant.dcast`.

    Covers the `torch.aten` activations and elementary functions, and `math` on scalars, vectors and
    tensors, inside `linalg.generic` too. Softmax, layer norm and RMS norm become `pwl.softmax`,
    `pwl.layer_norm` and `pwl.rms_norm`. Scales come from the quantize/dequantize ops around the
    operator, else from its attribute `pwl.range = [lo, hi]` (for softmax, that of the differences
    to the row's maximum), else from the options.

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
        bodies = _approximated_functions(op)
        expand_composites(op, self.keep)
        raise_units(op, self.keep)
        for inner in list(op.walk()):
            if _function_of(inner) in bodies:
                continue
            if (found := _replacement(inner)) is None:
                continue
            name, replace = found
            if name in self.keep:
                inner.attributes[KEPT] = UnitAttr()
                continue
            with about(inner):
                replace(defaults)
        check_supported(op, self.keep)
        _cancel(op)


def _approximated_functions(module: ModuleOp) -> set[str]:
    """Functions that a `pwl.apply` names: their bodies say what to approximate, so they stay."""
    return {
        op.function.string_value()
        for op in module.walk()
        if isinstance(op, ApplyOp) and isinstance(op.function, SymbolRefAttr)
    }


def _function_of(op: Operation) -> str | None:
    while (parent := op.parent_op()) is not None:
        if isinstance(parent, FuncOp):
            return parent.sym_name.data
        op = parent
    return None


def _replacement(op: Operation) -> tuple[str, Callable[[Defaults], None]] | None:
    """What `keep` calls an operator, and what replaces it; None for what stays."""
    if (unit := recognize_unit(op)) is not None:
        return unit.kind, partial(lower_unit, unit)
    if is_periodic(op):
        return (torch_name(op) or "").removeprefix("aten."), partial(lower_periodic, op)
    if (found := recognize(op) or as_reciprocal(op)) is not None:
        return found.function.name, partial(_lower, found)
    if (divide := division(op)) is not None:
        return DIVIDE, divide
    return None


def _lower(found: Nonlinear, defaults: Defaults) -> None:
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
    apply = ApplyOp(FnAttr(found.function), created[-1], result_type=kind, reduce=reduce)
    if (declared := op.attributes.get(range_name(found))) is not None:
        apply.attributes[RANGE] = declared
    # What a division counted are its denominators.
    if HISTOGRAM in op.attributes and range_name(found) == RANGE:
        apply.attributes[HISTOGRAM] = op.attributes[HISTOGRAM]
    created += [apply, DequantizeCastOp(apply.results[0], float_type)]
    if isinstance(final := op.results[0].type, VTensorType):
        created.append(from_builtin_tensor(created[-1].results[0], final))
    copy_location(op, created)
    block = op.parent_block()
    assert block is not None
    Rewriter.insert_op(created, InsertPoint.before(op))
    op.results[0].replace_all_uses_with(created[-1].results[0])
    Rewriter.erase_op(op)


def _float_element(op: Operation, type_: Attribute) -> AnyFloat:
    """The float type of a scalar, vector or ranked tensor."""
    if isinstance(type_, UnrankedTensorType):
        raise OpError(op, f"{op.name} needs a tensor of known rank, got {type_}")
    element = element_type(type_)
    if not isinstance(element, AnyFloat):
        raise OpError(op, f"only floats become tables, got {type_}")
    return element


_INVERSES = {
    "quant.qcast": "quant.dcast",
    "torch_c.to_builtin_tensor": "torch_c.from_builtin_tensor",
}


def _cancel(module: ModuleOp) -> None:
    """Remove casts that undo each other: dcast then qcast, from_builtin then to_builtin."""
    for op in list(module.walk()):
        inverse = _INVERSES.get(op.name)
        if inverse is None:
            continue
        source = op.operands[0].owner
        if (
            isinstance(source, Operation)
            and source.name == inverse
            and source.operands[0].type == op.results[0].type
        ):
            op.results[0].replace_all_uses_with(source.operands[0])
            Rewriter.erase_op(op)
            _erase_unused(source)


def _erase_unused(op: Operation) -> None:
    if not op.results[0].uses:
        Rewriter.erase_op(op)
