"""Running a test bench in Verilator, which compiles it: for benches of many cycles."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lut_opt.backends.errors import BackendError


def run(directory: Path, bench: str, sources: Sequence[str]) -> str:
    """
    Compile and run the module `bench` of some files in a directory; what it printed.

    Any warning of Verilator is an error here. Raises `BackendError` if it is not installed, or for
    a bench that ends with an error.
    """
    for program in ("verilator", "make", "g++"):
        if shutil.which(program) is None:
            raise BackendError(f"simulation needs {program}: apt install verilator make g++")
    build = ["verilator", "--binary", "--timing", "-O3", "--top", bench, *sources]
    printed = ""
    for command in (build, [f"obj_dir/V{bench}"]):
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        if done.returncode:
            message = (done.stderr + done.stdout).strip()
            raise BackendError(f"{command[0]} failed on the emitted SystemVerilog:\n{message}")
        printed = done.stdout
    return printed
