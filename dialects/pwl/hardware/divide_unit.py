"""Units of divisions: a quotient for each pair of numerator and denominator."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lut_opt.dialects.pwl import units
from lut_opt.dialects.pwl.attributes import Fit
from lut_opt.dialects.pwl.hardware.table_unit import SAMPLE, SWEPT_BITS, clocked
from lut_opt.dialects.pwl.hardware.unit import (
    Description,
    ElementUnit,
    Port,
    Tabulated,
    check_timing,
    describe_port,
)
from lut_opt.dialects.pwl.reduction_attributes import reduction_attribute
from lut_opt.dialects.quantization import Integers, Quantization, storage_range


@dataclass(frozen=True)
class DivideUnit(ElementUnit):
    """`semantics.evaluate` of numerator x and `denominator`, `latency` cycles after both."""

    semantics: units.Division
    fit: Fit | None = None
    """The certificate of the table of reciprocals."""

    @property
    def operands(self) -> tuple[str, ...]:
        return ("x", "denominator")

    @property
    def sides(self) -> dict[str, Quantization]:
        """How the bits of the ports of numbers are read."""
        semantics = self.semantics
        return {
            "x": semantics.operand,
            "denominator": semantics.denominator,
            "y": semantics.result,
        }

    @property
    def result(self) -> Quantization:
        """How results are stored."""
        return self.semantics.result

    @property
    def ports(self) -> tuple[Port, ...]:
        numbers = (Port(name, side.bits, name == "y") for name, side in self.sides.items())
        return (*clocked(self), *numbers)

    def check(self) -> None:
        check_timing(self)
        self.semantics.check()

    def evaluate(self, x: Integers, denominator: Integers) -> Integers:
        """Stored results of stored numerators and denominators."""
        return self.semantics.evaluate(x, denominator)

    def stimuli(self) -> tuple[Integers, Integers]:
        """Numerators and denominators to try: all pairs, or ends and octaves and a sample."""
        sides = [self.sides[name] for name in self.operands]
        if sum(side.bits for side in sides) <= SWEPT_BITS:
            x, denominator = (np.arange(*_span(side), dtype=np.int64) for side in sides)
            return np.tile(x, len(denominator)), np.repeat(denominator, len(x))
        rng = np.random.default_rng(0)
        x, denominator = (_marked(side) for side in sides)
        ends = np.tile(x, len(denominator)), np.repeat(denominator, len(x))
        drawn = (_drawn(rng, side) for side in sides)
        first, second = (np.concatenate(pair) for pair in zip(ends, drawn, strict=True))
        return first, second

    def steps(self) -> dict[str, Integers]:
        x, denominator = self.stimuli()
        return {"x": x, "denominator": denominator, "y": self.evaluate(x, denominator)}

    def summary(self) -> str:
        return "division"

    def rows(self, facts: dict[str, Any], ports: Sequence[Port]) -> list[Description]:
        semantics = self.semantics
        kind = reduction_attribute(semantics.reduction)
        found = {"unit": semantics.name, "table": "reciprocal", **facts}
        found["reduction"] = {
            "kind": kind.name.removeprefix("pwl."),
            **dataclasses.asdict(kind.data),
        }
        stored = {"numerator": "x", "operand": "denominator", "result": "y"}
        found |= {name: dataclasses.asdict(self.sides[port]) for name, port in stored.items()}
        found["error_bound"] = semantics.error_bound()
        found["ports"] = [describe_port(port) for port in ports]
        sides = semantics.core.sides
        return [(Tabulated("reciprocal", semantics.reciprocal, *sides, self.fit), found)]


def _span(side: Quantization) -> tuple[int, int]:
    """First pattern, and one beyond the last."""
    low, high = storage_range(side.bits, side.signed)
    return low, high + 1


def _marked(side: Quantization) -> Integers:
    """Both ends, the zero point, powers of two around it, and their neighbours."""
    low, end = _span(side)
    sizes = 1 << np.arange(side.bits, dtype=np.int64)
    about = side.zero_point + np.concatenate([-sizes, [0], sizes])
    near = np.concatenate([about - 1, about, about + 1, [low, end - 1]])
    return np.unique(np.clip(near, low, end - 1))


def _drawn(rng: np.random.Generator, side: Quantization) -> Integers:
    """Random patterns, as many of each octave around the zero point."""
    low, end = _span(side)
    size = rng.integers(1 << side.bits, size=SAMPLE) >> rng.integers(side.bits, size=SAMPLE)
    signed = np.where(rng.integers(2, size=SAMPLE), size, -size)
    return np.clip(side.zero_point + signed, low, end - 1)
