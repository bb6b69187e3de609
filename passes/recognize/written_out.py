"""
Find softmax and norms that are written out in `torch` ops, and write them whole.

    softmax        e / Σe,  e = exp(x − max x)
    RMS norm       x · rsqrt(mean(x²) + ε), in every spelling (`written_out_norms.py`)
    layer norm     the same of x − mean(x)
    l2-normalize   x / max(‖x‖, ε), x / sqrt(Σx² + ε):  an RMS norm, times 1/√n

The range of the operand moves along, from whichever op of the pattern declares it. A written-out
layer norm keeps its subtraction of the mean, which is linear: what is left is an RMS norm.
"""

from __future__ import annotations

from collections.abc import Collection

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Operation, SSAValue

from lut_opt.dialects.pwl import units
from lut_opt.dialects.torch import constant_value, torch_name
from lut_opt.passes.recognize.written_out_norms import (
    WrittenNorm,
    owner,
    same,
    single_axis,
    unexpanded,
    written_norm,
)
from lut_opt.passes.support.declarations import (
    PRODUCT,
    RESULT,
    chosen_declarations,
    declared_extent,
    declared_result,
    input_declarations,
    interval,
    result_declarations,
)
from lut_opt.passes.support.rewriting import erase_unused
from lut_opt.passes.support.torch_builder import TorchBuilder, shape_of


def raise_units(module: ModuleOp, keep: Collection[str]) -> None:
    """Replace what is written out by `aten.softmax.int` and `aten.rms_norm`."""
    for op in list(module.walk()):
        name = torch_name(op)
        if op.parent is None or name not in ("aten.mul.Tensor", "aten.div.Tensor"):
            continue
        if name == "aten.div.Tensor" and units.Softmax.name not in keep and _raise_softmax(op):
            continue
        if units.RMSNorm.name not in keep and (norm := written_norm(op)) is not None:
            _raise_norm(op, norm)


def _raise_norm(op: Operation, norm: WrittenNorm) -> None:
    build = TorchBuilder(op)
    rows = build.move_axis_last(norm.x, norm.axis)
    shape = shape_of(op, rows)
    attributes = {**norm.declared, **_chosen(op)}
    if (result := _seen_result(op)) is not None:
        attributes[RESULT] = interval(result[0] / norm.factor, result[1] / norm.factor)
    row = build.ints([build.size(rows, len(shape) - 1)])
    y = build.tensor("rms_norm", [rows, row, None, norm.epsilon], shape, attributes=attributes)
    if norm.factor != 1.0:
        y = build.tensor("mul.Scalar", [y, norm.factor], shape)
    _replace(op, build.move_last_axis(y, norm.axis))


def _chosen(op: Operation) -> dict[str, Attribute]:
    """The width and the sizes that the last op of a norm declares, or a factor of it."""
    factors = [unexpanded(operand).owner for operand in op.operands]
    parts = [op, *(factor for factor in factors if isinstance(factor, Operation))]
    nothing: dict[str, Attribute] = {}
    return next((made for part in parts if (made := chosen_declarations(part))), nothing)


def _seen_result(op: Operation) -> tuple[float, float] | None:
    """What a quotient was seen to be, or a product by its factor."""
    factors = [unexpanded(operand).owner for operand in op.operands]
    products = [declared_extent(f, PRODUCT) for f in factors if isinstance(f, Operation)]
    return declared_result(op) or next((each for each in products if each is not None), None)


def _replace(op: Operation, value: SSAValue) -> None:
    op.results[0].replace_all_uses_with(value)
    erase_unused(op)


def _raise_softmax(op: Operation) -> bool:
    """Replace an op that is the division of a softmax; whether it was one."""
    e, total = op.operands
    summed, exp = owner(unexpanded(total), "aten.sum.dim_IntList"), owner(e, "aten.exp")
    if summed is None or exp is None or not same(summed.operands[0], e):
        return False
    difference = owner(exp.operands[0], "aten.sub.Tensor")
    if difference is None or constant_value(summed.operands[2]) is not True:
        return False
    x, top, one = difference.operands
    axis = single_axis(summed.operands[1], x)
    largest = _largest(top)
    if axis is None or constant_value(one) != 1 or largest is None:
        return False
    if largest[1] != axis or not same(largest[0], x):
        return False
    build, shape = TorchBuilder(op), shape_of(op, x)
    attributes = input_declarations(exp) | result_declarations(op)
    _replace(op, build.tensor("softmax.int", [x, axis, None], shape, attributes=attributes))
    return True


def _largest(value: SSAValue) -> tuple[SSAValue, int | None] | None:
    """The tensor, and the axis, whose maximum a value is; the axis is kept."""
    op = owner(value := unexpanded(value), "aten.amax", "aten.max.dim")
    if op is None or value is not op.results[0] or constant_value(op.operands[2]) is not True:
        return None
    return op.operands[0], single_axis(op.operands[1], op.operands[0])
