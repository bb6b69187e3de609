"""
Many searches at once: on all cores, or wherever the user's joblib backend runs them.

    tasks = grid(["gelu", "exp"], scales=[2.0**-4], entries=[8, 16], strategies=["optimal"])
    rows = run(tasks, cache="sweep-cache")

    with joblib.parallel_config(backend="dask"):       # after dask.distributed.Client(…)
        rows = run(tasks, cache="sweep-cache")

Results are kept on disk by the hash of their problem, one file each, written whole or not at all: a
sweep that was killed goes on where it stopped. Needs joblib (`pip install "lut-opt[sweep]"`).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import tempfile
import time
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from lut_opt.dialects.pwl.certificate import Samples, certify, samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search.model.formulate import Form, Goal, Shape, forms, formulate
from lut_opt.passes.search.model.problem import Metric, Problem
from lut_opt.passes.search.model.result import SearchResult
from lut_opt.passes.search.strategies import STRATEGIES, search
from lut_opt.passes.support.parallel import unordered
from lut_opt.passes.support.progress import progress

_FORMAT = 2
"""Goes into every hash; raise it when a search finds other tables than before."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One search: a function of `FUNCTIONS`, its formats, and how to look for the table."""

    function: str
    operand: Quantization
    result: Quantization
    entries: int = 8
    param_bits: int = 8
    frac_bits: int | None = None
    form: Form = "auto"
    """`auto`: the one that errs less."""
    metric: Metric = "mse"
    domain: tuple[float, float] | None = None
    """Real inputs that count; None: all that are stored."""
    strategy: str = "auto"
    seed: int = 0
    config: object | None = None
    """The strategy's own `Config`."""
    parameters: tuple[float, ...] = ()
    """The function's own parameters."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of a task."""

    task: Task
    key: str
    """Hash of the problem, the strategy, its options and the seed; names the file in the cache."""
    table: Table | None = None
    """None where the search was not possible."""
    loss: float | None = None
    """`Problem.loss`: squared real units for mse, real units for max."""
    proven: bool = False
    max_error: float | None = None
    """Of the rounded result, in its steps."""
    exact: float | None = None
    """Share of inputs whose result is correctly rounded."""
    seconds: float = 0.0
    """Time of the search, where it ran."""
    error: str | None = None
    """Why there is no table."""


def grid(
    functions: Iterable[str],
    *,
    scales: Iterable[float] = (2.0**-4,),
    entries: Iterable[int] = (8,),
    param_bits: Iterable[int] = (8,),
    strategies: Iterable[str] = ("auto",),
    seeds: Iterable[int] = (0,),
    input_bits: int = 8,
    result_scale: float | None = None,
    domain: tuple[float, float] | None = None,
) -> list[Task]:
    """
    Every combination, signed inputs and results of `input_bits`, results scaled as inputs.

    `result_scale` scales all results alike instead. Strategies without random numbers appear once,
    whatever the seeds. Raises `ValueError` for an unknown function or strategy.
    """
    functions, strategies, seeds = list(functions), list(strategies), list(seeds)
    for name in functions:
        if name not in FUNCTIONS:
            raise ValueError(f"unknown function '{name}'; known: {', '.join(FUNCTIONS)}")
    for name in strategies:
        if name not in STRATEGIES:
            raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}, not '{name}'")
    tasks: list[Task] = []
    axes = itertools.product(functions, scales, entries, param_bits, strategies)
    for function, scale, size, bits, strategy in axes:
        task = Task(
            function=function,
            operand=Quantization(input_bits, True, scale),
            result=Quantization(input_bits, True, scale if result_scale is None else result_scale),
            entries=size,
            param_bits=bits,
            domain=domain,
            strategy=strategy,
        )
        chosen = seeds if STRATEGIES[strategy].seeded else seeds[:1]
        tasks.extend(replace(task, seed=seed) for seed in chosen)
    return tasks


def pose(task: Task) -> tuple[Samples, tuple[Problem, ...]]:
    """
    The task's samples, and its problem in each form that is possible.

    Raises `ValueError` where none is, with the last one's reason.
    """
    function = FUNCTIONS[task.function]
    points = samples(function, task.parameters, task.operand, task.result, task.domain)
    problems: list[Problem] = []
    reason = ValueError("there is no form")
    for form in forms(task.form):
        shape = Shape(
            entries=task.entries,
            param_bits=task.param_bits,
            frac_bits=task.frac_bits,
            form=form,
        )
        goal = Goal(metric=task.metric)
        try:
            problems.append(formulate(points, task.operand, task.result, shape, goal))
        except ValueError as error:
            reason = error
    if not problems:
        raise reason
    return points, tuple(problems)


