"""
The coefficients of the cost model, `passes/hw/cost/model.py`, fitted to synthesis on generic gates.

    python benchmarks/fit_cost.py [--quick]

Prints coefficients beside those in use, the residuals of each implementation, how often the model's
choice is the least, and its regret: how far what it takes is above the least. None of the functions
here is one of `fixed_units.py`, whose regret is therefore that of a model which has not seen them.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from measure import progress, report, table
from numpy.typing import NDArray
from synthesized import Gates, gates, searched

from lut_opt.backends.synthesis.liberty import generic_library
from lut_opt.dialects.pwl.function_body import real_function
from lut_opt.passes.hw.cost.model import model as cost
from lut_opt.passes.hw.table_unit.circuits import styles
from lut_opt.passes.hw.table_unit.implementations import exact_unit
from lut_opt.passes.hw.table_unit.unit import build_unit

CASES = (
    ("quick_gelu", 8, -2, {"entries": 16}),
    ("quick_gelu", 8, -3, {"entries": 8}),
    ("quick_gelu", 8, -5, {"entries": 8}),
    ("mish", 8, -4, {"entries": 8}),
    ("mish", 8, -6, {"entries": 8}),
    ("log_sigmoid", 8, -4, {"entries": 4}),
    ("log_sigmoid", 8, -6, {"entries": 8}),
    ("relu2", 8, -3, {"entries": 8}),
    ("relu2", 8, -5, {"entries": 4}),
    ("hardsigmoid", 8, -2, {"entries": 4}),
    ("hardsigmoid", 8, -4, {"entries": 8}),
    ("erf", 8, -3, {"entries": 9, "symmetry": "odd"}),
    ("erf", 8, -6, {"entries": 8}),
    ("softsign", 8, -4, {"entries": 9, "symmetry": "odd"}),
    ("softsign", 8, -6, {"entries": 5, "symmetry": "odd"}),
    ("atan", 8, -2, {"entries": 8}),
    ("atan", 8, -5, {"entries": 5, "symmetry": "odd"}),
    ("sin", 8, -5, {"entries": 9, "symmetry": "odd"}),
    ("cos", 8, -3, {"entries": 8}),
    ("quick_gelu", 6, -2, {"entries": 8}),
    ("quick_gelu", 10, -6, {"entries": 8}),
    ("erf", 10, -7, {"entries": 9, "symmetry": "odd"}),
    ("mish", 12, -8, {"entries": 8}),
    ("erf", 12, -9, {"entries": 9, "symmetry": "odd"}),
    ("quick_gelu", 16, -12, {"entries": 8, "param_bits": 16}),
    ("erf", 16, -13, {"entries": 9, "param_bits": 16, "symmetry": "odd"}),
)
"""Function, bits, exponent of the input scale, options of the search."""

BOUNDED = {"hardsigmoid", "erf", "softsign", "atan", "sin", "cos"}
"""Functions whose results are stored in [−1, 1); those of the others in steps of the input's."""


@dataclass(frozen=True)
class Point:
    """One module: what the model sees, and what synthesis found."""

    case: str
    implementation: str
    seen: cost.Features
    gates: Gates


def points(quick: bool) -> list[Point]:
    """Build and synthesize every case in every implementation."""
    found: list[Point] = []
    for function, bits, exponent, options in CASES[:: 3 if quick else 1]:
        step = 2.0**exponent
        result = 2.0 ** (1 - bits) if function in BOUNDED else step
        unit, op = searched(function, f"i{bits}:f32, {step}", f"i{bits}:f32, {result}", options)
        case = f"{function} i{bits} 2^{exponent}"
        modules = {
            name: build_unit(unit, style)
            for name, style in styles().items()
            if style.obstacle(unit.table, unit.operand) is None
        }
        if (exact := exact_unit(unit, real_function(op))) is not None and bits <= 10:
            modules["exact"] = build_unit(exact, styles()["direct"])
        for name, module in modules.items():
            measured = gates(module, generic_library(), "quick")
            found.append(Point(case, name, cost.features(module), measured))
            progress(f"{len(found)} modules")
    return found


def fit(features: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least relative squares with coefficients that are not negative: negative ones are dropped."""
    rows, target = features / wanted[:, None], np.ones(len(wanted))
    # What occurs nowhere (registers) stays 0.
    used = [j for j in range(rows.shape[1]) if rows[:, j].any()]
    while True:
        solution, *_ = np.linalg.lstsq(rows[:, used], target, rcond=None)
        if (solution >= 0).all():
            coefficients = np.zeros(rows.shape[1])
            coefficients[used] = solution
            return coefficients
        used.pop(int(np.argmin(solution)))


def main() -> None:
    """Fit, and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a third of the cases")
    found = points(parser.parse_args().quick)
    area, delay, power = (
        np.array([getattr(point.gates, name) for point in found])
        for name in ("area", "delay", "power")
    )
    gates, path, activity = (
        np.array([getattr(point.seen, name) for point in found])
        for name in ("gates", "path", "activity")
    )
    area_fit, delay_fit, power_fit = fit(gates, area), fit(path, delay), fit(activity, power)
    estimate = gates @ area_fit
    pairs = [*zip(cost.FEATURES, area_fit, cost.AREA, strict=True)]
    pairs += [
        (f"{name} {i}", *both)
        for name, fitted, used in (
            ("delay", delay_fit, cost.DELAY), ("power", power_fit, cost.POWER),
        )
        for i, both in enumerate(zip(fitted, used, strict=True))
    ]  # fmt: skip
    report(
        "Coefficients of the cost model", f"{len(found)} modules, generic gates, quick effort",
        table(["", "fitted", "in use"], pairs), ("pyosys",),
    )  # fmt: skip
    ratios: dict[str, list[float]] = defaultdict(list)
    for point, value in zip(found, estimate, strict=True):
        ratios[point.implementation].append(value / point.gates.area)
    rows = [[name, len(r), min(r), float(np.median(r)), max(r)] for name, r in ratios.items()]
    print(table(["area, model / synthesis", "modules", "least", "median", "most"], rows))
    models = {
        "area": (estimate, area),
        "delay": (path @ delay_fit, delay),
        "power": (activity @ power_fit, power),
    }
    for name in ("delay", "power"):
        model, measured = models[name]
        q = np.quantile(model / measured, [0.0, 0.5, 1.0])
        print(f"{name}, model / synthesis: least {q[0]:.2f}, median {q[1]:.2f}, most {q[2]:.2f}")
    losses = [[name, *_agreement(found, *pair)] for name, pair in models.items()]
    header = ["taken by the model", "cases", "the least", "lost on average, %", "at most, %"]
    print("\n" + table(header, losses))


def _agreement(
    found: list[Point], estimate: NDArray[np.float64], measured: NDArray[np.float64]
) -> tuple[int, int, float, float]:
    """Cases, how often the model takes the least of them, and the per cent that it loses."""
    cases: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for point, *pair in zip(found, estimate.tolist(), measured.tolist(), strict=True):
        cases[point.case].append((pair[0], pair[1]))
    losses = [100 * (min(rows)[1] / min(one for _, one in rows) - 1) for rows in cases.values()]
    return len(losses), losses.count(0.0), float(np.mean(losses)), max(losses)


if __name__ == "__main__":
    main()
