"""A whole module to integer arithmetic: what `convert-pwl-to-arith` does."""

from __future__ import annotations

from collections.abc import Callable

from xdsl.builder import Builder
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    AnyFloat,
    FunctionType,
    ModuleOp,
)
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from lut_opt.dialects.lutnet.ops import LutnetOp
from lut_opt.dialects.pwl import ApplyOp, UnitOp
from lut_opt.dialects.pwl.function_body import erase_private_functions
from lut_opt.dialects.quant import (
    CastOp,
    DequantizeCastOp,
    PerAxisQuantizedType,
    QuantizeCastOp,
    StorageCastOp,
    UniformQuantizedType,
    element_type,
)
from lut_opt.passes.arith import integer_code
from lut_opt.passes.arith.elementwise import Emit, elementwise
from lut_opt.passes.arith.options import Select, present_name
from lut_opt.passes.arith.reductions import apply_reduced
from lut_opt.passes.arith.stored import storage
from lut_opt.passes.arith.units import plan_unit
from lut_opt.passes.support.diagnostics import OpError, about, copy_location

Plan = Callable[[Builder], Emit]
"""Emits what stands once before all elements (a constant table), and gives the scalar code."""

Code = Callable[[Builder], SSAValue | None]
"""Emits all that replaces an op, once its types have lost their scales, and gives its result."""


def convert(module: ModuleOp, select: Select) -> None:
    """Convert every `pwl` and `quant` operation, and all types."""
    planned: list[tuple[Operation, Code]] = []
    for inner in module.walk():
        with about(inner):
            if (code := _plan(inner, select)) is not None:
                planned.append((inner, code))
    # The plans hold every scale by now, so the types may forget theirs.
    _convert_types(module)
    for inner, code in planned:
        with about(inner):
            _replace(inner, code)
    names = {each.function_name for each, _ in planned if isinstance(each, ApplyOp)}
    erase_private_functions(module, names)
    _check(module)


def _plan(op: Operation, select: Select) -> Code | None:
    """What replaces an op, None for one that stays."""
    match op:
        case UnitOp():
            return plan_unit(op)
        case LutnetOp():
            raise OpError(
                op, f"{op.name} is of another dialect: run --convert-lutnet-to-arith first"
            )
        case ApplyOp():
            return _each(op, _plan_apply(op, select))
        case CastOp() if _is_per_channel(op):
            return None
        case QuantizeCastOp() | DequantizeCastOp():
            return _each(op, _plan_cast(op))
        case StorageCastOp():
            return lambda _: op.input
        case _:
            return None


def _plan_apply(op: ApplyOp, asked: Select) -> Plan:
    if op.table is None:
        raise OpError(op, f"{op.function_name} has no table: run --pwl-search first")
    table, operand, result = op.table.data, op.input_quantization, op.result_quantization
    select = present_name(asked)
    if op.reduce is not None:
        reduced = op.reduced()
        return lambda _: lambda b, q: apply_reduced(b, q, reduced)
    if select != "direct":
        return lambda _: lambda b, q: integer_code.apply_table(b, q, table, operand, result, select)

    def plan(before: Builder) -> Emit:
        values = integer_code.direct_table(before, table, operand, result)
        return lambda b, q: integer_code.look_up(b, q, values, operand.bits)

    return plan


def _is_per_channel(op: Operation) -> bool:
    values = (*op.operands, *op.results) if isinstance(op, CastOp) else ()
    return any(isinstance(element_type(value.type), PerAxisQuantizedType) for value in values)


def _plan_cast(op: QuantizeCastOp | DequantizeCastOp) -> Plan:
    quantized = element_type(op.result.type if isinstance(op, QuantizeCastOp) else op.input.type)
    assert isinstance(quantized, UniformQuantizedType)
    quantization = quantized.quantization
    if isinstance(op, QuantizeCastOp):
        return lambda _: lambda b, x: integer_code.quantize(b, x, quantization)
    kind = element_type(op.result.type)
    assert isinstance(kind, AnyFloat)
    return lambda _: lambda b, q: integer_code.dequantize(b, q, quantization, kind)


def _each(op: Operation, plan: Plan) -> Code:
    """The code of an element-wise op on whatever holds its elements."""

    def code(before: Builder) -> SSAValue | None:
        # Operands are asked for here: those whose types were converted are new values.
        destination = op.output if isinstance(op, ApplyOp) else None
        kind = op.results[0].type if op.results else op.operands[0].type
        return elementwise(before, op.operands[0], kind, plan(before), destination)

    return code


def _replace(op: Operation, code: Code) -> None:
    """Put the planned code in the place of `op`."""
    marker = op.prev_op
    block = op.parent_block()
    assert block is not None
    result = code(Builder(InsertPoint.before(op)))
    created = block.first_op if marker is None else marker.next_op
    while created is not None and created is not op:
        copy_location(op, [created])
        created = created.next_op
    if result is not None:
        op.results[0].replace_all_uses_with(result)
    Rewriter.erase_op(op)


def _convert_types(module: ModuleOp) -> None:
    for op in module.walk():
        values: list[SSAValue] = [*op.results]
        values += [arg for region in op.regions for block in region.blocks for arg in block.args]
        for value in values:
            if (new := storage(value.type)) != value.type:
                Rewriter.replace_value_with_new_type(value, new)
        if isinstance(op, func.FuncOp):
            op.function_type = _function_type(op.function_type)


def _function_type(type_: FunctionType) -> FunctionType:
    converted = storage(type_)
    assert isinstance(converted, FunctionType)
    return converted


def _check(module: ModuleOp) -> None:
    """Fail if something that this pass promises to remove is left."""
    for op in module.walk():
        if op.name.startswith(("pwl.", "quant.")) and not _is_per_channel(op):
            raise OpError(op, f"{op.name} is left after the conversion: this is a bug, report it")
        for value in op.results:
            if storage(value.type) != value.type:
                raise OpError(op, f"{op.name} still has the quantized type {value.type}")
