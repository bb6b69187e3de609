"""One run of the passes over one input, and what its errors look like."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lut_opt.cli.files import InputError, read_input

if TYPE_CHECKING:
    from xdsl.ir import Operation
    from xdsl.passes import ModulePass

    from lut_opt.dialects.assembly import Program


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
        from lut_opt.passes.support.dominance import check_dominance

        ctx = context(allow_unregistered=self.arguments.allow_unregistered_dialect)
        # Blank lines keep the line numbers of a later part of a split file.
        program = parse("\n" * first_line + text, self.name, ctx)
        check_dominance(program.module)
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
        from lut_opt.backends.formal.check import check

        named = self.arguments.prove
        for line in check(program.module, read_input(named) if named else None):
            print(line, file=sys.stderr)

    def verify(self, program: Program) -> None:
        """Verify the module; a failure names the op and its place in the input."""
        from xdsl.utils.exceptions import VerifyException

        from lut_opt.passes.support.diagnostics import OpError

        try:
            program.module.verify()
        except VerifyException as error:
            culprit = _culprit(program.module)
            if culprit is None:
                raise
            message = first_line(error)
            if culprit.name not in message:
                message = f"'{culprit.name}': {message}"
            raise OpError(culprit, message) from error

    def describe(self, error: Exception) -> str | None:
        """The diagnostic for an error that is about the input, or None for a bug of ours."""
        from xdsl.utils.exceptions import DiagnosticException, ParseError

        from lut_opt.dialects.assembly import UNKNOWN, error_location

        if isinstance(error, InputError):
            return str(error)
        if isinstance(error, ParseError):
            return f"{error_location(error)}: error: {error.msg.strip().partition(chr(10))[0]}"
        if isinstance(error, DiagnosticException):
            place = getattr(error, "location", UNKNOWN)
            place = self.name if place == UNKNOWN else place
            label = f"[{self.running}] " if self.running else ""
            return f"{place}: error: {label}{first_line(error)}"
        return None

    def render(self, program: Program) -> str:
        """The output of the target."""
        if self.arguments.target == "bundle":
            from lut_opt.backends.bundle import bundle

            self.files |= bundle(program.module)
            return ""
        if self.arguments.target == "json":
            from lut_opt.backends.report.json import emit

            return emit(program.module)
        if self.arguments.target == "systemverilog":
            from lut_opt.backends.verilog.systemverilog import emit

            return emit(program.module)
        if self.arguments.target == "report":
            from lut_opt.backends.report.report import emit

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


def first_line(error: Exception) -> str:
    """The first line of an error's message; its kind where there is none."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
