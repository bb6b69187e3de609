"""Running a test bench in Icarus Verilog, and the hexadecimal files that benches read and write."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lut_opt.backends.errors import BackendError
from lut_opt.dialects.quantization import Integers


def hexadecimal(values: Integers | Sequence[int], bits: int) -> str:
    """A line for each value: its low `bits` bits."""
    digits, mask = -(-bits // 4), (1 << bits) - 1
    return "".join(f"{int(value) & mask:0{digits}x}\n" for value in values)


def stored_value(text: str, bits: int, signed: bool) -> int | None:
    """The stored value of hexadecimal digits; None if a bit is undefined."""
    try:
        value = int(text, 16)
    except ValueError:
        return None
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def run(directory: Path, bench: str, sources: Sequence[str], may_fail: bool = False) -> str:
    """
    Compile and run the module `bench` of some files in a directory; what it printed.

    Raises `BackendError` if that fails, but for a bench that may end with an error.
    """
    if shutil.which("iverilog") is None or shutil.which("vvp") is None:
        raise BackendError(
            "simulation needs Icarus Verilog, which is not installed: apt install iverilog"
        )
    compile_command = ["iverilog", "-g2012", "-s", bench, "-o", bench, *sources]
    printed = ""
    for command in (compile_command, ["vvp", "-N", bench]):
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        if done.returncode and not (may_fail and command[0] == "vvp"):
            message = (done.stderr or done.stdout).strip()
            raise BackendError(f"{command[0]} failed on the emitted SystemVerilog:\n{message}")
        printed = done.stdout
    return printed
