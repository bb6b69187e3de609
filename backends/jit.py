"""
Run a module on NumPy arrays, compiled in this process.

    executable = jit.compile(text)      # func, linalg, tensor, memref, scf, arith, math; or torch
    y = executable(x)                   # @main
    y, z = executable.run("f", x, 3)    # any public function; one array a result

Tensor arguments are never modified; results own their memory. Memref arguments are passed by
reference: what the function stores into them, the caller's array shows.
"""

from __future__ import annotations

import ctypes
import struct
import weakref
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

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
from lut_opt.backends.execute.executable import Executable
from lut_opt.backends.execute.signature import Signature, Value, name_of, signature_of

if TYPE_CHECKING:
    from lut_opt.dialects.assembly import Program

__all__ = ["Executable", "JitError", "Signature", "Value", "compile"]

_COPY_BELOW = 1 << 16
"""Results smaller than this (bytes) are copied: cheaper than tying the buffer to the array."""


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
        self._owns_results = owns_results
        self._entries = {name: engine.lookup(name) for name in signatures}

    def _run(self, name: str, signature: Signature, arrays: Sequence[Array]) -> list[Array]:
        returned = self._invoke(name, signature, arrays)
        return self._results(signature, returned, arrays)

    def _invoke(self, name: str, signature: Signature, arrays: Sequence[Array]) -> bytearray:
        """Call the C interface: pointers to pointers to descriptors, pointers to scalars."""
        returned = bytearray(max(signature.offsets[-1], 1))
        address = ctypes.addressof(ctypes.c_char.from_buffer(returned))
        holders: list[Any] = []
        slots: list[int] = []
        direct = len(signature.results) == 1 and signature.results[0].shape is None
        if signature.results and not direct:
            slots.append(_pointer_to(address, holders))
        for array, value in zip(arrays, signature.arguments, strict=True):
            if value.shape is None:
                slots.append(array.ctypes.data)
                continue
            descriptor = _descriptor(array)
            holders.append(descriptor)
            slots.append(_pointer_to(ctypes.addressof(descriptor), holders))
        if direct:
            slots.append(address)
        packed = (ctypes.c_void_p * max(len(slots), 1))(*slots)
        self._entries[name](ctypes.addressof(packed))
        if (failed := self._flag.take()) is not None:
            raise JitError(f"`@{name}` stopped: {failed}; check the arguments' shapes and values")
        return returned

    def _results(
        self, signature: Signature, returned: bytearray, inputs: Sequence[Array]
    ) -> list[Array]:
        pairs = list(zip(signature.results, signature.offsets, strict=False))
        formats = [None if v.shape is None else f"{3 + 2 * len(v.shape)}q" for v, _ in pairs]
        words = [
            struct.unpack_from(format, returned, offset) if format else ()
            for format, (_, offset) in zip(formats, pairs, strict=True)
        ]
        borrowed = {array.ctypes.data for array in inputs}
        # One buffer may be several results: then each has a copy, and the buffer goes at the end.
        shared = Counter(each[0] for each in words if each)
        freed: set[int] = set()
        results: list[Array] = []
        for (value, offset), each in zip(pairs, words, strict=True):
            if not each:
                scalar = np.frombuffer(returned, value.dtype, 1, offset)
                results.append(scalar.reshape(()).copy())
                continue
            owned = self._owns_results and each[0] not in borrowed
            array, kept = _wrap(value, each, owned and shared[each[0]] == 1)
            results.append(array)
            if owned and not kept:
                freed.add(each[0])
        for address in freed:
            _free(address)
        return results


def _wrap(value: Value, words: tuple[int, ...], may_keep: bool) -> tuple[Array, bool]:
    """The array of a returned descriptor, and whether it keeps the memory or is a copy of it."""
    rank = len(value.shape or ())
    allocated, aligned, start = words[:3]
    shape, strides = words[3 : 3 + rank], words[3 + rank :]
    width = value.dtype.itemsize
    extent = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    extent = 0 if 0 in shape else extent * width
    memory = (ctypes.c_char * extent).from_address(aligned + start * width)
    array: Array = np.ndarray(
        shape,
        value.dtype,
        memoryview(memory) if extent else b"",
        strides=[s * width for s in strides],
    )
    if may_keep and extent >= _COPY_BELOW:
        weakref.finalize(memory, _free, allocated)
        return array, True
    return array.copy(), False


@cache
def _release() -> Any:
    """The C library's `free`, looked up once: a third of a short call otherwise."""
    release = ctypes.CDLL(None).free
    release.argtypes, release.restype = [ctypes.c_void_p], None
    return release


def _free(address: int) -> None:
    _release()(address)


def _pointer_to(address: int, holders: list[Any]) -> int:
    holder = ctypes.c_void_p(address)
    holders.append(holder)
    return ctypes.addressof(holder)


def _descriptor(array: Array) -> ctypes.Array[ctypes.c_int64]:
    data, width = array.ctypes.data, array.itemsize
    words = (data, data, 0, *array.shape, *(s // width for s in array.strides))
    return (ctypes.c_int64 * len(words))(*words)


def _print(program: Program, *, debuginfo: bool = False) -> str:
    from lut_opt.dialects.assembly import print_program

    return print_program(program, generic=True, debuginfo=debuginfo)
