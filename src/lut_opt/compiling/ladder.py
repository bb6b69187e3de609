"""
Groups of operators with their candidates, and the order in which these are worth their cost.

Along the lower convex hull of noise over cost, the steps of all groups that take away the most
noise for a unit of cost come first: each prefix is the least costly choice for some error budget
(Y. Shoham and A. Gersho, "Efficient bit allocation for an arbitrary set of quantizers", 1988).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lut_opt.compiling.candidates import Candidate, Group, gain, table_bits


@dataclass(frozen=True)
class Ladder:
    """Groups with their candidates, and the steps from the smallest choice to the best."""

    groups: tuple[Group, ...]
    steps: tuple[int, ...]
    """The group that takes its next candidate, step by step."""

    @staticmethod
    def of(groups: Sequence[Group]) -> Ladder:
        """Order the steps of all groups by the noise that a unit of cost takes away."""
        ordered = sorted(
            (-gain(a, b), at, nth)
            for at, group in enumerate(groups)
            for nth, (a, b) in enumerate(
                zip(group.candidates[:-1], group.candidates[1:], strict=True)
            )
        )
        return Ladder(tuple(groups), tuple(at for _, at, _ in ordered))

    def chosen(self, steps: int) -> list[Candidate]:
        """The candidate of each group after so many steps."""
        taken = self.steps[:steps]
        return [group.candidates[taken.count(at)] for at, group in enumerate(self.groups)]

    def price(self, steps: int) -> float:
        """The noise that a unit of cost takes away in the last of so many steps."""
        if not steps:
            return math.inf
        at, nth = self.steps[steps - 1], self.steps[:steps].count(self.steps[steps - 1])
        return gain(*self.groups[at].candidates[nth - 1 : nth + 1])

    def alike(self, below: float) -> list[list[Candidate]]:
        """Choices of one setting for all groups that cost less than this, the cheapest first."""
        named = [{each.setting: each for each in group.every} for group in self.groups]
        common = [s for s in named[0] if all(s in own for own in named)] if named else []
        choices = [[own[setting] for own in named] for setting in common]
        return sorted((each for each in choices if cost_of(each) < below), key=cost_of)

    def shortest(self, is_met: Callable[[int], bool]) -> int:
        """The fewest steps that meet a requirement that more steps meet too; else all of them."""
        low, high = 0, len(self.steps)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if is_met(middle) else (middle + 1, high)
        return low

    def trimmed(self, steps: int, is_met: Callable[[Sequence[Candidate]], bool]) -> list[Candidate]:
        """
        The choice after so many steps, where possible with less than a whole step.

        The largest tables first, each group takes the smallest candidate between its last two with
        which the requirement is still met.
        """
        chosen = self.chosen(steps)
        for at in sorted(range(len(chosen)), key=lambda at: -chosen[at].cost):
            group, own = self.groups[at], chosen[at]
            nth = group.candidates.index(own)
            least = group.candidates[nth - 1].cost if nth else own.cost
            between = [each for each in group.front if least < each.cost < own.cost]
            low, high = 0, len(between)
            while low < high:
                middle = (low + high) // 2
                chosen[at] = between[middle]
                low, high = (low, middle) if is_met(chosen) else (middle + 1, high)
            chosen[at] = between[low] if low < len(between) else own
        return chosen


def cost_of(chosen: Sequence[Candidate]) -> float:
    """Bits of all distinct tables, which groups may share; areas add."""
    if any(each.area is not None for each in chosen):
        return sum(each.cost for each in chosen)
    return table_bits(unit for each in chosen for unit in each.units.values())
