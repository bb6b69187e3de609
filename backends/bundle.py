"""
What goes with a hardware unit to whoever builds it in: files that need nothing of this project.

    <module>/<module>.sv           the unit, whose header says what it computes and how well
    <module>/<module>_bench.sv     a self-checking bench, which ends with PASS or FAIL
    <module>/x.hex, y.hex, …       its vectors, a line for each step
    <module>/<module>.json         ports, widths, scales, latency, tables, certificates
    <module>/<module>.h            of programmable units: the words' addresses, the tables' writes
    <module>/README.txt            the one command that runs the bench

    write(bundle(module), Path("units"))
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp

from lut_opt.backends.errors import BackendError
from lut_opt.backends.header import header_of
from lut_opt.backends.report import json
from lut_opt.backends.simulate.benches import bench_files
from lut_opt.backends.simulate.row_bench import Stalls
from lut_opt.backends.verilog import systemverilog
from lut_opt.passes.hw.modules import instances, modules_of, units_of

STALLS = Stalls(share=0.25, seed=1)
"""How both sides of a streaming unit pause in its bench."""


def bundle(module: ModuleOp) -> dict[str, str]:
    """
    The files of every hardware unit of a module, by their relative names.

    Raises `BackendError` if there is none, or for a unit that has no bench.
    """
    modules = modules_of(module)
    if not modules:
        raise BackendError("there is no hardware to deliver: run --convert-pwl-to-hw first")
    units = units_of(modules)
    used = {name for op in modules.values() for name in instances(op, modules)}
    files: dict[str, str] = {}
    for name, op in modules.items():
        if (unit := units.get(name)) is None:
            if name in used:
                continue
            raise BackendError(f"{name} is a module without a bench: deliver the others without it")
        parts = [part.clone() for other, part in modules.items() if other in instances(op, modules)]
        made = bench_files(unit, f"{name}_bench", STALLS) | {
            f"{name}.sv": systemverilog.emit(ModuleOp([*parts, op.clone()])),
            f"{name}.json": json.text_of(json.describe_module(op, unit)),
            "README.txt": _readme(name),
        }
        if (header := header_of(unit)) is not None:
            made[f"{name}.h"] = header
        files |= {f"{name}/{file}": text for file, text in made.items()}
    return files


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write a folder whole or not at all; it must not exist yet, or be empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackendError("it exists and is not an empty folder: name another")
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    try:
        for name, text in files.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_text(text)
        os.replace(part, folder)
    except OSError as error:
        raise BackendError(f"cannot write: {error.strerror}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _readme(name: str) -> str:
    sources = f"{name}_bench.sv {name}.sv"
    return f"""In this folder, with Icarus Verilog:

    iverilog -g2012 -s {name}_bench -o {name}.vvp {sources} && vvp -N {name}.vvp

or with Verilator 5:

    verilator --binary --timing --top {name}_bench {sources} && obj_dir/V{name}_bench

The last line says PASS or FAIL, and the exit code is 0 or another.
"""
