"""A few workers, each a process that is replaced when it dies or has grown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from fuzz.mutate import Case, case

GENERATION = 1000
"""Inputs that one process meets."""


@dataclass(frozen=True)
class Failure:
    """An input that was not met well; `kind` is the first line of what is wrong."""

    number: int
    case: Case
    message: str

    @property
    def kind(self) -> str:
        """What failures of the same cause share."""
        return self.message.partition("\n")[0]


def failures(
    numbers: Iterable[int], seed: int, workers: int = 1, seconds: float = 60.0
) -> Iterator[Failure]:
    """Run the inputs of these numbers; yields those that fail, in no order."""
    source = iter(numbers)
    lock = threading.Lock()
    found: Queue[Failure | None] = Queue()

    def work() -> None:
        try:
            while _generation(source, lock, found, seed, seconds):
                pass
        finally:
            found.put(None)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    running = len(threads)
    while running:
        failure = found.get()
        if failure is None:
            running -= 1
        else:
            yield failure


def _generation(
    source: Iterator[int],
    lock: threading.Lock,
    found: Queue[Failure | None],
    seed: int,
    seconds: float,
) -> bool:
    """Let one process meet inputs until it dies or is old; False when none is left."""
    with _start() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(GENERATION):
            with lock:
                number = next(source, None)
            if number is None:
                process.stdin.close()
                return False
            one = case(seed, number)
            killer = threading.Timer(20 * seconds + 60, process.kill)  # a deadlock
            killer.start()
            try:
                question = json.dumps([one.arguments, one.text, seconds])
                print(question, file=process.stdin, flush=True)
                answer = process.stdout.readline()
            except BrokenPipeError:
                answer = ""
            killer.cancel()
            if not answer:
                found.put(Failure(number, one, f"the process dies: {process.wait()}"))
                return True
            if (message := json.loads(answer)) is not None:
                found.put(Failure(number, one, message))
        process.stdin.close()
    return True


def _start() -> subprocess.Popen[str]:
    tests = str(Path(__file__).parents[1])
    path = os.pathsep.join([tests, *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    return subprocess.Popen(
        [sys.executable, "-m", "fuzz.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
    )
