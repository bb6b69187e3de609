"""The pass `convert-pwl-to-arith`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    AnyFloat,
    FunctionType,
    ModuleOp,
)
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from lut_opt.dialects.pwl import ApplyOp, DivideOp, UnitOp
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
from lut_opt.passes.arith.integer_code import Select
from lut_opt.passes.arith.reductions import apply_reduced, plan_divide
from lut_opt.passes.arith.stored import storage
from lut_opt.passes.arith.units import UnitPlan, plan_unit
from lut_opt.passes.support.diagnostics import OpError, about, copy_location

Plan = Callable[[Builder], Emit]
"""Emits what stands once before all elements (a constant table), and gives the scalar code."""


@dataclass(frozen=True)
class ConvertPwlToArithPass(ModulePass):
    """
    Lower `pwl.apply` and the `quant` casts to integer arithmetic.

    Scalars become `arith`; tensors a `linalg.generic` of it; memrefs `scf.for` loops; vectors are
    unrolled lane by lane. Softmax and norms become reductions along the row, divisions a
    `linalg.generic` that broadcasts. Every quantized type of one scale becomes its storage integer,
    in signatures too; what has a scale for each channel stays for MLIR's own --lower-quant-ops.

    Before:   %y = pwl.apply #pwl.fn<leaky_relu, 5.0e-01> %x
                table #pwl.table<i8, breakpoints = [0], slopes = [1, 2], intercepts = [0, 0],
                                 result_shift = 1>
                : !quant.uniform<i8:f32, 1.0> -> !quant.uniform<i8:f32, 1.0>
    After:    %0 = arith.cmpi sge, %x, %c0 : i8
              %slope = arith.select %0, %c2, %c1 : i8         … muli, addi, shrsi, trunci
    Requires: every `pwl` op has its tables.
    Ensures:  no `pwl` or `quant` op, no quantized type and no private body of a function is left,
              but for scales by channel.
    """

    name = "convert-pwl-to-arith"

    select: Select = "compare"
    """How the segment is found: a chain of compares, a balanced tree of selects (binary search),
    or no segments at all: one direct table of all results."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Convert the whole module."""
        plans: list[tuple[Operation, Plan]] = []
        units: list[tuple[UnitOp, UnitPlan]] = []
        for inner in op.walk():
            if isinstance(inner, ApplyOp):
                plans.append((inner, self._plan_apply(inner)))
            elif _is_per_channel(inner):
                continue
            elif isinstance(inner, QuantizeCastOp | DequantizeCastOp):
                plans.append((inner, _plan_cast(inner)))
            elif isinstance(inner, StorageCastOp):
                plans.append((inner, lambda _: lambda _, value: value))
            elif isinstance(inner, UnitOp):
                with about(inner):
                    if isinstance(inner, DivideOp):
                        units.append((inner, plan_divide(inner)))
                    else:
                        units.append((inner, plan_unit(inner)))
        # The plans hold every scale by now, so the types may forget theirs.
        _convert_types(op)
        for inner, plan in plans:
            with about(inner):
                _replace(inner, _code(inner, plan))
        for unit, emit in units:
            with about(unit):
                _replace(unit, emit)
        erase_private_functions(op, {e.function_name for e, _ in plans if isinstance(e, ApplyOp)})
        _check(op)

    def _plan_apply(self, op: ApplyOp) -> Plan:
        if op.table is None:
            raise OpError(op, f"{op.function_name} has no table: run --pwl-search first")
        table, operand, result = op.table.data, op.input_quantization, op.result_quantization
        select = self.select
        if op.reduce is not None:
            reduced = op.reduced()
            return lambda _: lambda b, q: apply_reduced(b, q, reduced)
        if select != "direct":
            return lambda _: (
                lambda b, q: integer_code.apply_table(b, q, table, operand, result, select)
            )

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


def _code(op: Operation, plan: Plan) -> Callable[[Builder], SSAValue | None]:
    """The code of an element-wise op on whatever holds its elements."""
    if isinstance(op, StorageCastOp):
        return lambda _: op.input
    destination = op.output if isinstance(op, ApplyOp) else None
    kind = op.results[0].type if op.results else op.operands[0].type
    return lambda before: elementwise(before, op.operands[0], kind, plan(before), destination)


def _replace(op: Operation, emit: Callable[[Builder], SSAValue | None]) -> None:
    """Put the planned code in the place of `op`."""
    marker = op.prev_op
    block = op.parent_block()
    assert block is not None
    result = emit(Builder(InsertPoint.before(op)))
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
