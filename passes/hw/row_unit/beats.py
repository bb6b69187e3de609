"""
Beats: elements side by side that move in one cycle, one in each lane.

Lane 0 is in the lowest bits of a port or a memory's word. While a beat is being computed on, the
wires of a lane have names of their own: `q0`, `q1`, …, or just `q` where there is one lane only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from xdsl.dialects import comb
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from lut_opt.passes.hw.builder.arithmetic import Arithmetic
from lut_opt.passes.hw.builder.circuit import Circuit, Wire, bits_of

Lane = Callable[[str], Wire]
"""The wires that a lane sees, by their plain names: its own, and those that all lanes share."""


@dataclass(frozen=True)
class Shape:
    """Rows of `length` elements, or of up to so many, in beats of `lanes` elements."""

    length: int
    lanes: int = 1
    keeps: bool = False
    """Whether a bit for each lane goes with a beat and says if an element is there."""

    @property
    def beats(self) -> int:
        """Beats of a row of full length."""
        return -(-self.length // self.lanes)

    @property
    def capacity(self) -> int:
        """Elements that fit in so many beats."""
        return self.beats * self.lanes

    def names(self, name: str) -> list[str]:
        """What the wires `name` of all lanes are called, lane 0 first."""
        return [name] if self.lanes == 1 else [f"{name}{i}" for i in range(self.lanes)]

    def each(
        self, name: str, wires: Mapping[str, Wire], function: Callable[[Lane], Wire]
    ) -> dict[str, Wire]:
        """The wires `name` of all lanes, each a function of what its lane sees of `wires`."""

        def seen(index: int) -> Lane:
            return lambda key: wires[own if (own := self.names(key)[index]) in wires else key]

        return {made: function(seen(index)) for index, made in enumerate(self.names(name))}

    def split(self, circuit: Circuit, beat: SSAValue, low: int, high: int) -> list[Wire]:
        """The elements of a beat, values of `low … high`."""
        width = bits_of(beat) // self.lanes
        parts = [circuit.extract(beat, i * width, width) for i in range(self.lanes)]
        return [Wire(part, low, high) for part in parts]


def join(circuit: Circuit, parts: Sequence[SSAValue]) -> SSAValue:
    """One value of many, the first in the lowest bits."""
    if len(parts) == 1:
        return parts[0]
    width = sum(map(bits_of, parts))
    return circuit.add_op(comb.ConcatOp(list(reversed(parts)), IntegerType(width)))


def largest(circuit: Arithmetic, wires: Sequence[Wire]) -> Wire:
    """The largest of a power of two of wires with the same range, in a balanced tree."""
    level = list(wires)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [circuit.mux(circuit.at_least(a, b), a, b) for a, b in pairs]
    return level[0]


def kept(circuit: Circuit, wires: Sequence[Wire], keep: SSAValue | None, absent: int) -> list[Wire]:
    """The elements of a beat, and `absent` in the lanes whose bit of `keep` is not set."""
    if keep is None:
        return list(wires)
    return [
        circuit.mux(circuit.extract(keep, i, 1), wire, circuit.constant(absent, wire.width))
        for i, wire in enumerate(wires)
    ]


def flags(wires: Mapping[str, Wire]) -> dict[str, Wire]:
    """Those of the wires that go with a beat from end to end: `last` and `keep`."""
    return {name: wires[name] for name in ("last", "keep") if name in wires}
