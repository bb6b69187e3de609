"""The data that `dense_resource` handles name, in the section behind a module's text."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

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
