"""What was measured, as a table for people and as JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from lut_opt.accuracy.metrics import Figures, worst
from lut_opt.accuracy.requirements import Verdict

STRAYS = 10.0
"""Decibels that no rounding of a linear operator's sums costs."""


@dataclass(frozen=True)
class Operator:
    """What one operator on integers costs the network, by itself: the worst of its outputs."""

    name: str
    layer: str
    location: str
    cosine: float
    sqnr: float
    error: float


@dataclass(frozen=True)
class Accuracy:
    """
    What was measured, on batches that the calibration had not seen.

    `outputs` are the compiled network's, by name, and `real` those of the same program with every
    operator in real numbers: what export and float rounding cost. `operators` are in the order of
    their cost, the worst first.
    """

    seen: int
    held_out: int
    outputs: Mapping[str, Figures]
    real: Mapping[str, Figures]
    operators: tuple[Operator, ...]
    verdicts: tuple[Verdict, ...]
    seconds: Mapping[str, float]
    integer: Mapping[str, Figures] = field(default_factory=dict[str, Figures])
    """Of the same integers, evaluated by PyTorch; none where single operators are left out."""

    @property
    def strays(self) -> bool:
        """Whether compiled code is much worse than the same integers in PyTorch: it is wrong."""
        return any(
            other.sqnr is not None and own.sqnr is not None and own.sqnr < other.sqnr - STRAYS
            for own, other in ((self.outputs[name], each) for name, each in self.integer.items())
        )

    @property
    def met(self) -> bool:
        """Whether every requirement is met; true where there is none."""
        return all(verdict.met for verdict in self.verdicts)

    def __str__(self) -> str:
        return table(self)


def table(accuracy: Accuracy) -> str:
    """Aligned columns: outputs, operators with the worst first, requirements."""
    lines = [
        f"held out: {_count(accuracy.held_out, 'batch', 'batches')}, "
        f"{next(iter(accuracy.outputs.values())).samples} samples; calibrated on "
        f"{_count(accuracy.seen, 'other', 'others')}",
        "",
        *_columns(
            ("output", "cosine", "worst", "SQNR", "largest error", "agreement"),
            [cells(name, figures) for name, figures in accuracy.outputs.items()],
        ),
    ]
    if accuracy.operators:
        rows = [
            (
                each.name,
                each.layer or "-",
                f"{each.cosine:.6f}",
                decibels(each.sqnr),
                f"{each.error:.1e}",
                each.location,
            )
            for each in accuracy.operators
        ]
        header = ("operator alone", "layer", "cosine", "SQNR", "largest error", "source")
        lines += ["", *_columns(header, rows, left=(0, 1, 5))]
    if accuracy.strays:
        reached = worst(accuracy.integer, "sqnr")
        assert reached is not None
        lines += [
            "",
            f"warning: the same integers in PyTorch reach {decibels(reached)}: an operator without "
            "a table is compiled otherwise than PyTorch computes it; compare the exported module, "
            "compiled without a pass, with the model, and report it",
        ]
    seconds = ", ".join(f"{step} {spent:.1f} s" for step, spent in accuracy.seconds.items())
    lines += ["", seconds]
    for verdict in accuracy.verdicts:
        value = "" if verdict.value is None else f": {verdict.value:.6g}"
        lines.append(f"{'met' if verdict.met else 'NOT MET'}: {verdict.requirement}{value}")
    return "\n".join(lines)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def cells(name: str, figures: Figures, unknown: str = "-") -> tuple[str, ...]:
    """One output as text: cosine, worst cosine, SQNR, largest error, agreement."""

    def number(value: float | None, style: str) -> str:
        return unknown if value is None else format(value, style)

    return (
        name,
        number(figures.cosine, ".6f"),
        number(figures.worst_cosine, ".6f"),
        unknown if figures.sqnr is None else decibels(figures.sqnr),
        number(figures.error, ".1e"),
        number(figures.agreement, ".1%"),
    )


def decibels(value: float) -> str:
    """`41.3 dB`; `exact` where there is no noise at all."""
    if math.isinf(value):
        return "exact" if value > 0 else "no signal"
    return f"{value:.1f} dB"


def _columns(
    header: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)
) -> list[str]:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (header, *rows)
    ]


def record(accuracy: Accuracy) -> dict[str, Any]:
    """A JSON object: null where a figure is not known, and where the noise is 0 or infinite."""
    return {
        "met": accuracy.met,
        "seen": accuracy.seen,
        "held_out": accuracy.held_out,
        "outputs": {name: _finite(asdict(each)) for name, each in accuracy.outputs.items()},
        "real": {name: _finite(asdict(each)) for name, each in accuracy.real.items()},
        "integer": {name: _finite(asdict(each)) for name, each in accuracy.integer.items()},
        "operators": [_finite(asdict(each)) for each in accuracy.operators],
        "requirements": [_finite(asdict(each)) for each in accuracy.verdicts],
        "seconds": {step: round(spent, 3) for step, spent in accuracy.seconds.items()},
    }


def _finite(figures: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in figures.items()
    }
