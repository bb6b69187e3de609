"""What the commands that measure a model share: options, the recipe, and what errors look like."""

from __future__ import annotations

import argparse
import gc
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lut_opt.cli.arguments import UsageError, make_pass
from lut_opt.cli.files import InputError
from lut_opt.cli.session import first_line
from lut_opt.frontends.torch import arguments as given_arguments
from lut_opt.frontends.torch.notices import diagnostic

if TYPE_CHECKING:
    from lut_opt.accuracy import Accuracy, Recipe

PASSES = {
    "lower-nonlinear-to-pwl": "lower",
    "pwl-search": "search",
    "convert-pwl-to-arith": "convert",
}
"""What is run, in this order, and what the recipe calls it."""

METRICS = """\
Metrics, of the worst output: cosine (mean over samples) and worst_cosine, sqnr (signal-to-noise
ratio in dB), error (largest absolute), agreement (how often the largest element along the last axis
is the same). SQNR and cosine of an operator alone are those of the network with every other
operator in real numbers. Exit codes: 0 done, 1 not good enough, or the model cannot be measured, 2
wrong usage, 70 a bug."""


def parser(program: str, description: str, examples: str) -> argparse.ArgumentParser:
    """A parser with the options that all of them have."""
    made = argparse.ArgumentParser(
        prog=program,
        description=description,
        epilog=f"{examples}\n{given_arguments.INPUTS}\n\n{METRICS}\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    given_arguments.add_options(made)
    made.add_argument(
        "--held-out",
        metavar="FILE.npz|random:N",
        help="measure on these batches (default: every fourth of --calibrate)",
    )
    for name in PASSES:
        made.add_argument(f"--{name}", default="", metavar='"k=v k=v"', help="options of the pass")
    made.add_argument("--no-operators", action="store_true", help="measure the network alone")
    return made


def words(arguments: Sequence[str] | None) -> list[str]:
    """`--PASS` without options is `--PASS=`: it must not take the next word for them."""
    given = sys.argv[1:] if arguments is None else arguments
    return [f"{word}=" if word.removeprefix("--") in PASSES else word for word in given]


def guarded(program: str, debug: bool, run: Callable[[], int]) -> int:
    """Run a command; an error becomes a diagnostic and an exit code."""
    try:
        return run()
    except Exception as error:
        if debug:
            traceback.print_exc()
        code, message = _explained(program, error)
        print(message, file=sys.stderr)
        return code
    finally:
        gc.freeze()  # at exit, Python would look for cycles in graphs of millions of objects


def _explained(program: str, error: Exception) -> tuple[int, str]:
    """The exit code of an error, and what to say."""
    from xdsl.utils.exceptions import DiagnosticException

    from lut_opt.backends.errors import BackendError

    wrong_usage = UsageError | given_arguments.UsageError
    if isinstance(error, wrong_usage):
        return 2, diagnostic(program, "error", str(error))
    if isinstance(error, InputError):
        return 1, str(error)
    if isinstance(error, ImportError) and error.name in ("torch", "torch_mlir"):
        missing = f"{error.name} is missing: pip install 'lut-opt[torch]'"
        return 1, diagnostic(program, "error", missing)
    if isinstance(error, DiagnosticException):
        place = getattr(error, "location", program)
        return 1, f"{place}: error: {first_line(error)}"
    if isinstance(error, ValueError | ImportError | OSError | BackendError):
        return 1, diagnostic(program, "error", str(error))
    bug = f"internal error: {type(error).__name__}: {first_line(error)} (--debug shows more)"
    return 70, diagnostic(program, "error", bug)


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The passes with the options given."""
    from lut_opt.accuracy import Recipe

    given = {
        part: make_pass(name, text)
        for name, part in PASSES.items()
        if (text := getattr(options, name.replace("-", "_")))
    }
    return replace(Recipe(), **given)


def check_requirements(option: str, conditions: Sequence[str]) -> None:
    """Raise `UsageError` before minutes are spent on what cannot be judged."""
    from lut_opt.accuracy import RequirementError, Requirements

    try:
        Requirements.of(list(conditions))
    except RequirementError as error:
        raise UsageError(f"{option} {error}") from error


def tell_missed(program: str, accuracy: Accuracy, limits: str = "") -> None:
    """Say on stderr which requirements are not met, by how much, and what costs the most."""
    for verdict in accuracy.verdicts:
        if not verdict.met:
            message = _missed(accuracy, verdict.requirement, limits)
            print(diagnostic(program, "error", message), file=sys.stderr)


def _missed(accuracy: Accuracy, requirement: str, limits: str) -> str:
    if not accuracy.operators:
        return f"{requirement} is not met{limits}"
    worst = accuracy.operators[0]
    more = "" if limits else "give it more bits or entries, or "
    return (
        f"{requirement} is not met{limits}; `{worst.name}` at {worst.location} costs the most: "
        f"{more}leave it in floating point with keep={worst.name}"
    )
