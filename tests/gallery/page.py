"""The page: a table of all units, and each with its pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass

from xdsl.dialects import hw

from gallery import ports, waves
from gallery.units import ROOT, UNITS, Shown
from lut_opt.backends.report.costs import cost_lines
from lut_opt.backends.synthesis.memories import memories_of
from lut_opt.dialects.pwl.hardware import AxisUnit, HardwareUnit, RowUnit
from lut_opt.passes.hw.modules import modules_of

FOLDER = ROOT / "docs" / "gallery"
PAGE = FOLDER / "index.md"
MADE = re.compile(r"(?<=<!-- units: begin -->\n).*?(?=<!-- units: end -->)", re.DOTALL)

CONTINUED = " \\\n    --convert"
"""A command goes on in the next line."""

FIGURES = re.compile(r"[\d,]+ NAND2, path [\d,.]+")
"""What is synthesized, which takes a while."""


@dataclass(frozen=True)
class Cost:
    """As `-t report` has it: areas in NAND2 equivalents, the critical path in gate delays."""

    area: float
    path: float

    def __str__(self) -> str:
        return f"{self.area:,.0f} NAND2, path {self.path:.0f}"


UNKNOWN = Cost(0, 0)


def cost(shown: Shown) -> Cost:
    """Area and critical path of a unit with all that it instantiates."""
    library, *lines = cost_lines(shown.module())
    if "NAND2 equivalents" not in library:
        raise SystemExit(f"areas are to be in NAND2 equivalents, not in those of {library}")
    at = lines.index(f"  {shown.unit.module}")
    match = re.search(r"area ([\d.]+), critical path ([\d.]+)", lines[at + 1])
    assert match is not None, lines[at + 1]
    return Cost(float(match[1]), float(match[2]))


def pictures(shown: Shown) -> dict[str, str]:
    """The files of a unit's pictures."""
    return {
        f"{shown.name}-ports.svg": ports.draw(shown.unit),
        f"{shown.name}-waves.svg": waves.draw(shown),
    }


def section(costs: dict[str, Cost]) -> str:
    """What stands between the marks on the page."""
    rows = [
        "| unit | elements | latency, cycles | area and critical path | memory, bits |",
        "|---|---|---|---|---|",
        *(_row(shown, costs.get(shown.name, UNKNOWN)) for shown in UNITS),
    ]
    return "\n".join([*rows, "", *map(_unit, UNITS)])


def _row(shown: Shown, found: Cost) -> str:
    unit = shown.unit
    memory = sum(each.words * each.bits for each in memories_of(_top(shown)))
    cells = (
        f"[{shown.title}](#{shown.name.replace('_', '-')})",
        _elements(shown),
        "combinational" if not unit.latency else str(unit.latency),
        str(found),
        f"{memory:,}" if memory else "",
    )
    return f"| {' | '.join(cells)} |"


def _elements(shown: Shown) -> str:
    """How elements are stored, and how many a row or a token has."""
    unit, sides = shown.unit, waves.sides(shown.unit)
    kinds = [f"{'i' if sides[n].signed else 'u'}{sides[n].bits}" for n in _ends(unit)]
    if isinstance(unit, RowUnit):
        return f"{' → '.join(kinds)}, rows of {unit.length}"
    many = [unit.widths[name] // sides[name].bits for name in _ends(unit)]
    return " → ".join(k if n == 1 else f"{n} {k}" for k, n in zip(kinds, many, strict=True))


def _ends(unit: HardwareUnit) -> tuple[str, str]:
    """The ports of elements and of results."""
    return ("s_axis_tdata", "m_axis_tdata") if isinstance(unit, AxisUnit) else ("x", "y")


def _top(shown: Shown) -> hw.HWModuleOp:
    return modules_of(shown.module())[shown.unit.module]


def _unit(shown: Shown) -> str:
    lines = (
        f"## {shown.title} {{ #{shown.name.replace('_', '-')} }}",
        shown.words,
        f"```sh\n{shown.command.replace(' --convert', CONTINUED)}\n```",
        f"![Ports of the unit]({shown.name}-ports.svg)",
        f'<div class="waves" markdown>\n![Waves at its ports]({shown.name}-waves.svg)\n</div>',
        "",
    )
    return "\n\n".join(lines)


def page(costs: dict[str, Cost]) -> str:
    """The page with its table and its units made anew, areas as given."""
    made = section(costs)
    return MADE.sub(lambda _: made, PAGE.read_text("utf-8"))


def without_figures(text: str) -> str:
    """A page, but for what only a synthesizer knows."""
    return FIGURES.sub("?", text)
