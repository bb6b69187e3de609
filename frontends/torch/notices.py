"""What reaches the user's terminal: our own warnings, the model's own, and no library's."""

from __future__ import annotations

import ctypes
import logging
import os
import re
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

_PLACED = re.compile(r"((?:[A-Za-z]:)?[^:\n]+:\d+): ")
"""How messages begin that name a line of the model."""

_LIBRARIES = re.compile(rf"<|.*/(site|dist)-packages/|{re.escape(os.path.dirname(os.__file__))}/")

_FOR_DEVELOPERS = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
"""What a library says of how it is called, in the name of the file that calls it."""


class ExportError(ValueError):
    """What in the model cannot be exported, on which source line, and what to do about it."""


class ExportWarning(UserWarning):
    """What an exported program does differently, or cannot be lowered later, with its line."""


@contextmanager
def quiet(*, warn: bool = False) -> Generator[None]:
    """
    Without libraries' logs, progress bars and warnings; errors are in the exception.

    `warn` lets warnings through, to a `terminal` that tells whose they are.
    """
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            if not warn:
                warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


@contextmanager
def terminal(program: str) -> Generator[None]:
    """
    Show our warnings, and those of the model's own files, as diagnostics of a command.

    What is printed meanwhile goes to stderr: stdout is for the command's result.
    """
    stderr = sys.stderr

    def show(message: Any, category: type[Warning], file: str, line: int, *_: Any) -> None:
        if issubclass(category, ExportWarning):
            print(diagnostic(program, "warning", str(message)), file=stderr)
        elif not issubclass(category, _FOR_DEVELOPERS) and not _LIBRARIES.match(file):
            print(f"{file}:{line}:0: warning: {message}", file=stderr)

    with warnings.catch_warnings(), redirect_stdout(stderr), _descriptor_to_stderr():
        warnings.simplefilter("default")
        warnings.simplefilter("always", ExportWarning)
        warnings.showwarning = show
        yield


def diagnostic(program: str, severity: str, message: str) -> str:
    """`file:line:col: warning: …` where the message begins with a place, else with the program."""
    found = _PLACED.match(message)
    if found is None:
        return f"{program}: {severity}: {message}"
    return f"{found[1]}:0: {severity}: {message[found.end() :]}"


@contextmanager
def _descriptor_to_stderr() -> Generator[None]:
    """What does not print through Python, too."""
    if sys.__stdout__ is not None:
        sys.__stdout__.flush()
    try:
        saved = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # there is no stdout, or no stderr
        yield
        return
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(saved, 1)
        os.close(saved)
