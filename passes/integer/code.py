"""
Integer code: `linalg.generic` of `arith` on builtin tensors, `torch` ops where elements only move.

Every op is put before one anchor, with its location.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AffineMapAttr,
    DenseIntOrFPElementsAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    TensorType,
)
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.dialects.linalg.ops import GenericOp, YieldOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap
from xdsl.rewriter import InsertPoint
from xdsl.utils.hints import isa

from lut_opt.dialects.quantization import Integers
from lut_opt.dialects.torch import (
    IntType,
    ListType,
    Scalar,
    VTensorType,
    constant,
    from_builtin_tensor,
    to_builtin_tensor,
    torch_op,
)
from lut_opt.passes.arith.integer_code import constant as scalar
from lut_opt.passes.arith.integer_code import resize
from lut_opt.passes.support.diagnostics import copy_location

Shape = tuple[int, ...]
Body = Callable[[Builder, Sequence[SSAValue]], SSAValue]


class Code:
    """Inserts ops before an anchor."""

    def __init__(self, anchor: Operation) -> None:
        self.anchor = anchor
        self._before = InsertPoint.before(anchor)

    def insert(self, op: Operation) -> SSAValue:
        """Insert an op; its first result."""
        copy_location(self.anchor, [op])
        Builder(self._before).insert(op)
        return op.results[0]

    def array(self, values: Integers, bits: int) -> SSAValue:
        """A constant tensor, wrapped into its width."""
        wrapped = values.astype(np.dtype(f"int{bits}")).reshape(-1).tolist()
        kind = TensorType(IntegerType(bits), values.shape)
        return self.insert(arith.ConstantOp(DenseIntOrFPElementsAttr.from_list(kind, wrapped)))

    def elementwise(
        self, shape: Shape, operands: Sequence[SSAValue], element: Attribute, body: Body
    ) -> SSAValue:
        """Scalar code on every element of tensors that broadcast to `shape`."""
        rank = len(shape)
        maps = [_broadcast_map(_shape(operand), rank) for operand in operands]
        out = self.empty(shape, element, operands)
        parallel = [IteratorTypeAttr.parallel()] * rank
        return self.generic(operands, out, [*maps, AffineMap.identity(rank)], parallel, body)

    def generic(
        self,
        operands: Sequence[SSAValue],
        out: SSAValue,
        maps: Sequence[AffineMap],
        iterators: Sequence[IteratorTypeAttr],
        body: Body,
    ) -> SSAValue:
        """One `linalg.generic`; the body gets an element of each operand, and of the result."""
        kinds = [_element(operand) for operand in (*operands, out)]
        block = Block(arg_types=kinds)
        inside = Builder(InsertPoint.at_end(block))
        inside.insert(YieldOp(body(inside, block.args)))
        for op in block.ops:
            copy_location(self.anchor, [op])
        return self.insert(
            GenericOp(
                operands,
                [out],
                Region(block),
                [AffineMapAttr(each) for each in maps],
                iterators,
                [out.type],
            )
        )

    def empty(self, shape: Shape, element: Attribute, like: Sequence[SSAValue] = ()) -> SSAValue:
        """A tensor to write to; sizes that only a run knows are those of the operands `like` it."""
        sizes = [self._size(axis - len(shape), like) for axis, size in enumerate(shape) if size < 0]
        wanted = [DYNAMIC_INDEX if size < 0 else size for size in shape]
        return self.insert(tensor.EmptyOp(sizes, TensorType(element, wanted)))

    def _size(self, axis: int, like: Sequence[SSAValue]) -> SSAValue:
        """The size of an axis, counted from the end, of the first operand that does not know it."""
        for operand in like:
            known = _shape(operand)
            if len(known) >= -axis and known[axis] < 0:
                number = IntegerAttr(len(known) + axis, IndexType())
                at = self.insert(arith.ConstantOp(number))
                return self.insert(tensor.DimOp(operand, at))
        raise ValueError("a size is known to no operand")

    def filled(
        self, shape: Shape, bits: int, value: int, like: Sequence[SSAValue] = ()
    ) -> SSAValue:
        """A tensor of one number."""
        out = self.empty(shape, IntegerType(bits), like)
        rank = len(shape)
        return self.generic(
            [],
            out,
            [AffineMap.identity(rank)],
            [IteratorTypeAttr.parallel()] * rank,
            lambda b, _: scalar(b, value, bits),
        )

    def resized(self, value: SSAValue, signed: bool, bits: int) -> SSAValue:
        """Every element in another width."""
        if width_of(value) == bits:
            return value
        return self.elementwise(
            _shape(value), [value], IntegerType(bits), lambda b, v: resize(b, v[0], bits, signed)
        )

    def torch(self, value: SSAValue) -> SSAValue:
        """A builtin tensor as torch's; that which it was made of, if it was."""
        op = value.owner
        if isinstance(op, Operation) and op.name == "torch_c.to_builtin_tensor":
            return op.operands[0]
        return self.insert(from_builtin_tensor(value))

    def builtin(self, value: SSAValue) -> SSAValue:
        """A torch tensor as a builtin one; that which it was made of, if it was."""
        op = value.owner
        if isinstance(op, Operation) and op.name == "torch_c.from_builtin_tensor":
            return op.operands[0]
        return self.insert(to_builtin_tensor(value))

    def moved(
        self, name: str, value: SSAValue, arguments: Sequence[Scalar | Sequence[int]], shape: Shape
    ) -> SSAValue:
        """What a `torch.aten` op makes of integers that it only moves."""
        return self.torch_call(name, value, [self.argument(each) for each in arguments], shape)

    def torch_call(
        self, name: str, value: SSAValue, operands: Sequence[SSAValue], shape: Shape
    ) -> SSAValue:
        """A `torch.aten` op on integers and further operands; the result has the same elements."""
        source = self.torch(value)
        kind = source.type
        assert isinstance(kind, VTensorType)
        result = VTensorType(shape, kind.dtype)
        made = torch_op(f"aten.{name}", [source, *operands], [result])
        return self.builtin(self.insert(made))

    def argument(self, value: Scalar | Sequence[int]) -> SSAValue:
        """A torch constant: a number, a string, or a list of integers."""
        if isinstance(value, Sequence) and not isinstance(value, str):
            numbers = [self.insert(constant(each)) for each in value]
            return self.insert(torch_op("prim.ListConstruct", numbers, [ListType(IntType())]))
        return self.insert(constant(value))


def width_of(value: SSAValue) -> int:
    """Bits of an element of a tensor of integers."""
    element = _element(value)
    assert isa(element, IntegerType)
    return element.width.data


def shape_of_tensor(value: SSAValue) -> Shape:
    """Sizes of a builtin tensor, −1 where dynamic."""
    return _shape(value)


def _shape(value: SSAValue) -> Shape:
    kind = value.type
    assert isa(kind, TensorType[Attribute])
    return tuple(-1 if size == DYNAMIC_INDEX else size for size in kind.get_shape())


def _element(value: SSAValue) -> Attribute:
    kind = value.type
    assert isa(kind, TensorType[Attribute])
    return kind.element_type


def _broadcast_map(shape: Shape, rank: int) -> AffineMap:
    """From the loops of a result to an operand whose axes are its last, or of size 1."""
    first = rank - len(shape)
    results = [
        AffineExpr.constant(0) if size == 1 else AffineExpr.dimension(first + axis)
        for axis, size in enumerate(shape)
    ]
    return AffineMap(rank, 0, tuple(results))
