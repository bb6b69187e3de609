"""The cheap element-wise ops of StableHLO and TOSA in `arith` and `math`, on scalars."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from xdsl.dialects.builtin import FloatAttr
from xdsl.ir import Operation

from lut_opt.dialects.foreign import OwnSyntaxOp
from lut_opt.passes.fuse.terms import Term
from lut_opt.passes.recognize.names import operator_name

Formula = Callable[[Sequence[Term]], Term]

_SUMS: dict[str, tuple[int, Formula]] = {
    **dict.fromkeys(("stablehlo.add", "tosa.add"), (2, lambda x: x[0] + x[1])),
    **dict.fromkeys(("stablehlo.subtract", "tosa.sub"), (2, lambda x: x[0] - x[1])),
    **dict.fromkeys(("stablehlo.maximum", "tosa.maximum"), (2, lambda x: x[0].at_least(x[1]))),
    **dict.fromkeys(("stablehlo.minimum", "tosa.minimum"), (2, lambda x: x[0].at_most(x[1]))),
    "stablehlo.clamp": (3, lambda x: x[1].at_least(x[0]).at_most(x[2])),
}

_FORMULAS: dict[str, tuple[int, Formula]] = {
    **_SUMS,
    **dict.fromkeys(("stablehlo.multiply", "tosa.mul"), (2, lambda x: x[0] * x[1])),
    **dict.fromkeys(("stablehlo.negate", "tosa.negate"), (1, lambda x: -x[0])),
    **dict.fromkeys(("stablehlo.abs", "tosa.abs"), (1, lambda x: x[0].abs())),
    **dict.fromkeys(("stablehlo.select", "tosa.select"), (3, lambda x: x[0].select(x[1], x[2]))),
    "stablehlo.divide": (2, lambda x: x[0] / x[1]),
    "tosa.greater": (2, lambda x: x[0].compare("ogt", x[1])),
    "tosa.greater_equal": (2, lambda x: x[0].compare("oge", x[1])),
    "tosa.equal": (2, lambda x: x[0].compare("oeq", x[1])),
}
"""How many leading operands are tensors, and the formula of them."""

_DIRECTIONS = {"GT": "ogt", "GE": "oge", "LT": "olt", "LE": "ole", "EQ": "oeq", "NE": "une"}

FOREIGN_SUMS = frozenset(_SUMS)
"""Ops of two tensors that cost no more than those of one."""


def foreign_formula(op: Operation) -> tuple[int, Formula] | None:
    """How many leading operands of an op are tensors, and its formula; None for any other op."""
    name = operator_name(op)
    if name == "stablehlo.compare":
        return _comparison(op)
    return _clamp(op) if name == "tosa.clamp" else _FORMULAS.get(name)


def _comparison(op: Operation) -> tuple[int, Formula] | None:
    found = re.match(r"([A-Z]+),", op.syntax) if isinstance(op, OwnSyntaxOp) else None
    predicate = _DIRECTIONS.get(found[1]) if found else None
    return None if predicate is None else (2, lambda x: x[0].compare(predicate, x[1]))


def _clamp(op: Operation) -> tuple[int, Formula] | None:
    low, high = ((op.properties | op.attributes).get(key) for key in ("min_val", "max_val"))
    if not isinstance(low, FloatAttr) or not isinstance(high, FloatAttr):
        return None
    bounds = low.value.data, high.value.data
    return 1, lambda x: x[0].at_least(bounds[0]).at_most(bounds[1])
