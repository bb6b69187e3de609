"""
Seconds to compile a network on integers, against its own module in floating point.

The aim: of the pretrained sentence encoder, with a table for each of its operators, compiled code
is there at most 1.2 times as late as that of the same encoder in fp32, by the JIT and by IREE.

    python benchmarks/compile_time.py                   MiniLM, a minute
    python benchmarks/compile_time.py --model vit       timm's ViT-Tiny
    python benchmarks/compile_time.py --model block     a single block, seconds
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

from measure import paired, report, table
from network_choice import TARGETS, calibrated_model

from lut_opt.accuracy import Recipe
from lut_opt.accuracy.checking import tabulated
from lut_opt.backends import iree, jit
from lut_opt.dialects.assembly import Program, context

COMPILERS: dict[str, Callable[[Program], object]] = {"jit": jit.compile, "iree": iree.compile}


def main() -> None:
    """Compile both, in turn, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--model", choices=TARGETS, default="minilm")
    parser.add_argument("--backends", nargs="+", choices=COMPILERS, default=list(COMPILERS))
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    real = calibrated_model(options.model).program
    recipe = Recipe()
    integer = tabulated(real, recipe)
    recipe.convert.apply(context(), integer.module)
    rows: list[tuple[str, ...]] = []
    for backend in options.backends:
        runs: dict[str, Callable[[], object]] = {
            name: partial(COMPILERS[backend], program)
            for name, program in {"fp32": real, "integers": integer}.items()
        }
        times = paired(runs, options.repetitions, warm_up=0)
        least = {name: timing.minimum for name, timing in times.items()}
        ratio = least["integers"] / least["fp32"]
        rows.append((backend, *(f"{each:.2f}" for each in least.values()), f"{ratio:.2f}"))
    report(
        f"Seconds to compile {options.model}",
        f"minima of {options.repetitions}, in turn; the JIT uses one core, IREE all",
        table(("backend", "fp32", "integers", "times as long"), rows),
        packages=("torch-mlir", "iree-base-compiler"),
    )


if __name__ == "__main__":
    main()
