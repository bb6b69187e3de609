"""
`linalg.generic` over loops, whose code may also read tensors at places that it computes.

    loops = Loops(builder)
    y = loops.run("ppr", [(x, "02"), (w, "12")], (start, "01"), code)

The first word has a letter for each loop, `p` parallel or `r` reduced; the second of a pair says
which loops walk through the axes of a tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AffineMapAttr,
    ArrayAttr,
    DenseIntOrFPElementsAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap
from xdsl.rewriter import InsertPoint
from xdsl.utils.hints import isa

from lut_opt.dialects.quant import element_type
from lut_opt.dialects.quantization import Integers as IntegerArray
from lut_opt.passes.arith.row_code import Integers

Walked = tuple[SSAValue, Sequence[int]]
"""A tensor, and the loop of each of its axes."""

Code = Callable[["Inside", Sequence[SSAValue]], SSAValue]
"""Of one step: the elements of inputs and output there; what the output becomes."""


class Inside:
    """Emits the code of one step of the loops."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder

    def width(self, bits: int) -> Integers:
        """Arithmetic in a width."""
        return Integers(self.builder, bits)

    def loop(self, number: int) -> SSAValue:
        """Where a loop is: an index."""
        from xdsl.dialects.linalg.ops import IndexOp

        return self.builder.insert(IndexOp(number)).result

    def index(self, value: SSAValue | int) -> SSAValue:
        """A number as an index."""
        if isinstance(value, int):
            return self.builder.insert(arith.ConstantOp(IntegerAttr(value, IndexType()))).result
        return self.builder.insert(arith.IndexCastOp(value, IndexType())).result

    def read(self, tensor: SSAValue, places: Sequence[SSAValue]) -> SSAValue:
        """The element of a tensor at some indices."""
        from xdsl.dialects.tensor import ExtractOp

        return self.builder.insert(ExtractOp(tensor, places, element_type(tensor.type))).result

    def compare(self, predicate: str, left: SSAValue, right: SSAValue) -> SSAValue:
        """A comparison of two integers, i1."""
        return self.builder.insert(arith.CmpiOp(left, right, predicate)).result

    def bitwise(
        self,
        kind: type[arith.SignlessIntegerBinaryOperation],
        left: SSAValue,
        right: SSAValue,
    ) -> SSAValue:
        """`arith.andi`, `ori` or `xori`."""
        return self.builder.insert(kind(left, right)).results[0]


class Loops:
    """Emits loops and what they work on at a builder."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder

    def constant(self, values: IntegerArray, bits: int) -> SSAValue:
        """A constant tensor; values wrap into their width."""
        half = 1 << (bits - 1)
        kind = TensorType(IntegerType(bits), values.shape)
        wrapped = (
            values.astype(np.int64)
            if bits == 64
            else (values.astype(np.int64) + half) % (2 * half) - half
        )
        flat: list[int] = wrapped.reshape(-1).tolist()
        attribute = DenseIntOrFPElementsAttr.from_list(kind, flat)
        return self.builder.insert(arith.ConstantOp(attribute)).result

    def empty(self, shape: Sequence[int], bits: int, like: SSAValue | None = None) -> SSAValue:
        """A tensor of anything; dynamic sizes are those of the same axes of `like`."""
        from xdsl.dialects import tensor

        sizes: list[SSAValue] = []
        for axis, size in enumerate(shape):
            if size == DYNAMIC_INDEX:
                assert like is not None
                index = self.builder.insert(arith.ConstantOp(IntegerAttr(axis, IndexType())))
                sizes.append(self.builder.insert(tensor.DimOp(like, index.result)).results[0])
        kind = TensorType(IntegerType(bits), shape)
        return self.builder.insert(tensor.EmptyOp(sizes, kind)).results[0]

    def run(self, kinds: str, inputs: Sequence[Walked], output: Walked, code: Code) -> SSAValue:
        """The output tensor after all steps."""
        from xdsl.dialects.linalg.attrs import IteratorTypeAttr
        from xdsl.dialects.linalg.ops import GenericOp, YieldOp

        walked = (*inputs, output)
        block = Block(arg_types=[element_type(value.type) for value, _ in walked])
        inside = Inside(Builder(InsertPoint.at_end(block)))
        inside.builder.insert(YieldOp(code(inside, block.args)))
        maps = [
            AffineMapAttr(AffineMap(len(kinds), 0, tuple(map(AffineExpr.dimension, axes))))
            for _, axes in walked
        ]
        iterators = [
            IteratorTypeAttr.parallel() if kind == "p" else IteratorTypeAttr.reduction()
            for kind in kinds
        ]
        values = [value for value, _ in inputs]
        generic = GenericOp(values, [output[0]], Region(block), maps, iterators, [output[0].type])
        return self.builder.insert(generic).results[0]

    def collapse(self, value: SSAValue, count: int) -> SSAValue:
        """The first axes, all of known sizes, as one."""
        from xdsl.dialects.tensor import CollapseShapeOp

        shape = shape_of(value)
        if count == 1:
            return value
        kind = TensorType(element_type(value.type), (math.prod(shape[:count]), *shape[count:]))
        op = CollapseShapeOp.build(
            operands=[value],
            result_types=[kind],
            properties={"reassociation": _groups(count, len(shape) - count)},
        )
        return self.builder.insert(op).result

    def expand(self, value: SSAValue, sizes: Sequence[int]) -> SSAValue:
        """The first axis as several."""
        from xdsl.dialects.tensor import ExpandShapeOp

        rest = shape_of(value)[1:]
        if len(sizes) == 1:
            return value
        shape = (*sizes, *rest)
        kind = TensorType(element_type(value.type), shape)
        op = ExpandShapeOp(value, [], _groups(len(sizes), len(rest)), shape, kind)
        return self.builder.insert(op).result

    def first(self, value: SSAValue, count: int) -> SSAValue:
        """The first rows of a tensor."""
        from xdsl.dialects.tensor import ExtractSliceOp

        sizes = (count, *shape_of(value)[1:])
        ones = [1] * len(sizes)
        op = ExtractSliceOp.from_static_parameters(value, [0] * len(sizes), sizes, ones)
        return self.builder.insert(op).result


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """Sizes of a ranked tensor."""
    assert isa(value.type, TensorType[Attribute])
    return value.type.get_shape()


def _groups(count: int, others: int) -> ArrayAttr[ArrayAttr[IntegerAttr]]:
    """The first axes together, each of the others alone."""
    groups = [list(range(count)), *([count + axis] for axis in range(others))]
    return ArrayAttr([ArrayAttr([IntegerAttr(axis, i64) for axis in group]) for group in groups])
