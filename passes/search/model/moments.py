"""
Weighted least squares over any run of points in constant time, from prefix sums.

The sums are taken about the middle of the inputs and about the global line of best fit, so that the
differences of long sums lose few digits (README, "Rounding errors").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lut_opt.dialects.quantization import Integers, Reals


@dataclass(frozen=True, eq=False)
class Fit:
    """
    Least-squares lines over runs of points; every array has the shape of the runs asked for.

    For any line `t = K·q + e`, with `e` its value at q = 0, the weighted sum of squared errors is
    `residual + spread·(K − slope)² + weight·(e − (level − K·centre))²`.
    """

    weight: Reals
    """Sum of the weights."""
    centre: Reals
    """Weighted mean of q."""
    level: Reals
    """Weighted mean of the targets."""
    spread: Reals
    """Weighted sum of (q − centre)²; 0 for a single point."""
    slope: Reals
    """Slope of the line of best fit (of the global one for a single point)."""
    residual: Reals
    """What the line of best fit leaves, never negative."""


class Moments:
    """
    Prefix sums of the points `(q, target)` with weights; all arrays of shape (points,).

    `q` ascends; stored integers, or reals where a grid of reals is fitted.
    """

    def __init__(self, q: Integers | Reals, target: Reals, weights: Reals) -> None:
        self.points = len(q)
        self._middle = float(q[len(q) // 2])
        x = q - self._middle
        total = weights.sum()
        mean_x, mean_t = (weights * x).sum() / total, (weights * target).sum() / total
        spread = (weights * (x - mean_x) ** 2).sum()
        covariance = (weights * (x - mean_x) * (target - mean_t)).sum()
        self._slope = float(covariance / spread) if self.points > 1 else 0.0
        self._level = float(mean_t - self._slope * mean_x)
        rest = target - (self._slope * x + self._level)
        columns = np.stack(
            [
                weights,
                weights * x,
                weights * x * x,
                weights * rest,
                weights * x * rest,
                weights * rest * rest,
            ]
        )
        self._sums = np.concatenate([np.zeros((6, 1)), np.cumsum(columns, axis=1)], axis=1)
        self.tolerance = 1e-13 * float(self._sums[5, -1] + np.max(weights))
        """Bound on the rounding error of a residual, in squared units of the target."""

    def fit(self, first: Integers, end: Integers) -> Fit:
        """Lines over the points `first … end − 1`; the index arrays broadcast, `first < end`."""
        w, wx, wxx, wt, wxt, wtt = (s[end] - s[first] for s in self._sums)
        mean_x = wx / w
        mean_t = wt / w
        spread = wxx - mean_x * wx
        covariance = wxt - mean_x * wt
        several = end - first > 1
        spread = np.where(several, spread, 0.0)
        slope = np.where(several, covariance / np.where(several, spread, 1.0), 0.0)
        residual = np.maximum(wtt - mean_t * wt - slope * covariance, 0.0)
        return Fit(
            weight=w,
            centre=mean_x + self._middle,
            level=mean_t + self._slope * mean_x + self._level,
            spread=spread,
            slope=slope + self._slope,
            residual=residual,
        )
