"""
`python -m fuzz --inputs 20000`: mutated inputs through lut-opt; exit 1 if one is not met well.

Each kind of failure is printed once, and its first inputs are kept in `--keep`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

from fuzz.pool import Failure, failures


def main() -> int:
    """Run the inputs and say what was found."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="of the processor that an input may take"
    )
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), metavar="DIR")
    options = parser.parse_args()
    kinds: Counter[str] = Counter()
    numbers = range(options.first, options.first + options.inputs)
    for failure in failures(numbers, options.seed, options.workers, options.seconds):
        kinds[failure.kind] += 1
        if kinds[failure.kind] == 1:
            print(f"{failure.kind}\n  input {failure.number}", flush=True)
        if kinds[failure.kind] <= 3:
            _keep(failure, options.keep)
    print(f"{options.inputs} inputs, {sum(kinds.values())} failures of {len(kinds)} kinds")
    for kind, count in kinds.most_common():
        print(f"{count:6} {kind}")
    return 1 if kinds else 0


def _keep(failure: Failure, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    words = " ".join(f"'{word}'" for word in failure.case.arguments)
    head = f"// lut-opt {words}\n// {failure.message}".replace("\n", "\n// ")
    (folder / f"{failure.number}.mlir").write_text(f"{failure.case.text}\n{head}\n")


if __name__ == "__main__":
    sys.exit(main())
