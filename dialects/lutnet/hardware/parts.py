"""
The parts of a block in hardware, by the names of the wires at which they meet.

    x ─▶ bits ─▶ layer0 ─▶ layer1 … ─▶ s0_0_0, s0_0_1, … ─▶ s0_1_0 … ─▶ y
        encoder   LUTs                  leaves                adders       rounding

A sum is a tree: leaves of up to six weighed bits, then adders of two. `s3_1_0` is node 0 of level 1
of result 3. Registers stand behind whole levels; the wires behind them have `_q` at the end.
Whoever builds a block and whoever proves it read the same plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from lut_opt.dialects.lutnet.network import Block

LEAF = 6
"""Weighed bits of a leaf: all their 64 cases are tried in a proof, one word of patterns."""


@dataclass(frozen=True)
class Value:
    """A named wire of integers from `low` to `high`."""

    name: str
    low: int
    high: int


@dataclass(frozen=True)
class Leaf(Value):
    """`constant` and what the set ones of some bits weigh."""

    terms: tuple[tuple[int, int], ...]
    constant: int


@dataclass(frozen=True)
class Adder(Value):
    """The sum of two nodes of the level before."""

    left: Value
    right: Value


Node = Leaf | Adder


@dataclass(frozen=True)
class Parts:
    """The plan of a block with registers behind `latency` of its levels."""

    block: Block
    latency: int

    @property
    def depth(self) -> int:
        """Levels of adders."""
        return max((len(levels) for levels in self.trees), default=1) - 1

    @property
    def levels(self) -> int:
        """Levels behind which registers can stand: encoder, layers, leaves, adders, rounding."""
        return 1 + len(self.block.layers) + 1 + self.depth + 1

    @cached_property
    def registered(self) -> frozenset[int]:
        """The levels that have registers behind them, evenly, and always the last."""
        steps = range(1, self.latency + 1)
        return frozenset(-(-step * self.levels // self.latency) - 1 for step in steps)

    @cached_property
    def trees(self) -> tuple[tuple[tuple[Node, ...], ...], ...]:
        """For each result the nodes of each level, leaves first; the last level has one."""
        return tuple(map(self._tree, range(self.block.readout.results)))

    def nodes(self, result: int, level: int) -> tuple[Node, ...]:
        """The nodes of a level; a tree that is not as deep keeps its root."""
        tree = self.trees[result]
        return tree[min(level, len(tree) - 1)]

    def _tree(self, result: int) -> tuple[tuple[Node, ...], ...]:
        total = self.block.readout
        terms = [(wire, weight) for wire, weight in total.terms(result) if weight]
        groups = [tuple(terms[at : at + LEAF]) for at in range(0, len(terms), LEAF)] or [()]
        # What rounds is part of the first leaf.
        constants = [total.bias[result] + total.half] + [0] * (len(groups) - 1)
        level: tuple[Node, ...] = tuple(
            _leaf(f"s{result}_0_{number}", *each)
            for number, each in enumerate(zip(groups, constants, strict=True))
        )
        tree: list[tuple[Node, ...]] = [level]
        while len(level) > 1:
            pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
            level = tuple(
                _adder(f"s{result}_{len(tree)}_{number}", *pair) if len(pair) == 2 else pair[0]
                for number, pair in enumerate(pairs)
            )
            tree.append(level)
        return tuple(tree)


def _leaf(name: str, terms: tuple[tuple[int, int], ...], constant: int) -> Leaf:
    low = constant + sum(min(weight, 0) for _, weight in terms)
    high = constant + sum(max(weight, 0) for _, weight in terms)
    return Leaf(name, low, high, terms, constant)


def _adder(name: str, left: Node, right: Node) -> Adder:
    return Adder(name, left.low + right.low, left.high + right.high, left, right)
