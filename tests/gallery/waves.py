"""What happens at the ports of a unit, as a simulation by Icarus recorded it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import numpy as np
from vcd.reader import TokenKind, tokenize
from xdsl.dialects.builtin import ModuleOp

from gallery.style import STYLE
from gallery.units import Cycle, Shown
from lut_opt.backends.simulate.axis_bench import adapter
from lut_opt.backends.simulate.row_bench import Stalls, Stimulus, bench, vectors
from lut_opt.backends.simulate.unit_bench import questions
from lut_opt.backends.tools import icarus
from lut_opt.backends.verilog import systemverilog
from lut_opt.dialects.lutnet.hardware import NetworkUnit
from lut_opt.dialects.pwl.hardware import (
    AxisUnit,
    DivideUnit,
    ElementUnit,
    HardwareUnit,
    RowUnit,
    StreamUnit,
)
from lut_opt.dialects.pwl.hardware.axis_unit import RENAMED
from lut_opt.dialects.quantization import Quantization

ValueT = TypeVar("ValueT")

WATCH = """
module watch;
  bench bench();
  initial begin
    $dumpfile("ports.vcd");
    $dumpvars(1, bench.clock);
    $dumpvars(1, {unit});
  end
endmodule
"""

ROWS = 5
"""Rows that a unit of rows is shown with."""


def simulated(shown: Shown) -> list[Cycle]:
    """
    The cycles of the picture: what every port holds when the clock rises.

    Raises `BackendError` where the bench does not find every result right.
    """
    unit = shown.unit
    files = _bench(unit, shown)
    files["units.sv"] = systemverilog.emit(ModuleOp([op.clone() for op in shown.module().ops]))
    inside = "bench.unit.unit" if isinstance(unit, AxisUnit) else "bench.unit"
    files["watch.sv"] = WATCH.replace("{unit}", inside)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text)
        sources = [name for name in files if name.endswith(".sv")]
        icarus.run(Path(folder), "watch", sources)
        cycles = list(_cycles(Path(folder, "ports.vcd"), set(unit.widths)))
    first = next(at for at, cycle in enumerate(cycles) if shown.begins(cycle))
    begin = max(first - shown.before, 0)
    return cycles[begin : begin + shown.cycles]


def _bench(unit: HardwareUnit, shown: Shown) -> dict[str, str]:
    """A bench and its vectors: few questions, so that a picture shows different answers."""
    stalls = Stalls(shown.stalls)
    if isinstance(unit, AxisUnit):
        inner = unit.unit.named("adapter")
        files = _bench(inner, shown)
        files["bench.sv"] += adapter(unit, inner.module)
        return files
    if isinstance(unit, RowUnit):
        stimulus = _rows(unit)
        return {**vectors(stimulus), "bench.sv": bench(stimulus, "bench", stalls)}
    assert isinstance(unit, ElementUnit)
    asked = questions(unit)
    writes = asked.steps.get("write_enable", [0] * asked.count)
    kept = [at for at in range(asked.count) if writes[at] or shown.asks(at)]
    few = replace(asked, steps={name: values[kept] for name, values in asked.steps.items()})
    return {**few.vectors(), "bench.sv": few.bench("bench", stalls)}


def _rows(unit: RowUnit) -> Stimulus:
    """Rows of normal numbers, of deviation 1 in real units; a scale of 1, an offset of 0."""
    real = np.random.default_rng(0).normal(0, 1, (ROWS, unit.length))
    parameters = {
        name: kind.quantize(np.full(unit.length, float(name == "gamma")))
        for name, kind in unit.semantics.parameters.items()
    }
    return Stimulus(unit, list(unit.semantics.operand.quantize(real)), parameters)


def _cycles(path: Path, ports: set[str]) -> Iterator[Cycle]:
    """The values of the ports at each rise of the clock, from a VCD file."""
    names: dict[str, list[str]] = {}
    clocks: set[str] = set()
    state: dict[str, int | None] = dict.fromkeys(ports)
    pending: dict[str, int | None] = {}
    rises = False
    with path.open("rb") as file:
        for token in tokenize(file):
            if token.kind is TokenKind.VAR:
                if token.var.reference == "clock":
                    clocks.add(token.var.id_code)
                names.setdefault(token.var.id_code, []).append(token.var.reference)
            elif token.kind is TokenKind.CHANGE_TIME:
                if rises:
                    yield dict(state)
                state |= pending
                pending, rises = {}, False
            elif token.kind in (TokenKind.CHANGE_SCALAR, TokenKind.CHANGE_VECTOR):
                code, value = token.data.id_code, token.data.value
                if not isinstance(value, int):
                    value = int(value) if value in ("0", "1") else None
                rises |= code in clocks and value == 1
                pending |= {name: value for name in names[code] if name in ports}


def sides(unit: HardwareUnit) -> Mapping[str, Quantization]:
    """How the elements of a port are stored, where it has any."""
    if isinstance(unit, AxisUnit):
        return {RENAMED[name]: kind for name, kind in sides(unit.unit).items()}
    if isinstance(unit, StreamUnit):
        return sides(unit.unit)
    if isinstance(unit, RowUnit):
        semantics = unit.semantics
        return {"x": semantics.operand, "y": semantics.result, **semantics.parameters}
    if isinstance(unit, DivideUnit):
        return unit.sides
    if isinstance(unit, NetworkUnit):
        return {"x": unit.block.operand, "y": unit.block.result}
    return {"x": unit.operand, "y": unit.result}


def _text(value: int, bits: int, kind: Quantization | None) -> str:
    """A value of a port: integers as they are meant, the first element first."""
    if kind is None:
        return str(value)
    found: list[str] = []
    for at in range(0, bits, kind.bits):
        element = value >> at & (1 << kind.bits) - 1
        found.append(str(element - (1 << kind.bits) * (kind.signed and element >> kind.bits - 1)))
    return " ".join(found)


ROW, HEIGHT, LEFT = 26, 16, 8


def draw(shown: Shown) -> str:
    """The picture as SVG."""
    unit, cycles = shown.unit, simulated(shown)
    names = [name for name in unit.widths if _happens(name, cycles)]
    texts = {name: _texts(unit, name, cycles) for name in names if unit.widths[name] > 1}
    cell = max(24, 12 + max(7 * len(text) for column in texts.values() for text in column))
    left = LEFT + 7.4 * max(map(len, names)) + 10
    height, width = ROW * len(names) + 10, left + cell * len(cycles) + 8
    lines = "".join(f"M{left + cell * at:.0f} 4V{height - 4}" for at in range(len(cycles) + 1))
    parts = [f'<path class="grid" d="{lines}"/>']
    for at, port in enumerate(port for port in unit.ports if port.name in names):
        place = Place(left, 8 + ROW * at, cell, "out" if port.output else "in")
        parts.append(f'<text x="{LEFT}" y="{place.top + 13}">{port.name}</text>')
        if port.bits is None:
            parts.append(_clock(place, len(cycles)))
        elif port.bits == 1:
            parts += _wire([cycle[port.name] for cycle in cycles], place)
        else:
            parts += _bus(texts[port.name], place)
    size = f'viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}"'
    label = f"waves of {unit.module}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">'
        f"{STYLE}{''.join(parts)}</svg>\n"
    )


def _happens(name: str, cycles: Sequence[Cycle]) -> bool:
    """Whether there is anything to see: not of resets, nor of writes that are over."""
    if name in ("reset", "aresetn"):
        return False
    enable = name if name in WITH.values() and "write" in name else WITH.get(name)
    return enable is None or "write" not in enable or any(cycle[enable] for cycle in cycles)


WITH = {
    "x": "x_valid",
    "y": "y_valid",
    "s_axis_tdata": "s_axis_tvalid",
    "m_axis_tdata": "m_axis_tvalid",
    **dict.fromkeys(("address", "data"), "write_enable"),
    **dict.fromkeys(("index", "gamma", "beta"), "write"),
}
"""The port that says whether a bus means anything."""


def _texts(unit: HardwareUnit, name: str, cycles: Sequence[Cycle]) -> list[str]:
    """What a bus holds in each cycle; nothing where it means nothing."""
    bits, kind, valid = unit.widths[name], sides(unit).get(name), WITH.get(name, "")
    return [
        ""
        if (value := cycle[name]) is None or not cycle.get(valid, 1)
        else _text(value, bits, kind)
        for cycle in cycles
    ]


@dataclass(frozen=True)
class Place:
    """Where the wave of a port lies, and its colour's class."""

    left: float
    top: float
    cell: float
    """Width of a cycle."""
    kind: str

    def nothing(self, begin: int, end: int) -> str:
        """Cycles in which nothing is meant."""
        return self._box("none", begin, end)

    def value(self, text: str, begin: int, end: int) -> str:
        """Cycles with the same value."""
        middle = self.left + self.cell * (begin + end) / 2
        number = f'<text x="{middle:.1f}" y="{self.top + 12.5}" text-anchor="middle">{text}</text>'
        return self._box(f"value {self.kind}", begin, end) + number

    def _box(self, kind: str, begin: int, end: int) -> str:
        x, wide = self.left + self.cell * begin + 1.5, self.cell * (end - begin) - 3
        size = f'width="{wide:.1f}" height="{HEIGHT}" rx="3"'
        return f'<rect class="{kind}" x="{x:.1f}" y="{self.top}" {size}/>'


