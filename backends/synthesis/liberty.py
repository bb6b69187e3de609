"""
Liberty files: the timing libraries of standard cells that a user names.

    library = read_library(["cells.lib.gz", "flip_flops.lib"])

Several files of one technology become one library. Cells that no design should contain as such
(isolation and probe cells, or what the file marks `dont_use`) are left out. Without a file there is
`generic_library()`: a few gates whose areas are in NAND2 equivalents and whose delays are in gate
delays, for comparing designs where no technology is given.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from lut_opt.backends.errors import BackendError

DONT_USE = ("*lpflow*", "*probe*", "*macro_sparecell*")
"""SkyWater's isolation, probe and spare cells: as gates they look like any other."""

_CELL = re.compile(r'\bcell\s*\(\s*"?([\w.$\[\]]+)"?\s*\)\s*\{')
_AREA = re.compile(r"\barea\s*:\s*\"?([-+\d.eE]+)")
_POWER = re.compile(r"\b(?:internal_power|leakage_power)\s*\([^)]*\)\s*\{")
_UNITS = ("time_unit", "capacitive_load_unit", "voltage_unit", "leakage_power_unit")


@dataclass(frozen=True)
class Group:
    """A Liberty group, `kind (argument) { key : value; … }`, values without quotation marks."""

    kind: str
    argument: str
    attributes: Mapping[str, str]
    groups: tuple[Group, ...]

    def all(self, kind: str) -> list[Group]:
        """The groups of a kind directly inside."""
        return [group for group in self.groups if group.kind == kind]


@dataclass(frozen=True)
class Library:
    """
    The cells of one technology.

    `header` is what stands before the first cell; `cells` maps a cell's name to its group's text.
    Areas are in `area_unit`, delays in `time_unit` once a tool has turned them into nanoseconds.
    """

    name: str
    header: str
    cells: Mapping[str, str]
    area_unit: str = "µm²"
    time_unit: str = "ns"

    @cached_property
    def areas(self) -> dict[str, float]:
        """Area of every cell."""
        found = {name: _AREA.search(text) for name, text in self.cells.items()}
        return {name: float(match[1]) for name, match in found.items() if match}

    @property
    def is_generic(self) -> bool:
        """Whether these are the gates of `generic_library`, which know no watts."""
        return self.area_unit == "NAND2 equivalents"

    def cell(self, name: str) -> Group:
        """A cell, parsed."""
        return parse_group(self.cells[name])

    @cached_property
    def head(self) -> Group:
        """The library's own attributes and table templates."""
        return parse_group(self.header + "\n}")

    @cached_property
    def mapping_text(self) -> str:
        """One Liberty file for a synthesizer, which has no use for the power tables."""
        return "".join((self.header, *map(_without_power, self.cells.values()), "\n}\n"))


OSU_018 = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
"""Debian's package qflow-tech-osu018."""


def default_files() -> list[Path]:
    """The library to take where a user names none: OSU 0.18 µm, or nothing for generic gates."""
    return [OSU_018] if OSU_018.exists() else []


