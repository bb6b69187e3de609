"""
BERT-base with all of its weights through `lut-opt`: seconds, memory, and every weight intact.

Claim: 110 million parameters, 870 MB of text, go through lower, search, verify and convert as one
command in at most 60 s and 6 GiB on two cores, and come out bit for bit.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from measure import console_script, report, table
from models import bert_base_with_weights

MOST_SECONDS, MOST_GIBIBYTES = 60.0, 6.0

PASSES = ("lower-nonlinear-to-pwl", "pwl-search", "verify-pwl", "convert-pwl-to-arith")

_BLOB = re.compile(rb'"0x([0-9A-Fa-f]+)"')

_HEADER = 8
"""Hexadecimal digits of a resource's alignment, in front of its data."""


@dataclass(frozen=True)
class Run:
    """One process: wall time, and its largest resident memory."""

    seconds: float
    gibibytes: float


def run(*words: str) -> Run:
    """Run a command to its end; a failure raises."""
    start = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    return Run(seconds, usage.ru_maxrss / (1 << 20))  # Linux counts in KiB


def weights(path: Path) -> Counter[str]:
    """Digests of the resources of a file."""
    data = path.read_bytes()
    section = memoryview(data)[data.index(b"{-#") :]
    blobs = (bytes.fromhex(match[1][_HEADER:].decode()) for match in _BLOB.finditer(section))
    return Counter(hashlib.sha256(blob).hexdigest() for blob in blobs)


def main() -> None:
    """Measure, compare, and fail if a limit is passed or a weight is not what it was."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        source, expected = bert_base_with_weights(Path(scratch))
        output = Path(scratch) / "out.mlir"
        flags = (f"--{name}" for name in PASSES)
        command = (console_script("lut-opt"), str(source), *flags, "-o", str(output))
        runs = [run(*command) for _ in range(options.repetitions)]
        missing = expected - weights(output)
        size = source.stat().st_size
    count = sum(expected.values())
    report(
        "BERT-base with its weights: lower, search, verify, convert",
        f"{options.repetitions} runs; {size / 1e6:.0f} MB of text",
        table(
            ("", "seconds", "GiB"),
            [(f"run {i}", r.seconds, r.gibibytes) for i, r in enumerate(runs)],
        )
        + f"\n\n{count - sum(missing.values())} of {count} weights are in the output, bit for bit",
        packages=("numpy",),
    )
    slowest, largest = max(r.seconds for r in runs), max(r.gibibytes for r in runs)
    if missing or slowest > MOST_SECONDS or largest > MOST_GIBIBYTES:
        sys.exit(f"at most {MOST_SECONDS} s, {MOST_GIBIBYTES} GiB, and no weight missing")


if __name__ == "__main__":
    main()
