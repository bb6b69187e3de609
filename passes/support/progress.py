"""Progress on a terminal, for what takes longer than two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds before the first sign of progress."""


def progress(items: Sequence[T], label: str) -> Iterator[T]:
    """Yield the items; after a while show how far they are, on stderr and only on a terminal."""
    started = time.monotonic()
    shown = False
    for done, item in enumerate(items):
        if sys.stderr.isatty() and time.monotonic() - started > PATIENCE:
            print(f"\r{label}: {done}/{len(items)}", end="", file=sys.stderr, flush=True)
            shown = True
        yield item
    if shown:
        print(f"\r{label}: {len(items)}/{len(items)}", file=sys.stderr)
