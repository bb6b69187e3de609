"""What `lut_opt.compile` gives."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lut_opt.backends.bundle import write
from lut_opt.backends.errors import BackendError
from lut_opt.backends.execute.executable import Executable
from lut_opt.backends.page.page import render
from lut_opt.backends.report import json as tables_json
from lut_opt.compiling import folder, page
from lut_opt.compiling.network import Network


@dataclass(frozen=True)
class Compiled(Network):
    """A network on integers: callable, measured, and ready to be written."""

    executable: Executable
    """The compiled code, on arrays."""
    example: Any
    """Inputs as the model takes them."""

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """
        Run on arrays, or tensors, with the shapes that were exported.

        Results are tensors where an input is one. One result is given as it is, a tuple's as a
        tuple, and others as a mapping by name (`logits`, `hidden_states.0`).
        """
        from lut_opt.frontends.torch.reference import call

        names = list(self.accuracy.outputs)
        results = call(self.executable, self.example, arguments, keywords, len(names))
        if names == ["result"]:
            return results[0]
        if all(name.isdecimal() for name in names):
            return results
        return dict(zip(names, results, strict=True))

    @property
    def tables(self) -> list[dict[str, Any]]:
        """Every table with its certificate, as `lut-opt -t json` writes it."""
        return json.loads(tables_json.emit(self.program.module))

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write the report, one HTML page. `BackendError` if it cannot be written."""
        text = render(page.page(self))
        target = Path(path)
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        try:
            part.write_text(text, "utf-8")
            os.replace(part, target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise BackendError(f"{target}: cannot write: {error.strerror}") from error

    def save(self, path: str | os.PathLike[str], *, hardware: bool = True) -> None:
        """
        Write a new folder, whole or not at all: MLIR of each step, tables, report, commands.

        `hardware` adds SystemVerilog and a bench for each unit. Raises `BackendError` if the folder
        is there already and not empty, if it cannot be written, or if a unit cannot be built.
        """
        target = Path(path)
        folder.check_new(target)
        folder.check_tools(hardware=hardware)
        try:
            write(folder.files(self, hardware=hardware), target)
        except BackendError as error:
            raise BackendError(f"{target}: {error}") from error
