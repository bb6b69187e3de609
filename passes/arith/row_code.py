"""
Integer code on whole rows: `linalg.generic` that reduces along some axes of a tensor.

A row is what the reduced axes span; what a row has once is a tensor of the other axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from xdsl.builder import Builder
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AffineMapAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    TensorType,
)
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap
from xdsl.rewriter import InsertPoint
from xdsl.utils.hints import isa

from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.pwl.units import Unit
from lut_opt.dialects.quant import element_type
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.arith import integer_code

Predicate = Literal["eq", "slt", "sge", "sgt"]


@dataclass(frozen=True)
class Integers:
    """Signed arithmetic in one width; a right operand may be a Python integer."""

    builder: Builder
    bits: int

    def constant(self, value: int) -> SSAValue:
        """A constant of the width."""
        return integer_code.constant(self.builder, value, self.bits)

    def resize(self, value: SSAValue, signed: bool = True) -> SSAValue:
        """A value of any width in this one."""
        return integer_code.resize(self.builder, value, self.bits, signed)

    def _binary(
        self, kind: type[arith.SignlessIntegerBinaryOperation], a: SSAValue, b: SSAValue | int
    ) -> SSAValue:
        right = self.constant(b) if isinstance(b, int) else b
        return self.builder.insert(kind(a, right)).results[0]

    def add(self, a: SSAValue, b: SSAValue | int) -> SSAValue:
        """a + b"""
        return a if b == 0 else self._binary(arith.AddiOp, a, b)

    def sub(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """a − b"""
        return self._binary(arith.SubiOp, a, b)

    def mul(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """a · b"""
        return self._binary(arith.MuliOp, a, b)

    def max(self, a: SSAValue, b: SSAValue | int) -> SSAValue:
        """The larger."""
        return self._binary(arith.MaxSIOp, a, b)

    def min(self, a: SSAValue, b: SSAValue | int) -> SSAValue:
        """The smaller."""
        return self._binary(arith.MinSIOp, a, b)

    def max_of(self, a: SSAValue, b: SSAValue, signed: bool) -> SSAValue:
        """The larger of two stored integers."""
        return self._binary(arith.MaxSIOp if signed else arith.MaxUIOp, a, b)

    def min_unsigned(self, a: SSAValue, b: SSAValue | int) -> SSAValue:
        """The smaller, both read as unsigned."""
        return self._binary(arith.MinUIOp, a, b)

    def shift_left(self, a: SSAValue, b: SSAValue | int) -> SSAValue:
        """a · 2^b"""
        return a if b == 0 else self._binary(arith.ShLIOp, a, b)

    def shift_right(self, a: SSAValue, b: SSAValue | int) -> SSAValue:
        """⌊a / 2^b⌋"""
        return a if b == 0 else self._binary(arith.ShRSIOp, a, b)

    def shift_right_unsigned(self, a: SSAValue, b: SSAValue | int) -> SSAValue:
        """⌊a / 2^b⌋ of the bits of a read as unsigned."""
        return self._binary(arith.ShRUIOp, a, b)

    def round_shift(self, a: SSAValue, shift: SSAValue) -> SSAValue:
        """⌊a / 2^shift + ½⌋, a itself for a shift of 0."""
        half = self.shift_right_unsigned(self.shift_left(self.constant(1), shift), 1)
        return self.shift_right(self.add(a, half), shift)

    def round_shift_unsigned(self, a: SSAValue, shift: SSAValue) -> SSAValue:
        """⌊a / 2^shift + ½⌋ of the bits of a read as unsigned."""
        half = self.shift_right_unsigned(self.shift_left(self.constant(1), shift), 1)
        return self.shift_right_unsigned(self.add(a, half), shift)

    def leading_zeros(self, a: SSAValue) -> SSAValue:
        """Zeros above the leading one."""
        return self.builder.insert(math.CountLeadingZerosOp(a)).result

    def store(self, a: SSAValue, to: Quantization) -> SSAValue:
        """Clamped to the storage range and cut to its bits."""
        clamped = self.min(self.max(a, to.minimum), to.maximum)
        return integer_code.resize(self.builder, clamped, to.bits)

    def select(
        self, predicate: Predicate, v: SSAValue, bound: int, yes: SSAValue, no: SSAValue
    ) -> SSAValue:
        """`yes` where v compares so with `bound`, else `no`."""
        here = self.builder.insert(arith.CmpiOp(v, self.constant(bound), predicate)).result
        return self.builder.insert(arith.SelectOp(here, yes, no)).result

    def look_up(
        self,
        q: SSAValue,
        table: Table,
        operand: Quantization,
        result: Quantization,
        restricted: bool = False,
    ) -> SSAValue:
        """
        A table's result in this width, for an input of any width.

        `restricted` says that it lies in the storage range of `operand`.
        """
        width = integer_code.register_width(operand.bits)
        narrow = integer_code.resize(self.builder, q, width)
        sides = replace(operand, bits=width), replace(result, bits=self.bits)
        return integer_code.apply_table(self.builder, narrow, table, *sides, "chain", restricted)

    def look_up_in(self, unit: Unit, name: str, q: SSAValue) -> SSAValue:
        """What a table of a unit has for its input, which lies in the part's storage range."""
        part = unit.parts[name]
        return self.look_up(q, unit.tables[name], part.operand, part.result, restricted=True)


Body = Callable[[Integers, Sequence[SSAValue]], list[SSAValue]]
"""Code of one element: arithmetic in the chosen width, one element of each input; the results."""


