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
from lut_opt.dialects.assembly.resources import decode, entries

Blobs = dict[str, NDArray[np.uint8]]

_SECTION = re.compile(r"^\{-#", re.MULTILINE)
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
    for name, digits in entries(section):
        if len(digits) < 2 * _SMALL:
            kept.append(f'{name}: "0x{digits}"')
        else:
            blobs[name.strip('"')] = decode(digits)
    if not kept:
        return head, blobs
    small = ",\n".join(kept)
    return f"{head}{{-#\ndialect_resources: {{ builtin: {{\n{small}\n}} }}\n#-}}\n", blobs


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
