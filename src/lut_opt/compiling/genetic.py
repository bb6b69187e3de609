"""
A choice of settings by a genetic search on the network itself.

The ladder of `ladder` trusts that noise powers of single operators add, and that less noise is
better for what is required. Where neither need hold, as of a function that judges classes or ranks,
choices themselves are bred: one gene an operator, a setting that it could have. A choice that meets
the requirements beats all that do not; among those the least cost counts, among the others how far
they miss. It starts from the ladder's choices and keeps the best, so that it is never worse than
they are on the batches that it sees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lut_opt.compiling.candidates import Candidate, Group
from lut_opt.passes.support.progress import progress

Genes = tuple[int, ...]
"""The place of each group's candidate among all that it could have."""


@dataclass(frozen=True)
class Evolution:
    """How long it goes on: at most `generations` × `population` runs of the network."""

    generations: int = 12
    population: int = 12
    seed: int = 0


def evolve(
    groups: Sequence[Group],
    start: Sequence[Sequence[Candidate]],
    shortfall: Callable[[Sequence[Candidate]], float],
    cost: Callable[[Sequence[Candidate]], float],
    how: Evolution,
) -> list[Candidate]:
    """
    The best choice that was found, the same in every run.

    `start` holds choices to begin with; `shortfall` runs the network and says how far a choice is
    from meeting what is required, 0 if it does; `cost` is that of a choice as a whole, in which
    operators may share tables.
    """
    all_of = [_by_cost(group) for group in groups]
    rng = np.random.default_rng(how.seed)
    known: dict[Genes, tuple[float, float]] = {}

    def chosen(genes: Genes) -> list[Candidate]:
        return [own[at] for own, at in zip(all_of, genes, strict=True)]

    def rank(genes: Genes) -> tuple[float, float]:
        """Small is good: what is missing, then the cost."""
        if genes not in known:
            own = chosen(genes)
            known[genes] = shortfall(own), cost(own)
        return known[genes]

    first = [_genes(all_of, each) for each in start]
    alive = sorted(dict.fromkeys(first), key=rank)
    for _ in progress(range(how.generations), "genetic"):
        children = [_child(alive, list(map(len, all_of)), rng) for _ in range(how.population)]
        alive = sorted(dict.fromkeys([*alive, *children]), key=rank)[: how.population]
    return chosen(alive[0])


def _by_cost(group: Group) -> list[Candidate]:
    """All candidates of a group, the cheapest first."""
    distinct = {each.setting: each for each in (*group.every, *group.front, *group.candidates)}
    return sorted(distinct.values(), key=lambda each: each.cost)


def _genes(all_of: Sequence[Sequence[Candidate]], choice: Sequence[Candidate]) -> Genes:
    settings = [[each.setting for each in own] for own in all_of]
    return tuple(own.index(each.setting) for own, each in zip(settings, choice, strict=True))


def _child(alive: Sequence[Genes], counts: Sequence[int], rng: np.random.Generator) -> Genes:
    """Genes of two parents, the better of two each, one of them moved by a step or two."""
    parents = [alive[int(rng.integers(len(alive), size=2).min())] for _ in range(2)]
    genes = [parents[int(rng.integers(2))][at] for at in range(len(counts))]
    at, step = int(rng.integers(len(genes))), int(rng.choice([-2, -1, -1, 1]))
    genes[at] = min(max(genes[at] + step, 0), counts[at] - 1)
    return tuple(genes)
