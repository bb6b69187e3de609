"""
A setting for each operator, so that the network is good enough and its tables are small.

Each group of operators is measured alone, with several settings, in the network itself; noise
powers add. Along the lower convex hull of noise over bits, the steps of all groups that take away
the most noise for a bit come first: each prefix of that ladder is the least costly choice for some
error budget (Y. Shoham and A. Gersho, "Efficient bit allocation for an arbitrary set of
quantizers", 1988). The shortest prefix that meets the requirements, measured with all units
together, is the choice; whether it holds on other batches is for them to say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lut_opt.accuracy import Recipe, Requirements, Verdict
from lut_opt.accuracy.checking import Calibrated, as_arrays, figures
from lut_opt.accuracy.metrics import Array
from lut_opt.compiling.candidates import (
    Candidate,
    Group,
    Setting,
    Unit,
    groups,
    pareto,
    tabulated,
    with_settings,
)
from lut_opt.dialects.assembly import Program
from lut_opt.passes.support.progress import progress

SAMPLE = 2
"""Batches that settings are measured on, of those that the calibration has seen."""

Pairs = list[tuple[dict[str, Array], dict[str, Array]]]
"""(reference, result) of each batch."""


@dataclass(frozen=True)
class Ladder:
    """Groups with their candidates, and the steps from the smallest choice to the best."""

    groups: tuple[Group, ...]
    steps: tuple[int, ...]
    """The group that takes its next candidate, step by step."""

    @staticmethod
    def of(groups: Sequence[Group]) -> Ladder:
        """Order the steps of all groups by the noise that a bit takes away, the most first."""
        ordered = sorted(
            (-(a.noise - b.noise) / max(b.bits - a.bits, 1), at, nth)
            for at, group in enumerate(groups)
            for nth, (a, b) in enumerate(
                zip(group.candidates[:-1], group.candidates[1:], strict=True)
            )
        )
        return Ladder(tuple(groups), tuple(at for _, at, _ in ordered))

    def chosen(self, steps: int) -> list[Candidate]:
        """The candidate of each group after so many steps."""
        taken = self.steps[:steps]
        return [group.candidates[taken.count(at)] for at, group in enumerate(self.groups)]

    def settings(self, steps: int) -> dict[int, Setting]:
        """The setting of each operator, by its number."""
        pairs = zip(self.groups, self.chosen(steps), strict=True)
        return {number: each.setting for group, each in pairs for number in group.operators}

    def shortest(self, is_met: Callable[[int], bool]) -> int:
        """The fewest steps that meet a requirement that more steps meet too; else all of them."""
        low, high = 0, len(self.steps)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if is_met(middle) else (middle + 1, high)
        return low


@dataclass(frozen=True)
class Choice:
    """What was chosen."""

    ladder: Ladder
    steps: int
    on_seen: int
    """Steps that were enough on batches that the calibration has seen."""
    looks: int
    """How often held-out batches were looked at: once, and again for each repair."""

    @property
    def candidates(self) -> list[tuple[Group, Candidate]]:
        """Each group with its choice."""
        return list(zip(self.ladder.groups, self.ladder.chosen(self.steps), strict=True))

    @property
    def is_largest(self) -> bool:
        """Whether nothing better could have been chosen."""
        return self.steps == len(self.ladder.steps)


def choose(
    given: Calibrated, recipe: Recipe, requirements: Requirements, ladder: Ladder | None = None
) -> tuple[Program, Choice]:
    """
    The program, not lowered, whose operators declare what was chosen for them.

    Every choice that is taken has been lowered and measured on the held-out batches, on integers.
    """
    from lut_opt.frontends.torch.evaluator import Evaluator

    made = tabulated(given.program, recipe)
    base = list(made.values())[-1]
    evaluator = Evaluator(base)
    batches = [given.seen[i] for i in _spread(len(given.seen), SAMPLE)]
    measure = _Measure(given, evaluator, batches)
    ladder = Ladder.of(measure.alone(groups(made, base)))
    given.clock.stop("sensitivity")

    def is_met_on_seen(steps: int) -> bool:
        return _all_met(measure.together(_units(ladder.chosen(steps))), requirements)

    first = ladder.shortest(is_met_on_seen)
    steps, further, looks = first, 1, 0
    while True:
        program = with_settings(given.program, ladder.settings(steps))
        looks += 1
        if steps == len(ladder.steps) or _is_met(given, program, recipe, requirements):
            given.clock.stop("choice")
            return program, Choice(ladder, steps, first, looks)
        steps, further = min(steps + further, len(ladder.steps)), 2 * further


def _is_met(
    given: Calibrated, program: Program, recipe: Recipe, requirements: Requirements
) -> bool:
    """Whether the program, lowered by itself, is good enough on the held-out batches."""
    from lut_opt.accuracy.checking import tabulated as lowered
    from lut_opt.frontends.torch.evaluator import Evaluator

    evaluator = Evaluator(lowered(program, recipe))
    pairs = _Measure(given, evaluator, given.held).together({u: u for u in evaluator.units})
    return _all_met(pairs, requirements)


def _all_met(pairs: Pairs, requirements: Requirements) -> bool:
    verdicts: tuple[Verdict, ...] = requirements.verdicts(figures(pairs), pairs)
    return all(verdict.met for verdict in verdicts)


def _units(chosen: Sequence[Candidate]) -> dict[Unit, Unit]:
    return {unit: own for each in chosen for unit, own in each.units.items()}


def _spread(count: int, most: int) -> list[int]:
    """Up to so many indices, evenly spread, the last among them."""
    return sorted({count - 1 - i * count // most for i in range(min(count, most))})


class _Measure:
    """A program with tables, evaluated on some batches."""

    def __init__(self, given: Calibrated, evaluator: Any, batches: Sequence[Any]) -> None:
        self._evaluator = evaluator
        self._inputs = [given.reference.tensors(batch) for batch in batches]
        self._wanted = [as_arrays(given.reference.run(batch)) for batch in batches]

    def together(self, units: Mapping[Unit, Unit]) -> Pairs:
        """What the network gives with these units on integers, beside PyTorch's."""
        return [
            (wanted, self._named(self._evaluator.outputs(self._evaluator.run_with(inputs, units))))
            for inputs, wanted in zip(self._inputs, self._wanted, strict=True)
        ]

    def alone(self, groups: Sequence[Group]) -> list[Group]:
        """The groups with the noise of each candidate in the network, the hull of them only."""
        values = [self._evaluator.run(inputs) for inputs in self._inputs]
        exact = [self._named(self._evaluator.outputs(each)) for each in values]
        found: list[Group] = []
        for group in progress(groups, "sensitivity"):
            own = [
                replace(each, noise=sum(self._evaluator.noise(v, *p) for v in values for p in
                                        each.units.items()))
                for each in group.candidates
            ]  # fmt: skip
            # Noise of the operator's own results says which settings are worth a run.
            measured = [
                replace(each, noise=self._noise(each, values, exact)) for each in pareto(own)
            ]
            if hull := pareto(measured):
                found.append(replace(group, candidates=hull))
        return found

    def _noise(
        self, candidate: Candidate, values: Sequence[Any], exact: Sequence[dict[str, Array]]
    ) -> float:
        """Noise over signal of the worst output, one group on integers and the rest real."""
        noise, signal = dict.fromkeys(exact[0], 0.0), dict.fromkeys(exact[0], 0.0)
        for each, wanted in zip(values, exact, strict=True):
            given = self._named(self._evaluator.instead(each, candidate.units))
            for name, y in wanted.items():
                if np.issubdtype(y.dtype, np.floating):
                    a, b = y.astype(np.float64), given[name].astype(np.float64)
                    usual = np.isfinite(a)
                    noise[name] += float(np.square(a - b)[usual].sum())
                    signal[name] += float(np.square(a)[usual].sum())
        return max(_ratio(noise[name], signal[name]) for name in noise)

    def _named(self, outputs: Sequence[Any]) -> dict[str, Array]:
        return as_arrays(dict(zip(self._wanted[0], outputs, strict=True)))


def _ratio(noise: float, signal: float) -> float:
    if math.isnan(noise):
        return math.inf
    return noise / signal if signal > 0 else (0.0 if noise == 0 else math.inf)
