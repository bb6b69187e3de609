"""
A setting for each operator, so that the network is good enough and its tables are small.

Each group of operators is measured alone, with several settings, in the network itself; noise
powers add. The shortest prefix of the ladder that they make (`ladder`) which meets the
requirements, measured with all units together, is the choice, unless one setting for all costs
less; whether it holds on other batches is for them to say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from lut_opt.accuracy import Recipe, Requirements, Verdict, checking
from lut_opt.accuracy.checking import Calibrated, as_arrays, figures
from lut_opt.accuracy.metrics import Array
from lut_opt.compiling.candidates import (
    Candidate,
    Cost,
    Group,
    Setting,
    Unit,
    front,
    groups,
    hull,
    tabulated,
    with_settings,
)
from lut_opt.compiling.genetic import Evolution, evolve
from lut_opt.compiling.ladder import Ladder, cost_of
from lut_opt.compiling.store import NOTHING, Store, key_of
from lut_opt.dialects.assembly import Program, print_program
from lut_opt.passes.support.parallel import threaded
from lut_opt.passes.support.progress import progress

if TYPE_CHECKING:
    from lut_opt.passes.tabulate.units import Solved

Kept = Callable[[Group, Callable[[], dict[str, list[float]]]], Any]
"""What is known of a group, or found."""

SAMPLE = 2
"""Batches that settings are measured on, of those that the calibration has seen."""

RESERVE = 0.02
"""
Errors may be larger by this: compiled code sums floats in another order, so that single values are
rounded otherwise than where choices are measured.
"""

Pairs = list[tuple[dict[str, Array], dict[str, Array]]]
"""(reference, result) of each batch."""


@dataclass(frozen=True)
class Choice:
    """What was chosen."""

    ladder: Ladder
    chosen: tuple[Candidate, ...]
    """The candidate of each group."""
    steps: int
    """How many steps of the ladder that takes."""
    on_seen: int
    """Steps that were enough on batches that the calibration has seen."""
    looks: int
    """How many choices were measured on held-out batches: more than one are repairs."""

    @property
    def candidates(self) -> list[tuple[Group, Candidate]]:
        """Each group with its choice."""
        return list(zip(self.ladder.groups, self.chosen, strict=True))

    @property
    def is_largest(self) -> bool:
        """Whether nothing better could have been chosen."""
        return list(self.chosen) == self.ladder.chosen(len(self.ladder.steps))

    @property
    def needs_no_more(self) -> bool:
        """
        Whether tables of twice the entries would not pay, whatever noise they had.

        They cost at least half as much again as the best of each group, and a unit of cost takes
        away less noise than in the last step that was taken.
        """
        price = self.ladder.price(self.steps)
        ends = [group.candidates[-1] for group in self.ladder.groups]
        return not self.is_largest and all(2 * end.noise <= price * end.cost for end in ends)


@dataclass(frozen=True)
class Sensitivity:
    """What each setting of each operator costs a network."""

    programs: Mapping[Setting, Program]
    """The program with the tables of one setting for all operators."""
    ladder: Ladder
    together: Callable[[Mapping[Unit, Unit]], Pairs]
    """What the network gives with some units on integers, on batches that were seen."""
    alone: Callable[[Candidate], float]
    """The noise that one candidate costs the network."""
    is_complete: bool
    """Whether every group of operators has a candidate."""


def sensitivity(
    given: Calibrated,
    recipe: Recipe,
    store: Store = NOTHING,
    cost: Cost = "bits",
    most_entries: int | None = None,
) -> Sensitivity:
    """
    Search the tables of every setting, and measure each group of operators alone.

    What `store` knows of equal tables, and of equal operators in an equal network, is taken;
    `most_entries` leaves out settings of more.
    """
    from lut_opt.frontends.torch.evaluator import Evaluator

    programs = tabulated(given.program, recipe, store, most_entries)
    given.clock.stop("drafts")
    base = list(programs.values())[-1]
    batches = [given.seen[i] for i in _spread(len(given.seen), SAMPLE)]
    measure = _Measure(given, Evaluator(base), batches)
    found = groups(programs, base, cost)
    how = key_of(print_program(Program(given.program.module)), repr(recipe))
    ladder = Ladder.of(measure.groups(found, measure.kept(store, base, how)))
    given.clock.stop("sensitivity")
    is_complete = len(ladder.groups) == len(found)
    return Sensitivity(programs, ladder, measure.together, measure.alone, is_complete)


def choose(
    given: Calibrated,
    recipe: Recipe,
    requirements: Requirements,
    known: Sensitivity,
    evolution: Evolution | None = None,
) -> tuple[Program, Program, Choice]:
    """
    The program whose operators declare what was chosen for them; the same with its tables.

    With `evolution`, what a genetic search makes of the ladder's choices is tried first.

    Every choice but the largest that is taken has been lowered and measured on the held-out
    batches, all of its units on integers.
    """
    ladder = known.ladder

    def is_met_on_seen(chosen: Sequence[Candidate]) -> bool:
        return _all_met(known.together(_units(chosen)), requirements)

    first = ladder.shortest(lambda steps: is_met_on_seen(ladder.chosen(steps)))
    looks = 0
    solved: Solved = {}
    attempts = _attempts(ladder, first, is_met_on_seen)
    if evolution is not None:
        attempts = _evolved(attempts, ladder, first, known, requirements, evolution)
    for steps, chosen in attempts:
        source = with_settings(given.program, _settings(ladder, chosen))
        program = checking.tabulated(source, recipe, solved)
        looks += 1
        made = Choice(ladder, tuple(chosen), steps, first, looks)
        if made.is_largest or _all_met(_worse(on_held_out(given, program)), requirements):
            noisy = tuple(
                each if each in group.candidates else replace(each, noise=known.alone(each))
                for group, each in made.candidates
            )
            given.clock.stop("choice")
            return source, program, replace(made, chosen=noisy)
    raise AssertionError("the last attempt is the largest choice")


def _attempts(
    ladder: Ladder, first: int, is_met: Callable[[Sequence[Candidate]], bool]
) -> Iterator[tuple[int, list[Candidate]]]:
    """
    Choices from the least that seems enough to the largest, further apart each time.

    Where one setting for all is enough and costs less, it comes first: operators share tables then.
    """
    last = len(ladder.steps)
    if is_met(ladder.chosen(first)):
        least = ladder.trimmed(first, is_met)
        for alike in ladder.alike(cost_of(least)):
            if is_met(alike):
                yield first, alike
                break
        yield first, least
    steps, further = first, 1
    while steps < last:
        yield steps, ladder.chosen(steps)
        steps, further = steps + further, 2 * further
    yield last, ladder.chosen(last)


def _evolved(
    attempts: Iterator[tuple[int, list[Candidate]]],
    ladder: Ladder,
    first: int,
    known: Sensitivity,
    requirements: Requirements,
    evolution: Evolution,
) -> Iterator[tuple[int, list[Candidate]]]:
    """The attempts, before them what evolves of the first of them and of the ladder around it."""
    least = next(attempts)
    near = range(max(first - 1, 0), min(first + 2, len(ladder.steps)) + 1)
    start = [least[1], *(ladder.chosen(steps) for steps in near)]

    def shortfall(chosen: Sequence[Candidate]) -> float:
        pairs = known.together(_units(chosen))
        return sum(each.shortfall for each in requirements.verdicts(figures(pairs), pairs))

    yield first, evolve(ladder.groups, start, shortfall, cost_of, evolution)
    yield least
    yield from attempts


def _settings(ladder: Ladder, chosen: Sequence[Candidate]) -> dict[int, Setting]:
    """The setting of each operator, by its number."""
    pairs = zip(ladder.groups, chosen, strict=True)
    return {number: each.setting for group, each in pairs for number in group.operators}


def on_held_out(given: Calibrated, program: Program) -> Pairs:
    """What a program with tables gives, all of its units on integers, beside PyTorch's."""
    from lut_opt.frontends.torch.evaluator import Evaluator

    evaluator = Evaluator(program)
    measure = _Measure(given, evaluator, given.held)
    return measure.together({unit: unit for unit in evaluator.units})


