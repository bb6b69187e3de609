"""
Run a module on NumPy arrays, compiled in this process.

    executable = jit.compile(text)      # func, linalg, tensor, memref, scf, arith, math; or torch
    y = executable(x)                   # @main
    y, z = executable.run("f", x, 3)    # any public function; one array a result

Tensor arguments are never modified; results own their memory. Memref arguments are passed by
reference: what the function stores into them, the caller's array shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lut_opt.backends.errors import JitError
from lut_opt.backends.execute import (
    assertions,
    contractions,
    lowering,
    matmul,
    outline,
    products,
    rows,
    shuffles,
    vectors,
    weights,
)
from lut_opt.backends.execute.arguments import Array
from lut_opt.backends.execute.calls import Call
from lut_opt.backends.execute.executable import Executable
from lut_opt.backends.execute.signature import Signature, Value, name_of, signature_of

if TYPE_CHECKING:
    from lut_opt.dialects.assembly import Program

__all__ = ["Executable", "JitError", "Signature", "Value", "compile"]


def compile(module: str | Program, *, opt_level: int = 2) -> Executable:
    """
    Compile MLIR text, or a parsed program, for this machine.

    The module uses the builtin dialects, or the `torch` dialect with fragments of ours in between.
    Raises `JitError` for text that does not parse and for what has no lowering, `ImportError`
    without torch-mlir.
    """
    if opt_level not in range(4):
        raise JitError(f"opt_level is {opt_level!r}; it must be 0, 1, 2 or 3")
    text = module if isinstance(module, str) else _print(module)
    head, blobs = weights.split(text)
    parsed = lowering.parse(head)
    if lowering.is_torch(head):
        lowering.torch_to_linalg(parsed)
    signatures = {name_of(f): signature_of(f) for f in lowering.functions(parsed)}
    matmul.tile(parsed)
    lowering.fuse_elementwise(parsed)
    rows.fuse(parsed)
    vectors.vectorize(parsed)
    lowering.to_buffers(parsed)
    data = weights.externalize(parsed, blobs)
    lowering.deallocate(parsed)
    shuffles.use(parsed)
    products.use(parsed)
    contractions.use(parsed)
    outline.use(parsed)
    lowering.to_llvm(parsed)
    outline.keep(parsed)
    flag = assertions.Flag()
    addresses = {name: array.ctypes.data for name, array in data.items()}
    if assertions.catch(parsed):
        addresses[assertions.FLAG] = flag.address
    engine = lowering.engine(parsed, opt_level, addresses)
    return _JitExecutable(engine, signatures, flag, data, "memref.dealloc" not in text)


def to_linalg(module: str | Program) -> str:
    """
    The module after torch-mlir has taken its `torch` dialect to linalg, in generic form.

    Locations are kept, large weights left out. Raises `JitError` as `compile` does.
    """
    head, _ = weights.split(module if isinstance(module, str) else _print(module, debuginfo=True))
    parsed = lowering.parse(head)
    if lowering.is_torch(head):
        lowering.torch_to_linalg(parsed)
    return parsed.operation.get_asm(
        print_generic_op_form=True, enable_debug_info=True, use_local_scope=True
    )


class _JitExecutable(Executable):
    """Machine code in this process; calls may overlap in time, no state is kept between them."""

    def __init__(
        self,
        engine: Any,
        signatures: dict[str, Signature],
        flag: assertions.Flag,
        data: weights.Blobs,
        owns_results: bool,
    ) -> None:
        super().__init__(signatures)
        self._engine = engine
        self._flag = flag
        self._data = data  # the code has the addresses
        self._calls = {
            name: Call(engine.lookup(name), signature, owns_results)
            for name, signature in signatures.items()
        }

    def _run(self, name: str, signature: Signature, arrays: Sequence[Array]) -> list[Array]:
        call = self._calls[name]
        memory, addresses = call(arrays)
        if (failed := self._flag.take()) is not None:
            raise JitError(f"`@{name}` stopped: {failed}; check the arguments' shapes and values")
        return call.results(memory, addresses)


def _print(program: Program, *, debuginfo: bool = False) -> str:
    from lut_opt.dialects.assembly import print_program

    return print_program(program, generic=True, debuginfo=debuginfo)
