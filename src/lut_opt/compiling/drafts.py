"""
The tables of many units with many settings: each distinct one is searched once, side by side.

A draft is a table within `GAP` of a bound that no table beats. It is good enough to choose by; what
is chosen is searched again, to the end. Needs joblib to use more than one core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec

from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region
from xdsl.traits import SymbolTable
from xdsl.utils.exceptions import PassFailedException

from lut_opt.compiling.store import Store, key_of
from lut_opt.dialects.assembly import Program, context, parse, print_program
from lut_opt.dialects.pwl import ApplyOp, FnAttr, UnitOp
from lut_opt.frontends.torch.notices import quiet
from lut_opt.passes.support.declarations import PARAM_BITS, declared_integer, size_declarations
from lut_opt.passes.support.parallel import unordered
from lut_opt.passes.support.progress import progress
from lut_opt.passes.tabulate.options import SearchOptions
from lut_opt.passes.tabulate.signal import state_signal
from lut_opt.passes.tabulate.table_search import TableSearch

Unit = ApplyOp | UnitOp
"""What has tables."""

NUMBER = "pwl.operator"
"""Attribute of a unit: the number of the operator whose place it takes."""

Task = tuple[str, str, SearchOptions]
"""The key of a unit's tables, the unit as a module of its own, and how they are searched."""

Answer = tuple[str, str, str]
"""The key, the module with its tables, and else why there are none."""

GAP = 0.5
"""
Mean squared error above the bound, relative: at most 1.8 decibels, mostly far less. A fifth takes
half as long again, and led to the same choice for MiniLM.
"""


def search(units: Sequence[Unit], options: SearchOptions, store: Store) -> dict[Unit, str]:
    """
    Give each unit its tables, of the sizes that it declares; those that have none, and why.

    The same in every run, on however many cores.
    """
    drafted = replace(options, allow_lossy=True, draft=True, gap=GAP)
    keys: dict[Unit, str] = {}
    missing: dict[str, Task] = {}
    answers: dict[str, tuple[str, str]] = {}
    for unit in units:
        key, text = _posed(unit, drafted)
        keys[unit] = key
        if key in answers or key in missing:
            continue
        if (known := store.recall(key)) is not None:
            answers[key] = known["tables"], known["refused"]
        else:
            missing[key] = key, text or _text(unit), drafted
    tasks = list(missing.values())
    for _, (key, tables, refused) in zip(progress(tasks, "tables"), _solved(tasks), strict=True):
        store.keep(key, {"tables": tables, "refused": refused})
        answers[key] = tables, refused
    found = {key: _unit_of(tables) for key, (tables, refused) in answers.items() if not refused}
    for unit, key in keys.items():
        if key in found:
            _take(unit, found[key])
    return {unit: answers[key][1] for unit, key in keys.items() if key not in found}


def _solved(tasks: Sequence[Task]) -> Iterator[Answer]:
    if len(tasks) < 2 or find_spec("joblib") is None:
        yield from map(_solve, tasks)
        return
    own = {task[0]: task for task in tasks}
    for key, answer in unordered(_elsewhere, tasks):
        yield answer or _solve(own[key])


def _elsewhere(task: Task) -> tuple[str, Answer | None]:
    """
    The answer to a task in a process of its own, None where it has none.

    It knows no functions and strategies but lut-opt's: what the caller registered is for it to use.
    """
    try:
        return task[0], _solve(task)
    except Exception:
        return task[0], None


def _solve(task: Task) -> Answer:
    """Search one unit's tables."""
    key, text, options = task
    program = parse(text, "unit", context())
    try:
        with quiet():
            TableSearch(options).search(program.module, "")
    except (PassFailedException, ValueError) as error:
        return key, "", str(error)
    _unit_in(program).attributes.clear()  # the tables are read again, not what they were found by
    return key, print_program(program, generic=True), ""


def _posed(unit: Unit, options: SearchOptions) -> tuple[str, str]:
    """The key of a unit's tables, which several units may share; its text if the key needs it."""
    if isinstance(unit, ApplyOp):
        text = _text(unit)
        return key_of("tables", text, repr(options)), text
    unit.choose_constants(declared_integer(unit, PARAM_BITS, 2, 32) or options.param_bits)
    parts = [
        (each.name, each.function.name, each.operand, each.result, each.reduction,
         each.ends_in_zero)
        for each in unit.lookups()
    ]  # fmt: skip
    sizes = [str(value) for value in size_declarations(unit).values()]
    return key_of("tables", unit.name, repr(parts), repr(sizes), repr(options)), ""


def _text(unit: Unit) -> str:
    return print_program(Program(_alone(unit)), generic=True)


def _alone(unit: Unit) -> ModuleOp:
    block = Block(arg_types=[operand.type for operand in unit.operands])
    own = unit.clone(dict(zip(unit.operands, block.args, strict=True)))
    own.attributes.pop(NUMBER, None)
    block.add_ops([own, ReturnOp(*own.results)])
    kinds = FunctionType.from_lists(list(block.arg_types), [each.type for each in own.results])
    made = ModuleOp([FuncOp("main", kinds, Region(block))])
    if isinstance(unit, ApplyOp) and not isinstance(unit.function, FnAttr):
        callee = SymbolTable.lookup_symbol(unit, unit.function)
        assert callee is not None
        made.body.block.add_op(callee.clone())
    return made


def _unit_of(text: str) -> Unit:
    return _unit_in(parse(text, "unit", context()))


def _unit_in(program: Program) -> Unit:
    return next(op for op in program.module.walk() if isinstance(op, ApplyOp | UnitOp))


def _take(unit: Unit, found: Unit) -> None:
    """Put the tables of a unit on another that has the same, and say what is left of its signal."""
    if isinstance(unit, ApplyOp):
        assert isinstance(found, ApplyOp)
        unit.table, unit.fit = found.table, found.fit
    else:
        assert isinstance(found, UnitOp)
        for lookup in found.lookups():
            assert lookup.table is not None
            unit.set_table(lookup.name, lookup.table, lookup.fit)
    with quiet():
        state_signal(unit, "", allow_lossy=True)
