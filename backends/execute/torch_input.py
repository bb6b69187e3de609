"""
What torch-mlir's lowering of the torch dialect gets wrong or does not end on, put right before it.

    prepare(module)      # in place
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lut_opt.backends.errors import JitError
from lut_opt.backends.execute.bindings import bindings, operations, place

_QUANTIZATIONS = {
    "torch.quantized_decomposed.quantize_per_tensor": 6,
    "torch.quantized_decomposed.dequantize_per_tensor": 7,
}
"""Operators that torch-mlir has an op for, of so many operands."""

_LAST = 2**63 - 1
"""An end of a slice that no tensor reaches."""


def prepare(module: Any) -> None:
    """Rewrite what is taken for something else, or raise `JitError` for what cannot be lowered."""
    _name_quantizations(module)
    _refuse_selections(module)
    _flatten_before_views(module)
    _crop_before_pads(module)


def _name_quantizations(module: Any) -> None:
    """`torch.operator "torch.quantized_decomposed.…"` becomes the op of that name."""
    ir = bindings("ir")
    for op in operations(module):
        name = ir.StringAttr(op.attributes["name"]).value if op.name == "torch.operator" else ""
        if name not in _QUANTIZATIONS:
            continue
        with op.location, ir.InsertionPoint(op):
            operands = list(op.operands)
            while len(operands) < _QUANTIZATIONS[name]:  # the type of the result
                none = ir.Type.parse("!torch.none")
                operands.append(ir.Operation.create("torch.constant.none", results=[none]).result)
            types = [result.type for result in op.results]
            native = ir.Operation.create(name, results=types, operands=operands)
        op.results[0].replace_all_uses_with(native.result)
        op.erase()


def _refuse_selections(module: Any) -> None:
    """The pipeline does not end on a selection by a mask, whose size only the data tell."""
    for op in operations(module):
        if op.name.startswith("torch.aten.index.Tensor"):
            chosen = [item.type for item in op.operands[1].owner.operands]
        elif op.name == "torch.aten.masked_select":
            chosen = [op.operands[1].type]
        else:
            continue
        if any(str(kind).endswith(",i1>") for kind in chosen):
            raise JitError(
                f"`{op.name}` at {place(op)} selects by a mask, so that the size of its result "
                "depends on the data: keep all elements, and put zeros where there is nothing"
            )


def _flatten_before_views(module: Any) -> None:
    """
    Let a view that joins axes of unknown size begin with one axis.

    torch-mlir takes `[?,?,16] -> [?,16]` for one whose second axis is 1, and reads beyond the end.
    """
    ir = bindings("ir")
    for op in operations(module):
        if op.name != "torch.aten.view":
            continue
        operand = op.operands[0]
        before, after = str(operand.type).count("?"), str(op.results[0].type).count("?")
        if before < 2 or after >= before:
            continue
        element = str(operand.type).rpartition(",")[2].rstrip(">")
        with op.location, ir.InsertionPoint(op):
            ends = [_integer(ir, end) for end in (0, -1)]
            flat = ir.Operation.create(
                "torch.aten.flatten.using_ints",
                results=[ir.Type.parse(f"!torch.vtensor<[?],{element}>")],
                operands=[operand, *ends],
            )
        op.operands[0] = flat.result


def _integer(ir: Any, value: int) -> Any:
    attribute = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)
    kind = ir.Type.parse("!torch.int")
    return ir.Operation.create(
        "torch.constant.int", results=[kind], attributes={"value": attribute}
    ).result


def _crop_before_pads(module: Any) -> None:
    """
    Let every constant pad have amounts that are not negative: those are slices.

    torch-mlir takes a shift in time, `ZeroPad2d((0, 0, 1, -1))`, for one that changes nothing.
    """
    for op in operations(module):
        if op.name == "torch.aten.constant_pad_nd":
            amounts = [_constant(each) for each in op.operands[1].owner.operands]
            if any(amount < 0 for amount in amounts):
                _crop(op, amounts)


def _constant(value: Any) -> int:
    """0 for what only a run tells."""
    owner = value.owner
    if owner.name != "torch.constant.int":
        return 0
    return int(bindings("ir").IntegerAttr(owner.attributes["value"]).value)


def _crop(op: Any, amounts: list[int]) -> None:
    ir = bindings("ir")
    with op.location, ir.InsertionPoint(op):
        for axis, low, high in _cuts(op.operands[0], amounts):
            op.operands[0] = _slice(ir, op.operands[0], axis, low, high)
        items = [
            _integer(ir, 0) if amount < 0 else item
            for amount, item in zip(amounts, op.operands[1].owner.operands, strict=True)
        ]
        kind = ir.Type.parse("!torch.list<int>")
        made = ir.Operation.create("torch.prim.ListConstruct", results=[kind], operands=items)
        op.operands[1] = made.result


def _cuts(value: Any, amounts: list[int]) -> Iterator[tuple[int, int, int]]:
    """Axis, and what goes from its beginning and from its end; the last axis comes first."""
    rank = str(value.type).partition("]")[0].count(",") + 1
    for number in range(len(amounts) // 2):
        low, high = (max(0, -each) for each in amounts[2 * number : 2 * number + 2])
        if low or high:
            yield rank - 1 - number, low, high


def _slice(ir: Any, value: Any, axis: int, low: int, high: int) -> Any:
    sizes, _, element = str(value.type).removeprefix("!torch.vtensor<[").partition("]")
    shape = sizes.split(",")
    if shape[axis] != "?":
        shape[axis] = str(int(shape[axis]) - low - high)
    ends = [_integer(ir, each) for each in (axis, low, -high if high else _LAST, 1)]
    kind = ir.Type.parse(f"!torch.vtensor<[{','.join(shape)}]{element}")
    made = ir.Operation.create("torch.aten.slice.Tensor", results=[kind], operands=[value, *ends])
    return made.result