def key_of(task: Task) -> str:
    """
    SHA-256 of everything that the table depends on; equal problems share it.

    Where the problem cannot be posed the task itself is hashed.
    """
    parts: list[Hashable] = [_FORMAT, task.function, task.parameters, task.strategy, task.seed]
    parts.append(repr(task.config))
    digest = hashlib.sha256()
    try:
        _, problems = pose(task)
    except ValueError:
        problems = ()
        parts.append(repr(task))
    for problem in problems:
        for field in fields(problem):
            value: Any = getattr(problem, field.name)
            if field.name in ("q", "target", "weights"):
                digest.update(np.ascontiguousarray(value).tobytes())
            else:
                parts.append((field.name, repr(value)))
    digest.update(repr(parts).encode())
    return digest.hexdigest()


def solve(task: Task) -> Row:
    """Run one task; the same task gives the same row but for `seconds`."""
    key, started = key_of(task), time.perf_counter()
    try:
        points, problems = pose(task)
        answers = [_search(task, problem) for problem in problems]
        found = min(answers, key=lambda each: (each.table.entries, each.loss))
    except (ValueError, TypeError) as problem_of_the_task:
        return Row(task=task, key=key, error=str(problem_of_the_task))
    seconds = time.perf_counter() - started
    certificate = certify(found.table, points, task.operand, task.result)
    return Row(
        task=task,
        key=key,
        table=found.table,
        loss=found.loss,
        proven=found.proven,
        max_error=certificate.max_error,
        exact=certificate.exact,
        seconds=seconds,
    )


def _search(task: Task, problem: Problem) -> SearchResult:
    function = FUNCTIONS[task.function]
    return search(
        problem,
        lambda x: task.result.clip(function(x, *task.parameters)),
        strategy=task.strategy,
        seed=task.seed,
        config=task.config,
    )


def run(
    tasks: Sequence[Task], *, cache: str | Path | None = None, n_jobs: int | None = None
) -> list[Row]:
    """
    Solve all tasks and return their rows in the same order.

    `n_jobs=None` follows the user's `joblib.parallel_config`, and takes all cores without one.
    Tasks of one key are solved once. With `cache`, a folder, rows found there are not solved again,
    and every new row is written by this process as soon as it arrives: workers need no common disk.
    Progress appears on a terminal only. Raises `ModuleNotFoundError` without joblib.
    """
    folder = None if cache is None else Path(cache)
    keys = [key_of(task) for task in tasks]
    rows: dict[str, Row] = {}
    missing: dict[str, Task] = {}
    for key, task in zip(keys, tasks, strict=True):
        known = None if folder is None else load(folder, key, task)
        if known is not None:
            rows[key] = known
        else:
            missing.setdefault(key, task)
    arriving = _parallel(list(missing.values()), n_jobs)
    for _, row in zip(progress(range(len(missing)), "sweep"), arriving, strict=True):
        rows[row.key] = row
        if folder is not None:
            store(folder, row)
    return [replace(rows[key], task=task) for key, task in zip(keys, tasks, strict=True)]


def _parallel(tasks: list[Task], n_jobs: int | None) -> Iterator[Row]:
    """Rows as they are finished, in any order."""
    try:
        return unordered(solve, tasks, n_jobs)
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError('sweeps need joblib: pip install "lut-opt[sweep]"') from missing


def store(folder: Path, row: Row) -> None:
    """Write a row to `folder`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(asdict(row), indent=1, sort_keys=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(content)
        os.replace(name, folder / f"{row.key}.json")
    except BaseException:
        os.unlink(name)
        raise


def load(folder: Path, key: str, task: Task) -> Row | None:
    """The row of a key, None where there is none or its file is damaged."""
    try:
        content: dict[str, Any] = json.loads((folder / f"{key}.json").read_text())
        stored: dict[str, Any] | None = content["table"]
        if stored is not None:
            for name in ("breakpoints", "slopes", "intercepts"):
                stored[name] = tuple(stored[name])
            content["table"] = Table(**stored)
        content["task"] = task
        row = Row(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return row if row.key == key else None
