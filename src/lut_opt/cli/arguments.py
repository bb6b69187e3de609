"""The command line of `lut-opt`: its options, and every pass as one more."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xdsl.passes import ModulePass
    from xdsl.utils.target import Target

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


class UsageError(Exception):
    """A wrong command line: printed as it stands, exit code 2."""


def all_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Every pass by name: ours first, then xDSL's own (canonicalize, cse, …)."""
    from xdsl.transforms import get_all_passes

    from lut_opt.universe import LUT_OPT_UNIVERSE

    return {**LUT_OPT_UNIVERSE.all_passes, **get_all_passes()}


def all_targets() -> dict[str, Callable[[], type[Target]]]:
    """Every target by name."""
    from lut_opt.backends.targets import AssemblyTarget
    from lut_opt.universe import LUT_OPT_UNIVERSE

    return {AssemblyTarget.name: lambda: AssemblyTarget, **LUT_OPT_UNIVERSE.all_targets}


def make_target(arguments: argparse.Namespace) -> Target:
    """Build the target of `-t NAME{k=v k=v}`; other arguments set the fields called like them."""
    from lut_opt.passes.support.options import from_text

    (name, options), *more = split_pipeline(arguments.target) or [("", "")]
    factory = all_targets().get(name)
    if factory is None or more:
        known = ", ".join(all_targets())
        raise UsageError(f"-t: invalid choice: '{arguments.target}' (choose from {known})")
    try:
        target = from_text(factory(), options)
    except ValueError as error:
        raise UsageError(f"-t {name}: {error}") from error
    given = {
        "print_generic_format": arguments.print_op_generic,
        "print_debuginfo": arguments.print_debuginfo,
        "liberty": tuple(arguments.liberty),
        "folder": "" if arguments.output == "-" else arguments.output,
    }
    return with_fields(target, given)


def with_fields(target: Target, values: Mapping[str, object]) -> Target:
    """The target with those of the values, where given, that it has a field for."""
    known = {field.name for field in fields(target)}
    return replace(target, **{k: v for k, v in values.items() if v and k in known})


def make_pass(name: str, options: str) -> ModulePass:
    """Build a pass from its name and its options as text: `k=v k=v`."""
    from lut_opt.passes.support.options import from_text

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
        from lut_opt.passes.support.options import describe
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
    add(
        "-t",
        "--target",
        default="mlir",
        metavar="TARGET",
        help=f"what to print: {', '.join(all_targets())} (default: mlir)",
    )
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
    add("--version", action=_VersionAction)
    parser.set_defaults(pipeline=[])
    return parser


class _VersionAction(argparse.Action):
    """Print versions of lut-opt and its libraries; looked up only when asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(
            option_strings, dest, nargs=0, help="print versions, libraries' too, and exit"
        )

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print and leave."""
        from lut_opt.backends.versions import versions

        own, *rest = versions().items()
        print("\n".join([" ".join(own), *(f"  {name} {which}" for name, which in rest)]))
        parser.exit()


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
