"""What a search returns."""

from __future__ import annotations

from dataclasses import dataclass

from lut_opt.dialects.pwl.table import Table


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The table that a search found, and how."""

    table: Table
    loss: float
    """`Problem.loss` of the table: squared real units for mse, real units for max."""
    strategy: str
    """The strategy that ran, never `auto`."""
    seed: int
    evaluations: int
    """(segment, slope) pairs (optimal) or individuals (genetic) that were evaluated."""
    generations: int = 0
    """0 where there are none."""
    stop_reason: str
    proven: bool = False
    """Whether no table of the problem has a smaller loss."""
    lower_bound: float | None = None
    """No table of the problem has a smaller loss than this; None: unknown."""
    fewest: bool = False
    """Whether no table with fewer entries does what was asked."""
