"""Lists and outputs in the documents are what the code prints."""

from __future__ import annotations

from pathlib import Path

import documents
import pytest

MADE = {page: documents.MADE.findall(page.read_text()) for page in documents.PAGES}
CONSOLES = [
    pytest.param(page, block, marks=[pytest.mark.models] if "$ lut-compile" in block else [])
    for page in documents.PAGES
    for block in documents.CONSOLE.findall(page.read_text())
]


@pytest.mark.parametrize("name", documents.SECTIONS)
def test_what_is_made_from_docstrings_is_what_they_say(name: str) -> None:
    (page,) = [page for page, names in MADE.items() if name in names]
    (match,) = [m for m in documents.MADE.finditer(page.read_text()) if m[1] == name]
    assert match[0] == f"{name} -->\n\n{documents.SECTIONS[name]()}"


@pytest.mark.parametrize(("page", "block"), CONSOLES, ids=lambda x: getattr(x, "name", ""))
def test_commands_print_what_the_documents_show(page: Path, block: str) -> None:
    pytest.importorskip("pycde")
    assert documents.run(block) == block