class Rows:
    """Emits code on the rows of one tensor, which the reduced axes (ascending) span."""

    def __init__(self, builder: Builder, source: SSAValue, reduced: tuple[int, ...]):
        self.builder = builder
        self.source = source
        self.reduced = reduced
        self.shape = self.shape_of(source)
        rank = len(self.shape)
        self._once: set[SSAValue] = set()
        self.kept = tuple(axis for axis in range(rank) if axis not in reduced)

    @staticmethod
    def shape_of(value: SSAValue) -> tuple[int, ...]:
        """Sizes of a ranked tensor."""
        assert isa(value.type, TensorType[Attribute])
        return value.type.get_shape()

    def length(self) -> SSAValue:
        """Elements of a row, i64."""
        i = Integers(self.builder, 64)
        product = i.constant(1)
        for axis in self.reduced:
            size = self.shape[axis]
            if size != DYNAMIC_INDEX:
                product = i.mul(product, i.constant(size))
                continue
            cast = arith.IndexCastOp(self._size(axis), IntegerType(64))
            product = i.mul(product, self.builder.insert(cast).result)
        return product

    def reduce(
        self, inputs: Sequence[SSAValue], initial: Sequence[int], bits: int, body: Body
    ) -> list[SSAValue]:
        """Fold `body(i, (*elements, *accumulators))` along each row."""
        started: list[SSAValue] = []
        for value in initial:
            fill = self._constant(value)
            started += self._generic([], self._empty(self.kept, [bits]), bits, fill, self.kept)
        folded = self._generic(inputs, started, bits, body, self._all, accumulate=True)
        self._once.update(folded)
        return folded

    def once(
        self, inputs: Sequence[SSAValue], widths: Sequence[int], bits: int, body: Body
    ) -> list[SSAValue]:
        """`body(i, elements)` for what each row has once."""
        empty = self._empty(self.kept, widths)
        made = self._generic(inputs, empty, bits, body, self.kept)
        self._once.update(made)
        return made

    def along(
        self, inputs: Sequence[SSAValue], widths: Sequence[int], bits: int, body: Body
    ) -> list[SSAValue]:
        """`body(i, elements)` for what all rows share: inputs and results of one row's shape."""
        empty = self._empty(self.reduced, widths)
        return self._generic(inputs, empty, bits, body, self.reduced)

    def map(
        self, inputs: Sequence[SSAValue], widths: Sequence[int], bits: int, body: Body
    ) -> list[SSAValue]:
        """
        `body(i, elements)` for every element; what rows have once is repeated, and so is what
        has the shape of one row."""
        return self._generic(inputs, self._empty(self._all, widths), bits, body, self._all)

    @property
    def _all(self) -> tuple[int, ...]:
        return tuple(range(len(self.shape)))

    @staticmethod
    def _constant(value: int) -> Body:
        return lambda i, _: [i.constant(value)]

    def _size(self, axis: int) -> SSAValue:
        from xdsl.dialects import tensor

        index = self.builder.insert(arith.ConstantOp(IntegerAttr(axis, IndexType()))).result
        return self.builder.insert(tensor.DimOp(self.source, index)).results[0]

    def _empty(self, axes: Sequence[int], widths: Sequence[int]) -> list[SSAValue]:
        from xdsl.dialects import tensor

        sizes = [self._size(axis) for axis in axes if self.shape[axis] == DYNAMIC_INDEX]
        shape = [self.shape[axis] for axis in axes]
        kinds = [TensorType(IntegerType(bits), shape) for bits in widths]
        return [self.builder.insert(tensor.EmptyOp(sizes, kind)).results[0] for kind in kinds]

    def _axes_of(self, value: SSAValue) -> tuple[int, ...]:
        if value in self._once:
            return self.kept
        return self._all if len(self.shape_of(value)) == len(self.shape) else self.reduced

    def _generic(
        self,
        inputs: Sequence[SSAValue],
        outputs: Sequence[SSAValue],
        bits: int,
        body: Body,
        domain: tuple[int, ...],
        accumulate: bool = False,
    ) -> list[SSAValue]:
        """One `linalg.generic` over the axes `domain`; `accumulate` reduces along each row."""
        from xdsl.dialects.linalg.attrs import IteratorTypeAttr
        from xdsl.dialects.linalg.ops import GenericOp, YieldOp

        block = Block(arg_types=[element_type(value.type) for value in (*inputs, *outputs)])
        inside = Integers(Builder(InsertPoint.at_end(block)), bits)
        arguments = block.args if accumulate else block.args[: len(inputs)]
        inside.builder.insert(YieldOp(*body(inside, arguments)))
        ends = self.kept if accumulate else domain
        maps = [_projection(domain, self._axes_of(value)) for value in inputs]
        maps += [_projection(domain, ends)] * len(outputs)
        iterators = [
            IteratorTypeAttr.parallel() if axis in ends else IteratorTypeAttr.reduction()
            for axis in domain
        ]
        types = [value.type for value in outputs]
        generic = GenericOp(inputs, outputs, Region(block), maps, iterators, types)
        return list(self.builder.insert(generic).results)


def _projection(domain: Sequence[int], axes: Sequence[int]) -> AffineMapAttr:
    """The map from a loop over `domain` to the element of a tensor that has only `axes`."""
    results = tuple(AffineExpr.dimension(domain.index(axis)) for axis in axes)
    return AffineMapAttr(AffineMap(len(domain), 0, results))
