"""Formulas as code: operators on terms append ops of `arith` and `math`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import AnyFloat, FloatAttr, i1
from xdsl.ir import Attribute, Block, Operation, SSAValue

from lut_opt.dialects.pwl.functions import Scalar

Affine = tuple[float, float]
"""(a, b) of a value that is a·x + b."""


_MATH = {op.name: op for op in math.Math.operations}


@dataclass(frozen=True)
class Term(Scalar):
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
        kind = self.block.args[0].type
        assert isinstance(kind, AnyFloat)
        op = arith.ConstantOp(FloatAttr(value, kind))
        self.block.add_op(op)
        return Term(op.result, self.block, (0.0, float(value)))

    def emit(
        self,
        kind: type[Operation],
        *others: Scalar | float,
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

    def call(self, name: str, *others: Scalar | float) -> Term:
        return self.emit(_MATH[f"math.{name}"], *others)

    def __add__(self, other: Scalar | float) -> Term:
        if other == 0.0:
            return self
        term, affine = self._term(other), None
        if self.affine and term.affine:
            affine = self.affine[0] + term.affine[0], self.affine[1] + term.affine[1]
        return self.emit(arith.AddfOp, term, affine=affine)

    def __sub__(self, other: Scalar | float) -> Term:
        if other == 0.0:
            return self
        term, affine = self._term(other), None
        if self.affine and term.affine:
            affine = self.affine[0] - term.affine[0], self.affine[1] - term.affine[1]
        return self.emit(arith.SubfOp, term, affine=affine)

    def __mul__(self, other: Scalar | float) -> Term:
        if other == 1.0:
            return self
        term = self._term(other)
        return self.emit(arith.MulfOp, term, affine=_product(self.affine, term.affine))

    def __truediv__(self, other: Scalar | float) -> Term:
        if other == 1.0:
            return self
        term = self._term(other)
        divisor = term.affine
        inverse = (0.0, 1.0 / divisor[1]) if divisor and not divisor[0] and divisor[1] else None
        return self.emit(arith.DivfOp, term, affine=_product(self.affine, inverse))

    def __neg__(self) -> Term:
        return self.emit(arith.NegfOp, affine=_product(self.affine, (0.0, -1.0)))

    def at_least(self, low: Scalar | float) -> Term:
        return self.emit(arith.MaximumfOp, low)

    def at_most(self, high: Scalar | float) -> Term:
        return self.emit(arith.MinimumfOp, high)

    def compare(self, predicate: str, other: Scalar | float) -> Term:
        op = arith.CmpfOp(self.value, self._term(other).value, predicate)
        self.block.add_op(op)
        return Term(op.results[0], self.block)

    def select(self, yes: Scalar | float, no: Scalar | float) -> Term:
        return self.emit(arith.SelectOp, yes, no)

    def as_float(self) -> Term:
        """An i1 as 1 or 0."""
        return self.select(1.0, 0.0) if self.value.type == i1 else self

    def _term(self, other: Scalar | float) -> Term:
        if isinstance(other, Scalar):
            assert isinstance(other, Term), "one formula, one kind of scalar"
            return other
        return self.number(other)


def _product(left: Affine | None, right: Affine | None) -> Affine | None:
    if left is None or right is None or (left[0] and right[0]):
        return None
    return left[0] * right[1] + left[1] * right[0], left[1] * right[1]