def _worse(pairs: Pairs) -> Pairs:
    """Results whose errors are larger by `RESERVE`."""

    def moved(wanted: Array, found: Array) -> Array:
        if not np.issubdtype(found.dtype, np.floating):
            return found
        with np.errstate(invalid="ignore"):
            further = found + RESERVE * (found - wanted)
        return np.where(np.isfinite(further), further, found)

    return [
        (wanted, {name: moved(wanted[name], each) for name, each in found.items()})
        for wanted, found in pairs
    ]


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
        self._lock = Lock()
        self._values: list[Any] = []

    @property
    def _real(self) -> list[Any]:
        """All values in real numbers, computed once."""
        with self._lock:
            if not self._values:
                self._values = [self._evaluator.run(inputs) for inputs in self._inputs]
        return self._values

    def together(self, units: Mapping[Unit, Unit]) -> Pairs:
        """What the network gives with these units on integers, beside PyTorch's."""

        def results(inputs: Sequence[Any]) -> dict[str, Array]:
            return self._named(self._evaluator.outputs(self._evaluator.run_with(inputs, units)))

        return list(zip(self._wanted, threaded(results, self._inputs), strict=True))

    def groups(self, groups: Sequence[Group], kept: Kept) -> list[Group]:
        """The groups with candidates that are worth it, and the noise that each costs alone."""
        found: list[Group] = []

        def noises_of(group: Group) -> dict[str, list[float]]:
            return kept(group, lambda: self._noises(group))

        noises = threaded(noises_of, groups)
        for group, noise in zip(progress(groups, "sensitivity"), noises, strict=True):
            every = tuple(_with(group.candidates, noise["own"]))
            if candidates := hull(_with(group.candidates, noise["alone"])):
                parts = {"candidates": candidates, "front": front(every), "every": every}
                found.append(replace(group, **parts))
        return found

    def kept(self, store: Store, program: Program, how: str) -> Kept:
        """How measurements of this program, with these inputs, made so, are remembered."""
        tensors = [tensor for inputs in self._inputs for tensor in inputs]
        own = key_of(
            how,
            print_program(Program(program.module)),
            program.resources,
            *(str(tensor.shape) for tensor in tensors),
            *(tensor.numpy().tobytes() for tensor in tensors),
        )

        def known(group: Group, find: Callable[[], dict[str, list[float]]]) -> Any:
            settings = [(each.setting, each.cost) for each in group.candidates]
            return store.known(key_of(own, repr(group.operators), repr(settings)), find)

        return known

    def _noises(self, group: Group) -> dict[str, list[float]]:
        """
        Noise of each candidate: of the operators' own results, and of the network's outputs.

        The first says which are worth a run of the network; those that are not have infinite noise.
        """
        own = [self._own(each) for each in group.candidates]
        worth = {each.setting for each in hull(front(_with(group.candidates, own)))}
        alone = [self.alone(c) if c.setting in worth else math.inf for c in group.candidates]
        return {"own": own, "alone": alone}

    def _own(self, candidate: Candidate) -> float:
        pairs = candidate.units.items()
        return sum(self._evaluator.noise(values, *pair) for values in self._real for pair in pairs)

    def alone(self, candidate: Candidate) -> float:
        """Noise over signal of the worst output, one group on integers and the rest real."""
        noise, signal = dict.fromkeys(self._wanted[0], 0.0), dict.fromkeys(self._wanted[0], 0.0)
        for values in self._real:
            wanted = self._named(self._evaluator.outputs(values))
            given = self._named(self._evaluator.instead(values, candidate.units))
            for name, y in wanted.items():
                if np.issubdtype(y.dtype, np.floating):
                    a, b = y.astype(np.float64), given[name].astype(np.float64)
                    usual = np.isfinite(a)
                    noise[name] += float(np.square(a - b)[usual].sum())
                    signal[name] += float(np.square(a)[usual].sum())
        return max(_ratio(noise[name], signal[name]) for name in noise)

    def _named(self, outputs: Sequence[Any]) -> dict[str, Array]:
        return as_arrays(dict(zip(self._wanted[0], outputs, strict=True)))


def _with(candidates: Sequence[Candidate], noise: Sequence[float]) -> list[Candidate]:
    return [replace(each, noise=n) for each, n in zip(candidates, noise, strict=True)]


def _ratio(noise: float, signal: float) -> float:
    if math.isnan(noise):
        return math.inf
    return noise / signal if signal > 0 else (0.0 if noise == 0 else math.inf)
