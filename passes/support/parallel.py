"""Many calls at once: on all cores, or wherever the user's `joblib.parallel_config` runs them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")

_THREADS = 4


def unordered(call: Callable[[A], B], items: Sequence[A], n_jobs: int | None = None) -> Iterator[B]:
    """
    Results as they are finished, in any order.

    `n_jobs=None` follows the user's `joblib.parallel_config`, and takes all cores without one.
    Raises `ModuleNotFoundError` without joblib.
    """
    if not items:
        return iter(())
    joblib: Any = importlib.import_module("joblib")
    backend, configured = joblib.parallel.get_active_backend()
    default = type(backend).__name__ == "LokyBackend" and configured in (None, 1)
    if n_jobs is None and default:
        n_jobs = -1  # what joblib has without a parallel_config
    pool = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    return pool(joblib.delayed(call)(item) for item in items)


def threaded(call: Callable[[A], B], items: Sequence[A]) -> Iterator[B]:
    """
    Results in order, of calls that share this process's memory.

    Worth it where most of a call is work on long arrays: that keeps several cores busy.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        yield from pool.map(call, items)