def read_library(paths: Iterable[str | Path], dont_use: Sequence[str] = DONT_USE) -> Library:
    """
    Read `.lib` and `.lib.gz` files as one library; no path gives the generic gates.

    `dont_use` are patterns of cell names. Raises `BackendError` for a file that cannot be read, is
    cut short, holds no cells, or has other units than the first.
    """
    files = [Path(path) for path in paths]
    if not files:
        return generic_library()
    header, cells = "", dict[str, str]()
    for path in files:
        text = _read(path)
        head, found = _split(path, text)
        if header and _units(head) != _units(header):
            raise BackendError(
                f"{path}: units differ from those of {files[0]}: name files of one technology"
            )
        # Table templates of later files may be ones that the first lacks.
        header = header + _templates(head, header) if header else head
        cells.update(found)
    kept = {
        name: body
        for name, body in cells.items()
        if not any(fnmatchcase(name, pattern) for pattern in dont_use)
    }
    return Library("+".join(_stem(path) for path in files), header, kept)


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BackendError(f"cannot read the Liberty file {path}: {reason}") from error
    except (EOFError, zlib.error) as error:
        raise BackendError(f"{path}: the compressed file is cut short: fetch it again") from error
    text = data.decode(errors="replace")
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def _split(path: Path, text: str) -> tuple[str, dict[str, str]]:
    """What stands before the first cell, and the cells."""
    if not re.search(r"\blibrary\s*\(", text):
        raise BackendError(f"{path}: not a Liberty file: there is no 'library (…)' group")
    cells: dict[str, str] = {}
    start, first = 0, len(text)
    while (match := _CELL.search(text, start)) is not None:
        end = _end_of_group(text, match.end())
        if end is None:
            raise BackendError(f"{path}: cell {match[1]} never ends: the file is cut short")
        cells[match[1]] = "\n  " + text[match.start() : end]
        first = min(first, match.start())
        start = end
    if not cells:
        raise BackendError(f"{path}: the Liberty file has no cells")
    if "}" not in text[start:]:
        raise BackendError(f"{path}: the library group never ends: the file is cut short")
    return text[:first], cells


_BRACE = re.compile(r"[{}]")


def _end_of_group(text: str, start: int) -> int | None:
    """Where the group whose `{` ends before `start` is closed."""
    depth = 1
    for brace in _BRACE.finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.end()
    return None


def _units(header: str) -> list[str]:
    """The declared units, without spaces and quotation marks."""
    found = [re.search(rf"\b{unit}\s*[:(]\s*([^;]*)", header) for unit in _UNITS]
    return [re.sub(r'[\s")]', "", match[1]) if match else "" for match in found]


_STATEMENT = re.compile(r"\s*(?:(\w+)\s*\(([^)]*)\)\s*(\{|;?)|(\w+)\s*:\s*([^;\n]*);?|(\})|;)")


def parse_group(text: str) -> Group:
    """The first group of a Liberty text."""
    stack: list[tuple[str, str, dict[str, str], list[Group]]] = [("", "", {}, [])]
    for match in _STATEMENT.finditer(text.replace("\\\n", " ").replace("\\\r\n", " ")):
        name, argument, end, key, value, closing = match.groups()
        if closing:
            kind, label, attributes, groups = stack.pop()
            stack[-1][3].append(Group(kind, label, attributes, tuple(groups)))
            if len(stack) == 1:
                break
        elif key:
            stack[-1][2][key] = value.strip().strip('"')
        elif name and end == "{":
            stack.append((name, argument.strip().strip('"'), {}, []))
        elif name:
            stack[-1][2][name] = argument.replace('"', " ").strip()
    return stack[0][3][0]


_TEMPLATE = re.compile(r"\b\w*_template\s*\(\s*\"?(\w+)\"?\s*\)\s*\{")


def _templates(header: str, known: str) -> str:
    """The table templates of a header that another one does not have."""
    names = {match[1] for match in _TEMPLATE.finditer(known)}
    parts: list[str] = []
    for match in _TEMPLATE.finditer(header):
        end = _end_of_group(header, match.end())
        if match[1] not in names and end is not None:
            parts.append("  " + header[match.start() : end] + "\n")
    return "".join(parts)


def _without_power(cell: str) -> str:
    parts: list[str] = []
    start = 0
    while (match := _POWER.search(cell, start)) is not None:
        end = _end_of_group(cell, match.end()) or len(cell)
        parts.append(cell[start : match.start()])
        start = end
    return "".join((*parts, cell[start:]))


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".lib")


GENERIC_GATES = {
    "INV": ("!A", 0.67, 0.5),
    "BUF": ("A", 1.0, 1.0),
    "NAND2": ("!(A*B)", 1.0, 1.0),
    "NOR2": ("!(A+B)", 1.0, 1.0),
    "NAND3": ("!(A*B*C)", 1.33, 1.2),
    "NOR3": ("!(A+B+C)", 1.33, 1.4),
    "AND2": ("A*B", 1.33, 1.5),
    "OR2": ("A+B", 1.33, 1.5),
    "XOR2": ("A^B", 2.0, 2.0),
    "XNOR2": ("!(A^B)", 2.0, 2.0),
    "AOI21": ("!((A*B)+C)", 1.33, 1.2),
    "OAI21": ("!((A+B)*C)", 1.33, 1.2),
    "AOI22": ("!((A*B)+(C*D))", 1.67, 1.4),
    "OAI22": ("!((A+B)*(C+D))", 1.67, 1.4),
    "MUX2": ("(A*S)+(B*!S)", 2.33, 2.0),
}
"""Function, area in NAND2 equivalents (what common cell libraries have), delay in gate delays."""

