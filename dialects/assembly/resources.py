"""
The data that `dense_resource` handles name: as in MLIR, they belong to the context.

Example:

    ctx = context()
    program = parse(text, "model.mlir", ctx)
    array = constant_array(literal.value, resources_of(ctx))     # None: not in the text
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    AnyFloat,
    BFloat16Type,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    IntegerType,
    Signedness,
)
from xdsl.ir import Attribute
from xdsl.utils.hints import isa

_BLOB = re.compile(r'([\w.$-]+|"(?:[^"\\]|\\.)*")\s*:\s*"0x([0-9A-Fa-f]*)"')


def entries(section: str) -> Iterator[tuple[str, str]]:
    """Handles as they are written, and the hexadecimal digits of their data."""
    for match in _BLOB.finditer(section):
        yield match[1], match[2]


def decode(digits: str) -> NDArray[np.uint8]:
    """The bytes of one entry, at a multiple of the alignment that it asks for, 64 at least."""
    data = np.frombuffer(bytes.fromhex(digits), np.uint8)
    alignment = max(int.from_bytes(data[:4].tobytes(), "little"), 64)
    room = np.empty(data.size - 4 + alignment, np.uint8)
    start = -room.ctypes.data % alignment
    room[start : start + data.size - 4] = data[4:]
    return room[start : start + data.size - 4]


class Resources(Mapping[str, NDArray[np.uint8]]):
    """The data of a resource section by its handles; each is decoded when it is asked for."""

    def __init__(self, section: str = "") -> None:
        self._section = section
        self._digits: dict[str, str] | None = None

    def __getitem__(self, handle: str) -> NDArray[np.uint8]:
        return decode(self._found()[handle])

    def __iter__(self) -> Iterator[str]:
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())

    def _found(self) -> dict[str, str]:
        """Digits by handles: nothing is looked for until a constant is read."""
        if self._digits is None:
            self._digits = {name.strip('"'): digits for name, digits in entries(self._section)}
        return self._digits


def constant_array(value: Attribute | None, resources: Resources) -> NDArray[Any] | None:
    """The elements of a constant, floats as float64, None where the text does not show them."""
    if isinstance(value, DenseIntOrFPElementsAttr):
        shape = value.get_shape()
        elements = np.asarray(value.get_values())
        if elements.size == 1:  # of a splat there is one
            return np.full(shape, elements[0])
        return elements.reshape(shape)
    if not isinstance(value, DenseResourceAttr) or value.resource_handle.data not in resources:
        return None
    element: Any = getattr(value.type, "element_type", None)
    dtype = _dtype(element)
    if dtype is None:
        return None
    data = np.frombuffer(resources[value.resource_handle.data], dtype)
    if isinstance(element, BFloat16Type):
        data = (data.astype(np.uint32) << 16).view(np.float32)
    shape = value.type.get_shape()
    if data.size != int(np.prod(shape, dtype=np.int64)):
        return None
    data = data.astype(np.float64) if isinstance(element, AnyFloat) else data
    return data.reshape(shape)


def _dtype(element: Attribute) -> Any:
    """How an element lies in memory, None for what NumPy has not."""
    if isinstance(element, BFloat16Type):
        return np.dtype("<u2")
    if isinstance(element, AnyFloat) and element.bitwidth in (16, 32, 64):
        return np.dtype(f"<f{element.bitwidth // 8}")
    if isa(element, IntegerType) and element.width.data in (8, 16, 32, 64):
        kind = "u" if element.signedness.data == Signedness.UNSIGNED else "i"
        return np.dtype(f"<{kind}{element.width.data // 8}")
    return None
