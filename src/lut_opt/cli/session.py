"""One run of the passes over one input, and what its errors look like."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING

from lut_opt.cli.arguments import with_fields
from lut_opt.cli.files import InputError, read_input

if TYPE_CHECKING:
    from xdsl.context import Context
    from xdsl.ir import Operation
    from xdsl.passes import ModulePass
    from xdsl.utils.target import Target

    from lut_opt.dialects.assembly import Program


@dataclass
class Session:
    """One run over one input; `running` is the pass or backend at work, for diagnostics."""

    arguments: argparse.Namespace
    name: str
    passes: list[ModulePass]
    target: Target
    running: str = ""
    files: dict[str, str] = field(default_factory=dict[str, str])
    """What a target that is a folder holds, by relative names."""

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
        self.running = "" if self.target.name == "mlir" else f"-t {self.target.name}"
        return self.render(ctx, program)

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

    def render(self, ctx: Context, program: Program) -> str:
        """The text of the target; what is a folder goes to `files`."""
        from lut_opt.backends.targets import FolderTarget

        if isinstance(self.target, FolderTarget):
            self.files |= self.target.files(program.module)
            return ""
        output = StringIO()
        target = with_fields(self.target, {"resources": program.resources})
        target.emit(ctx, program.module, output)
        return output.getvalue()


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
