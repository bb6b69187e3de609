"""
Run a module on NumPy arrays through IREE, which tiles and vectorizes what the JIT runs as loops.

    executable = iree.compile(text)     # as jit.compile: builtin dialects, or torch
    y = executable(x)                   # @main
    y, z = executable.run("f", x, 3)    # any public function; one array a result

For whole models. Results are new arrays; memrefs are for the JIT.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lut_opt.backends.errors import JitError
from lut_opt.backends.execute import lowering, scalars
from lut_opt.backends.execute.arguments import Array
from lut_opt.backends.execute.executable import Executable
from lut_opt.backends.execute.signature import Signature, name_of, signature_of

if TYPE_CHECKING:
    from lut_opt.dialects.assembly import Program

__all__ = ["Executable", "JitError", "compile"]

_FLAGS = (
    "--iree-hal-target-backends=llvm-cpu",
    "--iree-llvmcpu-target-cpu=host",
    "--iree-input-demote-f64-to-f32=false",
    # What follows from weights alone is computed when a module is loaded: that takes no second run
    # of the compiler.
    "--iree-opt-const-eval=false",
)

_MISSING = "this needs IREE, compiler and runtime: `pip install lut-opt[iree]`"

_LONGEST = 800
"""Characters of a diagnostic that are shown."""


def compile(module: str | Program, *, threads: int | None = None) -> Executable:
    """
    Compile MLIR text, or a parsed program, for this machine's processor.

    The module uses the builtin dialects, or the `torch` dialect with fragments of ours in between.
    `threads=1` runs on the caller's thread alone; None leaves it to IREE. Raises `JitError` for
    text that does not parse, for memrefs and for what IREE cannot compile, `ImportError` without
    IREE or torch-mlir.
    """
    if threads not in (None, 1):
        raise JitError(f"threads is {threads!r}; it must be 1, or None for all cores")
    compiler, runtime = _compiler(), _runtime()
    text = module if isinstance(module, str) else _print(module)
    # The weights behind the module text are IREE's to read.
    found = re.search(r"^\{-#", text, re.MULTILINE)
    head, weights = (text, "") if found is None else (text[: found.start()], text[found.start() :])
    parsed = lowering.parse(head)
    if lowering.is_torch(head):
        lowering.torch_to_linalg(parsed)
    signatures = {name_of(f): signature_of(f) for f in lowering.functions(parsed)}
    for name, signature in signatures.items():
        for value in (*signature.arguments, *signature.results):
            if value.by_reference:
                raise JitError(f"`@{name}` has a {value.text}; IREE passes tensors: use the JIT")
    scalars.share(parsed)
    binary = _binary(compiler, f"{parsed}\n{weights}")
    driver = "local-task" if threads is None else "local-sync"
    context = runtime.SystemContext(config=runtime.Config(driver))
    context.add_vm_module(runtime.VmModule.copy_buffer(context.instance, binary))
    return _IreeExecutable(context, signatures)


class _IreeExecutable(Executable):
    """A module in IREE's runtime."""

    def __init__(self, context: Any, signatures: dict[str, Signature]) -> None:
        super().__init__(signatures)
        self._functions = {name: context.modules.module[name] for name in signatures}

    def _run(self, name: str, signature: Signature, arrays: Sequence[Array]) -> list[Array]:
        given = [
            _scalar(array) if value.shape is None else array
            for array, value in zip(arrays, signature.arguments, strict=True)
        ]
        try:
            returned = self._functions[name](*given)
        except RuntimeError as error:
            raise JitError(f"`@{name}` stopped: {_short(error)}") from error
        several: list[Any] = [returned] if len(signature.results) == 1 else list(returned or ())
        return [
            # A copy: IREE's memory goes with its own array.
            np.array(one if value.shape is None else one.to_host(), value.dtype)
            for one, value in zip(several, signature.results, strict=True)
        ]


def _scalar(array: Array) -> int | float:
    value = array.item()
    return int(value) if isinstance(value, bool) else value


def _binary(compiler: Path, text: str) -> bytes:
    command = [str(compiler), "-", *_FLAGS]
    run = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if run.returncode:
        raise JitError(f"IREE cannot compile the module: {_short(run.stderr.decode())}")
    return run.stdout


def _short(error: object) -> str:
    """The first diagnostics of IREE, without its stack dump and command line."""
    lines = [line for line in str(error).splitlines() if "error:" in line] or [str(error)]
    return "\n  ".join(lines)[:_LONGEST]


def _compiler() -> Path:
    """
    IREE's compiler as a program.

    Its Python bindings and CIRCT's end the process if both are imported, so they stay out of it.
    """
    parent = importlib.util.find_spec("iree")
    places = [] if parent is None else list(parent.submodule_search_locations or ())
    for place in places:
        program = Path(place) / "compiler" / "_mlir_libs" / "iree-compile"
        if program.exists():
            return program
    raise ImportError(_MISSING)


def _runtime() -> Any:
    """IREE's runtime, which has no type stubs."""
    try:
        return importlib.import_module("iree.runtime")
    except ImportError as error:
        raise ImportError(_MISSING) from error


def _print(program: Program) -> str:
    from lut_opt.dialects.assembly import print_program

    return print_program(program, generic=True)
