"""
The console command `lut-check`: how good a model on integers is, operator by operator.

Exit codes: 0 measured and good enough, 1 not good enough or a diagnostic about the input, 2 usage,
70 a bug of lut-opt.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lut_opt.cli import measuring
from lut_opt.cli.arguments import UsageError
from lut_opt.cli.files import check_writable, write_output
from lut_opt.frontends.torch import arguments as given_arguments
from lut_opt.frontends.torch.notices import terminal

if TYPE_CHECKING:
    from lut_opt.accuracy import Accuracy

PROGRAM = "lut-check"

_EXAMPLES = """\
examples:
  lut-check model.py:Net --input 8x64xf32 --calibrate data.npz
      Calibrate on three of every four batches of data.npz, convert with the defaults, measure on
      every fourth: the network, then each operator by itself, the worst first.

  lut-check model.py:Net --input 8x64xf32 --calibrate data.npz --held-out test.npz \\
      --require "cosine >= 0.999 and agreement >= 99%"
      Calibrate on all of data.npz, measure on test.npz; exit 1 if it is not good enough.

  lut-check model.onnx --calibrate data.npz
      An ONNX file; the arrays of data.npz are called as its inputs are.

  lut-check model.py:Net --input 8x64xf32 --calibrate random:16 \\
      --lower-nonlinear-to-pwl="input-bits=16" --pwl-search="entries=16 param-bits=10"
      The passes with other options; an operator that costs too much stays in floating point with
      --lower-nonlinear-to-pwl="keep=softmax".
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(measuring.words(arguments))

    def run() -> int:
        with terminal(PROGRAM):
            accuracy = _run(options)
        _show(accuracy, options)
        return 0 if accuracy.met else 1

    return measuring.guarded(PROGRAM, options.debug, run)


def _parser() -> argparse.ArgumentParser:
    parser = measuring.parser(
        PROGRAM,
        "Convert a PyTorch model, or an ONNX file, to integers, run it, and compare it with "
        "PyTorch on batches that the calibration has not seen: the network, and each operator by "
        "itself.",
        _EXAMPLES,
    )
    parser.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="CONDITION",
        help='what must be met, or exit 1: "cosine >= 0.999", "sqnr >= 30", "error <= 0.1", '
        '"agreement >= 99%%"; several with `and`',
    )
    parser.add_argument("--json", metavar="OUT.json", help="write the figures there, - is stdout")
    return parser


def _run(options: argparse.Namespace) -> Accuracy:
    recipe = measuring.recipe_of(options)
    if options.json not in (None, "-"):
        check_writable(options.json)
    if not (options.calibrate or options.held_out):
        raise UsageError(
            "no data: give batches with --calibrate FILE.npz or random:16, or, for a model that is "
            "quantized already, with --held-out"
        )
    measuring.check_requirements("--require", options.require)
    from lut_opt.accuracy import check

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


def _show(accuracy: Accuracy, options: argparse.Namespace) -> None:
    if options.json is not None:
        import json

        from lut_opt.accuracy.report import record

        write_output(options.json, json.dumps(record(accuracy), indent=2) + "\n")
    if options.json != "-":
        print(accuracy, flush=True)
    measuring.tell_missed(PROGRAM, accuracy)
