"""
What a hardware module costs: the figures that `implementation=auto` compares.

`model` weighs the gates of a module, each function counted once, with coefficients fitted to
synthesis (`benchmarks/fit_cost.py` prints fit and residuals); it needs nothing but the IR. Other
cost functions register themselves: a pass may not know the synthesizer, but whoever has one tells
it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from xdsl.dialects import hw
    from xdsl.ir import Operation, SSAValue

    from lut_opt.passes.hw.cost.gates import Kind

Objective = Literal["area", "delay", "power"]

Family = Literal["xc7", "ice40", "ecp5"]
"""FPGAs whose LUTs a cost function counts that has the family's name."""

FAMILY = "pwl.family"
"""Attribute of a hardware module: the FPGAs that it is for, where it is for such."""

FPGA_FAMILIES: tuple[Family, ...] = get_args(Family)


@dataclass(frozen=True)
class Figures:
    """Area, delay and power of a module, in the units that `source` names; None: not known."""

    area: float
    delay: float | None
    power: float | None
    source: str

    def of(self, objective: Objective) -> float:
        """The figure to be made small. Raises `ValueError` for one that is not known."""
        if (value := self.known.get(objective)) is None:
            raise ValueError(f"{self.source}: no {objective} is known: use objective=area")
        return value

    @property
    def known(self) -> dict[str, float]:
        """The figures by name."""
        every = {"area": self.area, "delay": self.delay, "power": self.power}
        return {name: value for name, value in every.items() if value is not None}


CostFunction = Callable[["hw.HWModuleOp", tuple[str, ...]], Figures]
"""From a module and the Liberty files that the user named (none: generic gates) to its figures."""

COST_FUNCTIONS: dict[str, CostFunction] = {}


def register_cost(name: str, function: CostFunction) -> None:
    """Make a cost function known under a name that `cost=` takes."""
    COST_FUNCTIONS[name] = function


FEATURES: tuple[Kind, ...] = ("and", "xor", "mux", "register")
"""Gates of each kind, every function counted once (`gates.py`), and bits of registers."""

AREA = np.array([0.547, 1.716, 1.619, 5.67])
"""NAND2 equivalents for each of `FEATURES`; the last is the flip-flop's own, not fitted."""

DELAY = np.array([0.446, 1.176])
"""Gate delays of any module, and for each level of `levels`."""

POWER = np.array([1.57, 0.12])
"""Gate inputs that switch in a cycle: for each gate that changes, and for it times levels."""


def model_cost(module: hw.HWModuleOp, liberty: tuple[str, ...] = ()) -> Figures:
    """The linear model; it knows generic gates only, so `liberty` makes no difference."""
    found = features(module)
    area = float(AREA @ found.gates)
    delay = float(DELAY @ found.path) if found.levels else 0.0
    power = float(POWER @ found.activity)
    return Figures(area, delay, power, "model: NAND2 equivalents, gate delays, switched inputs")


register_cost("model", model_cost)


@dataclass(frozen=True)
class Features:
    """What the model sees of a module: amounts of `FEATURES`, gates that change, levels."""

    gates: NDArray[np.float64]
    switching: float
    levels: float

    @property
    def path(self) -> NDArray[np.float64]:
        """What `DELAY` weighs."""
        return np.array([1.0, self.levels])

    @property
    def activity(self) -> NDArray[np.float64]:
        """What `POWER` weighs: what changes at least, and glitches, of which each level adds."""
        return np.array([self.switching, self.switching * self.levels])


def features(module: hw.HWModuleOp) -> Features:
    """What the model sees of a module; raises `ValueError` where it is no fixed unit."""
    # Whoever has a module has loaded the dialects that this loads; who asks for help has not.
    from lut_opt.passes.hw.cost.gate_count import count_gates

    count = count_gates(module)
    gates = np.array([count.kinds[name] for name in FEATURES], np.float64)
    return Features(gates, count.switching, levels(module))


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
    if op.name == "comb.add":
        # Rows of full adders, two exclusive-ors each, until two rows are left; then the carries.
        return 4 * math.ceil(math.log2(len(op.operands))) + 2 * math.log2(max(2, width))
    if op.name == "comb.icmp":
        return 2 * math.log2(max(2, _width(op.operands[0])))
    if op.name in ("comb.mux", "comb.xor"):
        return 1.0
    if op.name in ("comb.and", "comb.or"):
        return math.log2(max(2, len(op.operands)))
    return 0.0


def _width(value: SSAValue) -> int:
    bitwidth = getattr(value.type, "bitwidth", 1)
    return bitwidth if isinstance(bitwidth, int) else 1


__all__ = [
    "COST_FUNCTIONS",
    "CostFunction",
    "Features",
    "Figures",
    "Objective",
    "features",
    "levels",
    "model_cost",
    "register_cost",
]
