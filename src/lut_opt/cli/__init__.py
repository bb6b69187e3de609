"""
The `lut-opt` driver: passes over MLIR text, in the order given.

Exit codes: 0 done, 1 a diagnostic about the input, 2 usage, 70 a bug of lut-opt.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import sys
import traceback
from collections.abc import Sequence

from lut_opt.cli.arguments import UsageError, make_pass, make_target, parse_arguments
from lut_opt.cli.files import InputError, read_input, write_folder, write_output
from lut_opt.cli.session import Session, first_line

EXIT_DONE, EXIT_INPUT, EXIT_USAGE, EXIT_BUG = 0, 1, 2, 70


def run(arguments: argparse.Namespace) -> int:
    """Process the input; diagnostics go to stderr. Returns the exit code."""
    from lut_opt.backends.targets import FolderTarget

    passes = [make_pass(name, options) for name, options in arguments.pipeline]
    target = make_target(arguments)
    if isinstance(target, FolderTarget) and not target.folder:
        raise UsageError(f"-t {target.name} writes a folder: name it with -o DIR")
    name = "<stdin>" if arguments.file == "-" else arguments.file
    text = read_input(arguments.file)
    outputs: list[str] = []
    files: dict[str, str] = {}
    failed, line = False, 0
    for part in text.split("// -----") if arguments.split_input_file else [text]:
        session = Session(arguments, name, passes, target)
        try:
            outputs.append(session.process(part, line))
            files |= session.files
        except Exception as error:
            message = session.describe(error)
            if message is None:
                raise
            if arguments.debug:
                traceback.print_exc()
            print(message, file=sys.stderr)
            failed = True
        line += part.count("\n")
    if failed:
        return EXIT_INPUT
    if isinstance(target, FolderTarget):
        write_folder(target.folder, files)
    else:
        write_output(arguments.output, "// -----\n".join(outputs))
    return EXIT_DONE


def _own_process() -> None:
    """
    Settings for a short run that has the process to itself.

    One BLAS thread: no problem here is large enough for two, and starting them takes 45 ms. No
    garbage collection, at the end neither: nearly all that a run makes lives until its end.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.disable()
    atexit.register(gc.freeze)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the driver on `argv` (default: the process arguments); returns the exit code."""
    if argv is None:
        _own_process()
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        return run(parse_arguments(words))
    except UsageError as error:
        print(f"lut-opt: error: {error}", file=sys.stderr)
        return EXIT_USAGE
    except InputError as error:
        print(error, file=sys.stderr)
        return EXIT_INPUT
    except BrokenPipeError:
        # The reader left; Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except Exception as error:
        if "--debug" in words:
            traceback.print_exc()
        print(
            f"lut-opt: internal error: {type(error).__name__}: {first_line(error)}\n"
            "This is a bug of lut-opt: please report it with the input; --debug shows where.",
            file=sys.stderr,
        )
        return EXIT_BUG


__all__ = ["Session", "main", "make_pass", "run"]
