"""Sweeps: the same rows on any backend, cached, resumable."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search.heuristic.neural import NeuralConfig
from lut_opt.passes.search.sweep import Row, Task, grid, key_of, load, run, solve, store

joblib = pytest.importorskip("joblib", reason="the sweep extra is not installed")

INT8 = Quantization(8, True, 2.0**-4)


def small() -> list[Task]:
    return grid(["gelu", "tanh"], scales=[2.0**-4], entries=[4, 8], strategies=["optimal"])


def timeless(rows: list[Row]) -> list[Row]:
    return [replace(row, seconds=0.0) for row in rows]


def test_grid() -> None:
    tasks = grid(
        ["gelu"], entries=[4, 8], strategies=["optimal", "genetic"], seeds=range(3), scales=[0.5]
    )
    # the optimum has no seeds: 2 · (1 + 3)
    assert len(tasks) == 8
    assert len({key_of(task) for task in tasks}) == 8
    with pytest.raises(ValueError, match="unknown function"):
        grid(["gamma"])
    with pytest.raises(ValueError, match="strategy"):
        grid(["gelu"], strategies=["best"])


def test_the_key_is_that_of_the_problem() -> None:
    task = Task(function="gelu", operand=INT8, result=INT8)
    assert key_of(task) == key_of(replace(task, domain=(-100.0, 100.0)))
    for other in (
        replace(task, function="gelu_tanh"),
        replace(task, entries=7),
        replace(task, param_bits=9),
        replace(task, seed=1),
        replace(task, strategy="neural"),
        replace(task, config=NeuralConfig()),
        replace(task, operand=replace(INT8, scale=0.125)),
        replace(task, metric="max"),
    ):
        assert key_of(other) != key_of(task)


def test_rows_are_in_order_and_equal_on_every_backend() -> None:
    tasks = small()
    expected = timeless([solve(task) for task in tasks])
    assert timeless(run(tasks, n_jobs=1)) == expected
    assert timeless(run(tasks)) == expected
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert timeless(run(tasks)) == expected
    assert all(row.proven and row.table is not None for row in expected)


def test_a_task_that_is_impossible_is_a_row() -> None:
    task = Task(function="log", operand=INT8, result=INT8)
    (row,) = run([task], n_jobs=1)
    assert row.table is None
    assert "not defined" in str(row.error)


def test_the_cache_is_used(tmp_path: Path) -> None:
    tasks = small()
    first = run([*tasks, tasks[0]], cache=tmp_path, n_jobs=1)
    assert len(list(tmp_path.iterdir())) == len(tasks)
    # a marked row shows that nothing was solved again
    store(tmp_path, replace(first[0], seconds=-1.0))
    again = run(tasks, cache=tmp_path, n_jobs=1)
    assert again[0].seconds == -1.0
    assert again[1:] == first[1:-1]


def test_a_damaged_file_is_solved_again(tmp_path: Path) -> None:
    (task, *_) = small()
    (row,) = run([task], cache=tmp_path, n_jobs=1)
    path = tmp_path / f"{row.key}.json"
    for content in ("", path.read_text()[:100], "{}", "[]", path.read_text().replace(row.key, "0")):
        path.write_text(content)
        assert load(tmp_path, row.key, task) is None
        assert timeless(run([task], cache=tmp_path, n_jobs=1)) == timeless([row])


def test_a_killed_sweep_goes_on(tmp_path: Path) -> None:
    """The process dies with the third row; two are kept, nothing half-written counts."""
    program = f"""
        import os
        from lut_opt.passes.search import sweep
        real, stored = sweep.store, []
        def store(folder, row):
            if len(stored) == 2:
                os._exit(9)
            stored.append(row)
            real(folder, row)
        sweep.store = store
        tasks = sweep.grid(["gelu", "tanh"], entries=[4, 8], strategies=["optimal"])
        sweep.run(tasks, cache={str(tmp_path)!r}, n_jobs=1)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert done.returncode == 9
    kept = [path for path in tmp_path.iterdir() if path.suffix == ".json"]
    assert len(kept) == 2
    before = {path: path.stat().st_mtime_ns for path in kept}
    rows = run(small(), cache=tmp_path, n_jobs=1)
    assert timeless(rows) == timeless([solve(task) for task in small()])
    assert {path: path.stat().st_mtime_ns for path in kept} == before


def test_a_dask_cluster_of_two_workers(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="dask is not installed")
    tasks = small()
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(processes=True, **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.wait_for_workers(2, timeout=60)
        with joblib.parallel_config(backend="dask"):
            rows = run(tasks, cache=tmp_path)
        assert len(client.scheduler_info()["workers"]) == 2
    assert timeless(rows) == timeless([solve(task) for task in tasks])
    assert len(list(tmp_path.iterdir())) == len(tasks)
