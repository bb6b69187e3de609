"""
The folder that `Compiled.save` writes.

    torch.mlir       the exported program, each operator with its range and its setting
    tables.mlir      the same with tables and certificates
    arith.mlir       integers only: linalg, scf, arith
    tables.json      every table
    units.sv         SystemVerilog; in units/, each with a bench
    accuracy.json    what was measured
    report.html      all of it, to look at
    reproduce.sh     the commands that make these files of torch.mlir again
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from lut_opt.accuracy.report import record
from lut_opt.backends.bundle import bundle
from lut_opt.backends.errors import BackendError
from lut_opt.backends.page.page import render
from lut_opt.backends.report import json as tables_json
from lut_opt.backends.verilog import systemverilog
from lut_opt.compiling import page
from lut_opt.compiling.commands import script
from lut_opt.compiling.network import Network
from lut_opt.dialects.assembly import Program, context, print_program
from lut_opt.passes.convert_pwl_to_hw import ConvertPwlToHwPass


def check_new(folder: Path) -> None:
    """Raise `BackendError` now for a folder that could not be written later."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackendError(f"{folder}: it exists and is not an empty folder: name another")
    parent = folder.absolute().parent
    while not parent.exists():
        parent = parent.parent
    try:
        with TemporaryDirectory(dir=parent):
            pass
    except OSError as error:
        raise BackendError(f"{folder}: cannot write in {parent}: {error.strerror}") from error


def check_tools(*, hardware: bool) -> None:
    """Raise `BackendError` now for a library that would be missed later."""
    needed = {"jinja2": "report"} | ({"pycde": "rtl"} if hardware else {})
    missing = [extra for name, extra in needed.items() if find_spec(name) is None]
    if missing:
        raise BackendError(
            f"what would be written needs more: pip install 'lut-opt[{','.join(missing)}]'"
            + (", or leave the hardware out" if "rtl" in missing else "")
        )


def files(network: Network, *, hardware: bool = True) -> dict[str, str]:
    """The texts by their names. `BackendError` if a unit cannot be built."""
    made = {
        "torch.mlir": print_program(network.source, debuginfo=True),
        "tables.mlir": print_program(network.program, debuginfo=True),
        "arith.mlir": print_program(network.converted),
        "tables.json": tables_json.emit(network.program.module),
        "accuracy.json": json.dumps(record(network.accuracy), indent=2) + "\n",
        "report.html": render(page.page(network)),
        "reproduce.sh": script(network, hardware=hardware),
    }
    if hardware:
        units = _units(network)
        made["units.sv"] = systemverilog.emit(units.module)
        made |= {f"units/{name}": text for name, text in bundle(units.module).items()}
    return made


def _units(network: Network) -> Program:
    program = network.program
    made = Program(program.module.clone(), program.resources, program.name)
    ConvertPwlToHwPass().apply(context(), made.module)
    made.module.verify()
    return made
