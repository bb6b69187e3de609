"""What the benchmarks share: paired repetition, a plain table, and a line about the machine."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_COLLECT_ABOVE = 0.01
"""Runs longer than this (seconds) leave garbage worth collecting, and no warm caches to spoil."""


@dataclass(frozen=True)
class Timing:
    """Seconds of repeated runs of one thing."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle run."""
        return statistics.median(self.seconds)

    @property
    def minimum(self) -> float:
        """The run that was disturbed least."""
        return min(self.seconds)


def paired(
    runs: Mapping[str, Callable[[], object]],
    repetitions: int,
    warm_up: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """
    Time all `runs` in turn, so that what disturbs one disturbs all, each round from another start.

    As `timeit` does, and as `lut-opt` runs: no garbage collection while the clock runs.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for repetition in range(warm_up + repetitions):
        first = repetition % len(names)
        for name in (*names[first:], *names[:first]):
            elapsed = _timed(runs[name], clock)
            if elapsed > _COLLECT_ABOVE:
                gc.collect()
            if repetition >= warm_up:
                seconds[name].append(elapsed)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def _timed(run: Callable[[], object], clock: Callable[[], float]) -> float:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        start = clock()
        run()
        return clock() - start
    finally:
        if was_enabled:
            gc.enable()


def command(*words: str) -> Callable[[], object]:
    """A run of a command; its output is dropped, a failure raises."""
    return lambda: subprocess.run(words, stdout=subprocess.DEVNULL, check=True)


def console_script(name: str) -> str:
    """A command installed beside this Python, or else on the path."""
    path = Path(sys.executable).with_name(name)
    return str(path) if path.exists() else name


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns of equal width, numbers to the right."""
    text = [[cell if isinstance(cell, str) else f"{cell:.4g}" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *text, strict=True)]
    lines = [header, ["-" * width for width in widths], *text]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def report(title: str, how: str, body: str, packages: Sequence[str] = ()) -> None:
    """Print a table with what was measured, how, and where."""
    print(f"{title}\n{how}\n{machine(packages)}\n\n{body}\n")


def machine(packages: Sequence[str] = ()) -> str:
    """Processor, cores, load and versions, in one line."""
    named = ", ".join(f"{name} {_version(name)}" for name in ("lut-opt", "xdsl", *packages))
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    return (
        f"on {_processor()}, {os.cpu_count()} cores, {load}, Python {platform.python_version()}, "
        f"{named}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names: list[str] = []
    if info.exists():
        fields = ("model name", "cpu family", "model")
        lines = [line.partition(":") for line in info.read_text().splitlines()]
        found = {key.strip(): value.strip() for key, _, value in lines}
        names = [found.get(field, "?") for field in fields]
        return f"{names[0]} (family {names[1]}, model {names[2]})"
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def progress(text: str) -> None:
    """Progress, for whoever waits at a terminal: each text in the place of the one before."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
