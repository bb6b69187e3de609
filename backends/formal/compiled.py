"""
A cone of and-gates as a list of steps on arrays, given some constants: for very many patterns.

    compiled = Compiled(netlist, netlist.port("y"), {"mode": ZERO})
    y = compiled.run({"x[0]": words, …})

Constants and copies are gone, three and-gates that make an exclusive or are one step, a wire is
kept as it is or inverted, whichever needs fewer steps, and arrays are used again as soon as nothing
needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lut_opt.backends.formal.netlist import Literal, Netlist, Words


@dataclass(frozen=True)
class Step:
    """`result = operation(*operands)`; places of arrays."""

    operation: Callable[..., Any]
    operands: tuple[int, ...]
    result: int


class Compiled:
    """Outputs of a netlist as functions of the leaves of their cone."""

    def __init__(
        self, netlist: Netlist, outputs: Sequence[str], fixed: Mapping[str, Literal]
    ) -> None:
        self._netlist = netlist
        self._literals = netlist.simplify(outputs, fixed)
        self._steps: list[Step] = []
        self._places = 0
        self.leaves: dict[str, int] = {}
        """Wires whose values must be given, and their places."""
        self._kept: dict[str, tuple[int, bool]] = {}
        for wire in outputs:
            self._make(self._literals[wire][0])
        self._outputs = [self._output(self._literals[wire]) for wire in outputs]
        self._allocate()

    def _make(self, wire: str) -> None:
        """Steps for a wire and all that it needs."""
        open_ = [(wire, False)] if wire else []
        while open_:
            wire, ready = open_.pop()
            if wire in self._kept:
                continue
            if self._netlist.gates.get(wire, ("",))[0] != "and":
                self.leaves[wire] = self._places
                self._kept[wire] = self._places, False
                self._places += 1
            elif ready:
                self._gate(wire)
            else:
                open_ += [(wire, True), *((other, False) for other, _ in self._operands(wire))]

    def _and(self, wire: str) -> list[Literal] | None:
        """The operands of an and-gate that is left; None for any other wire."""
        kind, sources = self._netlist.gates.get(wire, ("", ()))
        return [self._literals[source] for source in sources] if kind == "and" else None

    def _operands(self, wire: str) -> list[Literal]:
        """The operands of the gate, or of the exclusive or that it is."""
        operands = self._and(wire)
        assert operands is not None
        (left, left_inverted), (right, right_inverted) = operands
        if left_inverted and right_inverted:
            first, second = self._and(left), self._and(right)
            # ¬(a∧b) ∧ ¬(¬a∧¬b) is a ≠ b.
            if first and second and {(w, not i) for w, i in first} == set(second):
                return first
        return operands

    def _gate(self, wire: str) -> None:
        operands = self._operands(wire)
        kept = [self._kept[other] for other, _ in operands]
        places = (kept[0][0], kept[1][0])
        inverted = [
            literal[1] ^ flipped for literal, (_, flipped) in zip(operands, kept, strict=True)
        ]
        if operands != self._and(wire):
            self._kept[wire] = self._step(np.bitwise_xor, *places), inverted[0] ^ inverted[1]
        elif all(inverted):
            self._kept[wire] = self._step(np.bitwise_or, *places), True
        else:
            plain = [
                self._step(np.bitwise_not, place) if flipped else place
                for place, flipped in zip(places, inverted, strict=True)
            ]
            self._kept[wire] = self._step(np.bitwise_and, *plain), False

    def _step(self, operation: Callable[..., Any], *operands: int) -> int:
        self._steps.append(Step(operation, operands, self._places))
        self._places += 1
        return self._places - 1

    def _output(self, literal: Literal) -> tuple[int | None, bool]:
        """Place and inversion of an output; no place for a constant."""
        wire, inverted = literal
        if not wire:
            return None, inverted
        place, flipped = self._kept[wire]
        return place, inverted ^ flipped

    def _allocate(self) -> None:
        """Let results take the places of values that nothing needs any more."""
        last = {place: i for i, step in enumerate(self._steps) for place in step.operands}
        held = {*self.leaves.values(), *(place for place, _ in self._outputs)}
        taken = {place: place for place in self.leaves.values()}
        spare: list[int] = []
        count = len(self.leaves)
        moved = {place: i for i, place in enumerate(sorted(taken))}
        steps: list[Step] = []
        for i, step in enumerate(self._steps):
            if spare:
                target = spare.pop()
            else:
                target, count = count, count + 1
            operands = tuple(moved[place] for place in step.operands)
            spare += [
                moved[place] for place in {*step.operands} if last[place] == i and place not in held
            ]
            moved[step.result] = target
            steps.append(Step(step.operation, operands, target))
        self._steps, self._places = steps, count
        self.leaves = {wire: moved[place] for wire, place in self.leaves.items()}
        self._outputs = [(None if p is None else moved[p], flip) for p, flip in self._outputs]

    def renamed(self, names: Mapping[str, str]) -> tuple[object, ...]:
        """Equal for equal steps on leaves of the same new names."""
        steps = [(step.operation.__name__, step.operands, step.result) for step in self._steps]
        leaves = {names.get(wire, wire): place for wire, place in self.leaves.items()}
        return tuple(steps), tuple(sorted(leaves.items())), tuple(self._outputs)

    def run(self, known: Mapping[str, Words]) -> list[Words]:
        """The outputs for the values of the leaves."""
        like = next(iter(known.values()))
        values: list[Any] = [None] * self._places
        for wire, place in self.leaves.items():
            values[place] = known[wire]
        for place in range(len(self.leaves), self._places):
            values[place] = np.empty_like(like)
        for step in self._steps:
            step.operation(*[values[place] for place in step.operands], out=values[step.result])
        found = [np.zeros_like(like) if p is None else values[p] for p, _ in self._outputs]
        return [~y if flip else y for y, (_, flip) in zip(found, self._outputs, strict=True)]


__all__ = ["Compiled"]
