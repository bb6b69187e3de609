"""
What a hardware module costs: the figures that `implementation=auto` compares.

`model` is a linear model of the operations in a module, with coefficients fitted to synthesis
(`benchmarks/fit_cost.py` prints fit and residuals); it needs nothing but the IR. Other cost
functions register themselves: a pass may not know the synthesizer, but whoever has one tells it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from xdsl.dialects import hw
    from xdsl.ir import Operation, SSAValue

Objective = Literal["area", "delay", "power"]


@dataclass(frozen=True)
class Figures:
    """Area, delay and power of a module, in the units that `source` names."""

    area: float
    delay: float
    power: float
    source: str

    def of(self, objective: Objective) -> float:
        """The figure to be made small."""
        return {"area": self.area, "delay": self.delay, "power": self.power}[objective]


CostFunction = Callable[["hw.HWModuleOp", tuple[str, ...]], Figures]
"""From a module and the Liberty files that the user named (none: generic gates) to its figures."""

COST_FUNCTIONS: dict[str, CostFunction] = {}


def register_cost(name: str, function: CostFunction) -> None:
    """Make a cost function known under a name that `cost=` takes."""
    COST_FUNCTIONS[name] = function


FEATURES: tuple[str, ...] = (
    "adder",
    "multiplexer",
    "gate",
    "comparator",
    "node",
    "multiplier",
    "register",
)
"""
Bits of adders, of multiplexers and gates wider than a bit, of comparisons with constants,
single-bit operations (nodes of decision diagrams), partial products of `*`, bits of registers.
"""

AREA = np.array([1.66, 1.50, 0.265, 0.657, 0.712, 1.66, 5.67])
"""
NAND2 equivalents for each of `FEATURES`. The last two are not fitted: no candidate multiplies, so
a partial product counts as an adder's bit, and a register's area is the flip-flop's own.
"""

DELAY = np.array([0.0, 1.35])
"""Gate delays of any module, and for each level of `levels`."""

POWER = np.array([0.182, 0.0545])
"""Gate inputs that switch in a cycle: for each NAND2 equivalent, and for it times levels."""


def model_cost(module: hw.HWModuleOp, liberty: tuple[str, ...] = ()) -> Figures:
    """The linear model; it knows generic gates only, so `liberty` makes no difference."""
    area = float(AREA @ features(module))
    depth = levels(module)
    delay = float(DELAY @ np.array([1.0, depth])) if depth else 0.0
    power = float(POWER @ np.array([area, area * depth]))
    return Figures(area, delay, power, "model: NAND2 equivalents, gate delays, switched inputs")


register_cost("model", model_cost)


def features(module: hw.HWModuleOp) -> NDArray[np.float64]:
    """How much of each of `FEATURES` is in a module."""
    counts: dict[str, float] = dict.fromkeys(FEATURES, 0.0)
    for op in module.walk():
        for name, amount in _features_of(op):
            counts[name] += amount
    return np.array([counts[name] for name in FEATURES])


def _features_of(op: Operation) -> list[tuple[str, float]]:
    kind = op.name
    if not op.results or kind in ("hw.constant", "comb.extract", "comb.concat", "comb.replicate"):
        return []
    width = _width(op.results[0])
    variable = [value for value in op.operands if not _is_constant(value)]
    if kind in ("comb.add", "comb.sub"):
        # A constant joins the carries of another row for half the price.
        rows = len(variable) - 1 + 0.5 * (len(variable) < len(op.operands))
        return [("adder", rows * width)]
    if kind == "comb.mul":
        return [("multiplier", width * width / 2)]
    if kind == "comb.icmp":
        return [("comparator", _width(op.operands[0]))]
    if kind == "seq.compreg":
        return [("register", width)]
    if width == 1:
        return [("node", max(1, len(variable) - 1))]
    if kind == "comb.mux":
        # Bits that are constant on both sides are wires or inverters.
        return [("multiplexer", width * (len(variable) - 1) / 2)] if len(variable) > 1 else []
    return [("gate", width * max(0, len(variable) - 1))]


def levels(module: hw.HWModuleOp) -> float:
    """The longest combinational path, in levels of gates."""
    depth: dict[SSAValue, float] = {}
    longest = 0.0
    for op in module.walk():
        if op is module or not op.results:
            continue
        if op.name == "seq.compreg":
            longest = max(longest, *(depth.get(value, 0.0) for value in op.operands))
            continue
        at = max((depth.get(value, 0.0) for value in op.operands), default=0.0) + _levels_of(op)
        longest = max(longest, at)
        for result in op.results:
            depth[result] = at
    return longest


def _levels_of(op: Operation) -> float:
    width = _width(op.results[0])
    if op.name in ("comb.add", "comb.sub"):
        return 2 * math.ceil(math.log2(max(2, len(op.operands)))) + math.log2(max(2, width))
    if op.name == "comb.mul":
        return 3 * math.log2(max(2, width))
    if op.name == "comb.icmp":
        return math.log2(max(2, _width(op.operands[0])))
    if op.name in ("comb.mux", "comb.xor"):
        return 1.5
    if op.name in ("comb.and", "comb.or"):
        return math.log2(max(2, len(op.operands)))
    return 0.0


def _width(value: SSAValue) -> int:
    bitwidth = getattr(value.type, "bitwidth", 1)
    return bitwidth if isinstance(bitwidth, int) else 1


def _is_constant(value: SSAValue) -> bool:
    return getattr(value.owner, "name", "") == "hw.constant"


__all__ = [
    "COST_FUNCTIONS",
    "CostFunction",
    "Figures",
    "Objective",
    "features",
    "levels",
    "model_cost",
    "register_cost",
]
