"""
What a short `lut-opt` run costs, beside `xdsl-opt` as a peer.

Claim: `lut-opt --help`, which lists every pass and its options, takes at most 1.5 times as long as
`xdsl-opt --help`, and a small file goes through the search and out as SystemVerilog in half a
second.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from measure import command, console_script, paired, report, table

EXAMPLE = Path(__file__).parent.parent / "examples" / "transformer_block.mlir"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--repetitions", type=int, default=9)
    options = parser.parse_args()
    lut_opt, example = console_script("lut-opt"), str(EXAMPLE)
    tables = ("--lower-nonlinear-to-pwl", "--pwl-search")
    runs = {
        "python -c pass": command(sys.executable, "-c", "pass"),
        "xdsl-opt --help": command(console_script("xdsl-opt"), "--help"),
        "lut-opt --help": command(lut_opt, "--help"),
        "lut-opt FILE": command(lut_opt, example),
        "  … lower, search": command(lut_opt, example, *tables),
        "  … lower, search, to arith": command(lut_opt, example, *tables, "--convert-pwl-to-arith"),
        "  … lower, search, to hw, SystemVerilog": command(
            lut_opt, example, *tables, "--convert-pwl-to-hw", "-t", "systemverilog"
        ),
    }
    timings = paired(runs, options.repetitions)
    ours, theirs = timings["lut-opt --help"], timings["xdsl-opt --help"]
    ratio = (
        "lut-opt --help ÷ xdsl-opt --help",
        ours.median / theirs.median,
        ours.minimum / theirs.minimum,
    )
    report(
        "Start-up and small runs: seconds of wall time, whole command",
        f"{options.repetitions} runs each, in turn; FILE is examples/{EXAMPLE.name} (4 operators)",
        table(
            ("command", "median", "minimum"),
            [*((name, t.median, t.minimum) for name, t in timings.items()), ratio],
        ),
        packages=("numpy", "pycde"),
    )


if __name__ == "__main__":
    main()