def _clock(place: Place, count: int) -> str:
    low, half = place.top + HEIGHT, place.cell / 2
    edge = f"V{place.top}h{half:.1f}V{low}h{half:.1f}"
    return f'<path d="M{place.left:.1f} {low}{edge * count}"/>'


def _wire(values: Sequence[int | None], place: Place) -> Iterator[str]:
    for begin, end, value in _runs(values):
        if value is None:
            yield place.nothing(begin, end)
            continue
        y = place.top + (0 if value else HEIGHT)
        before = values[begin - 1] if begin else None
        edge = "" if before is None else f"V{place.top + (0 if before else HEIGHT)}"
        start = f"M{place.left + place.cell * begin:.1f} {y}"
        path = f"{start}{edge}{start}H{place.left + place.cell * end:.1f}"
        yield f'<path class="{place.kind}" stroke-width="1.6" d="{path}"/>'


def _bus(texts: Sequence[str], place: Place) -> Iterator[str]:
    for begin, end, text in _runs(texts):
        yield place.value(text, begin, end) if text else place.nothing(begin, end)


def _runs(values: Sequence[ValueT]) -> Iterator[tuple[int, int, ValueT]]:
    """Begin and end of each run of equal values, and the value."""
    begin = 0
    for value, run in groupby(values):
        end = begin + len(list(run))
        yield begin, end, value
        begin = end
