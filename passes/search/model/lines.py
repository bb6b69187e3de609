"""Every integer line that is close enough to a run of points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lut_opt.dialects.quantization import Integers, Reals
from lut_opt.passes.search.model.pieces import Pieces

MAX_LINES = 1 << 20
"""Most lines that are listed: about a second of work."""


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines over runs of points; arrays of one length, sorted by `first`."""

    first: Integers
    end: Integers
    slope: Integers
    intercept: Integers
    cost: Reals

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, index: Integers | slice) -> Lines:
        return Lines(
            self.first[index],
            self.end[index],
            self.slope[index],
            self.intercept[index],
            self.cost[index],
        )


def lines_within(pieces: Pieces, first: Integers, end: Integers, limits: Reals) -> Lines | None:
    """Every integer line that costs at most its run's limit, None if they are too many."""
    model, problem = pieces.model, pieces.problem
    fit = model.moments.fit(first, end)
    free = np.maximum(limits - fit.residual + model.tolerance, 0.0)
    reach = np.sqrt(free / np.where(fit.spread > 0, fit.spread, 1.0))
    reach = np.where(fit.spread > 0, reach, np.inf)
    low = np.maximum(np.ceil(fit.slope - reach), model.low)
    high = np.minimum(np.floor(fit.slope + reach), model.high)
    counts = np.maximum(high - low + 1, 0).astype(np.int64)
    if counts.sum() > MAX_LINES:
        return None
    run = np.repeat(np.arange(len(first)), counts)
    slopes = low[run] + np.arange(len(run)) - np.repeat(np.cumsum(counts) - counts, counts)
    wanted = (fit.level[run] - slopes * fit.centre[run]) / model.unit
    rest = np.maximum(free[run] - fit.spread[run] * (slopes - fit.slope[run]) ** 2, 0.0)
    width = np.sqrt(rest / fit.weight[run]) / model.unit
    least = np.maximum(np.ceil(wanted - width), model.least)
    most = np.minimum(np.floor(wanted + width), model.most)
    counts = np.maximum(most - least + 1, 0).astype(np.int64)
    if counts.sum() > MAX_LINES:
        return None
    line = np.repeat(np.arange(len(run)), counts)
    steps = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
    intercepts, slopes, run = least[line] + steps, slopes[line], run[line]
    miss = intercepts * model.unit + slopes * fit.centre[run] - fit.level[run]
    cost = fit.residual[run] + fit.spread[run] * (slopes - fit.slope[run]) ** 2
    cost += fit.weight[run] * miss**2
    lines = Lines(first[run], end[run], slopes.astype(np.int64), intercepts.astype(np.int64), cost)
    if pieces.pin is None:
        return lines
    at, value = pieces.pin
    acc = lines.slope * problem.q[at] + (lines.intercept << problem.intercept_shift)
    return lines[np.flatnonzero((lines.first > at) | (lines.end <= at) | (acc == value))]
