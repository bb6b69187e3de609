"""
Weights stay outside the compiled code.

A `dense_resource` of 90 MB costs seconds as an LLVM constant. So the section behind the module text
is decoded here, and each global that refers to it becomes an external symbol at its address.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lut_opt.backends.errors import JitError
from lut_opt.backends.execute.lowering import bindings

Blobs = dict[str, NDArray[np.uint8]]

_SECTION = re.compile(r"^\{-#", re.MULTILINE)
_BLOB = re.compile(r'([\w.$-]+|"(?:[^"\\]|\\.)*")\s*:\s*"0x([0-9A-Fa-f]*)"')
_SMALL = 1 << 10
"""Resources below this (bytes) stay in the text, where passes can fold them."""


def split(text: str) -> tuple[str, Blobs]:
    """The module text with its small resources, and the large ones as bytes."""
    found = _SECTION.search(text)
    if found is None:
        return text, {}
    head, section = text[: found.start()], text[found.start() :]
    blobs: Blobs = {}
    kept: list[str] = []
    for match in _BLOB.finditer(section):
        name, digits = match[1].strip('"'), match[2]
        if len(digits) < 2 * _SMALL:
            kept.append(f'{match[1]}: "0x{digits}"')
            continue
        data = np.frombuffer(bytes.fromhex(digits), np.uint8)
        blobs[name] = _aligned(data[4:], int.from_bytes(data[:4].tobytes(), "little"))
    if not kept:
        return head, blobs
    entries = ",\n".join(kept)
    return f"{head}{{-#\ndialect_resources: {{ builtin: {{\n{entries}\n}} }}\n#-}}\n", blobs


def externalize(module: Any, blobs: Blobs) -> Blobs:
    """Make bufferized globals with large weights external, in place; the data of each symbol."""
    ir = bindings("ir")
    symbols: Blobs = {}
    for op in module.body.operations:
        operation = op.operation
        if operation.name != "memref.global" or "initial_value" not in operation.attributes:
            continue
        kind = ir.MemRefType(operation.attributes["type"].value)
        name = _resource(operation, ir)
        # A constant of bits has another layout in memory than in the text.
        if name is None or name not in blobs or str(kind.element_type) == "i1":
            continue
        width = np.dtype(_bytes(str(kind.element_type))).itemsize
        expected = width * int(np.prod(kind.shape, dtype=np.int64))
        if blobs[name].size != expected:
            raise JitError(
                f"the weights `{name}` are {blobs[name].size} bytes, `{kind}` needs {expected}; "
                "the module's resources do not belong to it"
            )
        del operation.attributes["initial_value"]
        if "sym_visibility" in operation.attributes:  # a private symbol cannot be external
            del operation.attributes["sym_visibility"]
        symbols[operation.attributes["sym_name"].value] = blobs[name]
    return symbols


def _resource(operation: Any, ir: Any) -> str | None:
    value = operation.attributes["initial_value"]
    if not isinstance(value, ir.DenseElementsAttr):
        match = re.match(r"dense_resource<([^>]+)>", str(value))
        return match[1].strip('"') if match else None
    return None


def _bytes(element: str) -> str:
    return f"V{max(int(element[1:]) // 8, 1)}" if element[1:].isdigit() else "V8"


def _aligned(data: NDArray[np.uint8], alignment: int) -> NDArray[np.uint8]:
    """A copy at a multiple of the alignment, 64 bytes at least."""
    alignment = max(alignment, 64)
    room = np.empty(data.size + alignment, np.uint8)
    start = -room.ctypes.data % alignment
    room[start : start + data.size] = data
    return room[start : start + data.size]
