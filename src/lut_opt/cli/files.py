"""What `lut-opt` reads and writes, whole or not at all."""

from __future__ import annotations

import os
import sys


class InputError(Exception):
    """A diagnostic about the input: printed as it stands, exit code 1."""


def read_input(name: str) -> str:
    """Text of the input file or of stdin."""
    try:
        if name == "-":
            return sys.stdin.buffer.read().decode()
        with open(name, "rb") as stream:
            return stream.read().decode()
    except OSError as error:
        raise InputError(f"{name}: error: cannot read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: error: not UTF-8 text at byte {error.start}") from error


def check_writable(name: str) -> None:
    """Raise `InputError` now for a file that could not be written later."""
    folder = os.path.dirname(os.path.realpath(name))
    if not os.path.isdir(folder):
        raise InputError(f"{name}: error: cannot write: no folder {folder}")
    if os.path.isdir(name) or not os.access(name if os.path.exists(name) else folder, os.W_OK):
        raise InputError(f"{name}: error: cannot write: it is a folder, or not yours to write")


def write_output(name: str, text: str) -> None:
    """Write a file whole or not at all: a temporary file beside it is renamed."""
    if name == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    path = os.path.realpath(name)
    part = f"{path}.{os.getpid()}.part"
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe
            with open(path, "w") as stream:
                stream.write(text)
            return
        if os.path.exists(path) and not os.access(path, os.W_OK):
            raise PermissionError(13, "Permission denied")
        with open(part, "w") as stream:
            stream.write(text)
        os.replace(part, path)
    except OSError as error:
        if os.path.exists(part):
            os.unlink(part)
        raise InputError(f"{name}: error: cannot write: {error.strerror}") from error


def write_folder(name: str, files: dict[str, str]) -> None:
    """Write a new folder whole or not at all."""
    from pathlib import Path

    from lut_opt.backends.bundle import write
    from lut_opt.backends.errors import BackendError

    try:
        write(files, Path(name))
    except BackendError as error:
        raise InputError(f"{name}: error: {error}") from error
