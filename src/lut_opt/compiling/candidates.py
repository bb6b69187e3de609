"""
What each operator of a network could be made of, and what each choice costs the network.

Operators whose tables are the same in every setting are one group: they share a setting, and their
table is paid for once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, get_args

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from lut_opt.accuracy import Recipe
from lut_opt.compiling import drafts
from lut_opt.compiling.drafts import NUMBER, Unit
from lut_opt.compiling.store import NOTHING, Store
from lut_opt.dialects.assembly import Program, context
from lut_opt.dialects.pwl import ApplyOp, TableAttr, UnitOp
from lut_opt.dialects.pwl.hardware import TableUnit
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.hw.cost.model import model_cost
from lut_opt.passes.hw.table_unit.unit import build_unit
from lut_opt.passes.pwl_search import PwlSearchPass
from lut_opt.passes.support.declarations import BITS, ENTRIES, NUMERATOR, PARAM_BITS, RANGE


@dataclass(frozen=True)
class Setting:
    """What an operator's table is made of: bits of the input, segments, bits of parameters."""

    bits: int
    entries: int
    param_bits: int

    def __str__(self) -> str:
        return f"{self.bits}-bit inputs, {self.entries} entries of {self.param_bits} bits"


WIDTHS = (8, 10, 16)
SIZES = ((4, 6), (4, 8), (8, 8), (8, 10), (16, 10), (16, 12))
SETTINGS = tuple(Setting(bits, *size) for bits, size in product(WIDTHS, SIZES))
"""What is tried of each operator, the smaller first."""

FEW_ENTRIES = 8
"""Tables of so many entries are mostly enough; those of more take most of a search's time."""


@dataclass(frozen=True)
class Candidate:
    """One setting of a group: bits of its tables, and the noise that it alone costs the network."""

    setting: Setting
    bits: int
    units: Mapping[Unit, Unit]
    """Units of the program that is evaluated, and those that stand for them."""
    noise: float = math.inf
    """Noise over signal of the worst output."""
    area: float | None = None
    """Modelled area of its tables, where that is what is to be small."""

    @property
    def cost(self) -> float:
        """What is to be small."""
        return self.bits if self.area is None else self.area


@dataclass(frozen=True)
class Group:
    """Operators that share their tables; candidates ascend in cost and descend in noise."""

    name: str
    operators: tuple[int, ...]
    candidates: tuple[Candidate, ...]
    """Those that are the best trade at some price of the cost."""
    front: tuple[Candidate, ...] = ()
    """All that nothing smaller beats at the operator's own results; noise is of these."""
    every: tuple[Candidate, ...] = ()
    """All that it could have; noise likewise."""


Cost = Literal["bits", "area"]
"""What is to be small: bits of distinct tables, or what these are modelled to take."""

COSTS: tuple[Cost, ...] = get_args(Cost)


def declaring(program: Program) -> list[Operation]:
    """The operators that a setting can be put on: those with a range, or else all."""
    ops = [op for op in program.module.walk() if op.results]
    ranged = [op for op in ops if RANGE in op.attributes or NUMERATOR in op.attributes]
    return ranged or [op for op in ops if op.name.startswith("torch.aten.")]


def with_settings(program: Program, settings: Mapping[int, Setting]) -> Program:
    """A copy whose operators, by number, declare their settings."""
    made = _copy(program)
    ops = declaring(made)
    for number, setting in settings.items():
        sizes = {ENTRIES: setting.entries, PARAM_BITS: setting.param_bits}
        _declare(ops[number], {BITS: setting.bits, **sizes})
    return made


def tabulated(
    program: Program, recipe: Recipe, store: Store = NOTHING, most_entries: int | None = None
) -> dict[Setting, Program]:
    """
    A program in the `torch` dialect with the tables of each setting for all operators.

    Its operators have their numbers; one that cannot have a setting has no tables in that program.
    What any other search than `pwl-search` refuses for some operator is no setting for any; its
    last error is raised where none is left. `most_entries` leaves out what has more, if not all.
    """
    given = getattr(recipe.lower, "input_bits", None)
    settings = SETTINGS
    if given is not None:
        settings = tuple(Setting(given, *size) for size in SIZES)
    if most_entries is not None:
        settings = [each for each in settings if each.entries <= most_entries] or settings
    lowered = {
        bits: _lowered(program, recipe, bits)
        for bits in dict.fromkeys(setting.bits for setting in settings)
    }
    made = {setting: _sized(lowered[setting.bits], setting) for setting in settings}
    if isinstance(search := recipe.search, PwlSearchPass):
        numbered = (_by_operator(each) for each in made.values())
        units = [unit for each in numbered for several in each.values() for unit in several]
        drafts.search(units, search, store)
        return made
    return _searched(made, search)


def _searched(made: Mapping[Setting, Program], search: ModulePass) -> dict[Setting, Program]:
    kept: dict[Setting, Program] = {}
    refused: PassFailedException | None = None
    for setting, program in made.items():
        try:
            search.apply(context(), program.module)
        except PassFailedException as error:
            refused = error
        else:
            kept[setting] = program
    if not kept and refused is not None:
        raise refused
    return kept


