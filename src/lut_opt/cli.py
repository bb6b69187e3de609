"""
The `lut-opt` driver: passes over MLIR text, in the order given.

Exit codes: 0 done, 1 a diagnostic about the input, 2 usage, 70 a bug of lut-opt.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xdsl.ir import Operation
    from xdsl.passes import ModulePass

    from lut_opt.dialects.assembly import Program

EXIT_DONE, EXIT_INPUT, EXIT_USAGE, EXIT_BUG = 0, 1, 2, 70

TARGETS = ("mlir", "systemverilog", "json", "report", "bundle")

EXAMPLES = """\
examples:
  lut-opt model.mlir --lower-nonlinear-to-pwl --pwl-search="entries=8" -o tables.mlir
  lut-opt tables.mlir -t json                          one object per table
  lut-opt tables.mlir -t report                        what became a table, what is left in floats
  lut-opt tables.mlir --convert-pwl-to-hw -t systemverilog -o units.sv
  lut-opt units.mlir --prove -t systemverilog -o units.sv
  lut-opt units.mlir -t bundle -o DIR                  each unit with a bench, vectors and JSON
  lut-opt model.mlir -p 'lower-nonlinear-to-pwl,pwl-search{entries=16},verify-pwl'
"""


class InputError(Exception):
    """A diagnostic about the input: printed as it stands, exit code 1."""


class UsageError(Exception):
    """A wrong command line: printed as it stands, exit code 2."""


def all_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Every pass by name: ours first, then xDSL's own (canonicalize, cse, …)."""
    from xdsl.transforms import get_all_passes

    from lut_opt.universe import LUT_OPT_UNIVERSE

    return {**LUT_OPT_UNIVERSE.all_passes, **get_all_passes()}


def make_pass(name: str, options: str) -> ModulePass:
    """Build a pass from its name and its options as text: `k=v k=v`."""
    from lut_opt.passes.options import from_text

    factory = all_passes().get(name)
    if factory is None:
        raise UsageError(f"unknown pass '{name}': lut-opt --help lists every pass")
    try:
        return from_text(factory(), options)
    except ValueError as error:
        raise UsageError(f"--{name}: {error}") from error


def split_pipeline(text: str) -> list[tuple[str, str]]:
    """Split `a{k=v k=v},b` into names and option texts."""
    passes: list[tuple[str, str]] = []
    rest = text.strip()
    while rest:
        match = re.match(r"([A-Za-z0-9_-]+)\s*(?:\{([^{}]*)\})?\s*(?:,\s*(?=\S)|$)", rest)
        if match is None:
            raise UsageError(f"-p: cannot read '{rest}': expected pass{{k=v k=v}},pass")
        passes.append((match[1], match[2] or ""))
        rest = rest[match.end() :]
    return passes


class _AddPasses(argparse.Action):
    """Append passes to the pipeline, in command-line order."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        namespace.pipeline = [*namespace.pipeline, *split_pipeline(values)]


class _Help(argparse.Action):
    """Print the help with every pass and its options; built only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        from lut_opt.passes.options import describe
        from lut_opt.universe import LUT_OPT_UNIVERSE

        ours = LUT_OPT_UNIVERSE.all_passes
        print(parser.format_help())
        print('passes, run in the order given, as --NAME, --NAME="k=v k=v" or in -p:\n')
        for factory in ours.values():
            print(describe(factory()))
        others = sorted(set(all_passes()) - set(ours))
        print("passes of xDSL:\n  " + "\n  ".join(_wrap(others)) + "\n")
        print(EXAMPLES, end="")
        parser.exit()


def _wrap(words: Sequence[str]) -> list[str]:
    import textwrap

    return textwrap.wrap(", ".join(words), 96, break_on_hyphens=False)


