"""The README's lists and outputs are what the code prints."""

import pytest
import readme


def test_passes_are_described_as_their_docstrings_do() -> None:
    section = readme.PASSES.search(readme.README.read_text())
    assert section is not None
    assert section[0] == "\n" + readme.passes()


def test_commands_print_what_the_readme_shows() -> None:
    pytest.importorskip("pycde")
    blocks = readme.CONSOLE.findall(readme.README.read_text())
    assert blocks
    for block in blocks:
        assert readme.run(block) == block
