"""What reaches the user's terminal: our own warnings, and no other library's."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr
from io import StringIO


class ExportWarning(UserWarning):
    """What an exported program does differently, or cannot be lowered later, with its line."""


@contextmanager
def quiet() -> Generator[None]:
    """Without other libraries' warnings, logs and progress bars; errors are in the exception."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