def build_parser() -> argparse.ArgumentParser:
    """The options of `lut-opt` other than its passes."""
    parser = argparse.ArgumentParser(
        prog="lut-opt",
        description="Replace non-linear operators by small integer tables, prove the tables, and "
        "lower them to arithmetic or to hardware.",
        usage='lut-opt [FILE|-] [-o OUT] [--PASS[="k=v k=v"] ...] [-p PIPELINE] [--prove[=SV]] '
        "[-t TARGET]",
        add_help=False,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("file", nargs="?", default="-", metavar="FILE", help="MLIR text; - or nothing: stdin")
    add("-h", "--help", action=_Help, nargs=0, help="show this help and exit")
    add(
        "-o",
        "--output",
        metavar="OUT",
        default="-",
        help="written whole or not at all; - is stdout",
    )
    add("-p", "--pipeline", action=_AddPasses, metavar="PIPELINE", help="'pass{k=v k=v},pass'")
    add("-t", "--target", choices=TARGETS, default="mlir", help="what to print (default: mlir)")
    add(
        "--prove",
        metavar="SV",
        help="prove every hardware unit from its SystemVerilog (or from the text SV that is named "
        "by --prove=SV), say on stderr what is known of each, and fail if one is wrong",
    )
    add(
        "--liberty",
        action="append",
        default=[],
        metavar="FILE",
        help="cells for the hardware in -t report (.lib, .lib.gz; repeatable)",
    )
    add("--split-input-file", action="store_true", help="treat parts between '// -----' apart")
    add("--print-op-generic", action="store_true", help="print MLIR in generic form")
    add("--print-debuginfo", action="store_true", help="print locations")
    add("--verify-each", action="store_true", help="verify the IR after every pass, not only last")
    add("--allow-unregistered-dialect", action="store_true", help="accept ops of other dialects")
    add("--debug", action="store_true", help="show the traceback behind a diagnostic")
    add("--version", action="version", version=_version())
    parser.set_defaults(pipeline=[])
    return parser


def _version() -> str:
    from importlib.metadata import version

    return f"lut-opt {version('lut-opt')} (xdsl {version('xdsl')})"


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line: `--PASS=OPTIONS` is short for `-p PASS{OPTIONS}`."""
    names = all_passes()
    words: list[str] = []
    for word in argv:
        # Without a value it must not take the next word for one.
        word = "--prove=" if word == "--prove" else word
        name, _, options = word.removeprefix("--").partition("=")
        is_pass = word.startswith("--") and name in names
        words.append(f"--pipeline={name}{{{options}}}" if is_pass else word)
    return build_parser().parse_args(words)


@dataclass
class Session:
    """One run over one input; `running` is the pass or backend at work, for diagnostics."""

    arguments: argparse.Namespace
    name: str
    passes: list[ModulePass]
    running: str = ""
    files: dict[str, str] = field(default_factory=dict[str, str])
    """What `-t bundle` writes, by relative names."""

    def process(self, text: str, first_line: int = 0) -> str:
        """Parse, run the passes, and render the target."""
        from lut_opt.dialects.assembly import context, parse

        ctx = context(allow_unregistered=self.arguments.allow_unregistered_dialect)
        # Blank lines keep the line numbers of a later part of a split file.
        program = parse("\n" * first_line + text, self.name, ctx)
        self.verify(program)
        for step in self.passes:
            self.running = step.name
            step.apply(ctx, program.module)
            if self.arguments.verify_each or step is self.passes[-1]:
                self.verify(program)
        if self.arguments.prove is not None:
            self.running = "--prove"
            self.prove(program)
        self.running = "" if self.arguments.target == "mlir" else f"-t {self.arguments.target}"
        return self.render(program)

    def prove(self, program: Program) -> None:
        """Prove the hardware units, and say what is known of each."""
        from lut_opt.backends.check import check

        named = self.arguments.prove
        for line in check(program.module, read_input(named) if named else None):
            print(line, file=sys.stderr)

    def verify(self, program: Program) -> None:
        """Verify the module; a failure names the op and its place in the input."""
        from xdsl.utils.exceptions import VerifyException

        from lut_opt.passes.diagnostics import OpError

        try:
            program.module.verify()
        except VerifyException as error:
            culprit = _culprit(program.module)
            if culprit is None:
                raise
            message = _first_line(error)
            if culprit.name not in message:
                message = f"'{culprit.name}': {message}"
            raise OpError(culprit, message) from error

    def describe(self, error: Exception) -> str | None:
        """The diagnostic for an error that is about the input, or None for a bug of ours."""
        from xdsl.utils.exceptions import DiagnosticException, ParseError

        from lut_opt.dialects.assembly import error_location

        if isinstance(error, InputError):
            return str(error)
        if isinstance(error, ParseError):
            return f"{error_location(error)}: error: {error.msg.strip().partition(chr(10))[0]}"
        if isinstance(error, DiagnosticException):
            place = getattr(error, "location", self.name)
            label = f"[{self.running}] " if self.running else ""
            return f"{place}: error: {label}{_first_line(error)}"
        return None

    def render(self, program: Program) -> str:
        """The output of the target."""
        if self.arguments.target == "bundle":
            from lut_opt.backends.deliver import bundle

            self.files |= bundle(program.module)
            return ""
        if self.arguments.target == "json":
            from lut_opt.backends.json import emit

            return emit(program.module)
        if self.arguments.target == "systemverilog":
            from lut_opt.backends.systemverilog import emit

            return emit(program.module)
        if self.arguments.target == "report":
            from lut_opt.backends.report import emit

            return emit(program.module, self.arguments.liberty)
        from lut_opt.dialects.assembly import print_program

        return print_program(
            program,
            generic=self.arguments.print_op_generic,
            debuginfo=self.arguments.print_debuginfo,
        )


def _culprit(module: Operation) -> Operation | None:
    from xdsl.utils.exceptions import VerifyException

    for op in module.walk():
        try:
            op.verify(verify_nested_ops=False)
        except VerifyException:
            return op
    return None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def read_input(name: str) -> str:
    """Text of the input file or of stdin."""
    try:
        if name == "-":
            return sys.stdin.buffer.read().decode()
        with open(name, "rb") as stream:
            return stream.read().decode()
    except OSError as error:
        raise InputError(f"{name}: error: cannot read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: error: not UTF-8 text at byte {error.start}") from error


def write_output(name: str, text: str) -> None:
    """Write a file whole or not at all: a temporary file beside it is renamed."""
    if name == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    path = os.path.realpath(name)
    part = f"{path}.{os.getpid()}.part"
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe
            with open(path, "w") as stream:
                stream.write(text)
            return
        if os.path.exists(path) and not os.access(path, os.W_OK):
            raise PermissionError(13, "Permission denied")
        with open(part, "w") as stream:
            stream.write(text)
        os.replace(part, path)
    except OSError as error:
        if os.path.exists(part):
            os.unlink(part)
        raise InputError(f"{name}: error: cannot write: {error.strerror}") from error


def run(arguments: argparse.Namespace) -> int:
    """Process the input; diagnostics go to stderr. Returns the exit code."""
    passes = [make_pass(name, options) for name, options in arguments.pipeline]
    if arguments.target == "bundle" and arguments.output == "-":
        raise UsageError("-t bundle writes a folder: name it with -o DIR")
    name = "<stdin>" if arguments.file == "-" else arguments.file
    text = read_input(arguments.file)
    outputs: list[str] = []
    files: dict[str, str] = {}
    failed, line = False, 0
    for part in text.split("// -----") if arguments.split_input_file else [text]:
        session = Session(arguments, name, passes)
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
    if arguments.target == "bundle":
        write_folder(arguments.output, files)
    else:
        write_output(arguments.output, "// -----\n".join(outputs))
    return EXIT_DONE


def write_folder(name: str, files: dict[str, str]) -> None:
    """Write a new folder whole or not at all."""
    from pathlib import Path

    from lut_opt.backends.deliver import write
    from lut_opt.backends.systemverilog import BackendError

    try:
        write(files, Path(name))
    except BackendError as error:
        raise InputError(f"{name}: error: {error}") from error


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
            f"lut-opt: internal error: {type(error).__name__}: {_first_line(error)}\n"
            "This is a bug of lut-opt: please report it with the input; --debug shows where.",
            file=sys.stderr,
        )
        return EXIT_BUG


if __name__ == "__main__":
    sys.exit(main())
