"""A weightless block as a hardware unit: a token in, a token out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lut_opt.dialects.lutnet.description import describe, summary
from lut_opt.dialects.lutnet.hardware.parts import Parts
from lut_opt.dialects.lutnet.network import Block
from lut_opt.dialects.pwl.hardware import Description, ElementUnit, Port
from lut_opt.dialects.pwl.hardware.table_unit import clocked
from lut_opt.dialects.pwl.hardware.unit import check_timing, describe_port
from lut_opt.dialects.quantization import Integers, storage_range

TOKENS = 256
"""Random tokens of the stimuli."""


@dataclass(frozen=True)
class NetworkUnit(ElementUnit):
    """
    One block: `evaluate`, `latency` cycles after its input.

    Ports x and y hold a token each, the first feature or result in the lowest bits.
    """

    block: Block

    @property
    def parts(self) -> Parts:
        """Where its parts meet."""
        return Parts(self.block, self.latency)

    @property
    def ports(self) -> tuple[Port, ...]:
        block = self.block
        return (
            *clocked(self),
            Port("x", block.thermometer.features * block.operand.bits),
            Port("y", block.readout.results * block.result.bits, output=True),
        )

    def check(self) -> None:
        self.block.check()
        sizes = (self.block.thermometer.bits, *(luts.count for luts in self.block.layers))
        if not all((self.block.thermometer.features, self.block.readout.results, *sizes)):
            raise ValueError("a block without features, bits or results is no hardware")
        most = self.parts.levels
        if not 0 <= self.latency <= most:
            raise ValueError(
                f"this block has {most} levels behind which registers can stand: pipeline must be "
                f"from 0 to {most}, got {self.latency}"
            )
        check_timing(self, most)

    def evaluate(self, q: Integers) -> Integers:
        """Stored results (…, results) of any stored inputs (…, features)."""
        return self.block.evaluate(q)

    def stimuli(self) -> Integers:
        """Tokens (…, features) to try: each threshold and the value above it, ends, and others."""
        block = self.block
        low, high = storage_range(block.operand.bits, block.operand.signed)
        rng = np.random.default_rng(0)
        features = block.thermometer.features
        random = rng.integers(low, high, (TOKENS, features), np.int64, endpoint=True)
        steps = max(map(len, block.thermometer.thresholds), default=0)
        edges = random[: 2 * steps].copy()
        for feature, row in enumerate(block.thermometer.thresholds):
            near = [q for t in row for q in (t, t + 1)][: len(edges)]
            edges[: len(near), feature] = np.clip(near, low, high)
        ends = np.array([[low] * features, [high] * features, [0] * features])
        return np.concatenate([ends, edges, random])

    def steps(self) -> dict[str, Integers]:
        q = self.stimuli()
        x = pack(q, self.block.operand.bits)
        return {"x": x, "y": pack(self.evaluate(q), self.block.result.bits)}

    def summary(self) -> str:
        block = self.block
        return summary(block.thermometer, block.layers, block.readout)

    def rows(self, facts: dict[str, Any], ports: Sequence[Port]) -> list[Description]:
        block, sides = self.block, (self.block.operand, self.block.result)
        network = describe(block.thermometer, block.layers, block.readout)
        operand, result = ({**vars(side)} for side in sides)
        facts = {**facts, "unit": "network", "operand": operand, "result": result, **network}
        return [(None, {**facts, "ports": [describe_port(port) for port in ports]})]


def pack(rows: Integers, bits: int) -> Any:
    """Numbers (rows, elements) as one each, the first element in the lowest bits; of any size."""
    mask = (1 << bits) - 1
    packed = [
        sum((value & mask) << (bits * place) for place, value in enumerate(row))
        for row in rows.tolist()
    ]
    return np.array(packed, object)
