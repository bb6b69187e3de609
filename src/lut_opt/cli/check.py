"""
The console command `lut-check`: how good a model on integers is, operator by operator.

Exit codes: 0 measured and good enough, 1 not good enough or a diagnostic about the input, 2 usage,
70 a bug of lut-opt.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lut_opt.cli.arguments import UsageError, make_pass
from lut_opt.cli.files import InputError, check_writable, write_output
from lut_opt.cli.session import first_line
from lut_opt.frontends.torch import arguments as given_arguments
from lut_opt.frontends.torch.notices import diagnostic, terminal

if TYPE_CHECKING:
    from lut_opt.accuracy import Accuracy, Recipe

PROGRAM = "lut-check"
PASSES = {
    "lower-nonlinear-to-pwl": "lower",
    "pwl-search": "search",
    "convert-pwl-to-arith": "convert",
}
"""What is run, in this order, and what the recipe calls it."""

_EXAMPLES = f"""\
examples:
  lut-check model.py:Net --input 8x64xf32 --calibrate data.npz
      Calibrate on three of every four batches of data.npz, convert with the defaults, measure on
      every fourth: the network, then each operator by itself, the worst first.

  lut-check model.py:Net --input 8x64xf32 --calibrate data.npz --held-out test.npz \\
      --require "cosine >= 0.999 and agreement >= 99%"
      Calibrate on all of data.npz, measure on test.npz; exit 1 if it is not good enough.

  lut-check model.py:Net --input 8x64xf32 --calibrate random:16 \\
      --lower-nonlinear-to-pwl="input-bits=16" --pwl-search="entries=16 param-bits=10"
      The passes with other options; an operator that costs too much stays in floating point with
      --lower-nonlinear-to-pwl="keep=softmax".

{given_arguments.INPUTS}

Metrics that --require knows, of the worst output: cosine (mean over samples) and worst_cosine, sqnr
(signal-to-noise ratio in dB), error (largest absolute), agreement (how often the largest element
along the last axis is the same). SQNR and cosine of an operator alone are those of the network with
every other operator in real numbers. Exit codes: 0 done, 1 not good enough, or the model cannot be
measured, 2 wrong usage, 70 a bug.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(_words(sys.argv[1:] if arguments is None else arguments))
    try:
        with terminal(PROGRAM):
            accuracy = _run(options)
        _show(accuracy, options)
        return 0 if accuracy.met else 1
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        code, message = _explained(error)
        print(message, file=sys.stderr)
        return code


def _explained(error: Exception) -> tuple[int, str]:
    """The exit code of an error, and what to say."""
    from xdsl.utils.exceptions import DiagnosticException

    from lut_opt.backends.errors import BackendError

    wrong_usage = UsageError | given_arguments.UsageError
    if isinstance(error, wrong_usage):
        return 2, diagnostic(PROGRAM, "error", str(error))
    if isinstance(error, InputError):
        return 1, str(error)
    if isinstance(error, ImportError) and error.name in ("torch", "torch_mlir"):
        missing = f"{error.name} is missing: pip install 'lut-opt[torch]'"
        return 1, diagnostic(PROGRAM, "error", missing)
    if isinstance(error, DiagnosticException):
        place = getattr(error, "location", PROGRAM)
        return 1, f"{place}: error: {first_line(error)}"
    if isinstance(error, ValueError | ImportError | OSError | BackendError):
        return 1, diagnostic(PROGRAM, "error", str(error))
    bug = f"internal error: {type(error).__name__}: {first_line(error)} (--debug shows more)"
    return 70, diagnostic(PROGRAM, "error", bug)


def _words(arguments: Sequence[str]) -> list[str]:
    """`--PASS` without options is `--PASS=`: it must not take the next word for them."""
    return [f"{word}=" if word.removeprefix("--") in PASSES else word for word in arguments]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Convert a PyTorch model to integers, run it, and compare it with PyTorch on "
        "batches that the calibration has not seen: the network, and each operator by itself.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    given_arguments.add_options(parser)
    add = parser.add_argument
    add(
        "--held-out",
        metavar="FILE.npz|random:N",
        help="measure on these batches (default: every fourth of --calibrate)",
    )
    add(
        "--require",
        action="append",
        default=[],
        metavar="CONDITION",
        help='what must be met, or exit 1: "cosine >= 0.999", "sqnr >= 30", "error <= 0.1", '
        '"agreement >= 99%%"; several with `and`',
    )
    for name in PASSES:
        add(f"--{name}", default="", metavar='"k=v k=v"', help="options of the pass")
    add("--no-operators", action="store_true", help="measure the network alone")
    add("--json", metavar="OUT.json", help="write the figures there, - is stdout")
    return parser


def _run(options: argparse.Namespace) -> Accuracy:
    recipe = _recipe(options)
    if options.json not in (None, "-"):
        check_writable(options.json)
    if not (options.calibrate or options.held_out):
        raise UsageError(
            "no data: give batches with --calibrate FILE.npz or random:16, or, for a model that is "
            "quantized already, with --held-out"
        )
    # Before minutes are spent on what cannot be judged.
    from lut_opt.accuracy import RequirementError, Requirements, check

    try:
        Requirements.of(options.require)
    except RequirementError as error:
        raise UsageError(f"--require {error}") from error
    given = given_arguments.read(options)
    return check(
        given.model,
        given.batches(options.calibrate, "--calibrate") if options.calibrate else (),
        held_out=given.batches(options.held_out, "--held-out") if options.held_out else None,
        require=options.require,
        recipe=recipe,
        method=given.method,
        bits=given.bits,
        dynamic_shapes=given.dynamic_shapes,
        decompose=given.decompose,
        keep=given.keep,
        operators=not options.no_operators,
    )


def _recipe(options: argparse.Namespace) -> Recipe:
    from lut_opt.accuracy import Recipe

    given = {
        part: make_pass(name, text)
        for name, part in PASSES.items()
        if (text := getattr(options, name.replace("-", "_")))
    }
    return replace(Recipe(), **given)


def _show(accuracy: Accuracy, options: argparse.Namespace) -> None:
    if options.json is not None:
        import json

        from lut_opt.accuracy.report import record

        write_output(options.json, json.dumps(record(accuracy), indent=2) + "\n")
    if options.json != "-":
        print(accuracy, flush=True)
    for verdict in accuracy.verdicts:
        if not verdict.met:
            print(
                diagnostic(PROGRAM, "error", _missed(accuracy, verdict.requirement)),
                file=sys.stderr,
            )


def _missed(accuracy: Accuracy, requirement: str) -> str:
    if not accuracy.operators:
        return f"{requirement} is not met"
    worst = accuracy.operators[0]
    return (
        f"{requirement} is not met; `{worst.name}` at {worst.location} costs the most: give it "
        f"more bits or entries, or leave it in floating point with keep={worst.name}"
    )
