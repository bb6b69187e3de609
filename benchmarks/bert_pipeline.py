"""
A BERT-base encoder through the whole of `lut-opt`: where the seconds go.

Claim: 12 layers, 1,300 operations with locations, go from text to tables and on to arithmetic or to
hardware in at most 5 s for the whole command on two cores.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from measure import Timing, command, console_script, paired, report, table
from models import bert_base

LOWER, SEARCH, VERIFY = "lower-nonlinear-to-pwl", "pwl-search", "verify-pwl"

TARGETS = {
    "arithmetic": {LOWER: "", SEARCH: "", VERIFY: "", "convert-pwl-to-arith": ""},
    # Units of whole rows stay on the host.
    "hardware": {
        LOWER: "keep=softmax,layer_norm",
        SEARCH: "",
        VERIFY: "",
        "convert-pwl-to-hw": "",
    },
}
"""Passes and their options."""


class Stages:
    """Seconds of the stages of one run after another, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is inside."""
        start = time.perf_counter()
        yield
        self.seconds.setdefault(name, []).append(time.perf_counter() - start)


def one_run(path: Path, passes: Mapping[str, str], stages: Stages) -> None:
    """Parse, verify, run the passes, verify, print: what the driver does, in this process."""
    from lut_opt.cli import make_pass
    from lut_opt.dialects.assembly import context, parse, print_program

    text, ctx = path.read_text(), context()
    with stages.stage("parse"):
        program = parse(text, path.name, ctx)
    with stages.stage("verify the input"):
        program.module.verify()
    for name, options in passes.items():
        step = make_pass(name, options)
        with stages.stage(name):
            step.apply(ctx, program.module)
    with stages.stage("verify the output"):
        program.module.verify()
    with stages.stage("print"):
        print_program(program)


def main() -> None:
    """Measure and print."""
    gc.disable()  # as the driver does
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    path, lut_opt = bert_base(), console_script("lut-opt")
    rows: list[tuple[str, float, float]] = []
    for target, passes in TARGETS.items():
        stages = Stages()
        for _ in range(options.repetitions):
            gc.collect()
            one_run(path, passes, stages)
        timings = {name: Timing(tuple(values)) for name, values in stages.seconds.items()}
        rows += [(f"{target}: {name}", t.median, t.minimum) for name, t in timings.items()]
    with tempfile.TemporaryDirectory() as scratch:
        runs = {
            f"whole command, to {target}": command(
                lut_opt,
                str(path),
                *(f"--{name}={options}" for name, options in passes.items()),
                "-o",
                f"{scratch}/out.mlir",
            )
            for target, passes in TARGETS.items()
        }
        timings = paired(runs, options.repetitions, warm_up=0)
    rows += [(name, timing.median, timing.minimum) for name, timing in timings.items()]
    report(
        "BERT-base encoder, 12 layers, 8 entries: seconds",
        f"{options.repetitions} runs; {path.stat().st_size / 1e6:.2f} MB of text, weights left out",
        table(("", "median", "minimum"), rows),
        packages=("numpy",),
    )


if __name__ == "__main__":
    main()
