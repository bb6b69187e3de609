"""The ports of a unit as a picture: what goes in, what comes out, and how wide it is."""

from __future__ import annotations

from html import escape

from gallery.style import STYLE
from lut_opt.dialects.pwl.hardware import HardwareUnit, Port

LETTER = 7.3
"""Width of a letter of the names."""

ROW, GAP, ARROW = 20, 10, 46
"""Heights of a port and of the gap between groups, and length of an arrow."""


def _group(port: Port) -> str:
    """Ports of one group stand together."""
    if port.name in ("clock", "reset", "x_clock", "x_enable", "aclk", "aresetn"):
        return "clock"
    if port.name.startswith(("x", "s_axis")) or port.name in ("select", "denominator"):
        return "input"
    return "result" if port.name.startswith(("y", "m_axis")) else "written"


def _heights(ports: list[Port]) -> tuple[list[float], float]:
    """Where each port lies, groups apart, and where the last one ends."""
    at, found, before = 12.0, list[float](), ""
    for port in ports:
        at += GAP * (before not in ("", _group(port)))
        found.append(at + ROW / 2)
        at, before = at + ROW, _group(port)
    return found, at + 12


def draw(unit: HardwareUnit) -> str:
    """The picture as SVG."""
    order = ("clock", "written", "input", "result")
    ports = sorted(unit.ports, key=lambda port: order.index(_group(port)))
    sides = (
        [port for port in ports if _group(port) != "result"],
        [port for port in ports if _group(port) == "result"],
    )
    names = [max(len(port.name) for port in side) * LETTER for side in sides]
    box = max(sum(names) + 44, 140)
    heights = [_heights(side) for side in sides]
    height, width = max(end for _, end in heights), box + 2 * ARROW
    parts = [f'<rect class="box" x="{ARROW}" y="1" width="{box:.0f}" height="{height - 2:.0f}"/>']
    for right, (side, (places, _)) in enumerate(zip(sides, heights, strict=True)):
        for port, y in zip(side, places, strict=True):
            parts.append(_port(port, y, ARROW + box * right, bool(right)))
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    label = f"ports of {unit.module}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">'
        f"{STYLE}{''.join(parts)}</svg>\n"
    )


def _port(port: Port, y: float, edge: float, right: bool) -> str:
    """An arrow to or from the edge of the box, its width, and the name inside."""
    outwards = port.output == right
    outer = edge + (ARROW - 4 if right else 4 - ARROW)
    tail, head = (edge, outer) if port.output else (outer, edge)
    back = -6 if head > tail else 6
    bus = "bus" if (port.bits or 1) > 1 else "wire"
    tip = f"M{head + back:.1f} {y - 4:.1f}L{head:.1f} {y:.1f}L{head + back:.1f} {y + 4:.1f}"
    line = f'<path class="{bus}" d="M{tail:.1f} {y:.1f}H{head:.1f}{tip}"/>'
    middle = (edge + outer) / 2 + (-2 if outwards else 2) * (1 if right else -1)
    width = (
        f'<text class="small" x="{middle:.1f}" y="{y - 4:.1f}" text-anchor="middle">'
        f"{port.bits}</text>"
        if bus == "bus"
        else ""
    )
    inside, anchor = (edge - 8, "end") if right else (edge + 8, "start")
    name = (
        f'<text x="{inside:.1f}" y="{y + 4:.1f}" text-anchor="{anchor}">{escape(port.name)}</text>'
    )
    return line + width + name
