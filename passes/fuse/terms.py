"""Scalar code as Python expressions: operators on terms append ops of `arith` and `math`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, FloatAttr, i1
from xdsl.ir import Attribute, Block, Operation, SSAValue

Affine = tuple[float, float]
"""(a, b) of a value that is a·x + b."""


@dataclass(frozen=True)
class Term:
    """
    A scalar in the body of a function of x; Python's operators append ops to the body.

    `affine` is known for constants and for what additions, and products and quotients with
    constants, make of x.
    """

    value: SSAValue
    block: Block
    affine: Affine | None = None

    @staticmethod
    def argument(block: Block) -> Term:
        """The argument x of a body."""
        return Term(block.args[0], block, (1.0, 0.0))

    def number(self, value: float) -> Term:
        """A constant of the body."""
        kind = self.block.args[0].type
        assert isinstance(kind, AnyFloat)
        op = arith.ConstantOp(FloatAttr(value, kind))
        self.block.add_op(op)
        return Term(op.result, self.block, (0.0, float(value)))

    def emit(
        self,
        kind: type[Operation],
        *others: Term | float,
        properties: Mapping[str, Attribute] = {},
        result: Attribute | None = None,
        affine: Affine | None = None,
    ) -> Term:
        """Append an op on this and other terms."""
        terms = [self, *(self._term(other) for other in others)]
        op = kind.create(
            operands=[term.value for term in terms],
            result_types=[result or self.block.args[0].type],
            properties=properties,
        )
        self.block.add_op(op)
        return Term(op.results[0], self.block, affine)

    def __add__(self, other: Term | float) -> Term:
        if other == 0.0:
            return self
        other, affine = self._term(other), None
        if self.affine and other.affine:
            affine = self.affine[0] + other.affine[0], self.affine[1] + other.affine[1]
        return self.emit(arith.AddfOp, other, affine=affine)

    def __sub__(self, other: Term | float) -> Term:
        if other == 0.0:
            return self
        other, affine = self._term(other), None
        if self.affine and other.affine:
            affine = self.affine[0] - other.affine[0], self.affine[1] - other.affine[1]
        return self.emit(arith.SubfOp, other, affine=affine)

    def __mul__(self, other: Term | float) -> Term:
        if other == 1.0:
            return self
        other = self._term(other)
        return self.emit(arith.MulfOp, other, affine=_product(self.affine, other.affine))

    def __truediv__(self, other: Term | float) -> Term:
        if other == 1.0:
            return self
        other = self._term(other)
        divisor = other.affine
        inverse = (0.0, 1.0 / divisor[1]) if divisor and not divisor[0] and divisor[1] else None
        return self.emit(arith.DivfOp, other, affine=_product(self.affine, inverse))

    def __neg__(self) -> Term:
        return self.emit(arith.NegfOp, affine=_product(self.affine, (0.0, -1.0)))

    def at_least(self, low: Term | float) -> Term:
        """The larger of two."""
        return self.emit(arith.MaximumfOp, low)

    def at_most(self, high: Term | float) -> Term:
        """The smaller of two."""
        return self.emit(arith.MinimumfOp, high)

    def compare(self, predicate: str, other: Term | float) -> Term:
        """An i1, by MLIR's name of the predicate."""
        other = self._term(other)
        op = arith.CmpfOp(self.value, other.value, predicate)
        self.block.add_op(op)
        return Term(op.results[0], self.block)

    def select(self, yes: Term | float, no: Term | float) -> Term:
        """This i1's choice of two."""
        return self.emit(arith.SelectOp, yes, no)

    def as_float(self) -> Term:
        """An i1 as 1 or 0."""
        return self.select(1.0, 0.0) if self.value.type == i1 else self

    def _term(self, other: Term | float) -> Term:
        return other if isinstance(other, Term) else self.number(other)


def _product(left: Affine | None, right: Affine | None) -> Affine | None:
    if left is None or right is None or (left[0] and right[0]):
        return None
    return left[0] * right[1] + left[1] * right[0], left[1] * right[1]
