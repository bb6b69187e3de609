"""
Notebooks as pages of the site: executed while it is built, and converted to Markdown.

They are committed without outputs, so that what the site shows is what today's code prints. A cell
that fails ends the build.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from traitlets.config import Config

LIMIT = 300
"""Seconds for a cell."""

KERNEL = Config({"KernelManager": {"transport": "ipc"}})
"""Sockets that no other user of the machine can open; the default warns of them."""


@cache
def rendered(source: str, name: str) -> tuple[str, Mapping[str, bytes]]:
    """A notebook as Markdown, and its pictures by name; one that has not changed is kept."""
    notebook = nbformat.reads(source, as_version=4)
    NotebookClient(notebook, timeout=LIMIT, coalesce_streams=True, config=KERNEL).execute()
    text, resources = MarkdownExporter().from_notebook_node(notebook, {"unique_key": name})
    # The title says what the page is; nobody can read out what a cell drew.
    title, _, rest = text.strip().partition("\n")
    download = f'[Download as a notebook]({name}.ipynb "Jupyter")'
    return f"{title}\n\n{download}\n{rest}\n".replace("![png]", "![plot]"), resources["outputs"]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page, and what it shows, for each notebook."""
    for file in [each for each in files if each.src_uri.endswith(".ipynb")]:
        uri, path = PurePosixPath(file.src_uri), file.abs_src_path
        assert path is not None
        text, pictures = rendered(Path(path).read_text("utf-8"), uri.stem)
        files.append(File.generated(config, f"{uri.with_suffix('.md')}", content=text))
        for name, data in pictures.items():
            files.append(File.generated(config, f"{uri.parent / name}", content=data))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to notebooks, which a reader of the repository follows, lead to their pages."""
    return markdown.replace(".ipynb)", ".md)")
