"""
Calls of compiled code: what it finds in memory, and the arrays that it leaves.

MLIR's C interface takes pointers to pointers to descriptors of tensors, and pointers to scalars.
All that one call needs is one array of words, laid out once for each function: where each argument
is found, the pointers to descriptors, the descriptors, and room for the results.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from lut_opt.backends.execute.arguments import Array
from lut_opt.backends.execute.signature import Signature, Value

_WORD = 8

_COPY_BELOW = 1 << 16
"""Results smaller than this (bytes) are copied: cheaper than tying the buffer to the array."""


class Call:
    """One function; `owns_results` says that what it returns is freed by the caller."""

    def __init__(self, entry: Any, signature: Signature, owns_results: bool) -> None:
        results = signature.results
        self._entry = entry
        self._owns_results = owns_results
        self._by_pointer = len(results) > 1 or any(value.shape is not None for value in results)
        tensors = [value for value in signature.arguments if value.shape is not None]
        self._tails = [_tail(value) for value in signature.arguments]
        slots = len(signature.arguments) + bool(results)
        pointers = len(tensors) + self._by_pointer
        sizes = [slots, pointers, *(value.size // _WORD for value in tensors)]
        starts = [sum(sizes[:i]) * _WORD for i in range(len(sizes) + 1)]
        _, self._pointers, *self._descriptors, self._results = starts
        self._filled = struct.Struct(f"{self._results // _WORD}q")
        words = -(-max(signature.offsets[-1], 1) // _WORD)
        self._memory: Any = ctypes.c_int64 * (self._results // _WORD + words)
        self._returned = [
            (value, self._results + offset, struct.Struct(f"{value.size // _WORD}q"))
            for value, offset in zip(results, signature.offsets, strict=False)
        ]

    def __call__(self, arrays: Sequence[Array]) -> tuple[Any, list[int]]:
        """Run on arrays that are as the signature says; its memory, and the arrays' addresses."""
        memory = self._memory()
        base = ctypes.addressof(memory)
        addresses = [array.__array_interface__["data"][0] for array in arrays]
        self._filled.pack_into(memory, 0, *self._arguments(base, addresses, arrays))
        self._entry(base)
        return memory, addresses

    def _arguments(self, base: int, addresses: Sequence[int], arrays: Sequence[Array]) -> list[int]:
        slots: list[int] = []
        pointers: list[int] = []
        descriptors: list[int] = []
        if self._by_pointer:
            slots.append(base + self._pointers)
            pointers.append(base + self._results)
        places = iter(self._descriptors)
        for array, address, tail in zip(arrays, addresses, self._tails, strict=True):
            if tail is None:
                slots.append(address)
                continue
            slots.append(base + self._pointers + _WORD * len(pointers))
            pointers.append(base + next(places))
            descriptors += (address, address, *(tail or _tail_of(array.shape)))
        if self._returned and not self._by_pointer:
            slots.append(base + self._results)
        return slots + pointers + descriptors

    def results(self, memory: Any, inputs: Sequence[int]) -> list[Array]:
        """The arrays that a call left in its memory; they own theirs."""
        found: list[Array] = []
        taken: set[int] = set()
        words = [
            () if value.shape is None else unpacker.unpack_from(memory, place)
            for value, place, unpacker in self._returned
        ]
        buffers = [each[0] for each in words if each]
        for (value, place, _), each in zip(self._returned, words, strict=True):
            if not each:
                scalar = np.frombuffer(memory, value.dtype, 1, place)
                found.append(scalar.reshape(()).copy())
                continue
            # A buffer may be several results: then each has a copy, and it is freed at the end.
            mine = self._owns_results and each[0] not in inputs and buffers.count(each[0]) == 1
            array, kept = _wrap(value, each, mine)
            found.append(array)
            if kept:
                taken.add(each[0])
        if self._owns_results and len(taken) < len(buffers):
            for address in {*buffers}.difference(taken, inputs):
                _free(address)
        return found


class _Seen:
    """Memory to make an array of."""

    def __init__(self, interface: dict[str, Any]) -> None:
        self.__array_interface__ = interface


class _Kept(_Seen):
    """Memory that is freed when the last array of it goes."""

    def __init__(self, interface: dict[str, Any], allocated: int) -> None:
        super().__init__(interface)
        self._allocated = allocated
        self._free = _release()  # which Python, when it ends, may have forgotten by then

    def __del__(self) -> None:
        self._free(self._allocated)


def _wrap(value: Value, words: tuple[int, ...], may_keep: bool) -> tuple[Array, bool]:
    """The array of a returned descriptor, and whether it keeps the memory or is a copy of it."""
    rank = len(value.shape or ())
    allocated, aligned, start = words[:3]
    shape, strides = words[3 : 3 + rank], words[3 + rank :]
    if 0 in shape:
        return np.empty(shape, value.dtype), False
    width = value.dtype.itemsize
    interface = {
        "version": 3,
        "data": (aligned + start * width, False),
        "typestr": value.dtype.str,
        "shape": shape,
        "strides": tuple(stride * width for stride in strides),
    }
    extent = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if may_keep and extent * width >= _COPY_BELOW:
        return np.asarray(_Kept(interface, allocated)), True
    return np.array(_Seen(interface)), False


def _tail(value: Value) -> tuple[int, ...] | None:
    """A descriptor after its two addresses; None of a scalar, () of a shape that calls give."""
    if value.shape is None:
        return None
    return () if -1 in value.shape else _tail_of(value.shape)


def _tail_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides = [1]
    for size in reversed(shape[1:]):
        strides.append(strides[-1] * size)
    return (0, *shape, *strides[::-1][: len(shape)])


@cache
def _release() -> Any:
    """The C library's `free`, looked up once: a third of a short call otherwise."""
    release = ctypes.CDLL(None).free
    release.argtypes, release.restype = [ctypes.c_void_p], None
    return release


def _free(address: int) -> None:
    _release()(address)
