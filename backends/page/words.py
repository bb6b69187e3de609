"""A certificate in words, for people who have not met one."""

from __future__ import annotations

import math

from xdsl.dialects.builtin import StringAttr

from lut_opt.dialects.pwl import Fit, Table

GOOD, FAIR = 40.0, 20.0
"""Decibels from which an operator is marked good, and below which it is marked poor."""


def grade(snr: float | None) -> str:
    """How a signal-to-noise ratio is marked: `good`, `fair`, `poor` or `unknown`."""
    if snr is None:
        return "unknown"
    return "good" if snr >= GOOD else "fair" if snr >= FAIR else "poor"


def certificate(table: Table | None, fit: Fit | None, scale: float, *, is_seen: bool) -> str:
    """
    What is known of a table: who found it, and how much better any other could be.

    `scale` is that of the table's results; `is_seen` says that a calibration saw its inputs, of
    which certificates know nothing: there all inputs count alike.
    """
    if table is None:
        return "No table yet: run --pwl-search."
    shape = f"{table.entries} entries of {table.param_bits} bits"
    if fit is None:
        return f"{shape}; nothing is known of where they come from."
    weighted = is_seen and fit.request.data.get("weights") != StringAttr("uniform")
    return f"{shape}. {_bound(fit, weighted)} {_exact(fit, scale)}"


def _bound(fit: Fit, weighted: bool) -> str:
    if fit.optimal_mse is not None and fit.mse <= fit.optimal_mse:
        return (
            f"Proven: no table of {fit.entries} entries in this form has a smaller mean squared "
            "error."
        )
    found = f"Found by strategy={fit.strategy}"
    alike = ""
    if weighted:
        found, alike = f"{found} for inputs as the calibration saw them", "over all alike, "
    best = fit.optimal_mse if fit.optimal_mse is not None else fit.least_mse
    if best is None:
        return f"{found}; how much better another could be is not known."
    if best == 0.0:
        return f"{found}; no table can have an error below 0."
    what = "the proven optimum" if fit.optimal_mse is not None else "a proven lower bound"
    return f"{found}; {alike}its RMS error is {_above(math.sqrt(fit.mse / best))} {what}."


def _above(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio >= 2.0 else f"{100.0 * (ratio - 1.0):.2g} % above"


def _exact(fit: Fit, scale: float) -> str:
    if fit.exact == 1.0:
        return f"All {fit.points} inputs that count get the correctly rounded result."
    return (
        f"{100 * fit.exact:.1f} % of the {fit.points} inputs that count get the correctly rounded "
        f"result; the worst is off by {fit.max_error * scale:.3g} ({fit.max_error:.3g} steps)."
    )
