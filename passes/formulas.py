"""The functions of the registry written out in `arith` and `math`, on scalars."""

from __future__ import annotations

import math as numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, math
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


Formula = Callable[[Term, Sequence[float]], Term]
"""Of x and the parameters."""


def _op(kind: type[Operation]) -> Formula:
    return lambda x, _: x.emit(kind)


def _relu(x: Term) -> Term:
    return x.at_least(0.0)


def _gelu(x: Term) -> Term:
    return x * 0.5 * ((x / numbers.sqrt(2.0)).emit(math.ErfOp) + 1.0)


def _gelu_tanh(x: Term) -> Term:
    inner = (x * x * x * 0.044715 + x) * numbers.sqrt(2.0 / numbers.pi)
    return x * 0.5 * (inner.emit(math.TanhOp) + 1.0)


def _sigmoid(x: Term) -> Term:
    return x.number(1.0) / ((-x).emit(math.ExpOp) + 1.0)


def _silu(x: Term) -> Term:
    return x / ((-x).emit(math.ExpOp) + 1.0)


def _smooth_relu(x: Term) -> Term:
    # log(1 + exp x) without overflow
    return (-x.emit(math.AbsFOp)).emit(math.ExpOp).emit(math.Log1pOp) + _relu(x)


def _softplus(x: Term, beta: float, threshold: float) -> Term:
    z = x * beta
    return z.compare("ogt", threshold).select(x, _smooth_relu(z) / beta)


def _hard_sigmoid(x: Term) -> Term:
    return _relu(x + 3.0).at_most(6.0) / 6.0


def _elu(x: Term, alpha: float, scale: float, input_scale: float) -> Term:
    negative = (x.at_most(0.0) * input_scale).emit(math.ExpM1Op) * alpha
    return x.compare("ogt", 0.0).select(x, negative) * scale


def _logit(x: Term, epsilon: float) -> Term:
    inside = x.at_least(epsilon).at_most(1.0 - epsilon) if epsilon else x
    return (inside / (x.number(1.0) - inside)).emit(math.LogOp)


FORMULAS: dict[str, Formula] = {
    "gelu": lambda x, _: _gelu(x),
    "gelu_tanh": lambda x, _: _gelu_tanh(x),
    "quick_gelu": lambda x, _: x / ((x * -1.702).emit(math.ExpOp) + 1.0),
    "silu": lambda x, _: _silu(x),
    "hardswish": lambda x, _: x * _hard_sigmoid(x),
    "hardsigmoid": lambda x, _: _hard_sigmoid(x),
    "sigmoid": lambda x, _: _sigmoid(x),
    "tanh": _op(math.TanhOp),
    "erf": _op(math.ErfOp),
    "erfc": lambda x, _: x.number(1.0) - x.emit(math.ErfOp),
    "exp": _op(math.ExpOp),
    "exp2": _op(math.Exp2Op),
    "expm1": _op(math.ExpM1Op),
    "log": _op(math.LogOp),
    "log2": _op(math.Log2Op),
    "log10": _op(math.Log10Op),
    "log1p": _op(math.Log1pOp),
    "log_sigmoid": lambda x, _: -_smooth_relu(-x),
    "logit": lambda x, p: _logit(x, p[0]),
    "exponential": lambda x, p: x.number(p[0]).emit(math.PowFOp, x),
    "softplus": lambda x, p: _softplus(x, p[0], p[1]),
    "mish": lambda x, _: x * _smooth_relu(x).emit(math.TanhOp),
    "elu": lambda x, p: _elu(x, p[0], p[1], p[2]),
    "selu": lambda x, _: _elu(x, 1.6732632423543772, 1.0507009873554805, 1.0),
    "celu": lambda x, p: _elu(x, p[0], 1.0, 1.0 / p[0]),
    "leaky_relu": lambda x, p: x.compare("ogt", 0.0).select(x, x * p[0]),
    "softsign": lambda x, _: x / (x.emit(math.AbsFOp) + 1.0),
    "sin": _op(math.SinOp),
    "cos": _op(math.CosOp),
    "cos_turns": lambda x, _: (x * (2.0 * numbers.pi)).emit(math.CosOp),
    "tan": _op(math.TanOp),
    "sinh": _op(math.SinhOp),
    "cosh": _op(math.CoshOp),
    "asin": _op(math.AsinOp),
    "acos": _op(math.AcosOp),
    "atan": _op(math.AtanOp),
    "asinh": _op(math.AsinhOp),
    "acosh": _op(math.AcoshOp),
    "atanh": _op(math.AtanhOp),
    "sqrt": _op(math.SqrtOp),
    "rsqrt": _op(math.RsqrtOp),
    "reciprocal": lambda x, _: x.number(1.0) / x,
    "square": lambda x, _: x * x,
    "relu2": lambda x, _: _relu(x) * _relu(x),
    "pow": lambda x, p: x.emit(math.PowFOp, p[0]),
}
"""By the registry's names, of x and the parameters; equal to the registry up to rounding."""
