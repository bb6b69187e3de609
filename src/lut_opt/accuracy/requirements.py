"""
What a network's accuracy must be: `cosine >= 0.999`, `sqnr >= 30 and error <= 0.1`, a function.

    requirement = condition, { ("," | "and"), condition }
    condition   = metric, (">=" | ">" | "<=" | "<"), number, [ "dB" | "%" ]
    metric      = "cosine" | "worst_cosine" | "sqnr" | "error" | "agreement"

Where a model has several outputs, each must meet the condition.
"""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from lut_opt.accuracy.metrics import HIGHER_IS_BETTER, Array, Figures, worst

Judge = Callable[[Any, Any], Any]
"""
A function of reference and result: arrays, or mappings of them by name where the model has several
outputs; what the batches gave is joined along the first axis. It answers whether the result is good
enough, or with a number: by how much, negative where it is not.
"""

Require = str | Judge | list[Any] | tuple[Any, ...]
"""One requirement, or several."""

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
_CONDITION = re.compile(r"\s*([\w-]+)\s*(>=|<=|>|<)\s*(\S+?)\s*(dB|%)?\s*", re.IGNORECASE)
_LARGEST = {"cosine": 1.0, "worst_cosine": 1.0, "agreement": 1.0}
_EXAMPLES = '"cosine >= 0.999", "sqnr >= 30", "error <= 0.1" or "agreement >= 99%"'


class RequirementError(ValueError):
    """A requirement that cannot be read, or that nothing can meet."""


@dataclass(frozen=True)
class Verdict:
    """Whether a requirement is met, and the value that says so: of the worst output."""

    requirement: str
    met: bool
    value: float | None
    shortfall: float = 0.0
    """How far it is from being met, in the units of the value; 1 where there is only a no."""


@dataclass(frozen=True)
class Condition:
    """A bound of one metric."""

    metric: str
    sign: str
    bound: float

    def __str__(self) -> str:
        return f"{self.metric} {self.sign} {self.bound:g}"

    def verdict(self, outputs: Mapping[str, Figures]) -> Verdict:
        """Judge measured outputs. `RequirementError` where none of them has the metric."""
        value = worst(outputs, self.metric)
        if value is None:
            raise RequirementError(
                f"`{self}`: no output of the model has the metric {self.metric}; it is known of "
                + ("more than one class" if self.metric == "agreement" else "floats")
            )
        met = _COMPARE[self.sign](value, self.bound)
        return Verdict(str(self), met, value, 0.0 if met else abs(value - self.bound))


def parse(text: str) -> tuple[Condition, ...]:
    """Read a requirement. `RequirementError` says what about it cannot be read."""
    return tuple(_condition(part) for part in re.split(r",|\band\b", text))


def _condition(text: str) -> Condition:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise RequirementError(f"`{text.strip()}` cannot be read; it must look like {_EXAMPLES}")
    name, sign, number, unit = found.groups()
    metric = name.lower().replace("-", "_")
    if metric not in HIGHER_IS_BETTER:
        near = difflib.get_close_matches(metric, HIGHER_IS_BETTER, 1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise RequirementError(
            f"`{text.strip()}`: there is no metric `{name}`; {meant}there are "
            + ", ".join(HIGHER_IS_BETTER)
        )
    try:
        bound = float(number)
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise RequirementError(f"`{text.strip()}`: `{number}` is not a number")
    return _checked(Condition(metric, sign, bound / 100 if unit == "%" else bound), unit)


def _checked(condition: Condition, unit: str | None) -> Condition:
    metric, sign = condition.metric, condition.sign
    if HIGHER_IS_BETTER[metric] != (sign[0] == ">"):
        way = "at least (>=)" if HIGHER_IS_BETTER[metric] else "at most (<=)"
        raise RequirementError(f"`{condition}`: a good {metric} is {way} some number")
    if unit == "%" and metric not in _LARGEST:
        raise RequirementError(f"`{condition}`: {metric} is no share, so that it has no %")
    if unit and unit.lower() == "db" and metric != "sqnr":
        raise RequirementError(f"`{condition}`: only sqnr is in decibels")
    largest = _LARGEST.get(metric, math.inf)
    if condition.bound > largest or (sign == ">" and condition.bound == largest):
        raise RequirementError(f"`{condition}` can never be met: {metric} is at most {largest:g}")
    if metric == "error" and condition.bound < 0:
        raise RequirementError(f"`{condition}` can never be met: error is at least 0")
    return condition


@dataclass(frozen=True)
class Requirements:
    """All that is required: conditions on figures, and functions of the arrays themselves."""

    conditions: tuple[Condition, ...] = ()
    judges: tuple[Judge, ...] = ()

    @staticmethod
    def of(require: Require | None) -> Requirements:
        """Read what a caller requires. `RequirementError` for what cannot be read."""
        parts = [] if require is None else [require]
        if isinstance(require, list | tuple):
            parts = list(cast(Sequence[Any], require))
        conditions: list[Condition] = []
        judges: list[Judge] = []
        for part in parts:
            if isinstance(part, str):
                conditions += parse(part)
            elif callable(part):
                judges.append(cast(Judge, part))
            else:
                raise RequirementError(
                    f"{part!r} is no requirement; give text such as {_EXAMPLES}, or a function of "
                    "(reference, result)"
                )
        return Requirements(tuple(conditions), tuple(judges))

    def verdicts(
        self,
        outputs: Mapping[str, Figures],
        pairs: Sequence[tuple[Mapping[str, Array], Mapping[str, Array]]],
    ) -> tuple[Verdict, ...]:
        """Judge figures, and what the batches gave: (reference, result) of each."""
        found = [condition.verdict(outputs) for condition in self.conditions]
        for judge in self.judges:
            answer = judge(*(_joined([pair[side] for pair in pairs]) for side in (0, 1)))
            found.append(_answered(judge, answer))
        return tuple(found)


def _joined(batches: Sequence[Mapping[str, Array]]) -> Any:
    joined: dict[str, Array] = {}
    for name in batches[0]:
        arrays = [np.atleast_1d(batch[name]) for batch in batches]
        try:
            joined[name] = np.concatenate(arrays)
        except ValueError as error:
            raise RequirementError(
                f"a function is required, but output `{name}` has another shape in each batch "
                f"({arrays[0].shape}, …): give batches of one shape"
            ) from error
    return joined if len(joined) > 1 else next(iter(joined.values()))


def _answered(judge: Judge, answer: Any) -> Verdict:
    name = getattr(judge, "__name__", type(judge).__name__)
    try:
        value = np.asarray(answer).reshape(()).item()
    except (TypeError, ValueError):
        value = None
    if isinstance(value, bool):
        return Verdict(name, value, None, 0.0 if value else 1.0)
    if not isinstance(value, int | float) or math.isnan(value):
        raise RequirementError(
            f"`{name}` answers {answer!r}; a function of (reference, result) must give True or "
            "False, or a number: by how much the result is good enough"
        )
    return Verdict(name, value >= 0, float(value), max(0.0, -float(value)))
