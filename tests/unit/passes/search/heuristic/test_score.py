"""Objectives that do not split by segment."""

from __future__ import annotations

import numpy as np

from lut_opt.dialects.pwl.certificate import samples
from lut_opt.dialects.pwl.functions import FUNCTIONS
from lut_opt.dialects.pwl.table import Table
from lut_opt.dialects.quantization import Quantization
from lut_opt.passes.search import GeneticConfig, Problem, search
from lut_opt.passes.search.heuristic.score import search_score
from lut_opt.passes.search.model.formulate import Shape, formulate


def problem() -> Problem:
    operand = Quantization(8, True, 2.0**-4)
    points = samples(FUNCTIONS["gelu"], (), operand, operand, (-4.0, 4.0))
    return formulate(points, operand, operand, Shape(entries=6))


def bits(table: Table) -> float:
    """A stand-in for area: ones in the parameters, a property of the table as a whole."""
    return float(sum(abs(v).bit_count() for v in (*table.slopes, *table.intercepts)))


def test_a_whole_table_is_scored_and_the_descent_helps() -> None:
    given = problem()

    def score(table: Table) -> float:
        return given.loss(table) * 1e5 + bits(table)

    config = GeneticConfig(population=20, generations=15, elite=1)
    plain = search_score(given, score, config, seed=2)
    better = search_score(given, score, config, seed=2, descent=400)
    assert plain == search_score(given, score, config, seed=2)
    assert plain.score == score(plain.result.table)
    assert better.score < plain.score
    assert plain.calls <= 20 * 15 + 1
    assert better.calls <= plain.calls + 400
    assert search(given).loss <= better.result.loss * (1 + 1e-9)


def test_a_warm_start_bounds_the_score() -> None:
    given = problem()
    best = search(given)
    start = tuple(p * given.operand.scale for p in best.table.breakpoints)
    config = GeneticConfig(population=10, generations=3, initial=(start,))
    found = search_score(given, bits, config)
    assert found.score <= bits(best.table)


def test_nan_never_wins() -> None:
    given = problem()
    config = GeneticConfig(population=8, generations=3)

    def score(table: Table) -> float:
        return np.nan if table.breakpoints[0] < -40 else 1.0

    assert search_score(given, score, config).score == 1.0
