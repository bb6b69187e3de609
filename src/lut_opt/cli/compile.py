"""
The console command `lut-compile`: from a model to integers that were measured, and their files.

Exit codes: 0 done and the target met, 1 target not met or a diagnostic about the input, 2 usage, 70
a bug of lut-opt.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lut_opt.cli import measuring
from lut_opt.cli.arguments import UsageError
from lut_opt.frontends.torch import arguments as given_arguments
from lut_opt.frontends.torch.notices import terminal

if TYPE_CHECKING:
    from lut_opt.compiling import Compiled

PROGRAM = "lut-compile"

_EXAMPLES = """\
examples:
  lut-compile model.py:Net --input 8x64xf32 --calibrate data.npz -o build
      Calibrate on three of every four batches of data.npz, convert, measure on every fourth, and
      write build/: MLIR of each step, tables, SystemVerilog with benches, report.html, and the
      commands that do the same by hand.

  lut-compile model.py:Net --input 8x64xf32 --calibrate data.npz -o build \\
      --target "cosine >= 0.999"
      Choose widths and entries for each operator, so that the network meets the target with few
      bits of tables; exit 1 if it does not: build/ then holds the best that was found.

  lut-compile model.onnx --calibrate data.npz -o build
      An ONNX file; the arrays of data.npz are called as its inputs are.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(measuring.words(arguments))

    def run() -> int:
        with terminal(PROGRAM):
            compiled = _run(options)
            compiled.save(options.output, hardware=not options.no_hardware)
        _show(compiled, options)
        return 0 if compiled.accuracy.met else 1

    return measuring.guarded(PROGRAM, options.debug, run)


def _parser() -> argparse.ArgumentParser:
    parser = measuring.parser(
        PROGRAM,
        "Convert a PyTorch model, or an ONNX file, to integers, measure it on batches that the "
        "calibration has not seen, and write a folder with all that follows from it.",
        _EXAMPLES,
    )
    add = parser.add_argument
    add("-o", "--output", required=True, metavar="DIR", help="a new folder, written whole or not")
    add(
        "--target",
        action="append",
        default=[],
        metavar="CONDITION",
        help='what the network must meet, or exit 1: "cosine >= 0.999", "sqnr >= 30", "error <= '
        '0.1", "agreement >= 99%%"; several with `and`',
    )
    add(
        "--cost",
        choices=("bits", "area"),
        default="bits",
        help="what a target keeps small: bits of distinct tables, or their modelled area",
    )
    add(
        "--choice",
        choices=("ladder", "genetic"),
        default="ladder",
        help="how a target chooses: by the noise of single operators, which adds, or bred on the "
        "network itself, which takes a hundred runs more (default: ladder)",
    )
    add("--backend", choices=("jit", "iree"), default="jit", help="what is run (default: jit)")
    add("--no-hardware", action="store_true", help="without SystemVerilog and benches")
    return parser


def _run(options: argparse.Namespace) -> Compiled:
    from pathlib import Path

    from lut_opt.compiling import compile, folder

    recipe = measuring.recipe_of(options)
    measuring.check_requirements("--target", options.target)
    folder.check_new(Path(options.output))
    folder.check_tools(hardware=not options.no_hardware)
    if not options.calibrate:
        raise UsageError("no data: give batches with --calibrate FILE.npz or random:16")
    given = given_arguments.read(options)
    return compile(
        given.model,
        given.examples or None,
        calibrate=given.batches(options.calibrate, "--calibrate"),
        held_out=given.batches(options.held_out, "--held-out") if options.held_out else None,
        target=options.target or None,
        backend=options.backend,
        cost=options.cost,
        choice=options.choice,
        recipe=recipe,
        method=given.method,
        bits=given.bits,
        dynamic_shapes=given.dynamic_shapes,
        decompose=given.decompose,
        keep=given.keep,
        operators=not options.no_operators,
    )


def _show(compiled: Compiled, options: argparse.Namespace) -> None:
    from lut_opt.compiling.commands import commands

    print(compiled.accuracy)
    choice = compiled.choice
    for group, each in choice.candidates if choice else ():
        times = f"{len(group.operators)} × " if len(group.operators) > 1 else ""
        area = "" if each.area is None else f", {each.area:.0f} gates"
        print(f"chosen: {times}{group.name}, {each.setting} ({each.bits} bits{area})")
    print(f"\n{compiled.table_bits} bits of distinct tables; in {options.output}, by hand:")
    for line in commands(compiled, hardware=not options.no_hardware):
        print(f"  {line}")
    print(f"report: {options.output}/report.html", flush=True)
    at_most = ", by the largest choice that there is" if choice and choice.is_largest else ""
    measuring.tell_missed(PROGRAM, compiled.accuracy, at_most)
