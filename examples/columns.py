"""Rows of text as a table: for a document, or in columns."""

from __future__ import annotations

from collections.abc import Sequence


def as_markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for a document."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_text(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width."""
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
