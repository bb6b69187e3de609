"""Charts as SVG text: lines, bars and axes in the page's own colours."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lut_opt.backends.page.curves import Curve
from lut_opt.dialects.quantization import Reals

WIDTH, HEIGHT = 520, 230
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 24


@dataclass(frozen=True)
class Axes:
    """Where reals lie on a chart; bounds are those of the plotted area."""

    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, x: Reals) -> Reals:
        """Pixels from the left."""
        low, high = self.x
        return LEFT + (x - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def down(self, y: Reals) -> Reals:
        """Pixels from the top."""
        low, high = self.y
        return TOP + (high - y) / (high - low) * (HEIGHT - TOP - BOTTOM)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between the bounds, at most that many, in steps of 1, 2 or 5 times 10^k."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def function_chart(curve: Curve) -> str:
    """The function, the table's answers as steps, and where segments meet."""
    axes = Axes(_bounds(curve.x), _bounds(np.concatenate([curve.wanted, curve.answer]), 0.06))
    parts = [_segments(axes, curve.segments)]
    parts.append(_line(axes, *_steps(curve.x, curve.answer), "table"))
    parts.append(_line(axes, curve.x, curve.wanted, "function"))
    return _chart(axes, parts, "function and table")


def error_chart(curve: Curve) -> str:
    """The error of each result, over the histogram of what was seen."""
    error = curve.error
    axes = Axes(_bounds(curve.x), _bounds(np.append(error, 0.0), 0.1))
    parts = [_bars(axes, *curve.seen)] if curve.seen is not None else []
    parts += [_segments(axes, curve.segments), _rule(axes)]
    parts.append(_line(axes, *_steps(curve.x, error), "error"))
    return _chart(axes, parts, "error, over what the calibration saw")


def _bounds(values: Reals, margin: float = 0.0) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if low == high:
        low, high = low - (abs(low) or 1.0), high + (abs(high) or 1.0)
    pad = margin * (high - low)
    return low - pad, high + pad


def _steps(x: Reals, y: Reals) -> tuple[Reals, Reals]:
    """A stored value answers for the reals halfway to its neighbours."""
    if len(x) < 2:
        return x, y
    middles = (x[1:] + x[:-1]) / 2
    edges = np.concatenate([x[:1], np.repeat(middles, 2), x[-1:]])
    return edges, np.repeat(y, 2)


def _line(axes: Axes, x: Reals, y: Reals, kind: str) -> str:
    words: list[str] = []
    pen_down = False
    for across, down in zip(axes.across(x), axes.down(y), strict=True):
        if np.isfinite(down):
            words.append(f"{'L' if pen_down else 'M'}{across:.1f} {down:.1f}")
        pen_down = bool(np.isfinite(down))
    return f'<path class="{kind}" d="{"".join(words)}"/>'


def _segments(axes: Axes, at: Reals) -> str:
    low, high = HEIGHT - BOTTOM, TOP
    lines = "".join(f"M{x:.1f} {low}V{high}" for x in axes.across(at))
    return f'<path class="segment" d="{lines}"/>'


def _rule(axes: Axes) -> str:
    y = float(axes.down(np.zeros(1))[0])
    return f'<path class="rule" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'


def _bars(axes: Axes, edges: Reals, heights: Reals) -> str:
    floor = HEIGHT - BOTTOM
    most = float(heights.max())
    if most <= 0:
        return ""
    x = np.clip(axes.across(edges), LEFT, WIDTH - RIGHT)
    y = floor - heights / most * (floor - TOP) * 0.9
    bars = "".join(
        f"M{a:.1f} {floor}V{top:.1f}H{b:.1f}V{floor}"
        for a, b, top in zip(x[:-1], x[1:], y, strict=True)
        if b > a
    )
    return f'<path class="seen" d="{bars}"/>'


def _chart(axes: Axes, parts: list[str], label: str) -> str:
    floor = HEIGHT - BOTTOM
    marks: list[str] = []
    for x in ticks(*axes.x):
        at = f'x="{axes.across(np.array(x)):.1f}" y="{HEIGHT - 8}"'
        marks.append(f'<text {at} text-anchor="middle">{x:g}</text>')
    for y in ticks(*axes.y, 5):
        at = f'x="{LEFT - 6}" y="{axes.down(np.array(y)) + 3:.1f}"'
        marks.append(f'<text {at} text-anchor="end">{y:.3g}</text>')
    frame = f'<path class="axis" d="M{LEFT} {TOP}V{floor}H{WIDTH - RIGHT}"/>'
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" data-left="{LEFT}" data-right="{WIDTH - RIGHT}"'
    body = "".join([*parts, frame, *marks])
    return f'<svg {size} role="img" aria-label="{label}">{body}<path class="cursor" d=""/></svg>'