def groups(made: Mapping[Setting, Program], base: Program, cost: Cost = "bits") -> list[Group]:
    """Candidates without their noise; `base`, one of the programs, is the one to be evaluated."""
    areas: dict[Any, float] = {}

    own = _by_operator(base)
    others = {setting: _by_operator(program) for setting, program in made.items()}
    shared: dict[Any, list[int]] = {}
    for number, units in own.items():
        if all(len(each.get(number, ())) == len(units) for each in others.values()):
            tables = tuple(_tables(unit) for each in others.values() for unit in each[number])
            shared.setdefault((name_of(units[0]), tables), []).append(number)
    return [
        Group(
            name_of(own[numbers[0]][0]),
            tuple(numbers),
            tuple(
                Candidate(
                    setting,
                    table_bits(unit for number in numbers for unit in each[number]),
                    {
                        unit: given
                        for number in numbers
                        for unit, given in zip(own[number], each[number], strict=True)
                    },
                    area=None
                    if cost == "bits"
                    else table_area((u for number in numbers for u in each[number]), areas),
                )
                for setting, each in others.items()
                if all(
                    _tables(unit) and _keeps_signal(unit)
                    for number in numbers
                    for unit in each[number]
                )
            ),
        )
        for numbers in shared.values()
    ]


def _keeps_signal(unit: Unit) -> bool:
    """Whether the search takes the unit: one whose results are no better than zeros is an error."""
    if isinstance(unit, ApplyOp):
        decibels = None if unit.fit is None else unit.fit.data.snr
    else:
        decibels = None if unit.snr is None else unit.snr.value.data
    return decibels is None or decibels > 0.0


def table_bits(units: Iterable[Unit]) -> int:
    """Bits of the distinct tables of units: slopes, intercepts and breakpoints."""
    return sum(bits for _, bits in {pair for unit in units for pair in _tables(unit)})


def table_area(units: Iterable[Unit], known: dict[Any, float]) -> float:
    """
    NAND2 equivalents of the distinct tables of units, each by itself, by the model of costs.

    What else softmax, norms and divisions are made of is not counted: it is the same for all
    entries and widths of parameters. `known` holds what was found before, and is added to.
    """
    parts = {
        (each.table.data, each.operand, each.result)
        for unit in units
        for each in _parts(unit)
        if each.table is not None
    }
    for table, operand, result in parts - known.keys():
        module = build_unit(TableUnit("table", "table", table, operand, result))
        known[table, operand, result] = model_cost(module).area
    return math.fsum(known[part] for part in parts)


@dataclass(frozen=True)
class _Part:
    """One table of a unit, and what is on its sides."""

    table: TableAttr | None
    operand: Quantization
    result: Quantization


def _parts(unit: Unit) -> list[_Part]:
    if isinstance(unit, ApplyOp):
        return [_Part(unit.table, *unit.table_sides)]
    return [_Part(each.table, each.operand, each.result) for each in unit.lookups()]


def _tables(unit: Unit) -> tuple[tuple[Any, int], ...]:
    """Each table with its bits; none where the unit has not all of its tables."""
    found: list[tuple[Any, int]] = []
    for part in _parts(unit):
        if part.table is None:
            return ()
        table = part.table.data
        width = table.param_bits + table.intercept_width
        bits = table.entries * width + (table.entries - 1) * part.operand.bits
        found.append((part.table, bits))
    return tuple(found)


def name_of(unit: Unit) -> str:
    """What a unit is called in reports."""
    return unit.function_name if isinstance(unit, ApplyOp) else unit.UNIT.name


def _lowered(program: Program, recipe: Recipe, bits: int) -> Program:
    """
    A copy with units, each with the number of the operator whose place it takes.

    On the way the number, from 1, is a `pwl.entries`, which stays with what takes an operator's
    place.
    """
    made = _copy(program)
    for number, op in enumerate(declaring(made)):
        _declare(op, {ENTRIES: number + 1, BITS: bits})
    recipe.lower.apply(context(), made.module)
    for unit in units_of(made):
        if ENTRIES in unit.attributes:
            unit.attributes[NUMBER] = unit.attributes.pop(ENTRIES)
    return made


def _sized(program: Program, setting: Setting) -> Program:
    """A copy whose units declare the sizes of their tables."""
    made = _copy(program)
    for units in _by_operator(made).values():
        for unit in units:
            _declare(unit, {ENTRIES: setting.entries, PARAM_BITS: setting.param_bits})
    return made


def _copy(program: Program) -> Program:
    return Program(program.module.clone(), program.resources, program.name)


def units_of(program: Program) -> list[Unit]:
    """The units of a lowered program."""
    return [op for op in program.module.walk() if isinstance(op, ApplyOp | UnitOp)]


def _by_operator(program: Program) -> dict[int, tuple[Unit, ...]]:
    """The units of each operator, by its number."""
    found: dict[int, tuple[Unit, ...]] = {}
    for unit in units_of(program):
        if isinstance(number := unit.attributes.get(NUMBER), IntegerAttr):
            at = number.value.data - 1
            found[at] = (*found.get(at, ()), unit)
    return found


def _declare(op: Operation, values: Mapping[str, int]) -> None:
    for name, value in values.items():
        op.attributes[name] = IntegerAttr(value, i64)


def front(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Those that have less noise than all that cost as little; of equal ones the first."""
    kept: list[Candidate] = []
    for each in sorted(candidates, key=lambda c: (c.cost, c.noise)):
        if math.isfinite(each.noise) and (not kept or each.noise < kept[-1].noise):
            kept.append(each)
    return tuple(kept)


def hull(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Those of the front that are on the lower convex hull of noise over cost."""
    kept: list[Candidate] = []
    for each in front(candidates):
        while len(kept) > 1 and gain(kept[-2], kept[-1]) <= gain(kept[-2], each):
            kept.pop()
        kept.append(each)
    return tuple(kept)


def gain(a: Candidate, b: Candidate) -> float:
    """Noise that a unit of cost takes away."""
    return (a.noise - b.noise) / max(b.cost - a.cost, 1)
