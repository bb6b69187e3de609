"""What the examples of `lut_opt.compile` share: an output folder, a target, and what is printed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import lut_opt


def main(about: str | None, name: str, given: Callable[[], tuple[Any, dict[str, Any]]]) -> int:
    """
    Compile, save, and say what it is worth; 1 if the target is missed.

    `given` makes the model and the batches, as keyword arguments of `lut_opt.compile`.
    """
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("-o", "--output", default=f"build/{name}", help="a new folder (default: %(default)s)")
    add("--target", default="cosine >= 0.999", help="(default: %(default)s)")
    options = parser.parse_args()

    model, batches = given()
    compiled = lut_opt.compile(model, **batches, target=options.target)
    compiled.save(options.output)

    print(compiled.accuracy)
    print(f"{compiled.table_bits} bits of distinct tables; report: {options.output}/report.html")
    return 0 if compiled.accuracy.met else 1
