"""A certificate in words, for people who have not met one."""

from __future__ import annotations

import math

from lut_opt.dialects.pwl import Fit, Table

GOOD, FAIR = 40.0, 20.0
"""Decibels from which an operator is marked good, and below which it is marked poor."""


def grade(snr: float | None) -> str:
    """How a signal-to-noise ratio is marked: `good`, `fair`, `poor` or `unknown`."""
    if snr is None:
        return "unknown"
    return "good" if snr >= GOOD else "fair" if snr >= FAIR else "poor"


def certificate(table: Table | None, fit: Fit | None, scale: float) -> str:
    """
    What is known of a table: who found it, and how much better any other could be.

    `scale` is that of the table's results.
    """
    if table is None:
        return "No table yet: run --pwl-search."
    shape = f"{table.entries} entries of {table.param_bits} bits"
    if fit is None:
        return f"{shape}; nothing is known of where they come from."
    return f"{shape}. {_bound(fit)} {_exact(fit, scale)}"


def _bound(fit: Fit) -> str:
    if fit.optimal_mse is not None and fit.mse <= fit.optimal_mse:
        return (
            f"Proven: no table of {fit.entries} entries in this form has a smaller mean squared "
            "error."
        )
    best = fit.optimal_mse if fit.optimal_mse is not None else fit.least_mse
    if best is None:
        return f"Found by strategy={fit.strategy}; how much better another could be is not known."
    if best == 0.0:
        return f"Found by strategy={fit.strategy}; no table can have an error below 0."
    away = 100.0 * (math.sqrt(fit.mse / best) - 1.0)
    what = "the proven optimum" if fit.optimal_mse is not None else "a proven lower bound"
    return f"Found by strategy={fit.strategy}; its RMS error is {away:.2g} % above {what}."


def _exact(fit: Fit, scale: float) -> str:
    if fit.exact == 1.0:
        return f"All {fit.points} inputs that count get the correctly rounded result."
    return (
        f"{100 * fit.exact:.1f} % of the {fit.points} inputs that count get the correctly rounded "
        f"result; the worst is off by {fit.max_error * scale:.3g} ({fit.max_error:.3g} steps)."
    )