GENERIC_FLIP_FLOP_AREA = 5.67
"""Area of a D flip-flop in NAND2 equivalents."""


GENERIC_LATCH_AREA = 3.33
"""Area of a latch that is open while its clock is high, in NAND2 equivalents."""


GENERIC_FANOUT_DELAY = 0.2
"""Gate delays for every input that a gate drives after the first."""


def generic_library() -> Library:
    """The gates of `GENERIC_GATES`, a flip-flop and a latch; slopes cost no time."""
    header = (
        "library (generic) {\n"
        '  time_unit : "1ns";\n  voltage_unit : "1V";\n  current_unit : "1mA";\n'
        '  leakage_power_unit : "1nW";\n  capacitive_load_unit (1, pf);\n'
        "  lu_table_template (loads) {\n    variable_1 : input_net_transition;\n"
        "    variable_2 : total_output_net_capacitance;\n"
        '    index_1 ("0.01, 10");\n    index_2 ("0.001, 0.051, 0.101");\n  }\n'
    )
    cells = {name: _gate(name, *row) for name, row in GENERIC_GATES.items()}
    cells["DFF"] = (
        f"\n  cell (DFF) {{\n    area : {GENERIC_FLIP_FLOP_AREA};\n"
        '    ff (IQ, IQN) { clocked_on : "CK"; next_state : "D"; }\n'
        "    pin (CK) { direction : input; capacitance : 0.001; clock : true; }\n"
        "    pin (D) { direction : input; capacitance : 0.001; }\n"
        '    pin (Q) { direction : output; function : "IQ"; }\n  }'
    )
    cells["LATCH"] = (
        f"\n  cell (LATCH) {{\n    area : {GENERIC_LATCH_AREA};\n"
        '    latch (IQ, IQN) { enable : "G"; data_in : "D"; }\n'
        "    pin (G) { direction : input; capacitance : 0.001; clock : true; }\n"
        "    pin (D) { direction : input; capacitance : 0.001; }\n"
        '    pin (Q) { direction : output; function : "IQ"; }\n  }'
    )
    return Library("generic gates", header, cells, "NAND2 equivalents", "gate delays")


def _gate(name: str, function: str, area: float, delay: float) -> str:
    pins = sorted({letter for letter in function if letter.isalpha()})
    inputs = "".join(
        f"    pin ({pin}) {{ direction : input; capacitance : 0.001; }}\n" for pin in pins
    )
    # Three loads: ABC takes the slope between the first and the last but one.
    delays = ", ".join(f"{delay + inputs * GENERIC_FANOUT_DELAY:g}" for inputs in (0, 50, 100))
    tables = "".join(
        f'        {kind} (loads) {{ values ("{row}", "{row}"); }}\n'
        for kind, row in (
            ("cell_rise", delays), ("cell_fall", delays),
            ("rise_transition", "0.01, 0.01, 0.01"), ("fall_transition", "0.01, 0.01, 0.01"),
        )
    )  # fmt: skip
    timing = "".join(
        f'      timing () {{\n        related_pin : "{pin}";\n{tables}      }}\n' for pin in pins
    )
    output = "    pin (Y) {\n      direction : output;\n      max_capacitance : 0.1;\n"
    output += f'      function : "{function}";\n'
    return f"\n  cell ({name}) {{\n    area : {area};\n{inputs}{output}{timing}    }}\n  }}"


__all__ = [
    "DONT_USE",
    "Group",
    "Library",
    "default_files",
    "generic_library",
    "parse_group",
    "read_library",
]
