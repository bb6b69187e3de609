"""The cheap element-wise ops of torch in `arith` and `math`, on scalars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lut_opt.passes.fuse.terms import Term

Formula = Callable[[Sequence[Term], Sequence[Any]], Term]
"""Of the tensors and of the constants after them."""


def _bounded(x: Term, low: float | None, high: float | None) -> Term:
    x = x if low is None else x.at_least(low)
    return x if high is None else x.at_most(high)


def _scaled(y: Term | float, alpha: float) -> Term | float:
    return y if alpha == 1 else y * alpha


def _comparison(predicate: str) -> dict[str, tuple[int, Formula]]:
    name = predicate[1:]
    return {
        f"aten.{name}.Scalar": (1, lambda x, c: x[0].compare(predicate, float(c[0]))),
        f"aten.{name}.Tensor": (2, lambda x, _: x[0].compare(predicate, x[1])),
    }


COMPARISONS: dict[str, tuple[int, Formula]] = {
    name: rule
    for predicate in ("ogt", "oge", "olt", "ole", "oeq", "une")
    for name, rule in _comparison(predicate).items()
}

TORCH_FORMULAS: dict[str, tuple[int, Formula]] = {
    "aten.add.Tensor": (2, lambda x, c: x[0] + _scaled(x[1], c[0])),
    "aten.add.Scalar": (1, lambda x, c: x[0] + _scaled(c[0], c[1])),
    "aten.sub.Tensor": (2, lambda x, c: x[0] - _scaled(x[1], c[0])),
    "aten.sub.Scalar": (1, lambda x, c: x[0] - _scaled(c[0], c[1])),
    "aten.rsub.Scalar": (1, lambda x, c: x[0].number(c[0]) - x[0] * c[1]),
    "aten.mul.Tensor": (2, lambda x, _: x[0] * x[1]),
    "aten.mul.Scalar": (1, lambda x, c: x[0] * c[0]),
    "aten.div.Tensor": (2, lambda x, _: x[0] / x[1]),
    "aten.div.Scalar": (1, lambda x, c: x[0] / c[0]),
    "aten.neg": (1, lambda x, _: -x[0]),
    "aten.abs": (1, lambda x, _: x[0].abs()),
    "aten.relu": (1, lambda x, _: x[0].at_least(0.0)),
    "aten.relu6": (1, lambda x, _: _bounded(x[0], 0.0, 6.0)),
    "aten.hardtanh": (1, lambda x, c: _bounded(x[0], c[0], c[1])),
    "aten.clamp": (1, lambda x, c: _bounded(x[0], c[0], c[1])),
    "aten.clamp_min": (1, lambda x, c: _bounded(x[0], c[0], None)),
    "aten.clamp_max": (1, lambda x, c: _bounded(x[0], None, c[0])),
    "aten.maximum": (2, lambda x, _: x[0].at_least(x[1])),
    "aten.minimum": (2, lambda x, _: x[0].at_most(x[1])),
    "aten.where.self": (3, lambda x, _: x[0].select(x[1], x[2])),
    "aten.where.ScalarOther": (2, lambda x, c: x[0].select(x[1], c[0])),
    **COMPARISONS,
    "aten.detach": (1, lambda x, _: x[0]),
    "aten.clone": (1, lambda x, _: x[0]),
    "aten.dropout": (1, lambda x, _: x[0]),
    "prims.convert_element_type": (1, lambda x, _: x[0]),
}
"""How many leading operands are tensors, and the formula of all operands."""
