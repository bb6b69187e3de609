"""What was found out before, by the content that it was found out of: one small file each."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import lut_opt


def default_folder() -> Path:
    """`lut-opt` in the user's cache, `XDG_CACHE_HOME` or `~/.cache`."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "lut-opt"


@dataclass(frozen=True)
class Store:
    """
    A folder of JSON files, each written whole or not at all; None: nothing is kept.

    What a file says holds for the sources that wrote it: their digest goes into every key. A folder
    that cannot be written keeps nothing, which costs time and no result.
    """

    folder: Path | None

    def recall(self, key: str) -> Any:
        """What is known of a key, None if that is nothing or the file is damaged."""
        if self.folder is None:
            return None
        try:
            return json.loads((self.folder / f"{key}.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None

    def keep(self, key: str, value: Any) -> None:
        """Keep what JSON can say."""
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.folder, prefix=".", suffix=".part")
        except OSError:
            return
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(value, file)
            os.replace(name, self.folder / f"{key}.json")
        except BaseException as error:
            os.unlink(name)
            if not isinstance(error, OSError):
                raise

    def known(self, key: str, find: Callable[[], Any]) -> Any:
        """What is known of a key, found now where it was not."""
        if (value := self.recall(key)) is None:
            value = find()
            self.keep(key, value)
        return value


NOTHING = Store(None)
"""Keeps nothing."""


def key_of(*parts: str | bytes) -> str:
    """The key of what follows from these parts, and from the package's sources."""
    digest = hashlib.sha256(_sources())
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


@cache
def _sources() -> bytes:
    """A digest of the package's own code: what it finds changes with that."""
    digest = hashlib.sha256()
    root = Path(lut_opt.__file__).parent
    for part in ("compiling", "dialects", "passes", "frontends"):
        for path in sorted((root / part).resolve().rglob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.digest()
