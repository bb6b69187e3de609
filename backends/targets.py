"""
What a module can be written as: xDSL targets, known to `lut-opt -t` and to `xdsl-opt -t`.

A target is a class with a name, whose fields are its options (`-t 'report{liberty=cells.lib}'`).
Add one to `TARGETS`, or, from another package, to `LUT_OPT_UNIVERSE.all_targets`. What writes is
imported when it writes.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target


@dataclass(frozen=True)
class AssemblyTarget(Target):
    """xDSL's own target in MLIR's spelling of resources and truth values: `lut-opt`'s default."""

    name = "mlir"

    print_generic_format: bool = False
    """Print every operation in generic form."""

    print_debuginfo: bool = False
    """Print locations."""

    resources: str = ""
    """The resource section of the input, verbatim."""

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        """Print the module, and its resources after it."""
        from lut_opt.dialects.assembly import Program, write_program

        write_program(
            Program(module, self.resources),
            output,
            generic=self.print_generic_format,
            debuginfo=self.print_debuginfo,
        )


@dataclass(frozen=True)
class SystemVerilogTarget(Target):
    """The SystemVerilog of hardware units."""

    name = "systemverilog"

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        """Write what CIRCT makes of the units."""
        from lut_opt.backends.verilog.systemverilog import emit

        output.write(emit(module))


@dataclass(frozen=True)
class JsonTarget(Target):
    """Tables and units as a JSON list."""

    name = "json"

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        """Write one object for each table or unit."""
        from lut_opt.backends.report.json import emit

        output.write(emit(module))


@dataclass(frozen=True)
class ReportTarget(Target):
    """What became of the non-linear operators, and what hardware units cost."""

    name = "report"

    liberty: tuple[str, ...] = ()
    """Cells for the hardware (.lib, .lib.gz)."""

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        """Write the report as text."""
        from lut_opt.backends.report.report import emit

        output.write(emit(module, self.liberty))


@dataclass(frozen=True)
class HtmlTarget(Target):
    """The report as one HTML page: tables drawn, certificates in words."""

    name = "html"

    liberty: tuple[str, ...] = ()
    """Cells for the hardware (.lib, .lib.gz)."""

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        """Write the page."""
        from lut_opt.backends.page.page import page_of, render

        output.write(render(page_of(module, liberty=self.liberty)))


@dataclass(frozen=True)
class FolderTarget(Target):
    """A target that is a folder of files: `lut-opt` writes it to `-o DIR`."""

    folder: str = ""
    """Where it goes: a new or empty folder."""

    @abstractmethod
    def files(self, module: ModuleOp) -> dict[str, str]:
        """Texts by their names relative to the folder."""

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        """Write the folder; nothing goes to `output`."""
        from pathlib import Path

        from lut_opt.backends.bundle import write
        from lut_opt.backends.errors import BackendError

        if not self.folder:
            raise BackendError(f"{self.name} writes a folder: name it with {self.name}{{folder=…}}")
        write(self.files(module), Path(self.folder))


@dataclass(frozen=True)
class BundleTarget(FolderTarget):
    """Each hardware unit with a bench, vectors and JSON."""

    name = "bundle"

    def files(self, module: ModuleOp) -> dict[str, str]:
        """The files of every hardware unit."""
        from lut_opt.backends.bundle import bundle

        return bundle(module)


TARGETS: tuple[type[Target], ...] = (
    SystemVerilogTarget,
    JsonTarget,
    ReportTarget,
    HtmlTarget,
    BundleTarget,
)
"""What this project adds to xDSL's targets."""
