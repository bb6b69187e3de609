"""Build ops of the `torch` dialect in the place of one op, with its location."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from lut_opt.dialects.torch import (
    IntType,
    ListType,
    Scalar,
    VTensorType,
    constant,
    torch_op,
)
from lut_opt.passes.support.diagnostics import OpError, copy_location

Size = int
"""−1 where it is known at run time only."""


def shape_of(op: Operation, value: SSAValue) -> tuple[Size, ...]:
    """Shape of a tensor; OpError on `op` where even its rank is unknown."""
    shape = value.type.shape if isinstance(value.type, VTensorType) else None
    if shape is None:
        raise OpError(op, f"{op.name} needs a tensor of known rank, got {value.type}")
    return shape


class TorchBuilder:
    """Inserts ops before `anchor`; tensors have its element type unless another is given."""

    def __init__(self, anchor: Operation):
        self.anchor = anchor
        kind = anchor.results[0].type
        self.dtype = kind.dtype if isinstance(kind, VTensorType) else None

    def insert(self, op: Operation) -> SSAValue:
        """Insert an op and return its first result."""
        copy_location(self.anchor, [op])
        Rewriter.insert_op(op, InsertPoint.before(self.anchor))
        return op.results[0]

    def scalar(self, value: Scalar) -> SSAValue:
        """A constant of Python's type: None, bool, int, float or str."""
        return self.insert(constant(value))

    def ints(self, values: Sequence[int | SSAValue]) -> SSAValue:
        """A list of integers."""
        elements = [self.scalar(v) if isinstance(v, int) else v for v in values]
        return self.insert(torch_op("prim.ListConstruct", elements, [ListType(IntType())]))

    def tensor(
        self,
        name: str,
        operands: Sequence[SSAValue | Scalar],
        shape: Sequence[Size],
        dtype: Attribute | None = None,
        attributes: Mapping[str, Attribute] = {},
    ) -> SSAValue:
        """An `aten` op with one tensor as its result; Python scalars become constants."""
        values = [v if isinstance(v, SSAValue) else self.scalar(v) for v in operands]
        kind = VTensorType(shape, dtype or self.dtype)
        return self.insert(torch_op(f"aten.{name}", values, [kind], attributes))

    def size(self, value: SSAValue, axis: int) -> int | SSAValue:
        """Size of an axis, not negative: a number, or the op that asks for it."""
        known = shape_of(self.anchor, value)[axis]
        if known >= 0:
            return known
        return self.insert(torch_op("aten.size.int", [value, self.scalar(axis)], [IntType()]))

    def view(self, value: SSAValue, shape: Sequence[Size]) -> SSAValue:
        """The same elements in another shape, of which at most one size may be unknown."""
        return self.tensor("view", [value, self.ints(shape)], shape)

    def move_axis_last(self, value: SSAValue, axis: int) -> SSAValue:
        """One axis, not negative, becomes the last."""
        shape = shape_of(self.anchor, value)
        order = [a for a in range(len(shape)) if a != axis] + [axis]
        return self.permute(value, order)

    def move_last_axis(self, value: SSAValue, axis: int) -> SSAValue:
        """The last axis becomes that of number `axis`: undoes `move_axis_last`."""
        last = len(shape_of(self.anchor, value)) - 1
        order = [a if a < axis else a - 1 for a in range(last + 1)]
        order[axis] = last
        return self.permute(value, order)

    def permute(self, value: SSAValue, order: Sequence[int]) -> SSAValue:
        """Axes in another order; the value itself if it is the order that they have."""
        shape = shape_of(self.anchor, value)
        if list(order) == list(range(len(shape))):
            return value
        moved = [shape[axis] for axis in order]
        return self.tensor("permute", [value, self.ints(order)], moved)

    def replace_by(self, value: SSAValue) -> None:
        """Put a value in the place of the anchor's first result, and erase the anchor."""
        self.anchor.results[0].replace_all_uses_with(value)
        Rewriter.erase_op(self.anchor)
