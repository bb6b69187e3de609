"""A whole module to `pwl` operations: what `lower-nonlinear-to-pwl` does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.ir import Operation
from xdsl.rewriter import InsertPoint, Rewriter

from lut_opt.dialects.pwl import ApplyOp
from lut_opt.dialects.quant import (
    DequantizeCastOp,
    QuantizeCastOp,
    expressed_element,
    quantized_like,
)
from lut_opt.dialects.torch import (
    VTensorType,
    from_builtin_tensor,
    to_builtin_tensor,
    torch_name,
)
from lut_opt.passes.decompose.composites import COMPOSITES, expand_composites
from lut_opt.passes.decompose.onnx import replace_onnx
from lut_opt.passes.decompose.vector_norm import expand_vector_norms
from lut_opt.passes.fuse.fusion import Fusion, all_declarations
from lut_opt.passes.lower.division import as_reciprocal, division
from lut_opt.passes.lower.exponentials import exponentials
from lut_opt.passes.lower.periodic import lower_periodic
from lut_opt.passes.lower.powers import exponent, multiply_out
from lut_opt.passes.lower.units import KINDS, lower_unit, unit_kind
from lut_opt.passes.quantize.casts import cancel_casts
from lut_opt.passes.quantize.divisions import NAME as DIVIDE
from lut_opt.passes.quantize.functions import Defaults, input_quantization, output_quantization
from lut_opt.passes.quantize.wide import wide
from lut_opt.passes.recognize.functions import Nonlinear, recognize
from lut_opt.passes.recognize.names import named_ops
from lut_opt.passes.recognize.operands import check_operands
from lut_opt.passes.recognize.periodic import is_periodic
from lut_opt.passes.recognize.unsupported import (
    check_keep,
    check_supported,
    report_unused_ranges,
)
from lut_opt.passes.recognize.written_out import raise_units
from lut_opt.passes.support.declarations import KEPT
from lut_opt.passes.support.diagnostics import about, copy_location


def lower(
    op: ModuleOp, defaults: Defaults, keep: tuple[str, ...], *, fuse: bool, name: str
) -> None:
    """Replace every non-linear operator but those to keep; `name` is that of the remarks."""
    check_operands(op)
    replace_onnx(op, keep)
    expand_composites(op, keep)
    raise_units(op, keep)
    expand_vector_norms(op, keep)
    scaled = defaults.input_scale is not None
    fusion = Fusion(op, keep, fuse=fuse, scaled=scaled)
    check_keep(op, keep, (*KINDS, DIVIDE, *COMPOSITES, *fusion.names))
    for inner in list(named_ops(op)):
        if inner in fusion.inside or fusion.stays(inner):
            continue
        if (found := _replacement(inner, fusion)) is None:
            continue
        kept_as, replace = found
        if kept_as in keep:
            for kept in fusion.ops(inner):
                kept.attributes[KEPT] = UnitAttr()
            continue
        with about(inner):
            replace(defaults)
    check_supported(op, keep)
    report_unused_ranges(op, name)
    cancel_casts(op)


def _replacement(op: Operation, fusion: Fusion) -> tuple[str, Callable[[Defaults], None]] | None:
    """What `keep` calls an operator, and what replaces it; None for what stays."""
    if (kind := unit_kind(op)) is not None:
        return kind.name, partial(lower_unit, kind, op)
    if is_periodic(op):
        return (torch_name(op) or "").removeprefix("aten."), partial(lower_periodic, op)
    found = fusion.lowered(op) if op in fusion.at else recognize(op) or as_reciprocal(op)
    if found is not None:
        # What is computed from constants is for a constant folder.
        if fusion.is_uniform(found.operand):
            return None
        if (power := exponent(found)) is not None:
            return found.function.name, lambda _: multiply_out(found, power)
        return found.function.name, partial(_lower, found, fusion)
    if (divide := division(op)) is not None:
        return DIVIDE, divide
    return None


def _lower(found: Nonlinear, fusion: Fusion, defaults: Defaults) -> None:
    op = found.op
    if (parts := exponentials(found, defaults)) is not None:
        for part in parts:
            _lower(part, fusion, defaults)
        fusion.erase(op)
        return
    created: list[Operation] = []
    source = found.operand
    if isinstance(source.type, VTensorType):
        created.append(to_builtin_tensor(source))
        source = created[-1].results[0]
    float_type = source.type
    element = expressed_element(float_type)
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
