"""
`look_up.c`, compiled at first use: look-ups and their gradients on a CPU, several times as fast.

Never needed: without a C compiler (`$CC`, else cc) PyTorch computes the same, bits bit for bit and
gradients up to the order in which floats are added. The library lies in `$XDG_CACHE_HOME/lut-opt`
(else `~/.cache/lut-opt`), under a name that its source and the compiler's command decide.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

_SOURCE = Path(__file__).with_name("look_up.c")
_FLAGS = ("-O3", "-std=c11", "-ffp-contract=off", "-shared", "-fPIC")
_choice: Literal["auto", "compiled", "torch"] = "auto"


def use(which: Literal["auto", "compiled", "torch"]) -> None:
    """
    Choose what computes from now on; `auto` is compiled code where there is a compiler.

    Raises `ValueError` if it has to be compiled and cannot be; what went wrong is in its text.
    """
    global _choice
    if which == "compiled" and isinstance(found := library(), str):
        raise ValueError(f"look_up.c was not compiled: {found}")
    _choice = which


def suits(tables: Tensor) -> bool:
    """Whether compiled code computes with tables (LUTs, 2^n): of single precision, on the CPU."""
    narrow = tables.dtype == torch.float32 and tables.device.type == "cpu"
    small = tables.shape[1] <= 64
    return _choice != "torch" and narrow and small and not isinstance(library(), str)


def look_up(bits: Tensor, connections: Tensor, tables: Tensor) -> tuple[Tensor, Tensor]:
    """
    Addresses (LUTs, tokens), bytes, and entries > 0 there as 0.0 and 1.0, of `bits` > 0.

    Raises `IndexError` for a connection to an input that is not there.
    """
    luts, arity = connections.shape
    tokens = bits.shape[1]
    if connections.numel() and not 0 <= int(connections.min()) <= int(connections.max()) < len(
        bits
    ):
        raise IndexError(f"a LUT is connected to a bit that is not among the {len(bits)} given")
    narrow = (bits > 0).contiguous()
    places = torch.arange(tables.shape[1])
    truth = ((tables > 0).long() << places).sum(1)
    address = torch.empty(luts, tokens, dtype=torch.uint8)
    out = torch.empty(luts, tokens)
    pointers = (narrow, connections.contiguous(), truth, address, out)
    _call("look_up", pointers, luts, arity, tokens)
    return address, out


def gradients(
    address: Tensor, connections: Tensor, slopes: Tensor, given: Tensor, inputs: int
) -> tuple[Tensor, Tensor]:
    """Of bits (inputs, tokens) and tables; `slopes` (LUTs, n, 2^(n−1)) are by each input."""
    luts, arity, half = slopes.shape
    to_bits = torch.zeros(inputs, given.shape[1])
    to_tables = torch.zeros(luts, 2 * half)
    full = torch.nn.functional.pad(slopes, (0, 32 - half))
    read = (address, connections.contiguous(), full.contiguous(), given.contiguous())
    _call("look_up_gradients", (*read, to_bits, to_tables), luts, arity, given.shape[1])
    return to_bits, to_tables


def _call(name: str, tensors: tuple[Tensor, ...], *sizes: int) -> None:
    pointers = [ctypes.c_void_p(each.data_ptr()) for each in tensors]
    getattr(library(), name)(*pointers, *map(ctypes.c_int64, sizes))


@lru_cache(maxsize=1)
def library() -> Any | str:
    """The library, or why there is none."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return "there is no C compiler (set $CC)"
    source = _SOURCE.read_bytes()
    key = hashlib.sha256(source + repr((compiler, _FLAGS, platform.machine())).encode())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lut-opt"
    library = home / f"look_up-{key.hexdigest()[:16]}.so"
    try:
        if not library.exists():
            home.mkdir(parents=True, exist_ok=True)
            _compile(compiler, library)
        return ctypes.CDLL(str(library))
    except (OSError, subprocess.CalledProcessError) as error:
        return str(getattr(error, "stderr", None) or error)


def _compile(compiler: str, library: Path) -> None:
    """Compile beside, then rename: another process may be doing the same."""
    with tempfile.TemporaryDirectory(dir=library.parent) as beside:
        made = Path(beside, library.name)
        command = [compiler, *_FLAGS, str(_SOURCE), "-o", str(made)]
        subprocess.run(command, check=True, capture_output=True, text=True)
        made.replace(library)
