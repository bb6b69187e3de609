"""
`python -m operators`: every operator × element type × rank × distribution; exit 1 if one fails.

Prints what is neither right, nor warned of, nor refused, and counts the rest; `--all` prints every
cell that is not right.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from itertools import product

from operators.bed import FAILED, SHAPES, TYPES, cell, meet
from operators.cases import cases
from operators.distributions import DISTRIBUTIONS


def main() -> int:
    """Meet every cell that is asked for."""
    parser = argparse.ArgumentParser(prog="operators", description=__doc__)
    add = parser.add_argument
    add("--type", action="append", choices=TYPES)
    add("--rank", action="append", choices=SHAPES)
    add("--distribution", action="append", choices=DISTRIBUTIONS)
    add("--operator", action="append", metavar="NAME", help="all whose names begin so")
    add("--together", type=int, default=80, help="cells in one module (default: 80)")
    add("--all", action="store_true", help="print every cell that is not right")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    named = tuple(options.operator or ("",))
    chosen = [case for case in cases() if case.name.startswith(named)]
    ranks = options.rank or list(SHAPES)
    outcomes: Counter[str] = Counter()
    for distribution, type_ in product(
        options.distribution or DISTRIBUTIONS, options.type or TYPES
    ):
        cells = [
            made
            for case in chosen
            for rank in ranks
            if (made := cell(case, rank, distribution)) is not None
        ]
        for at in range(0, len(cells), options.together):
            for met in meet(cells[at : at + options.together], type_, distribution):
                outcomes[met.outcome] += 1
                if met.outcome in FAILED or (options.all and met.outcome != "right"):
                    print(met, flush=True)
        print(f"… {distribution}, {type_}: {dict(outcomes)}", file=sys.stderr, flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()))
    return 1 if any(outcomes[each] for each in FAILED) else 0


if __name__ == "__main__":
    sys.exit(main())
